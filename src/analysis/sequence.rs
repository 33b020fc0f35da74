//! Finds events that are out of order in their stream. Lines with the same identifier (of a request
//! or a trace) form one stream. All other lines of a source form another stream. The model of the
//! order is in `detect`.

use super::analysis::Analysis;
use super::sessions::{REQUEST_TYPES, pattern_of};
use crate::corpus::{EventRef, Events, Part, Snapshot};
use crate::detect::{Order, Streams};
use crate::model::{SourceId, TemplateIx};
use crate::text::embed::{embed, similarity};
use regex::bytes::Regex;
use rustc_hash::{FxHashMap, FxHashSet, FxHasher};
use std::hash::Hasher;

/// The order is checked only if the corpus has at most this many events.
const MAX_EVENTS: u64 = 1_000_000;
/// Identifiers are used only if the corpus has at most this many bytes of text.
const MAX_TEXT: u64 = 64 << 20;
/// A line counts as predicted if its similarity is at least this value. Source: MAIA's threshold.
const AS_PREDICTED: f32 = 0.8;
/// Maximum number of blocks to inspect for the identifier type.
const INSPECTED_BLOCKS: usize = 24;
/// Minimum share of inspected events that the identifier type must connect.
const MIN_SHARE: f64 = 0.2;

impl Analysis {
    /// Calls `found` with the position of each event that is out of order. Such an event is rare
    /// after the ten events before it in its stream, and it is not similar to the predicted event.
    /// Positions count only the events of sources for which `wanted` is true.
    pub fn out_of_order(
        &self,
        snapshot: &Snapshot,
        wanted: &(dyn Fn(SourceId) -> bool + Sync),
        mut found: impl FnMut(usize),
    ) {
        if snapshot.events > MAX_EVENTS {
            return;
        }
        let identifier = if snapshot.bytes <= MAX_TEXT {
            self.identifier(snapshot)
        } else {
            None
        };
        let mut steps: Vec<(u64, TemplateIx)> = Vec::with_capacity(snapshot.events as usize);
        let each = |part: Part<'_>| match wanted(part.source()) {
            true => self.steps(part, identifier.as_ref()),
            false => Vec::new(),
        };
        snapshot.each_part(&self.corpus, &each, |part| steps.extend(part));
        let (mut order, mut streams) = (Order::default(), Streams::default());
        steps
            .iter()
            .for_each(|(s, t)| order.learn(&streams.step(*s, *t), *t));
        let text = |t: TemplateIx| snapshot.template(t).map_or("", |t| t.text.as_str());
        let mut similar: FxHashMap<(TemplateIx, TemplateIx), bool> = FxHashMap::default();
        let mut streams = Streams::default();
        for (i, (stream, template)) in steps.iter().enumerate() {
            let before = streams.step(*stream, *template);
            let Some(predicted) = order.predicted_instead(&before, *template) else {
                continue;
            };
            let is_similar =
                || similarity(&embed(text(predicted)), &embed(text(*template))) >= AS_PREDICTED;
            if !*similar
                .entry((predicted, *template))
                .or_insert_with(is_similar)
            {
                found(i);
            }
        }
    }

    /// Returns the stream and template of each event of a part.
    fn steps(&self, part: Part<'_>, identifier: Option<&Regex>) -> Vec<(u64, TemplateIx)> {
        let mut out = Vec::with_capacity(part.len());
        for events in part.blocks(&self.corpus) {
            // An event has no template if its kind is newer than the last template table.
            let templates: Vec<TemplateIx> = events
                .templates()
                .map(|t| t.unwrap_or(TemplateIx(u32::MAX)))
                .collect();
            for e in events.iter() {
                let id = identifier.and_then(|regex| id_of(regex, &e));
                let stream = id.map_or(u64::from(part.source().0), hash);
                out.push((stream, templates[e.slot()]));
            }
        }
        out
    }

    /// Returns the pattern of the identifier type that connects the most events of different kinds.
    fn identifier(&self, snapshot: &Snapshot) -> Option<Regex> {
        let blocks: Vec<Events<'_>> = snapshot.blocks(&self.corpus).collect();
        let step = blocks.len().div_ceil(INSPECTED_BLOCKS).max(1);
        let inspected: Vec<&Events<'_>> = blocks.iter().step_by(step).collect();
        let count: usize = inspected.iter().map(|b| b.len()).sum();
        let mut best: Option<(usize, Regex)> = None;
        for name in REQUEST_TYPES {
            let Some(regex) = pattern_of(name).and_then(|p| Regex::new(p).ok()) else {
                continue;
            };
            let shared = shared_events(&inspected, &regex);
            let is_enough = shared as f64 >= MIN_SHARE * count as f64;
            if is_enough && shared > best.as_ref().map_or(0, |b| b.0) {
                best = Some((shared, regex));
            }
        }
        best.map(|b| b.1)
    }
}

/// Returns the number of events whose identifier also occurs in events of another kind.
fn shared_events(blocks: &[&Events<'_>], regex: &Regex) -> usize {
    let mut by_id: FxHashMap<&[u8], (usize, FxHashSet<usize>)> = FxHashMap::default();
    for events in blocks {
        for e in events.iter() {
            if let Some(id) = id_of(regex, &e) {
                let seen = by_id.entry(id).or_default();
                seen.0 += 1;
                seen.1.insert(e.slot());
            }
        }
    }
    by_id
        .values()
        .filter(|(_, kinds)| kinds.len() > 1)
        .map(|(n, _)| n)
        .sum()
}

/// Returns the identifier in the first line of an event.
fn id_of<'e>(regex: &Regex, e: &EventRef<'e>) -> Option<&'e [u8]> {
    regex.find(e.first_line()).map(|m| m.as_bytes())
}

/// Hashes an identifier. The highest bit is set, so that the hash is different from all source
/// numbers.
fn hash(id: &[u8]) -> u64 {
    let mut h = FxHasher::default();
    h.write(id);
    h.finish() | 1 << 63
}

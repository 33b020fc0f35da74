//! Events in their streams -> those that do not follow what came before as they do normally. Lines that share an identifier
//! (a request, a trace, a block) are one stream; the other lines of a source are another. Knows the corpus, not the model.

use super::corpus::{Corpus, Snapshot};
use super::over::over_chunks;
use super::sessions::{By, REQUEST};
use crate::detect::{Order, Streams};
use crate::index::{Block, Chunk};
use crate::text::embed::{embed, similarity};
use regex::bytes::Regex;
use rustc_hash::{FxHashMap, FxHashSet, FxHasher};
use std::hash::Hasher;

/// A corpus of more events is not looked at for its order, one of more text not for its identifiers.
const MOST_ORDERED: u64 = 1_000_000;
const MOST_TEXT: u64 = 64 << 20;
/// What is as like as this to what was predicted is as good as predicted (MAIA's threshold).
const LIKE: f32 = 0.8;
/// So many blocks are looked at to find the identifier, and such a share of their events must have it.
const LOOKED_AT: usize = 24;
const LEAST_SHARE: f64 = 0.2;

impl Corpus {
    /// Calls `odd` with the ordinal (counted over the chunks that `wanted` lets through) of each event that is out of order:
    /// rare after the ten before it, and not like what is predicted there.
    pub fn out_of_order(
        &self,
        snapshot: &Snapshot,
        wanted: &(dyn Fn(&Chunk) -> bool + Sync),
        mut odd: impl FnMut(usize),
    ) {
        if snapshot.events > MOST_ORDERED {
            return;
        }
        let identifier = if snapshot.bytes <= MOST_TEXT {
            self.identifier(snapshot)
        } else {
            None
        };
        let mut steps: Vec<(u64, u32)> = Vec::with_capacity(snapshot.events as usize);
        let each = |chunk: &Chunk| {
            if wanted(chunk) {
                self.steps(snapshot, chunk, identifier.as_ref())
            } else {
                Vec::new()
            }
        };
        over_chunks(
            &snapshot.chunks,
            self.options.threads,
            &|| self.is_cancelled(),
            &each,
            |part| steps.extend(part),
        );
        let (mut order, mut streams) = (Order::default(), Streams::default());
        steps
            .iter()
            .for_each(|(s, t)| order.learn(&streams.step(*s, *t), *t));
        let text = |t: u32| {
            snapshot
                .templates
                .get(t as usize)
                .map_or("", |t| t.text.as_str())
        };
        let mut alike: FxHashMap<(u32, u32), bool> = FxHashMap::default();
        let mut streams = Streams::default();
        for (i, (stream, template)) in steps.iter().enumerate() {
            let Some(predicted) = order.instead(&streams.step(*stream, *template), *template)
            else {
                continue;
            };
            let like = || similarity(&embed(text(predicted)), &embed(text(*template))) >= LIKE;
            if !*alike.entry((predicted, *template)).or_insert_with(like) {
                odd(i);
            }
        }
    }

    /// Stream and template of each event of a chunk.
    fn steps(
        &self,
        snapshot: &Snapshot,
        chunk: &Chunk,
        identifier: Option<&Regex>,
    ) -> Vec<(u64, u32)> {
        let mut out = Vec::with_capacity(chunk.events as usize);
        for block in &chunk.blocks {
            let text = identifier
                .and_then(|_| self.raw(chunk.source, block.offset, block.bytes as usize))
                .unwrap_or_default();
            let template: Vec<u32> = block
                .dictionary
                .iter()
                .map(|k| {
                    snapshot
                        .template_of
                        .get(*k as usize)
                        .copied()
                        .unwrap_or(u32::MAX)
                })
                .collect();
            for i in 0..block.len() {
                let id = identifier.and_then(|regex| id_of(regex, &text, block, i));
                out.push((
                    id.map_or(u64::from(chunk.source), hash),
                    template[block.kinds.get(i) as usize],
                ));
            }
        }
        out
    }

    /// The type of identifier that the most lines share with lines of another template.
    fn identifier(&self, snapshot: &Snapshot) -> Option<Regex> {
        let blocks: Vec<(&Chunk, &Block)> = snapshot
            .chunks
            .iter()
            .flat_map(|c| c.blocks.iter().map(|b| (&**c, b)))
            .collect();
        let step = blocks.len().div_ceil(LOOKED_AT).max(1);
        let texts: Vec<_> = blocks
            .iter()
            .step_by(step)
            .filter_map(|(c, b)| Some((self.raw(c.source, b.offset, b.bytes as usize)?, *b)))
            .collect();
        let events: usize = texts.iter().map(|(_, b)| b.len()).sum();
        let mut best: Option<(usize, Regex)> = None;
        for name in REQUEST {
            let Ok(By::Pattern(regex)) = By::parse(name) else {
                continue;
            };
            let mut kinds: FxHashMap<&[u8], (usize, FxHashSet<u64>)> = FxHashMap::default();
            for (text, block) in &texts {
                for i in 0..block.len() {
                    if let Some(id) = id_of(&regex, text, block, i) {
                        let seen = kinds.entry(id).or_default();
                        seen.0 += 1;
                        seen.1.insert(block.kinds.get(i));
                    }
                }
            }
            let shared: usize = kinds.values().filter(|k| k.1.len() > 1).map(|k| k.0).sum();
            if shared as f64 >= LEAST_SHARE * events as f64
                && shared > best.as_ref().map_or(0, |b| b.0)
            {
                best = Some((shared, regex));
            }
        }
        best.map(|b| b.1)
    }
}

fn id_of<'t>(regex: &Regex, text: &'t [u8], block: &Block, i: usize) -> Option<&'t [u8]> {
    let from = (block.starts.get(i) as usize).min(text.len());
    let to = memchr::memchr(b'\n', &text[from..]).map_or(text.len(), |n| from + n);
    regex.find(&text[from..to]).map(|m| m.as_bytes())
}

fn hash(id: &[u8]) -> u64 {
    let mut h = FxHasher::default();
    h.write(id);
    // Apart from the numbers of sources.
    h.finish() | 1 << 63
}

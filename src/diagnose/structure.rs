//! Finds log statements and calls that appear or disappear permanently within one operation, which
//! indicates changed code. Knows traces only.

use super::split::switch;
use super::traces::Traces;
use crate::model::EventId;
use rustc_hash::FxHashMap;

/// Subtracted from the gain because many features are tried, in nats.
const PENALTY: f64 = 5.0;
/// Gain from which the score does not grow further, in nats.
const MAX_GAIN: f64 = 20.0;

/// A change in the structure of a service.
#[derive(Clone, Debug, Default)]
pub struct Changed {
    /// 0..1.
    pub score: f64,
    /// The log statement that appeared or disappeared; `None`: a call did.
    pub key: Option<u32>,
    /// `false`: it disappeared.
    pub appeared: bool,
    /// Time of the change, in ns since 1970.
    pub at: i64,
    /// Index of the span name.
    pub operation: u32,
    /// Up to three log lines as evidence: those of the statement that are nearest to the change.
    pub events: Vec<EventId>,
    /// Number of traces that were compared.
    pub traces: usize,
}

/// Service, calling service, entry operation, span name.
type Group = (u32, Option<u32>, u32, u32);

/// A log statement, or a child (service and name).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Feature {
    Log(u32),
    Child(u32, u32),
}

/// The strongest change of each service.
pub fn changes(t: &Traces) -> FxHashMap<u32, Changed> {
    let mut groups: FxHashMap<Group, Vec<usize>> = FxHashMap::default();
    for (i, s) in t.spans.iter().enumerate() {
        let v = &t.invocations[t.invocation_of[i]];
        if !v.excused {
            groups
                .entry((s.service, v.caller, t.spans[v.entry].name, s.name))
                .or_default()
                .push(i);
        }
    }
    let mut groups: Vec<(Group, Vec<usize>)> = groups.into_iter().collect();
    groups.sort_unstable_by_key(|g| g.0);
    let mut out: FxHashMap<u32, Changed> = FxHashMap::default();
    for (group, spans) in &groups {
        for found in in_group(t, group, spans) {
            let best = out.entry(group.0).or_default();
            if found.score > best.score {
                *best = found;
            }
        }
    }
    out
}

/// The log statements and calls of a span, sorted. `root`: leave out the calls.
fn features(t: &Traces, span: usize, root: bool) -> Vec<Feature> {
    let mut out: Vec<Feature> = t.logs[span].iter().map(|l| Feature::Log(l.key)).collect();
    if !root {
        out.extend(
            t.children[span]
                .iter()
                .map(|c| Feature::Child(t.spans[*c].service, t.spans[*c].name)),
        );
    }
    out.sort_unstable();
    out.dedup();
    out
}

/// All changes in the spans of a group.
fn in_group(t: &Traces, group: &Group, spans: &[usize]) -> Vec<Changed> {
    let root = group.1.is_none();
    // Each trace counts once: it has a feature if more than half of its spans in the group have it.
    let mut order: Vec<u128> = Vec::new();
    let mut units: FxHashMap<u128, (i64, Vec<Vec<Feature>>)> = FxHashMap::default();
    for s in spans {
        let span = &t.spans[*s];
        let unit = units.entry(span.trace).or_insert_with(|| {
            order.push(span.trace);
            (span.start, Vec::new())
        });
        unit.1.push(features(t, *s, root));
    }
    order.sort_by_key(|trace| (units[trace].0, *trace));
    let mut all: Vec<Feature> = units
        .values()
        .flat_map(|u| u.1.iter().flatten().copied())
        .collect();
    all.sort_unstable();
    all.dedup();
    let mut out = Vec::new();
    for feature in all {
        let has: Vec<bool> = order
            .iter()
            .map(|trace| {
                let spans = &units[trace].1;
                spans
                    .iter()
                    .filter(|f| f.binary_search(&feature).is_ok())
                    .count()
                    * 2
                    > spans.len()
            })
            .collect();
        let Some(s) = switch(&has) else { continue };
        let score = (s.gain - PENALTY).clamp(0.0, MAX_GAIN) / MAX_GAIN * s.purity * s.purity;
        if score <= 0.0 {
            continue;
        }
        let after = has[s.at..].iter().filter(|x| **x).count() * has[..s.at].len();
        let appeared = after > has[..s.at].iter().filter(|x| **x).count() * has[s.at..].len();
        let key = if let Feature::Log(k) = feature {
            Some(k)
        } else {
            None
        };
        let at = units[&order[s.at]].0;
        out.push(Changed {
            score,
            key,
            appeared,
            at,
            operation: group.3,
            events: evidence(t, spans, key, at),
            traces: order.len(),
        });
    }
    out
}

/// The three lines of the statement that are nearest to the change; for a call, the nearest lines
/// of any statement.
fn evidence(t: &Traces, spans: &[usize], key: Option<u32>, at: i64) -> Vec<EventId> {
    let mut lines: Vec<(i64, EventId)> = spans
        .iter()
        .flat_map(|s| {
            t.logs[*s]
                .iter()
                .filter(|l| key.is_none_or(|k| l.key == k))
                .map(|l| ((t.spans[*s].start - at).abs(), l.event))
        })
        .collect();
    lines.sort_unstable();
    lines.dedup();
    lines.into_iter().take(3).map(|l| l.1).collect()
}

//! Counts the events of a corpus by service, template, level and time bin. Does not read the text
//! of events. Detects nothing.

use super::analysis::Analysis;
use super::axis::Axis;
use super::series::{Role, Roles, is_problem, merged};
use crate::corpus::Snapshot;
use crate::detect::{Feature, FeatureKind, Source};
use crate::model::{Level, SourceId};
use rustc_hash::FxHashMap;

/// Maximum duration of the log collection, in nanoseconds. The logs of different sources can end at
/// different times within this duration.
const COLLECTION: i64 = 120_000_000_000;

#[derive(Default)]
struct Counter {
    names: FxHashMap<String, usize>,
    sources: Vec<Source>,
    /// Pairs of (bin, count), in the order in which the events were read.
    counts: FxHashMap<(usize, FeatureKind), Vec<(u32, u32)>>,
    /// First and last bin of each source.
    extent: Vec<(u32, u32)>,
}

impl Counter {
    fn service(&mut self, name: &str) -> usize {
        if let Some(i) = self.names.get(name) {
            return *i;
        }
        let i = self.sources.len();
        self.names.insert(name.to_string(), i);
        self.sources.push(Source {
            name: name.to_string(),
            ..Source::default()
        });
        self.extent.push((u32::MAX, 0));
        i
    }

    fn count(&mut self, service: usize, kind: FeatureKind, bin: u32) {
        let counts = self.counts.entry((service, kind)).or_default();
        match counts.last_mut() {
            Some((b, n)) if *b == bin => *n += 1,
            _ => counts.push((bin, 1)),
        }
    }

    fn add(&mut self, role: Role, bin: u32) {
        let extent = &mut self.extent[role.service];
        *extent = (extent.0.min(bin), extent.1.max(bin));
        self.count(role.service, FeatureKind::All, bin);
        if let Some(template) = role.template {
            self.count(role.service, FeatureKind::Template(template), bin);
        }
        if role.level >= Level::Warn {
            self.count(role.service, FeatureKind::Warnings, bin);
        }
        if role.level >= Level::Error {
            self.count(role.service, FeatureKind::Errors, bin);
        }
    }

    /// Sorts the counts, adds up the counts of each bin, and marks the counts that indicate a
    /// problem. Also sets the range of bins for each source.
    fn finish(mut self, snapshot: &Snapshot, axis: &Axis) -> Vec<Source> {
        let mut all: Vec<_> = self.counts.into_iter().collect();
        all.sort_unstable_by_key(|(k, _)| *k);
        for ((service, kind), counts) in all {
            let indicates_problem = match kind {
                FeatureKind::Template(t) => is_problem(snapshot, t),
                FeatureKind::Warnings | FeatureKind::Errors => true,
                _ => false,
            };
            let counts = merged(counts);
            self.sources[service].features.push(Feature {
                kind,
                counts,
                indicates_problem,
            });
        }
        let collection = (COLLECTION / axis.width).max(i64::from(axis.bins) / 20) as u32;
        for (source, (first, last)) in self.sources.iter_mut().zip(&self.extent) {
            source.from = (*first).min(axis.bins);
            // If a source stops shortly before the end of the corpus, the log collection probably
            // ended there. The bins after that point do not count as silence.
            source.to = if last + 1 + collection >= axis.bins {
                last + 1
            } else {
                axis.bins
            };
        }
        self.sources
    }
}

/// Counts all events of a snapshot except the events of trace files.
pub fn count(analysis: &Analysis, snapshot: &Snapshot, axis: &Axis) -> (Vec<Source>, Roles) {
    let mut counter = Counter::default();
    let roles = roles(analysis, snapshot, &mut counter);
    let traces = analysis.trace_sources(snapshot);
    let is_log = |source: SourceId| !traces.contains(&source);
    let mut ordinal = 0u64;
    for events in snapshot
        .blocks(&analysis.corpus)
        .filter(|e| is_log(e.source()))
    {
        let source = events.source();
        let role: Vec<Role> = events.kinds().map(|k| roles[&(source, k)]).collect();
        for e in events.iter() {
            ordinal += 1;
            if let Some(bin) = axis.bin(source, e.time(), ordinal - 1) {
                counter.add(role[e.slot()], bin);
            }
        }
    }
    count_out_of_order(analysis, snapshot, &is_log, &roles, axis, &mut counter);
    (counter.finish(snapshot, axis), roles)
}

/// Counts the events that are in an unusual order.
fn count_out_of_order(
    analysis: &Analysis,
    snapshot: &Snapshot,
    is_log: &(dyn Fn(SourceId) -> bool + Sync),
    roles: &Roles,
    axis: &Axis,
    counter: &mut Counter,
) {
    let mut found: Vec<usize> = Vec::new();
    analysis.out_of_order(snapshot, is_log, |i| found.push(i));
    let mut next = found.into_iter().peekable();
    let mut ordinal = 0;
    for events in snapshot
        .blocks(&analysis.corpus)
        .filter(|e| is_log(e.source()))
    {
        while let Some(at) = next.next_if(|at| *at < ordinal + events.len()) {
            let Some(e) = events.get(at - ordinal) else {
                continue;
            };
            if let Some(bin) = axis.bin(e.source(), e.time(), at as u64) {
                let role = roles[&(e.source(), e.kind())];
                counter.count(role.service, FeatureKind::Sequence, bin);
            }
        }
        ordinal += events.len();
    }
}

fn roles(analysis: &Analysis, snapshot: &Snapshot, counter: &mut Counter) -> Roles {
    let state = analysis.corpus.read();
    let mut roles = Roles::default();
    for part in snapshot.parts() {
        for k in part.kinds() {
            roles.entry((part.source(), k)).or_insert_with(|| Role {
                service: counter.service(state.service(part.source(), k)),
                template: snapshot.template_of_kind(k),
                level: state.level(k),
            });
        }
    }
    roles
}

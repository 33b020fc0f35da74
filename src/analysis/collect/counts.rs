//! Counts the events of a corpus by service, template, level and time bin. Does not read the text
//! of events. Detects nothing.

use super::axis::Axis;
use super::series::{Role, Roles, is_problem, merged};
use crate::analysis::analysis::Analysis;
use crate::corpus::Snapshot;
use crate::detect::{Feature, FeatureKind, Occurrences, Source, collection};
use crate::diagnose::{Prior, step_of};
use crate::model::{KindId, Level, Moment, SourceId, TemplateIx};
use rustc_hash::{FxHashMap, FxHashSet};

/// The exact times of a template are kept if it has at most this many events.
pub const MAX_TIMES: u64 = 2000;

/// Indexes of the series that an event of one kind is counted in.
#[derive(Clone, Copy, Default)]
struct Slots {
    all: usize,
    template: Option<usize>,
    occurrences: Option<usize>,
    warnings: Option<usize>,
    errors: Option<usize>,
}

#[derive(Default)]
struct Counter {
    names: FxHashMap<String, usize>,
    sources: Vec<Source>,
    series: FxHashMap<(usize, FeatureKind), usize>,
    /// Pairs of (bin, count), in the order in which the events were read.
    counts: Vec<Vec<(u32, u32)>>,
    /// Index into `occurrences` of each service and template.
    occurrences_of: FxHashMap<(usize, TemplateIx, Option<String>), usize>,
    occurrences: Vec<Occurrences>,
    /// Templates of which some messages report no problem.
    harmless: FxHashSet<(usize, TemplateIx)>,
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

    fn series(&mut self, service: usize, kind: FeatureKind) -> usize {
        let next = self.counts.len();
        let i = *self.series.entry((service, kind)).or_insert(next);
        if i == next {
            self.counts.push(Vec::new());
        }
        i
    }

    fn slots(&mut self, snapshot: &Snapshot, role: &Role) -> Slots {
        let service = role.service;
        Slots {
            all: self.series(service, FeatureKind::All),
            template: role
                .template
                .map(|t| self.series(service, FeatureKind::Template(t))),
            occurrences: role.template.map(|t| self.occurrences(snapshot, role, t)),
            warnings: (role.level >= Level::Warn)
                .then(|| self.series(service, FeatureKind::Warnings)),
            errors: (role.level >= Level::Error).then(|| self.series(service, FeatureKind::Errors)),
        }
    }

    fn occurrences(&mut self, snapshot: &Snapshot, role: &Role, template: TemplateIx) -> usize {
        let text = snapshot.template(template).map_or("", |t| t.text.as_str());
        let mut prior = Prior::of(text, role.stated_level);
        // A variable of the template can hold the word that reports the problem.
        let own = role.prior;
        let is_worse = own.alone && !prior.alone || own.log_odds > 0.0 && prior.log_odds <= 0.0;
        if is_worse {
            prior = own;
        }
        // If only some messages of the template report it, they are looked at by themselves.
        let is_apart = is_worse && self.harmless.contains(&(role.service, template));
        let message = role.example.clone().filter(|_| is_apart);
        let next = self.occurrences.len();
        let key = (role.service, template, message.clone());
        let i = *self.occurrences_of.entry(key).or_insert(next);
        if i == next {
            self.occurrences.push(Occurrences {
                template,
                word: None,
                message,
                first: Moment::MAX,
                last: Moment::MIN,
                count: 0,
                times: Vec::new(),
                log_odds: f64::NEG_INFINITY,
                alone: false,
                is_debug: true,
                step: step_of(text),
            });
        }
        let o = &mut self.occurrences[i];
        o.log_odds = o.log_odds.max(prior.log_odds);
        o.alone |= prior.alone;
        o.is_debug &= matches!(role.stated_level, Level::Debug | Level::Trace);
        i
    }

    fn count(&mut self, series: usize, bin: u32) {
        let counts = &mut self.counts[series];
        match counts.last_mut() {
            Some((b, n)) if *b == bin => *n += 1,
            _ => counts.push((bin, 1)),
        }
    }

    /// Counts an event. The last bin is incomplete, so its events have no bin, but their times
    /// count.
    fn add(&mut self, service: usize, slots: Slots, at: Moment, bin: Option<u32>) {
        if let Some(bin) = bin {
            let extent = &mut self.extent[service];
            *extent = (extent.0.min(bin), extent.1.max(bin));
            let series = [
                Some(slots.all),
                slots.template,
                slots.warnings,
                slots.errors,
            ];
            series
                .into_iter()
                .flatten()
                .for_each(|s| self.count(s, bin));
        }
        if let Some(i) = slots.occurrences {
            let o = &mut self.occurrences[i];
            o.count += 1;
            (o.first, o.last) = (o.first.min(at), o.last.max(at));
            if o.count <= MAX_TIMES {
                o.times.push(at);
            } else {
                o.times = Vec::new();
            }
        }
    }

    /// Sorts the counts, adds up the counts of each bin, and marks the counts that indicate a
    /// problem. Also sets the range of bins for each source.
    fn finish(mut self, snapshot: &Snapshot, axis: &Axis) -> Vec<Source> {
        let mut all: Vec<_> = self.series.into_iter().collect();
        all.sort_unstable_by_key(|(k, _)| *k);
        for ((service, kind), series) in all {
            let indicates_problem = match kind {
                FeatureKind::Template(t) => is_problem(snapshot, t),
                FeatureKind::Warnings | FeatureKind::Errors => true,
                _ => false,
            };
            let counts = merged(std::mem::take(&mut self.counts[series]));
            self.sources[service].features.push(Feature {
                kind,
                counts,
                indicates_problem,
            });
        }
        let mut all: Vec<_> = self.occurrences_of.into_iter().collect();
        all.sort_unstable();
        let mut occurrences: Vec<Option<Occurrences>> =
            self.occurrences.into_iter().map(Some).collect();
        for ((service, ..), i) in all {
            if let Some(mut o) = occurrences[i].take().filter(|o| o.count > 0) {
                o.times.sort_unstable();
                self.sources[service].occurrences.push(o);
            }
        }
        // The logs of different sources can end at different times.
        let span = i64::from(axis.bins) * axis.width;
        let collection = (collection(span) / axis.width) as u32;
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
    let slots: FxHashMap<(SourceId, KindId), Slots> = roles
        .iter()
        .map(|(k, role)| (*k, counter.slots(snapshot, role)))
        .collect();
    let traces = analysis.trace_sources(snapshot);
    let is_log = |source: SourceId| !traces.contains(&source);
    let mut ordinal = 0u64;
    // Consecutive events are mostly in the same bin, and a division is slow.
    let (mut from, mut bin) = (i64::MAX, None);
    for events in snapshot
        .blocks(&analysis.corpus)
        .filter(|e| is_log(e.source()))
    {
        let source = events.source();
        let of_kind: Vec<(usize, Slots)> = events
            .kinds()
            .map(|k| (roles[&(source, k)].service, slots[&(source, k)]))
            .collect();
        for e in events.iter() {
            ordinal += 1;
            if let Some(at) = axis.moment(source, e.time(), ordinal - 1) {
                let (service, slots) = of_kind[e.slot()];
                if at < from || at - from >= axis.width {
                    from = at - (at - axis.start).rem_euclid(axis.width);
                    bin = axis.bin_at(at);
                }
                counter.add(service, slots, at, bin);
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
                let role = &roles[&(e.source(), e.kind())];
                let series = counter.series(role.service, FeatureKind::Sequence);
                counter.count(series, bin);
            }
        }
        ordinal += events.len();
    }
}

fn roles(analysis: &Analysis, snapshot: &Snapshot, counter: &mut Counter) -> Roles {
    let state = analysis.corpus.read();
    let mut roles = Roles::default();
    let mut priors: FxHashMap<KindId, (Prior, Level)> = FxHashMap::default();
    for part in snapshot.parts() {
        for k in part.kinds() {
            let (prior, stated_level) = *priors.entry(k).or_insert_with(|| {
                let level = match state.is_level_inferred(k) {
                    true => Level::Unknown,
                    false => state.level(k),
                };
                (Prior::of(state.example(k), level), level)
            });
            roles.entry((part.source(), k)).or_insert_with(|| Role {
                service: counter.service(state.service(part.source(), k)),
                template: snapshot.template_of_kind(k),
                level: state.level(k),
                prior,
                example: (prior.log_odds > 0.0 || prior.alone).then(|| state.example(k).into()),
                stated_level,
            });
        }
    }
    for role in roles.values().filter(|r| r.prior.log_odds <= 0.0) {
        let template = role.template.map(|t| (role.service, t));
        counter.harmless.extend(template);
    }
    roles
}

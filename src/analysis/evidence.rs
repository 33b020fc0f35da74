//! Finds the events that show a deviation. Detects nothing.

use super::analysis::Analysis;
use super::series::Series;
use crate::corpus::{Events, Snapshot};
use crate::detect::{Deviation, FeatureKind};
use crate::model::{EventId, Level, Moment, NO_TIME, TemplateIx};
use rustc_hash::FxHashMap;

/// Maximum number of lines of evidence for a reason.
const MAX_LINES: usize = 3;
/// The evidence of a silence is the last events before it. At least this many bins are searched for
/// them.
const BINS_BEFORE: i64 = 10;

/// Indexes of the deviations of each service and template. `None` means any template of the
/// service.
type Wanted<'s> = FxHashMap<(&'s str, Option<TemplateIx>), Vec<usize>>;

impl Analysis {
    /// Returns the first events of each deviation in order of time. For a silence, returns the last
    /// events before it.
    pub fn evidence(
        &self,
        snapshot: &Snapshot,
        series: &Series,
        deviations: &[&Deviation],
    ) -> Vec<Vec<EventId>> {
        let mut wanted: Wanted<'_> = FxHashMap::default();
        for (i, d) in deviations.iter().enumerate() {
            let source = &series.input.sources[d.source];
            wanted
                .entry((&source.name, series.template_of(d)))
                .or_default()
                .push(i);
        }
        let ranges: Vec<(Moment, Moment)> = deviations.iter().map(|d| range(series, d)).collect();
        let mut out: Vec<Vec<(Moment, EventId)>> = vec![Vec::new(); deviations.len()];
        for events in snapshot.blocks(&self.corpus) {
            let uses = self.uses(&events, series, deviations, &wanted);
            if uses.iter().all(Vec::is_empty) {
                continue;
            }
            for e in events.iter() {
                for n in &uses[e.slot()] {
                    let time = match series.by_order {
                        true => i64::from(e.id().0) * 1_000_000_000,
                        false => e.time(),
                    };
                    if time != NO_TIME && (ranges[*n].0..ranges[*n].1).contains(&time) {
                        keep(&mut out[*n], (time, e.id()), !is_missing(deviations[*n]));
                    }
                }
            }
        }
        let in_order = |mut list: Vec<(Moment, EventId)>| {
            list.sort_unstable();
            list.into_iter().map(|(_, id)| id).collect()
        };
        out.into_iter().map(in_order).collect()
    }

    /// Returns the indexes of the deviations that the events of each kind in a block can show.
    fn uses(
        &self,
        events: &Events<'_>,
        series: &Series,
        deviations: &[&Deviation],
        wanted: &Wanted<'_>,
    ) -> Vec<Vec<usize>> {
        let state = self.corpus.read();
        let of_kind = |(kind, template)| {
            let service = state.service(events.source(), kind);
            let mut all = match template {
                Some(t) => wanted.get(&(service, Some(t))).cloned().unwrap_or_default(),
                None => Vec::new(),
            };
            let of_service = wanted.get(&(service, None)).into_iter().flatten();
            all.extend(of_service.filter(|i| {
                let kind_counted = series.kind_of(deviations[**i]);
                let needs_problem = matches!(
                    kind_counted,
                    Some(FeatureKind::Warnings | FeatureKind::Errors)
                );
                !needs_problem || state.level(kind) >= Level::Warn
            }));
            all
        };
        events
            .kinds()
            .zip(events.templates())
            .map(of_kind)
            .collect()
    }
}

/// Returns true if events were expected but none were observed.
fn is_missing(d: &Deviation) -> bool {
    !d.up && d.observed < 0.5
}

/// Returns the time range that contains the evidence of a deviation.
fn range(series: &Series, d: &Deviation) -> (Moment, Moment) {
    let (a, z) = (series.at(d.from as usize), series.at(d.to as usize));
    match is_missing(d) {
        true => (a - (z - a).max(BINS_BEFORE * series.input.width), a),
        false => (a, z),
    }
}

/// Adds an event to a list. Keeps only the earliest or the latest events.
fn keep(list: &mut Vec<(Moment, EventId)>, item: (Moment, EventId), earliest: bool) {
    list.push(item);
    list.sort_unstable();
    if list.len() > MAX_LINES {
        if earliest {
            list.pop();
        } else {
            list.remove(0);
        }
    }
}

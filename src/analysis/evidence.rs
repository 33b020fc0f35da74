//! Finds the events that show a deviation. Detects nothing.

use super::analysis::Analysis;
use super::collect::Series;
use crate::corpus::{Events, Snapshot};
use crate::detect::{Deviation, FeatureKind};
use crate::model::{EventId, Level, Moment, NO_TIME, TemplateIx};
use rustc_hash::FxHashMap;

/// Maximum number of lines of evidence for a reason.
const MAX_LINES: usize = 3;
/// The evidence of a silence is the last events before it. At least this many bins are searched for
/// them.
const BINS_BEFORE: i64 = 10;

/// The events that are wanted as evidence of one reason.
#[derive(Clone, Copy)]
pub struct Request<'s> {
    /// `None`: any service.
    pub service: Option<&'s str>,
    /// `None`: any template.
    pub template: Option<TemplateIx>,
    /// Only warnings or worse.
    pub problems: bool,
    /// The first events of `from..to` are wanted.
    pub from: Moment,
    pub to: Moment,
    /// The last events of `from..to` are wanted instead.
    pub latest: bool,
}

impl Request<'_> {
    /// The events that show a deviation. For a silence, the last events before it.
    pub fn of_deviation<'s>(series: &'s Series, d: &Deviation) -> Request<'s> {
        let (from, to) = (series.at(d.from as usize), series.at(d.to as usize));
        let is_missing = !d.up && d.observed < 0.5;
        let before = (to - from).max(BINS_BEFORE * series.input.width);
        Request {
            service: Some(&series.input.sources[d.source].name),
            template: series.template_of(d),
            problems: matches!(
                series.kind_of(d),
                Some(FeatureKind::Warnings | FeatureKind::Errors)
            ),
            from: if is_missing { from - before } else { from },
            to: if is_missing { from } else { to },
            latest: is_missing,
        }
    }
}

/// Indexes of the requests for each service and template. `None` means any.
type Wanted<'s> = FxHashMap<(Option<&'s str>, Option<TemplateIx>), Vec<usize>>;

impl Analysis {
    /// Returns the requested events of each request in order of time. `by_order`: the events have
    /// no times, so their order counts.
    pub fn evidence(
        &self,
        snapshot: &Snapshot,
        requests: &[Request<'_>],
        by_order: bool,
    ) -> Vec<Vec<EventId>> {
        let mut wanted: Wanted<'_> = FxHashMap::default();
        for (i, r) in requests.iter().enumerate() {
            wanted.entry((r.service, r.template)).or_default().push(i);
        }
        let mut out: Vec<Vec<(Moment, EventId)>> = vec![Vec::new(); requests.len()];
        for events in snapshot.blocks(&self.corpus) {
            let (first, last) = events.times();
            let is_open = |i: usize| {
                let (r, found) = (&requests[i], &out[i]);
                // The events that are wanted were before this block.
                let is_full =
                    found.len() == MAX_LINES && !r.latest && found[MAX_LINES - 1].0 < first;
                by_order || first < r.to && r.from <= last && !is_full
            };
            let open: Vec<bool> = (0..requests.len()).map(is_open).collect();
            if !open.contains(&true) {
                continue;
            }
            let uses = self.uses(&events, requests, &wanted, &open);
            if uses.iter().all(Vec::is_empty) {
                continue;
            }
            for e in events.iter() {
                for n in &uses[e.slot()] {
                    let r = &requests[*n];
                    let time = match by_order {
                        true => i64::from(e.id().0) * 1_000_000_000,
                        false => e.time(),
                    };
                    if time != NO_TIME && (r.from..r.to).contains(&time) {
                        keep(&mut out[*n], (time, e.id()), !r.latest);
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

    /// Returns the indexes of the open requests that the events of each kind in a block can serve.
    fn uses(
        &self,
        events: &Events<'_>,
        requests: &[Request<'_>],
        wanted: &Wanted<'_>,
        open: &[bool],
    ) -> Vec<Vec<usize>> {
        let state = self.corpus.read();
        let of_kind = |(kind, template): (_, Option<TemplateIx>)| {
            let service = state.service(events.source(), kind);
            let is_problem = state.level(kind) >= Level::Warn;
            let keys = [
                template.map(|t| (Some(service), Some(t))),
                template.map(|t| (None, Some(t))),
                Some((Some(service), None)),
                Some((None, None)),
            ];
            let lists = keys.iter().flatten().filter_map(|key| wanted.get(key));
            let all = lists.flatten().copied();
            all.filter(|i| open[*i] && (is_problem || !requests[*i].problems))
                .collect()
        };
        events
            .kinds()
            .zip(events.templates())
            .map(of_kind)
            .collect()
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

//! Describes anomalous windows: their reasons in order of what they tell, the lines that show
//! them, and a title. Does not detect anomalies.

use super::analysis::Analysis;
use super::collect::Series;
use super::drafts::Draft;
use super::evidence::Request;
use super::finding_text;
use super::reasons::{self, clock};
use crate::corpus::Snapshot;
use crate::detect::{Deviation, FeatureKind, Finding, RawWindow, What};
use crate::model::{Moment, Reason, ReasonKind, Severity, Window};
use crate::text::civil::human_duration;
use rustc_hash::FxHashSet;

/// Maximum number of deviations to describe in a window.
const MAX_REASONS: usize = 24;
/// A load between these factors of the normal load is not reported.
const USUAL_LOAD: std::ops::RangeInclusive<f64> = 0.8..=1.25;
/// The evidence of a message that stopped is searched in this many of its usual distances.
const DISTANCES_BEFORE: i64 = 4;

/// A reason that is still without its evidence, and how much it tells.
struct Untold<'s> {
    reason: Reason,
    request: Request<'s>,
    since: Moment,
    tells: f64,
}

impl Analysis {
    /// Describes all windows, worst first.
    pub fn describe_windows(
        &self,
        snapshot: &Snapshot,
        series: &Series,
        drafts: &[Draft],
    ) -> Vec<Window> {
        let mut windows: Vec<Window> = drafts
            .iter()
            .map(|d| self.describe_window(snapshot, series, d))
            .collect();
        reasons::add_flapping(&mut windows);
        windows.sort_by(|a, b| {
            b.severity
                .cmp(&a.severity)
                .then(b.score.total_cmp(&a.score))
                .then(a.start.cmp(&b.start))
        });
        windows
    }

    fn describe_window(&self, snapshot: &Snapshot, series: &Series, draft: &Draft) -> Window {
        let mut untold = untold(snapshot, series, draft);
        // What came first is more likely the cause.
        untold.sort_by(|a, b| b.tells.total_cmp(&a.tells).then(a.since.cmp(&b.since)));
        untold.truncate(MAX_REASONS);
        let requests: Vec<Request<'_>> = untold.iter().map(|u| u.request).collect();
        let evidence = self.evidence(snapshot, &requests, series.by_order);
        let mut reasons: Vec<Reason> = Vec::new();
        for (u, events) in untold.into_iter().zip(evidence) {
            let first = events.first().and_then(|id| snapshot.time(*id));
            reasons.push(Reason {
                lines: events.iter().filter_map(|id| snapshot.place(*id)).collect(),
                since: first.unwrap_or(u.since),
                events,
                ..u.reason
            });
        }
        let mut services: Vec<String> = Vec::new();
        for reason in reasons.iter().filter(|r| !r.service.is_empty()) {
            if !services.contains(&reason.service) {
                services.push(reason.service.clone());
            }
        }
        let title = finding_text::title(snapshot, &reasons);
        reasons::add_order_of_services(&mut reasons);
        if let Some(raw) = &draft.raw {
            reasons.extend(load_change(raw, draft.start));
            if raw.to + 1 < series.input.bins as usize && draft.severity >= Severity::Medium {
                reasons.push(recovered(draft.start, draft.end));
            }
        }
        let starts_up = draft.raw.as_ref().is_some_and(|w| is_start_up(series, w));
        let key = format!("{} {services:?}", draft.start);
        Window {
            id: xxhash_rust::xxh3::xxh3_64(key.as_bytes()) >> 11,
            title,
            start: draft.start,
            end: draft.end,
            score: 1.0 - (-draft.strength / 100.0).exp(),
            severity: draft.severity,
            tags: starts_up
                .then(|| "start-up".to_string())
                .into_iter()
                .collect(),
            services,
            reasons,
        }
    }
}

/// The reasons of a draft without evidence. A finding replaces the deviation of the same template.
fn untold<'s>(snapshot: &Snapshot, series: &'s Series, draft: &Draft) -> Vec<Untold<'s>> {
    let mut out: Vec<Untold<'s>> = Vec::new();
    let deviations: Vec<&Deviation> = draft.raw.iter().flat_map(|w| distinct(series, w)).collect();
    let deviates = |f: &Finding| {
        let same =
            |d: &&Deviation| d.up && (d.source, series.template_of(d)) == (f.source, f.template);
        f.template.is_some() && deviations.iter().any(same)
    };
    let mut told = FxHashSet::default();
    for f in &draft.findings {
        // A weak finding says less than the counts.
        if f.severity < Severity::Medium && deviates(f) {
            continue;
        }
        told.insert((f.source, f.template));
        let reason = finding_text::describe_finding(snapshot, series, f);
        out.push(Untold {
            request: request_of(series, f),
            since: f.from,
            tells: tells_finding(f),
            reason,
        });
    }
    for d in deviations {
        let template = series.template_of(d);
        if template.is_some() && d.up && told.contains(&(d.source, template)) {
            continue;
        }
        out.push(Untold {
            reason: reasons::describe(snapshot, series, d),
            request: Request::of_deviation(series, d),
            since: series.at(d.from as usize),
            tells: tells_deviation(series, d),
        });
    }
    out
}

/// How much a finding tells a reader, compared with other reasons of the same window.
fn tells_finding(f: &Finding) -> f64 {
    let base = match (&f.what, f.severity) {
        (What::Incident { .. }, Severity::High | Severity::Critical) => return 400.0,
        (What::Incident { .. }, Severity::Medium) => return 300.0,
        (What::Incident { .. }, _) => return 100.0,
        (What::NoLines { .. }, _) => 350.0,
        // The more a value exceeds its usual rate, the more specific it is.
        (
            What::Traffic {
                observed, expected, ..
            },
            _,
        ) if observed > expected => {
            return 265.0 + 10.0 * (observed / expected.max(0.5)).ln();
        }
        (What::Rate { .. }, _) => 260.0,
        (What::Traffic { .. }, _) => 205.0,
        (What::Stopped { .. }, _) => 210.0,
        _ => 220.0,
    };
    // What names its object tells more.
    base + f.evidence.min(50.0) + if f.word.is_some() { 10.0 } else { 0.0 }
}

/// The same for a deviation. Problems tell most, then what is harmful in other ways. A total tells
/// less than the templates that it counts.
fn tells_deviation(series: &Series, d: &Deviation) -> f64 {
    let kind = series.kind_of(d);
    let feature = series.input.sources[d.source].features.get(d.series);
    let is_problem = d.up && feature.is_some_and(|f| f.indicates_problem);
    let is_total = matches!(
        kind,
        Some(FeatureKind::Warnings | FeatureKind::Errors | FeatureKind::All)
    );
    let base = match (is_problem, d.is_harmful) {
        (true, _) if is_total => 230.0,
        (true, _) => 250.0,
        (false, true) => 200.0,
        (false, false) => 0.0,
    };
    base + d.evidence
}

fn request_of<'s>(series: &'s Series, f: &Finding) -> Request<'s> {
    let service = Some(series.input.sources[f.source].name.as_str());
    let (from, to, latest) = match f.what {
        What::Stopped { every, .. } => (f.from - DISTANCES_BEFORE * every, f.from + 1, true),
        What::NoLines { .. } => (Moment::MIN + 1, f.from, true),
        _ => (f.from, f.to + 1, false),
    };
    Request {
        service: service.filter(|_| !matches!(f.what, What::NoLines { .. })),
        template: f.template,
        problems: false,
        from,
        to,
        latest,
    }
}

/// Selects the deviations to describe: the strongest one for each service, template and direction.
fn distinct<'f>(series: &Series, raw: &'f RawWindow) -> Vec<&'f Deviation> {
    let mut seen = FxHashSet::default();
    let mut out: Vec<&Deviation> = Vec::new();
    for d in &raw.found {
        let is_total = matches!(series.kind_of(d), Some(FeatureKind::All)) && d.observed > 0.5;
        if !is_total && seen.insert((d.source, series.template_of(d), d.up)) {
            out.push(d);
        }
    }
    out
}

fn load_change(raw: &RawWindow, start: Moment) -> Option<Reason> {
    let load = raw.load.filter(|r| !USUAL_LOAD.contains(r))?;
    let kind = if load > 1.0 {
        ReasonKind::RateSpike
    } else {
        ReasonKind::RateDrop
    };
    let text = format!(
        "the overall load changed to {:.0}% of normal; counts that changed with the load are not listed",
        load * 100.0
    );
    Some(Reason {
        kind,
        score: 0.2,
        text,
        since: start,
        ..Reason::default()
    })
}

fn recovered(start: Moment, end: Moment) -> Reason {
    let text = format!(
        "back to normal at {} after {}",
        clock(end),
        human_duration(end - start)
    );
    Reason {
        kind: ReasonKind::Recovered,
        score: 0.1,
        text,
        since: end,
        ..Reason::default()
    }
}

/// Returns true if the window is at the start of the corpus, when most services start to log.
fn is_start_up(series: &Series, raw: &RawWindow) -> bool {
    let near = (series.input.bins / 20).max(1) as usize;
    let covered = series.input.sources.iter().filter(|s| s.to > s.from);
    let firsts: Vec<usize> = covered.map(|s| s.from as usize).collect();
    let is_starting = |f: &&usize| raw.from <= **f + near && **f <= raw.to;
    raw.from <= near && firsts.iter().filter(is_starting).count() * 2 > firsts.len()
}

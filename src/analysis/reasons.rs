//! Describes the reasons of an anomalous window in sentences: what changed, by how much, and in
//! which order services were affected. Does not detect anomalies.

use super::collect::Series;
use crate::corpus::Snapshot;
use crate::detect::{Deviation, FeatureKind};
use crate::model::{Moment, Reason, ReasonKind, Window};
use crate::text::civil::{human_duration, rfc3339};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// A template is flapping if it appeared and stopped at least this many times.
const MIN_FLAPS: usize = 3;
/// A template is new if less than this share of its events was expected.
const NEW_SHARE: f64 = 0.02;
/// Maximum number of services to list in the order in which they were affected.
const MAX_ORDERED: usize = 6;

/// Describes a deviation as a reason. Does not add evidence.
pub fn describe(snapshot: &Snapshot, series: &Series, d: &Deviation) -> Reason {
    let source = &series.input.sources[d.source];
    let template = series.template_of(d).and_then(|t| snapshot.template(t));
    let span = human_duration(i64::from(d.to - d.from) * series.input.width);
    let text = template.map_or("", |t| t.text.as_str());
    let numbers = Numbers {
        observed: d.observed,
        expected: d.expected,
        span,
    };
    let (kind, text) = match series.kind_of(d) {
        Some(FeatureKind::Template(_)) => of_template(d, &numbers, text),
        Some(FeatureKind::Warnings) => {
            let text = format!("{} warnings and errors: {numbers}", more(d.up));
            (ReasonKind::LevelShift, text)
        }
        Some(FeatureKind::Errors) => (
            ReasonKind::LevelShift,
            format!("{} errors: {numbers}", more(d.up)),
        ),
        Some(FeatureKind::All) => of_source(d, &numbers, &source.name),
        Some(FeatureKind::Sequence) => (
            ReasonKind::Sequence,
            format!("events in an unusual order: {numbers}"),
        ),
        Some(FeatureKind::Category(t, v, n) | FeatureKind::Word(t, v, n)) => {
            let value = series
                .categories
                .get(&(d.source, t, v, n))
                .map_or("", String::as_str);
            let field = series.variable_name(text, v);
            let often = if d.up { "more" } else { "less" };
            let text = format!("{field} is “{value}” {often} often: {numbers}: {text}");
            (ReasonKind::ValueShift, text)
        }
        Some(FeatureKind::Tail(_, v)) => {
            let text = format!(
                "{} is unusually large: {numbers}: {text}",
                series.variable_name(text, v)
            );
            (ReasonKind::ValueShift, text)
        }
        None => {
            let variable = source.values[d.series - source.features.len()].variable;
            let name = series.variable_name(text, variable);
            let direction = if d.up { "rose" } else { "fell" };
            let (now, before) = (number(d.observed), number(d.expected));
            let span = &numbers.span;
            let text =
                format!("{name} {direction} from {before} to {now} (medians) in {span}: {text}");
            (ReasonKind::ValueShift, text)
        }
    };
    Reason {
        kind,
        service: source.name.clone(),
        template_id: template.map(|t| t.id),
        score: 1.0 - (-d.evidence / 8.0).exp(),
        text,
        ..Reason::default()
    }
}

/// The numbers of a deviation. Displayed as "313 in 7 min 00 s (expected 0.4)".
struct Numbers {
    observed: f64,
    expected: f64,
    span: String,
}

impl std::fmt::Display for Numbers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (observed, expected) = (number(self.observed), number(self.expected));
        write!(f, "{observed} in {} (expected {expected})", self.span)
    }
}

fn of_template(d: &Deviation, numbers: &Numbers, text: &str) -> (ReasonKind, String) {
    let is_new = d.expected < NEW_SHARE * d.observed;
    let (kind, how) = match d.up {
        true if is_new => (ReasonKind::NewTemplate, "new"),
        true => (ReasonKind::RateSpike, "more often"),
        false if d.observed < 0.5 => (ReasonKind::Silence, "missing"),
        false => (ReasonKind::RateDrop, "less often"),
    };
    (kind, format!("{how}: {numbers}: {text}"))
}

fn of_source(d: &Deviation, numbers: &Numbers, service: &str) -> (ReasonKind, String) {
    if d.observed < 0.5 {
        let (span, expected) = (&numbers.span, number(d.expected));
        let text = format!("{service} stopped logging: no lines in {span} (expected {expected})");
        return (ReasonKind::Silence, text);
    }
    let kind = if d.up {
        ReasonKind::RateSpike
    } else {
        ReasonKind::RateDrop
    };
    (kind, format!("{} lines: {numbers}", more(d.up)))
}

pub fn number(x: f64) -> String {
    if x >= 100.0 || x.fract() == 0.0 {
        format!("{x:.0}")
    } else {
        format!("{x:.1}")
    }
}

fn more(up: bool) -> &'static str {
    if up { "more" } else { "fewer" }
}

/// Formats the time of day as `hh:mm:ss`.
pub fn clock(t: Moment) -> String {
    let text = rfc3339(t, 0);
    text.get(11..19).unwrap_or(&text).to_string()
}

/// If three or more services are affected, adds a reason that lists them in the order in which they
/// were affected.
pub fn add_order_of_services(reasons: &mut Vec<Reason>) {
    let mut first: FxHashMap<&str, Moment> = FxHashMap::default();
    for r in reasons.iter().filter(|r| !r.events.is_empty()) {
        let t = first.entry(&r.service).or_insert(r.since);
        *t = (*t).min(r.since);
    }
    let mut order: Vec<(Moment, &str)> = first.into_iter().map(|(s, t)| (t, s)).collect();
    order.sort_unstable();
    if order.len() < 3 {
        return;
    }
    let start = order[0].0;
    let after = |(t, s): &(Moment, &str)| format!("{s} +{}", human_duration(t - start));
    let listed: Vec<String> = order.iter().take(MAX_ORDERED).map(after).collect();
    let text = format!(
        "{} services, in this order: {}",
        order.len(),
        listed.join(", ")
    );
    let service = order[0].1.to_string();
    let own = reasons.iter().find(|r| r.service == service);
    let (lines, events) = own
        .map(|r| (r.lines.clone(), r.events.clone()))
        .unwrap_or_default();
    reasons.push(Reason {
        kind: ReasonKind::CrossService,
        service,
        score: 0.5,
        text,
        lines,
        events,
        since: start,
        template_id: None,
    });
}

/// Finds templates that appeared and stopped several times. Adds a reason to the last window of
/// each such template.
pub fn add_flapping(windows: &mut [Window]) {
    windows.sort_by_key(|w| w.start);
    let mut windows_of: BTreeMap<(String, u64), Vec<usize>> = BTreeMap::new();
    for (i, w) in windows.iter().enumerate() {
        for r in w.reasons.iter().filter(|r| is_flapping(r.kind)) {
            let Some(template) = r.template_id else {
                continue;
            };
            let list = windows_of.entry((r.service.clone(), template)).or_default();
            if list.last() != Some(&i) {
                list.push(i);
            }
        }
    }
    // Each window gets at most one such reason: the one for the template that appeared most often.
    let mut added: BTreeMap<usize, (usize, Reason)> = BTreeMap::new();
    for ((service, template), list) in windows_of {
        let Some(&last) = list.last().filter(|_| list.len() >= MIN_FLAPS) else {
            continue;
        };
        if added.get(&last).is_some_and(|(n, _)| *n >= list.len()) {
            continue;
        }
        let is_same = |r: &&Reason| r.template_id == Some(template) && r.service == service;
        let Some(like) = windows[last].reasons.iter().find(is_same) else {
            continue;
        };
        let times: Vec<String> = list.iter().map(|i| clock(windows[*i].start)).collect();
        let text = format!(
            "appeared and stopped {} times: {}",
            list.len(),
            times.join(", ")
        );
        let kind = ReasonKind::Flapping;
        added.insert(
            last,
            (
                list.len(),
                Reason {
                    kind,
                    score: 0.4,
                    text,
                    ..like.clone()
                },
            ),
        );
    }
    for (i, (_, reason)) in added {
        windows[i].reasons.push(reason);
    }
}

fn is_flapping(kind: ReasonKind) -> bool {
    matches!(
        kind,
        ReasonKind::NewTemplate
            | ReasonKind::Incident
            | ReasonKind::RateSpike
            | ReasonKind::Silence
    )
}

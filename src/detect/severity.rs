//! How severe a window is. Handles numbers only.

use super::deviation::{Deviation, RawWindow, is_value};
use super::series::{FeatureKind, Input, Occurrences, prefix};
use super::stat::median;
use crate::model::Severity;

/// Values of a single variable are an anomaly of medium severity if their median is this many times
/// the usual one, with this evidence in nats.
const FAR: f64 = 1.5;
const FAR_EVIDENCE: f64 = 20.0;
/// In a daily rhythm, the first and the last quarter of a window have at most this share of the mean
/// count of a quarter.
const SWELL: f64 = 0.7;
/// A shorter time with fewer lines, but without anything else, is a restart. In nanoseconds.
const MIN_DROP: i64 = 90_000_000_000;
/// More warnings in a shorter time, but no error, are not an anomaly of medium severity. In
/// nanoseconds.
const MIN_WARNINGS: i64 = 60_000_000_000;
/// Share of the missing lines of a total that an ordinary reason must explain.
const EXPLAINED: f64 = 0.5;
/// Number of values needed next to each edge of a window.
const MIN_AT_EDGE: usize = 4;
/// Largest share of a change that happens at an edge if the change is gradual.
const MAX_STEP: f64 = 0.5;

/// Sets load, strength and severity of a window. A change in load explains the series that changed
/// by the same ratio; they are removed, and the remaining series decide the severity.
pub fn set_severity(input: &Input, w: &mut RawWindow) {
    w.load = load(input, w);
    if let Some(rho) = w.load.filter(|r| !(0.8..=1.25).contains(r)) {
        w.found.retain(|f| {
            let ratio = (f.observed + 0.5) / (f.expected + 0.5);
            let same = (ratio > 1.0) == (rho > 1.0) && (0.5..=2.0).contains(&(ratio / rho));
            is_value(input, f) || !same
        });
        if w.found.is_empty() {
            // Only the load changed: `detect` drops the window.
            return;
        }
    }
    for f in &mut w.found {
        f.is_harmful &= !is_rhythm(input, f) && !is_ordinary_lack(input, f);
    }
    excuse_totals(input, w);
    w.found.sort_by(|a, b| {
        let key = |f: &Deviation| (f.is_harmful, f.evidence, f.observed.max(f.expected));
        let ((h1, e1, o1), (h2, e2, o2)) = (key(a), key(b));
        h2.cmp(&h1)
            .then(e2.total_cmp(&e1))
            .then(o2.total_cmp(&o1))
            .then(a.source.cmp(&b.source))
            .then(a.series.cmp(&b.series))
    });
    w.strength = w.found.iter().map(|f| f.evidence).sum();
    let bad = |f: &Deviation| {
        input.sources[f.source]
            .features
            .get(f.series)
            .is_some_and(|x| x.indicates_problem)
            && f.up
    };
    let has_errors = w.found.iter().any(bad);
    // The evidence of one series is capped. Many errors where almost none were expected are enough
    // for medium severity.
    let error_burst = w
        .found
        .iter()
        .any(|f| bad(f) && f.observed >= 30.0 && f.observed >= 30.0 * f.expected.max(0.1));
    // Values that are far from the usual ones for a long time.
    let far_values = w.found.iter().any(|f| {
        let far = f.observed >= FAR * f.expected && f.expected > 0.0;
        is_value(input, f)
            && !is_mixed(input, f)
            && f.is_harmful
            && far
            && f.evidence >= FAR_EVIDENCE
    });
    let mut sources: Vec<usize> = w.found.iter().map(|f| f.source).collect();
    sources.sort_unstable();
    sources.dedup();
    let (s, n) = (w.strength, sources.len());
    let only_short_drops = w.found.iter().all(|f| {
        let is_short = i64::from(f.to - f.from) * input.width < MIN_DROP;
        !f.is_harmful || !f.up && !is_value(input, f) && is_short
    });
    w.severity = match () {
        () if !w.found.iter().any(|f| f.is_harmful) => Severity::Low,
        // A client that asks for wrong things for a moment.
        () if is_brief(input, w) => Severity::Low,
        // Fewer lines for a moment: something restarted.
        () if only_short_drops => Severity::Low,
        () if s >= 200.0 && n >= 3 && has_errors => Severity::Critical,
        () if s >= 60.0 && (has_errors || n >= 3) && (n >= 2 || w.found.len() >= 4) => {
            Severity::High
        }
        () if s >= 20.0 && (has_errors || w.found.len() >= 2) || error_burst || far_values => {
            Severity::Medium
        }
        () => Severity::Low,
    };
}

/// True if lines are missing because the level of the log changed, or before the first of them.
fn is_ordinary_lack(input: &Input, f: &Deviation) -> bool {
    let s = &input.sources[f.source];
    let template = s.features.get(f.series).and_then(|x| x.kind.template());
    let at = |bin: u32| input.start + i64::from(bin) * input.width;
    let mut own = s
        .occurrences
        .iter()
        .filter(|o| Some(o.template) == template);
    let (from, to) = (at(f.from), at(f.to));
    let is_ordinary = |o: &Occurrences| {
        let begins = o.first > from;
        let ends = o.last < to && s.is_level_change(o, (o.last.max(from), to));
        begins || ends
    };
    !f.up && own.any(is_ordinary)
}

/// A total is lower if lines are missing for an ordinary reason. It is harmless if these lines are
/// most of what is missing.
fn excuse_totals(input: &Input, w: &mut RawWindow) {
    let kind = |f: &Deviation| {
        input.sources[f.source]
            .features
            .get(f.series)
            .map(|x| x.kind)
    };
    let lack = |f: &Deviation| f.expected - f.observed;
    let excused: Vec<(usize, f64)> = w
        .found
        .iter()
        .filter(|f| matches!(kind(f), Some(FeatureKind::Template(_))) && is_ordinary_lack(input, f))
        .map(|f| (f.source, lack(f)))
        .collect();
    for f in &mut w.found {
        let own = excused.iter().filter(|e| e.0 == f.source);
        let explained: f64 = own.map(|e| e.1).sum();
        if kind(f) == Some(FeatureKind::All) && !f.up && explained >= EXPLAINED * lack(f) {
            f.is_harmful = false;
        }
    }
}

/// True if the window is short and has more warnings than usual, but no error.
fn is_brief(input: &Input, w: &RawWindow) -> bool {
    let kind = |f: &Deviation| {
        input.sources[f.source]
            .features
            .get(f.series)
            .map(|x| x.kind)
    };
    let is_warning = |f: &Deviation| {
        let counts = matches!(
            kind(f),
            Some(FeatureKind::Warnings | FeatureKind::Category(..) | FeatureKind::Template(_))
        );
        !f.is_harmful || f.up && counts
    };
    let length = (w.to - w.from) as i64 * input.width;
    let has_warnings = w
        .found
        .iter()
        .any(|f| kind(f) == Some(FeatureKind::Warnings));
    length < MIN_WARNINGS && has_warnings && w.found.iter().all(is_warning)
}

/// True if the values of a deviation belong to several things.
fn is_mixed(input: &Input, f: &Deviation) -> bool {
    let s = &input.sources[f.source];
    let values = f.series.checked_sub(s.features.len());
    values
        .and_then(|i| s.values.get(i))
        .is_some_and(|v| v.is_mixed)
}

/// True if the values of a deviation rise and fall again gradually, as those of a daily rhythm do.
/// The values of a fault jump at its start or at its end, and a leak does not fall again.
fn is_rhythm(input: &Input, f: &Deviation) -> bool {
    let s = &input.sources[f.source];
    let values = match s.features.get(f.series) {
        Some(x) if matches!(x.kind, FeatureKind::Tail(..)) => {
            return swells(&x.counts, f.from, f.to);
        }
        Some(_) => None,
        None => s.values.get(f.series - s.features.len()),
    };
    let Some(values) = values else { return false };
    let median_in = |from: u32, to: u32| {
        let inside = values.points.iter().filter(|p| (from..to).contains(&p.0));
        let mut inside: Vec<f64> = inside.map(|p| f64::from(p.1)).collect();
        (inside.len() >= MIN_AT_EDGE).then(|| median(&mut inside))
    };
    let part = ((f.to - f.from) / 4).max(1);
    let edges = (
        median_in(f.from.saturating_sub(part), f.from),
        median_in(f.from, f.from + part),
        median_in(f.to - part, f.to),
        median_in(f.to, f.to + part),
    );
    let (Some(before), Some(first), Some(last), Some(after)) = edges else {
        return false;
    };
    let inside = median_in(f.from, f.to).unwrap_or(first);
    let outside = median_in(0, f.from).unwrap_or(before);
    let step = MAX_STEP * (inside - outside).abs();
    (first - before).abs() < step && (after - last).abs() < step
}

/// True if the counts rise slowly at the start of a window, or fall slowly at its end.
fn swells(counts: &[(u32, u32)], from: u32, to: u32) -> bool {
    let count = |a: u32, z: u32| -> f64 {
        let inside = counts.iter().filter(|c| (a..z).contains(&c.0));
        inside.map(|c| f64::from(c.1)).sum()
    };
    let part = (to - from) / 4;
    let mean = count(from, to) / 4.0;
    part > 0 && (count(from, from + part) < SWELL * mean || count(to - part, to) < SWELL * mean)
}

/// Median ratio of observed to expected counts over templates with at least 20 expected events. The
/// expectation is the rate outside the window.
fn load(input: &Input, w: &RawWindow) -> Option<f64> {
    let mut ratios = Vec::new();
    for s in &input.sources {
        for f in s
            .features
            .iter()
            .filter(|f| matches!(f.kind, FeatureKind::Template(_)))
        {
            let sums = prefix(&f.counts, input.bins as usize);
            let inside = sums[w.to.min(sums.len() - 1)] - sums[w.from];
            let all = sums[input.bins as usize];
            let outside = f64::from(input.bins) - (w.to - w.from) as f64;
            let expected = (all - inside) / outside.max(1.0) * (w.to - w.from) as f64;
            if expected >= 20.0 {
                ratios.push(inside / expected);
            }
        }
    }
    (ratios.len() >= 3).then(|| median(&mut ratios))
}

//! How severe a window is. Handles numbers only.

use super::deviation::{Deviation, RawWindow, is_value};
use super::series::{FeatureKind, Input, prefix};
use super::stat::median;
use crate::model::Severity;

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
    let mut sources: Vec<usize> = w.found.iter().map(|f| f.source).collect();
    sources.sort_unstable();
    sources.dedup();
    let (s, n) = (w.strength, sources.len());
    w.severity = match () {
        () if !w.found.iter().any(|f| f.is_harmful) => Severity::Low,
        () if s >= 200.0 && n >= 3 && has_errors => Severity::Critical,
        () if s >= 60.0 && (has_errors || n >= 3) && (n >= 2 || w.found.len() >= 4) => {
            Severity::High
        }
        () if s >= 20.0 && (has_errors || w.found.len() >= 2) || error_burst => Severity::Medium,
        () => Severity::Low,
    };
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

//! Turns series into anomalous windows. The steps are: baseline, tests, fusion, recurrence,
//! traffic, severity. The rules and constants were tuned on simulated faults and the logs of a real
//! cluster; none is specific to one system. Handles numbers only; does not know the names of
//! services.

use super::deviation::{Deviation, RawWindow};
use super::fuse::{SeriesHit, edges, stretches};
use super::series::{FeatureKind, Input, Source};
use super::series_test::{add_tails, collect_hits, in_parallel, majority, test_source};
use super::severity::set_severity;
use crate::model::Severity;

/// Probability of a false positive in the whole corpus.
const ALPHA: f64 = 0.05;

/// Returns all windows in order of time, and one flag per bin: in the baseline of most sources.
/// Adds tail features to `input`.
pub fn detect(input: &mut Input) -> (Vec<RawWindow>, Vec<bool>) {
    let bins = input.bins as usize;
    add_tails(input);
    let input = &*input;
    let tests: f64 = input
        .sources
        .iter()
        .map(|s| (s.features.len() + s.values.len()) as f64 * f64::from(s.to - s.from) * 9.0)
        .sum();
    let threshold = (tests.max(1.0) / ALPHA).ln();
    let run = |s: &Source| test_source(s, bins, threshold, input.baseline);
    let results = in_parallel(&input.sources, run);
    let normal = majority(&results, input);
    let hits = collect_hits(input, &results);
    let mut windows = fuse(input, hits);
    if let Some(inverted) = retest_with_healthy_baseline(input, &windows, threshold) {
        windows = inverted;
    }
    windows.iter_mut().for_each(|w| set_severity(input, w));
    windows.retain(|w| !w.found.is_empty());
    (windows, normal)
}

/// Merges hits that are near each other in time into windows.
fn fuse(input: &Input, hits: Vec<SeriesHit>) -> Vec<RawWindow> {
    let bins = input.bins as usize;
    let gap = (30_000_000_000 / input.width.max(1)).max(2) as usize;
    let mut out = Vec::new();
    for (from, to) in stretches(&hits, bins, gap) {
        let inside: Vec<&SeriesHit> = hits
            .iter()
            .filter(|h| (h.hit.from as usize) < to && (h.hit.to as usize) > from)
            .collect();
        let (from, to) = edges(input, &inside, (from, to));
        out.push(RawWindow {
            from,
            to,
            severity: Severity::Low,
            strength: 0.0,
            load: None,
            found: strongest_per_series(input, &inside, (from, to)),
        });
    }
    out
}

/// The strongest hit of each series, extended over the part of the window in which the series
/// deviates.
fn strongest_per_series(
    input: &Input,
    hits: &[&SeriesHit],
    range: (usize, usize),
) -> Vec<Deviation> {
    let mut found: Vec<Deviation> = Vec::new();
    for h in hits {
        let is_harmful = is_harmful(input, h);
        let f = Deviation {
            source: h.source,
            series: h.series,
            from: h.hit.from,
            to: h.hit.to,
            up: h.hit.up,
            evidence: h.hit.evidence,
            observed: h.hit.observed,
            expected: h.hit.expected,
            is_harmful,
        };
        match found
            .iter_mut()
            .find(|x| (x.source, x.series) == (f.source, f.series))
        {
            Some(x) if (f.evidence, f.to - f.from) > (x.evidence, x.to - x.from) => *x = f,
            Some(_) => {}
            None => found.push(f),
        }
    }
    found.iter_mut().for_each(|f| widen(input, f, hits, range));
    found
}

/// Extends a deviation. A test has a fixed window size, so the deviation continues over overlapping
/// hits of the same series and direction. Updates the observed and expected counts.
fn widen(input: &Input, f: &mut Deviation, hits: &[&SeriesHit], (from, to): (usize, usize)) {
    let (a, z) = (f.from.min(from as u32), f.to.max(to as u32));
    let (length, old) = (f64::from(f.to - f.from), (f.from, f.to));
    let mut same: Vec<(u32, u32)> = hits
        .iter()
        .filter(|h| (h.source, h.series, h.hit.up) == (f.source, f.series, f.up))
        .map(|h| (h.hit.from.max(a), h.hit.to.min(z)))
        .filter(|(x, y)| x < y)
        .collect();
    same.sort_unstable();
    for (x, y) in &same {
        f.to = if *x <= f.to && *y > old.0 {
            f.to.max(*y)
        } else {
            f.to
        };
    }
    for (x, y) in same.iter().rev() {
        f.from = if *y >= f.from { f.from.min(*x) } else { f.from };
    }
    if let Some(feature) = input.sources[f.source].features.get(f.series)
        && (f.from, f.to) != old
    {
        f.expected *= f64::from(f.to - f.from) / length;
        f.observed = feature
            .counts
            .iter()
            .filter(|c| (f.from..f.to).contains(&c.0))
            .map(|c| f64::from(c.1))
            .fold(0.0, |a, b| a + b);
    }
}

/// True if a hit is harmful. See `Deviation::is_harmful`.
fn is_harmful(input: &Input, h: &SeriesHit) -> bool {
    let s = &input.sources[h.source];
    match s.features.get(h.series) {
        None => h.hit.up,
        Some(f) => match (f.kind, h.hit.up) {
            (FeatureKind::Tail(..), up) => up,
            (FeatureKind::Category(..), up) => up && f.indicates_problem,
            // Fewer events out of order are no harm.
            (FeatureKind::Sequence, false) => false,
            (_, true) => f.indicates_problem,
            (_, false) => !f.indicates_problem,
        },
    }
}

/// Handles a corpus in which the fault lasts longer than the healthy state. The healthy part then
/// looks like the anomaly: a window of at least a fifth of the corpus in which errors decrease.
/// Tests again with this window as the baseline. Returns `None` if there is no such window.
fn retest_with_healthy_baseline(
    input: &Input,
    windows: &[RawWindow],
    threshold: f64,
) -> Option<Vec<RawWindow>> {
    if input.baseline.is_some() {
        return None;
    }
    let bins = input.bins as usize;
    let bad = |w: &RawWindow, up: bool| -> f64 {
        let of = |f: &&Deviation| {
            let s = &input.sources[f.source];
            let bad = s
                .features
                .get(f.series)
                .is_none_or(|x| x.indicates_problem || matches!(x.kind, FeatureKind::Tail(..)));
            bad && f.up == up
        };
        w.found.iter().filter(of).map(|f| f.evidence).sum()
    };
    let healthy = windows.iter().find(|w| {
        let long = (w.to - w.from) * 5 >= bins;
        let (up, down) = (bad(w, true), bad(w, false));
        long && (w.from < bins / 50 + 1 && up <= down && down > 0.0 || down > 2.0 * up + 10.0)
    })?;
    let retest = Input {
        baseline: Some((healthy.from as u32, healthy.to as u32)),
        ..input.clone()
    };
    let run = |s: &Source| test_source(s, bins, threshold, retest.baseline);
    let results = in_parallel(&retest.sources, run);
    let hits = collect_hits(&retest, &results);
    Some(fuse(&retest, hits))
}

#[cfg(test)]
mod tests {
    use super::super::series::Feature;
    use super::*;
    use crate::model::TemplateIx;

    fn input(features: Vec<(Vec<(u32, u32)>, bool)>) -> Input {
        let feature =
            |(i, (counts, indicates_problem)): (usize, (Vec<(u32, u32)>, bool))| Feature {
                kind: FeatureKind::Template(TemplateIx(i as u32)),
                counts,
                indicates_problem,
            };
        let features = features.into_iter().enumerate().map(feature).collect();
        let source = Source {
            name: "a".into(),
            from: 0,
            to: 900,
            features,
            ..Source::default()
        };
        Input {
            width: 2_000_000_000,
            start: 0,
            bins: 900,
            sources: vec![source],
            ..Input::default()
        }
    }

    fn steady(n: u32) -> Vec<(u32, u32)> {
        (0..900).map(|b| (b, n + (b * 31 + n * 7) % 3)).collect()
    }

    #[test]
    fn a_corpus_without_change_has_no_window() {
        let (windows, normal) = detect(&mut input(vec![(steady(5), false), (steady(9), false)]));
        assert!(windows.is_empty());
        assert!(normal.iter().filter(|n| **n).count() > 800);
    }

    #[test]
    fn new_errors_make_a_window_with_exact_edges() {
        let errors: Vec<(u32, u32)> = (300..600).map(|b| (b, 2)).collect();
        let (windows, _) = detect(&mut input(vec![
            (steady(5), false),
            (errors, true),
            (steady(4), false),
        ]));
        assert_eq!(windows.len(), 1, "{windows:?}");
        let w = &windows[0];
        assert!(
            w.from.abs_diff(300) <= 2 && w.to.abs_diff(600) <= 2,
            "{}..{}",
            w.from,
            w.to
        );
        assert!(w.severity >= Severity::Medium);
    }

    #[test]
    fn more_traffic_alone_has_low_severity() {
        let doubled = |n: u32| {
            steady(n)
                .into_iter()
                .map(|(b, x)| (b, if b > 450 { x * 2 } else { x }))
                .collect::<Vec<_>>()
        };
        let (windows, _) = detect(&mut input(vec![
            (doubled(12), false),
            (doubled(9), false),
            (doubled(15), false),
            (doubled(20), false),
        ]));
        assert!(
            windows.iter().all(|w| w.severity <= Severity::Low),
            "{windows:?}"
        );
    }
}

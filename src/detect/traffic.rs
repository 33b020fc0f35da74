//! Finds surges and droughts of ordinary lines: much more, or much less, than right before and than
//! ever else in the corpus. Handles numbers only.

use super::finding::{Finding, Scope, What};
use super::series::{Feature, FeatureKind, Input, Occurrences, Source, prefix};
use super::stat::{deviance, median};
use crate::model::Moment;
use std::collections::BTreeMap;

/// Shortest surge and drought, in nanoseconds.
const MIN_LENGTH: i64 = 120_000_000_000;
/// Largest part of the corpus that a surge or drought covers, and that is tested.
const MAX_PART: usize = 3;
/// A surge has at least this many times the usual rate, a drought at most this share.
const SURGE: f64 = 4.0;
const DROUGHT: f64 = 0.35;
/// Compared with the largest, or the smallest, of all other times of the same length.
const BEYOND: f64 = 1.6;
/// Share of the usual number that there is right before a surge.
const PRESENT: f64 = 0.3;
/// Number of lines that a surge has, that are usual where one is, and that a drought lacks.
const MIN_SURGE: f64 = 60.0;
const MIN_USUAL: f64 = 8.0;
const MIN_LACKING: f64 = 40.0;
/// A usual message first appears in this part of the corpus.
const EARLY_PART: i64 = 4;
/// Series with fewer events are not tested.
const MIN_EVENTS: u64 = 150;

/// The surges and droughts of all series.
pub fn traffic_changes(input: &Input, scope: &Scope) -> Vec<Finding> {
    let mut out = Vec::new();
    for (i, s) in input.sources.iter().enumerate() {
        let early = scope.start + scope.span() / EARLY_PART;
        // What came only later stops when its cause ends.
        let can_lack = |kind: FeatureKind, time: (Moment, Moment)| {
            let own = || {
                let is_own = |o: &&Occurrences| Some(o.template) == kind.template();
                s.occurrences.iter().filter(is_own)
            };
            let is_early = own().map(|o| o.first).min().is_none_or(|t| t <= early);
            kind.template().is_none() || is_early && !own().any(|o| s.is_level_change(o, time))
        };
        // Debug lines that came only later: the level of the log changed.
        let has_begun = |kind: FeatureKind| {
            let is_own = |o: &&Occurrences| Some(o.template) == kind.template();
            let mut own = s.occurrences.iter().filter(is_own);
            own.any(|o| o.is_debug && o.first > early)
        };
        for (k, f) in s.features.iter().enumerate() {
            let total: u64 = f.counts.iter().map(|c| u64::from(c.1)).sum();
            let is_traffic = matches!(
                f.kind,
                FeatureKind::All | FeatureKind::Template(_) | FeatureKind::Word(..)
            );
            if !is_traffic || total < MIN_EVENTS {
                continue;
            }
            let moment = |bin: usize| input.start + bin as i64 * input.width;
            // A single value can become rare for many reasons.
            let counts = |c: &Change| {
                let is_word = matches!(f.kind, FeatureKind::Word(..));
                c.observed > c.expected && !has_begun(f.kind)
                    || c.observed < c.expected
                        && !is_word
                        && !f.indicates_problem
                        && can_lack(f.kind, (moment(c.from), moment(c.to)))
            };
            let lines = match f.kind {
                FeatureKind::All => without_debug(s, &f.counts),
                _ => f.counts.clone(),
            };
            let found = change(&lines, input, s).filter(counts);
            if let Some(c) = found.filter(|c| c.evidence > scope.threshold) {
                out.push(Finding::new(
                    i,
                    f.kind.template(),
                    (moment(c.from), moment(c.to)),
                    c.evidence - scope.threshold,
                    What::Traffic {
                        feature: k,
                        observed: c.observed,
                        expected: c.expected,
                    },
                ));
            }
        }
    }
    out
}

/// The counts of all lines without debug lines, which come and go with the level of the log.
fn without_debug(s: &Source, counts: &[(u32, u32)]) -> Vec<(u32, u32)> {
    let is_debug = |f: &&Feature| {
        let FeatureKind::Template(template) = f.kind else {
            return false;
        };
        s.occurrences
            .iter()
            .any(|o| o.is_debug && o.template == template)
    };
    let mut out: BTreeMap<u32, u32> = counts.iter().copied().collect();
    for (bin, n) in s.features.iter().filter(is_debug).flat_map(|f| &f.counts) {
        if let Some(all) = out.get_mut(bin) {
            *all = all.saturating_sub(*n);
        }
    }
    out.into_iter().collect()
}

/// A change of the counts in the bins `from..to`.
struct Change {
    from: usize,
    to: usize,
    observed: f64,
    expected: f64,
    evidence: f64,
}

/// The strongest change of a series at any length.
fn change(counts: &[(u32, u32)], input: &Input, s: &Source) -> Option<Change> {
    let (from, to) = (s.from as usize, s.to as usize);
    let bins = to.checked_sub(from)?;
    let sums = prefix(counts, input.bins as usize);
    let shortest = (MIN_LENGTH / input.width.max(1)).max(1) as usize;
    let lengths = std::iter::successors(Some(shortest), |w| Some(w + w.div_ceil(2)))
        .take_while(|w| w * MAX_PART <= bins);
    lengths
        .filter_map(|w| of_length(&sums, from, to, w))
        .chain(lasting_drought(&sums, from, to, shortest))
        .max_by(|a, b| a.evidence.total_cmp(&b.evidence))
}

/// The strongest change of one length.
fn of_length(sums: &[f64], from: usize, to: usize, w: usize) -> Option<Change> {
    let step = (w / 4).max(1);
    let windows: Vec<(usize, f64)> = (from..=to - w)
        .step_by(step)
        .map(|a| (a, sums[a + w] - sums[a]))
        .collect();
    let usual = median(&mut windows.iter().map(|x| x.1).collect::<Vec<_>>());
    let most = windows
        .iter()
        .max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))?;
    let least = windows
        .iter()
        .min_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)))?;
    let others = |at: usize| {
        let apart = move |x: &&(usize, f64)| x.0.abs_diff(at) >= 2 * w;
        windows.iter().filter(apart).map(|x| x.1)
    };
    // The time right before has the same length, or what there is of it.
    let before = |at: usize| {
        let start = at.saturating_sub(w).max(from);
        (at > start).then(|| (sums[at] - sums[start]) * w as f64 / (at - start) as f64)
    };
    // Variance of the counts divided by their mean, from the median deviation.
    let mut deviations: Vec<f64> = windows.iter().map(|x| (x.1 - usual).abs()).collect();
    let phi = ((1.48 * median(&mut deviations)).powi(2) / usual.max(1.0)).max(1.0);
    let found = |at: usize, observed: f64, expected: f64| Change {
        from: at,
        to: at + w,
        observed,
        expected,
        evidence: deviance(observed, expected.max(0.5)).powi(2) / 2.0 / phi,
    };
    let surge = before(most.0).and_then(|b| {
        let expected = usual.max(b);
        let largest = others(most.0).fold(0.0, f64::max);
        // What begins is no surge.
        let is_surge = b >= PRESENT * usual
            && most.1 >= MIN_SURGE
            && expected >= MIN_USUAL
            && most.1 >= SURGE * expected
            && most.1 >= BEYOND * largest;
        is_surge.then(|| found(most.0, most.1, expected))
    });
    let drought = before(least.0).and_then(|b| {
        let expected = usual.min(b);
        let smallest = others(least.0).fold(f64::INFINITY, f64::min);
        let is_drought = expected - least.1 >= MIN_LACKING
            && least.1 <= DROUGHT * expected
            && least.1 * BEYOND <= smallest
            && drops_at_once(sums, from, least.0, w);
        is_drought.then(|| found(least.0, least.1, expected))
    });
    surge
        .into_iter()
        .chain(drought)
        .max_by(|a, b| a.evidence.total_cmp(&b.evidence))
}

/// A drought that lasts from any time until the end: longer than the other droughts that are tested,
/// so that only the time before says what is usual.
fn lasting_drought(sums: &[f64], from: usize, to: usize, shortest: usize) -> Option<Change> {
    let bins = to - from;
    let part = (bins / 20).max(shortest);
    if bins < MAX_PART * part {
        return None;
    }
    let starts = (from + bins / 5..=to - (bins / 10).max(1)).step_by((part / 4).max(1));
    starts
        .filter_map(|at| {
            let rate = (sums[at] - sums[from]) / (at - from).max(1) as f64;
            let expected = rate * (to - at) as f64;
            let observed = sums[to] - sums[at];
            let smallest = (from..=at.saturating_sub(part))
                .step_by((part / 2).max(1))
                .map(|a| sums[a + part] - sums[a])
                .fold(f64::INFINITY, f64::min);
            let largest = (at..=to - part.min(to - at))
                .step_by((part / 2).max(1))
                .map(|a| sums[(a + part).min(to)] - sums[a])
                .fold(0.0, f64::max);
            let is_drought = expected - observed >= MIN_LACKING
                && observed <= DROUGHT * expected
                && largest * BEYOND <= smallest
                && drops_at_once(sums, from, at, 4 * part);
            is_drought.then(|| Change {
                from: at,
                to,
                observed,
                expected,
                evidence: deviance(observed, expected).powi(2) / 2.0,
            })
        })
        .max_by(|a, b| a.evidence.total_cmp(&b.evidence))
}

/// True if the rate drops within a short time, as with a fault, and not gradually, as at night.
fn drops_at_once(sums: &[f64], from: usize, at: usize, w: usize) -> bool {
    let after_at = sums.len() - 1 - at;
    let part = (w / 4).max(1).min(at - from).min(after_at);
    let before = sums[at] - sums[at - part];
    let after = sums[at + part] - sums[at];
    before >= MIN_USUAL && after <= DROUGHT * before
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::TemplateIx;

    fn find(rate: impl Fn(u32) -> u32) -> Vec<Finding> {
        let feature = Feature {
            kind: FeatureKind::Template(TemplateIx(0)),
            counts: (0..360).map(|b| (b, rate(b) + b * 7 % 3)).collect(),
            indicates_problem: false,
        };
        let source = Source {
            from: 0,
            to: 360,
            features: vec![feature],
            ..Source::default()
        };
        let input = Input {
            width: 10_000_000_000,
            start: 0,
            bins: 360,
            sources: vec![source],
            ..Input::default()
        };
        let scope = Scope::of_seconds(3600, 7.0);
        traffic_changes(&input, &scope)
    }

    #[test]
    fn surges_and_droughts_are_found() {
        let within = |b: u32| (200..230).contains(&b);
        let surge = find(|b| if within(b) { 60 } else { 10 });
        assert!(
            matches!(surge[0].what, What::Traffic { observed, expected, .. } if observed > 4.0 * expected)
        );
        let drought = find(|b| if within(b) { 1 } else { 10 });
        assert!(
            matches!(drought[0].what, What::Traffic { observed, expected, .. } if observed < expected)
        );
    }

    #[test]
    fn rhythms_and_doublings_are_not_found() {
        let day =
            |b: u32| (30.0 - 25.0 * (f64::from(b) / 180.0 * std::f64::consts::TAU).cos()) as u32;
        assert!(find(day).is_empty());
        assert!(find(|b| if b > 180 { 20 } else { 10 }).is_empty());
        assert!(find(|b| if b % 60 < 8 { 70 } else { 8 }).is_empty());
    }
}

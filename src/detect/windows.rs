//! From series to windows: baseline, tests, fusion, recurrence, traffic, severity, in this order. The rules and their
//! figures come from an exploration on simulated faults and a real cluster bundle; none names a system. Knows numbers only.

use super::baseline::{LEAST_SHARE, lowest, start};
use super::fuse::{SeriesHit, edges, stretches, trim};
use super::scan::{self, Frame};
use super::series::{FeatureKind, Input, Source, prefix};
use super::stat::median;
use crate::model::Severity;

/// Sources with fewer bins are not judged.
const LEAST_BINS: u32 = 20;
const ROUNDS: usize = 6;
/// Chance of one false finding in the whole corpus.
const ALPHA: f64 = 0.05;

/// What was found in one series within a window.
#[derive(Clone, Debug)]
pub struct Found {
    pub source: usize,
    /// Place in the source's features, or behind them in its values.
    pub series: usize,
    pub from: u32,
    pub to: u32,
    pub up: bool,
    pub evidence: f64,
    pub observed: f64,
    pub expected: f64,
    /// Trouble: more errors, slower, less of what is normal.
    pub harm: bool,
}

/// A window in bins.
#[derive(Clone, Debug)]
pub struct Raw {
    pub from: usize,
    pub to: usize,
    pub severity: Severity,
    /// Sum over the series of their best evidence, in nats.
    pub strength: f64,
    pub load: Option<f64>,
    pub found: Vec<Found>,
}

pub fn is_value(input: &Input, f: &Found) -> bool {
    f.series >= input.sources[f.source].features.len()
}

/// All windows, in order of time, and the bins taken as normal by most sources.
pub fn detect(input: &mut Input) -> (Vec<Raw>, Vec<bool>) {
    let bins = input.bins as usize;
    add_tails(input);
    let input = &*input;
    let tests: f64 = input
        .sources
        .iter()
        .map(|s| (s.features.len() + s.values.len()) as f64 * f64::from(s.to - s.from) * 9.0)
        .sum();
    let price = (tests.max(1.0) / ALPHA).ln();
    let judge = |s: &Source| judge_source(s, bins, price, input.baseline);
    let judged = in_parallel(&input.sources, judge);
    let normal = majority(&judged, input);
    let hits = gather(input, &judged);
    let mut windows = fuse(input, hits);
    if let Some(inverted) = two_states(input, &windows, price) {
        windows = inverted;
    }
    windows.iter_mut().for_each(|w| weigh(input, w));
    windows.retain(|w| !w.found.is_empty());
    (windows, normal)
}

/// Counts the values above what is seen normally: a tenth of the calls may be slow while the middle stays where it was.
fn add_tails(input: &mut Input) {
    let bins = input.bins as usize;
    let given = input.baseline;
    for s in input
        .sources
        .iter_mut()
        .filter(|s| s.to - s.from.min(s.to) >= LEAST_BINS && !s.values.is_empty())
    {
        let normal = match given {
            Some((a, z)) => (0..bins)
                .map(|b| (a as usize..z as usize).contains(&b))
                .collect(),
            None => start(s, bins).0,
        };
        for v in &s.values {
            let mut usual: Vec<f32> = v
                .points
                .iter()
                .filter(|(b, _)| normal.get(*b as usize) == Some(&true))
                .map(|(_, x)| *x)
                .collect();
            if usual.len() < 40 {
                continue;
            }
            usual.sort_unstable_by(f32::total_cmp);
            let (middle, high) = (usual[usual.len() / 2], usual[usual.len() * 99 / 100]);
            if high < 1.2 * middle {
                continue;
            }
            let mut counts: Vec<(u32, u32)> = Vec::new();
            for (b, _) in v.points.iter().filter(|(_, x)| *x > high) {
                match counts.last_mut() {
                    Some(last) if last.0 == *b => last.1 += 1,
                    _ => counts.push((*b, 1)),
                }
            }
            s.features.push(super::series::Feature {
                kind: FeatureKind::Tail(v.template, v.variable),
                counts,
                bad: false,
            });
        }
    }
}

type Judged = (Vec<(usize, scan::Hit)>, Vec<bool>);

fn in_parallel(sources: &[Source], judge: impl Fn(&Source) -> Judged + Sync) -> Vec<Judged> {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let out: Vec<std::sync::Mutex<Judged>> = sources
        .iter()
        .map(|_| std::sync::Mutex::default())
        .collect();
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(i) = Some(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
                    .filter(|i| *i < sources.len())
                {
                    *out[i]
                        .lock()
                        .unwrap_or_else(std::sync::PoisonError::into_inner) = judge(&sources[i]);
                }
            });
        }
    });
    out.into_iter()
        .map(|m| {
            m.into_inner()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
        })
        .collect()
}

/// Tests one source; what is found leaves the baseline, until nothing new is found.
fn judge_source(s: &Source, bins: usize, price: f64, given: Option<(u32, u32)>) -> Judged {
    if s.to - s.from < LEAST_BINS {
        return (Vec::new(), vec![false; bins]);
    }
    let (mut normal, fixed) = match given {
        Some((a, z)) => (
            (0..bins)
                .map(|b| (a as usize..z as usize).contains(&b))
                .collect(),
            true,
        ),
        None => start(s, bins),
    };
    let mut hits = test(s, &normal, price);
    for _ in 0..if fixed { 0 } else { ROUNDS } {
        let next = without(s, &hits, bins);
        if next == normal {
            break;
        }
        normal = next;
        hits = test(s, &normal, price);
    }
    (hits, normal)
}

fn test(s: &Source, normal: &[bool], price: f64) -> Vec<(usize, scan::Hit)> {
    let frame = Frame {
        from: s.from as usize,
        to: s.to as usize,
        normal,
        price,
    };
    let mut out = Vec::new();
    for (i, f) in s.features.iter().enumerate() {
        out.extend(scan::counts(&f.counts, &frame).into_iter().map(|h| (i, h)));
    }
    for (i, v) in s.values.iter().enumerate() {
        out.extend(
            scan::values(&v.points, &frame)
                .into_iter()
                .map(|h| (s.features.len() + i, h)),
        );
    }
    out
}

/// The bins without evidence and not next to any; at least a share of them, the least suspect ones.
fn without(s: &Source, hits: &[(usize, scan::Hit)], bins: usize) -> Vec<bool> {
    let (from, to) = (s.from as usize, s.to as usize);
    let mut evidence = vec![0.0; to - from];
    for (_, h) in hits {
        for b in (h.from as usize).saturating_sub(1).max(from)..(h.to as usize + 1).min(to) {
            evidence[b - from] += h.evidence;
        }
    }
    let clean = evidence.iter().filter(|e| **e == 0.0).count();
    if clean as f64 >= LEAST_SHARE * evidence.len() as f64 {
        return (0..bins)
            .map(|b| b >= from && b < to && evidence[b - from] == 0.0)
            .collect();
    }
    lowest(&evidence, LEAST_SHARE, from, bins)
}

fn majority(judged: &[Judged], input: &Input) -> Vec<bool> {
    let bins = input.bins as usize;
    let mut votes = vec![(0u32, 0u32); bins];
    for ((_, normal), s) in judged
        .iter()
        .zip(&input.sources)
        .filter(|(_, s)| s.to - s.from >= LEAST_BINS)
    {
        for b in s.from as usize..s.to as usize {
            votes[b].0 += u32::from(normal[b]);
            votes[b].1 += 1;
        }
    }
    votes.iter().map(|(yes, all)| yes * 2 > *all).collect()
}

/// Trims the hits, and drops what recurs by itself.
fn gather(input: &Input, judged: &[Judged]) -> Vec<SeriesHit> {
    let mut out = Vec::new();
    for (source, (hits, _)) in judged.iter().enumerate() {
        let s = &input.sources[source];
        let mut start = 0;
        while start < hits.len() {
            let series = hits[start].0;
            let end = start + hits[start..].iter().take_while(|h| h.0 == series).count();
            let mut own: Vec<scan::Hit> = hits[start..end].iter().map(|h| h.1).collect();
            if let Some(f) = s.features.get(series) {
                own.iter_mut().for_each(|h| trim(h, f));
                recurrent(&mut own, s, series);
            }
            out.extend(own.into_iter().map(|hit| SeriesHit {
                source,
                series,
                hit,
            }));
            start = end;
        }
    }
    out
}

/// What comes again and again at the same strength is how this source is: information early, errors when chronic.
fn recurrent(hits: &mut Vec<scan::Hit>, s: &Source, series: usize) {
    let feature = &s.features[series];
    let sums = prefix(&feature.counts, s.to as usize);
    hits.retain_mut(|h| {
        if !h.up {
            return true;
        }
        let w = (h.to - h.from) as usize;
        let level = h.expected + (0.5 * (h.observed - h.expected)).max(1.0);
        let (mut episodes, mut first, mut last, mut a) = (0, usize::MAX, 0, s.from as usize);
        while a + w <= s.to as usize {
            if sums[a + w] - sums[a] >= level {
                let apart = a + w <= h.from as usize || a >= h.to as usize;
                episodes += usize::from(apart);
                (first, last) = (first.min(a), a + w);
                // The next episode is a separate one.
                a += 2 * w;
            } else {
                a += 1;
            }
        }
        let spread = last.saturating_sub(first) as f64 / f64::from((s.to - s.from).max(1));
        match (feature.bad, episodes) {
            (false, 0) | (true, 0..4) => true,
            (false, 1) => {
                h.evidence = h.evidence.min(3.0);
                true
            }
            (false, _) => false,
            (true, _) => spread < 0.6,
        }
    });
}

fn fuse(input: &Input, hits: Vec<SeriesHit>) -> Vec<Raw> {
    let bins = input.bins as usize;
    let gap = (30_000_000_000 / input.width.max(1)).max(2) as usize;
    let mut out = Vec::new();
    for (from, to) in stretches(&hits, bins, gap) {
        let inside: Vec<&SeriesHit> = hits
            .iter()
            .filter(|h| (h.hit.from as usize) < to && (h.hit.to as usize) > from)
            .collect();
        let (from, to) = edges(input, &inside, (from, to));
        out.push(Raw {
            from,
            to,
            severity: Severity::Low,
            strength: 0.0,
            load: None,
            found: best(input, &inside, (from, to)),
        });
    }
    out
}

/// The strongest hit of each series, told over all of the window that its series was off.
fn best(input: &Input, hits: &[&SeriesHit], range: (usize, usize)) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    for h in hits {
        let harm = harm(input, h);
        let f = Found {
            source: h.source,
            series: h.series,
            from: h.hit.from,
            to: h.hit.to,
            up: h.hit.up,
            evidence: h.hit.evidence,
            observed: h.hit.observed,
            expected: h.hit.expected,
            harm,
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

/// A test has a certain length; what it found goes on as long as tests that overlap it find the same.
fn widen(input: &Input, f: &mut Found, hits: &[&SeriesHit], (from, to): (usize, usize)) {
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

fn harm(input: &Input, h: &SeriesHit) -> bool {
    let s = &input.sources[h.source];
    match s.features.get(h.series) {
        None => h.hit.up,
        Some(f) => match (f.kind, h.hit.up) {
            (FeatureKind::Tail(..), up) => up,
            (FeatureKind::Category(..), up) => up && f.bad,
            (_, true) => f.bad,
            (_, false) => !f.bad,
        },
    }
}

/// A window from the very beginning that heals, longer than a fifth of the corpus, is the healthy part of a corpus whose
/// larger part is the fault: test again with it as the baseline.
fn two_states(input: &Input, windows: &[Raw], price: f64) -> Option<Vec<Raw>> {
    if input.baseline.is_some() {
        return None;
    }
    let bins = input.bins as usize;
    let bad = |w: &Raw, up: bool| -> f64 {
        let of = |f: &&Found| {
            let s = &input.sources[f.source];
            let bad = s
                .features
                .get(f.series)
                .is_none_or(|x| x.bad || matches!(x.kind, FeatureKind::Tail(..)));
            bad && f.up == up
        };
        w.found.iter().filter(of).map(|f| f.evidence).sum()
    };
    let healthy = windows.iter().find(|w| {
        let long = (w.to - w.from) * 5 >= bins;
        let (up, down) = (bad(w, true), bad(w, false));
        long && (w.from < bins / 50 + 1 && up <= down && down > 0.0 || down > 2.0 * up + 10.0)
    })?;
    let again = Input {
        baseline: Some((healthy.from as u32, healthy.to as u32)),
        ..input.clone()
    };
    let judge = |s: &Source| judge_source(s, bins, price, again.baseline);
    let judged = in_parallel(&again.sources, judge);
    let hits = gather(&again, &judged);
    Some(fuse(&again, hits))
}

/// Load that moved everything explains what moved with it; the rest decides how bad it is.
fn weigh(input: &Input, w: &mut Raw) {
    w.load = load(input, w);
    if let Some(rho) = w.load.filter(|r| !(0.8..=1.25).contains(r)) {
        w.found.retain(|f| {
            let ratio = (f.observed + 0.5) / (f.expected + 0.5);
            let same = (ratio > 1.0) == (rho > 1.0) && (0.5..=2.0).contains(&(ratio / rho));
            is_value(input, f) || !same
        });
        if w.found.is_empty() {
            // Nothing but load: worth a line; nearly no load at all is worth more.
            w.severity = if rho < 0.25 {
                Severity::High
            } else {
                Severity::Low
            };
            return;
        }
    }
    w.found.sort_by(|a, b| {
        let key = |f: &Found| (f.harm, f.evidence, f.observed.max(f.expected));
        let ((h1, e1, o1), (h2, e2, o2)) = (key(a), key(b));
        h2.cmp(&h1)
            .then(e2.total_cmp(&e1))
            .then(o2.total_cmp(&o1))
            .then(a.source.cmp(&b.source))
            .then(a.series.cmp(&b.series))
    });
    w.strength = w.found.iter().map(|f| f.evidence).sum();
    let bad = |f: &Found| {
        input.sources[f.source]
            .features
            .get(f.series)
            .is_some_and(|x| x.bad)
            && f.up
    };
    let err = w.found.iter().any(bad);
    // One series can prove no more than so much; where errors come thick that did not come at all, that is enough.
    let flood = w
        .found
        .iter()
        .any(|f| bad(f) && f.observed >= 30.0 && f.observed >= 30.0 * f.expected.max(0.1));
    let mut sources: Vec<usize> = w.found.iter().map(|f| f.source).collect();
    sources.sort_unstable();
    sources.dedup();
    let (s, n) = (w.strength, sources.len());
    w.severity = match () {
        () if !w.found.iter().any(|f| f.harm) => Severity::Low,
        () if s >= 200.0 && n >= 3 && err => Severity::Critical,
        () if s >= 60.0 && (err || n >= 3) && (n >= 2 || w.found.len() >= 4) => Severity::High,
        () if s >= 20.0 && (err || w.found.len() >= 2) || flood => Severity::Medium,
        () => Severity::Low,
    };
}

/// How the well-filled series moved as a whole: median of observed against expected.
fn load(input: &Input, w: &Raw) -> Option<f64> {
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

#[cfg(test)]
mod tests {
    use super::super::series::Feature;
    use super::*;

    fn input(features: Vec<(Vec<(u32, u32)>, bool)>) -> Input {
        let feature = |(i, (counts, bad)): (usize, (Vec<(u32, u32)>, bool))| Feature {
            kind: FeatureKind::Template(i as u32),
            counts,
            bad,
        };
        let features = features.into_iter().enumerate().map(feature).collect();
        let source = Source {
            name: "a".into(),
            from: 0,
            to: 900,
            features,
            values: vec![],
        };
        Input {
            width: 2_000_000_000,
            start: 0,
            bins: 900,
            sources: vec![source],
            baseline: None,
        }
    }

    fn steady(n: u32) -> Vec<(u32, u32)> {
        (0..900).map(|b| (b, n + (b * 31 + n * 7) % 3)).collect()
    }

    #[test]
    fn a_quiet_corpus_has_no_window() {
        let (windows, normal) = detect(&mut input(vec![(steady(5), false), (steady(9), false)]));
        assert!(windows.is_empty());
        assert!(normal.iter().filter(|n| **n).count() > 800);
    }

    #[test]
    fn errors_that_are_new_make_a_window_with_tight_edges() {
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
    fn more_traffic_alone_is_low() {
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

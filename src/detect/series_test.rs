//! Tests each series of a source against its baseline. The sources are tested on several threads.
//! Handles numbers only; does not build windows.

use super::baseline::{MIN_SHARE, initial_baseline, lowest};
use super::fuse::{SeriesHit, trim};
use super::scan::{self, Frame};
use super::series::{FeatureKind, Input, Source, prefix};

/// Sources with fewer bins are not tested.
pub const MIN_BINS: u32 = 20;
/// Maximum number of times that the baseline of a source is refined.
const MAX_ROUNDS: usize = 6;

/// Number of bins of a source. A source whose lines are out of order can end before it starts.
fn bins_of(s: &Source) -> u32 {
    s.to.saturating_sub(s.from)
}

/// Adds count series of the values above the baseline's 99th percentile. A tenth of the calls can
/// be slow while the median does not change.
pub fn add_tails(input: &mut Input) {
    let bins = input.bins as usize;
    let given = input.baseline;
    for s in input
        .sources
        .iter_mut()
        .filter(|s| bins_of(s) >= MIN_BINS && !s.values.is_empty())
    {
        let normal = match given {
            Some((a, z)) => (0..bins)
                .map(|b| (a as usize..z as usize).contains(&b))
                .collect(),
            None => initial_baseline(s, bins).0,
        };
        for v in &s.values {
            let mut baseline_values: Vec<f32> = v
                .points
                .iter()
                .filter(|(b, _)| normal.get(*b as usize) == Some(&true))
                .map(|(_, x)| *x)
                .collect();
            if baseline_values.len() < 40 {
                continue;
            }
            baseline_values.sort_unstable_by(f32::total_cmp);
            let (p50, p99) = (
                baseline_values[baseline_values.len() / 2],
                baseline_values[baseline_values.len() * 99 / 100],
            );
            if p99 < 1.2 * p50 {
                continue;
            }
            let mut counts: Vec<(u32, u32)> = Vec::new();
            for (b, _) in v.points.iter().filter(|(_, x)| *x > p99) {
                match counts.last_mut() {
                    Some(last) if last.0 == *b => last.1 += 1,
                    _ => counts.push((*b, 1)),
                }
            }
            s.features.push(super::series::Feature {
                kind: FeatureKind::Tail(v.template, v.variable),
                counts,
                indicates_problem: false,
            });
        }
    }
}

/// The hits of one source with their series, and the source's baseline as one flag per bin.
pub type SourceResult = (Vec<(usize, scan::Hit)>, Vec<bool>);

/// Runs `run` for all sources on all CPU cores. Keeps the order of the sources.
pub fn in_parallel(
    sources: &[Source],
    run: impl Fn(&Source) -> SourceResult + Sync,
) -> Vec<SourceResult> {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let out: Vec<std::sync::Mutex<SourceResult>> = sources
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
                        .unwrap_or_else(std::sync::PoisonError::into_inner) = run(&sources[i]);
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

/// Tests one source. Removes the bins with evidence from the baseline and repeats until the
/// baseline does not change.
pub fn test_source(
    s: &Source,
    bins: usize,
    threshold: f64,
    given: Option<(u32, u32)>,
) -> SourceResult {
    if bins_of(s) < MIN_BINS {
        return (Vec::new(), vec![false; bins]);
    }
    let (mut normal, fixed) = match given {
        Some((a, z)) => (
            (0..bins)
                .map(|b| (a as usize..z as usize).contains(&b))
                .collect(),
            true,
        ),
        None => initial_baseline(s, bins),
    };
    let mut hits = test(s, &normal, threshold);
    for _ in 0..if fixed { 0 } else { MAX_ROUNDS } {
        let next = bins_without_evidence(s, &hits, bins);
        if next == normal {
            break;
        }
        normal = next;
        hits = test(s, &normal, threshold);
    }
    (hits, normal)
}

/// Tests all series of a source against one baseline.
pub fn test(s: &Source, normal: &[bool], threshold: f64) -> Vec<(usize, scan::Hit)> {
    let frame = Frame {
        from: s.from as usize,
        to: s.to as usize,
        normal,
        threshold,
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

/// The bins that neither have evidence nor are next to a bin with evidence. If these are fewer than
/// the minimum share, the bins with the least evidence.
pub fn bins_without_evidence(s: &Source, hits: &[(usize, scan::Hit)], bins: usize) -> Vec<bool> {
    let (from, to) = (s.from as usize, s.to as usize);
    let mut evidence = vec![0.0; to - from];
    for (_, h) in hits {
        for b in (h.from as usize).saturating_sub(1).max(from)..(h.to as usize + 1).min(to) {
            evidence[b - from] += h.evidence;
        }
    }
    let clean = evidence.iter().filter(|e| **e == 0.0).count();
    if clean as f64 >= MIN_SHARE * evidence.len() as f64 {
        return (0..bins)
            .map(|b| b >= from && b < to && evidence[b - from] == 0.0)
            .collect();
    }
    lowest(&evidence, MIN_SHARE, from, bins)
}

/// Per bin: in the baseline of more than half of the sources that cover it.
pub fn majority(results: &[SourceResult], input: &Input) -> Vec<bool> {
    let bins = input.bins as usize;
    let mut votes = vec![(0u32, 0u32); bins];
    for ((_, normal), s) in results
        .iter()
        .zip(&input.sources)
        .filter(|(_, s)| bins_of(s) >= MIN_BINS)
    {
        for b in s.from as usize..s.to as usize {
            votes[b].0 += u32::from(normal[b]);
            votes[b].1 += 1;
        }
    }
    votes.iter().map(|(yes, all)| yes * 2 > *all).collect()
}

/// Collects the hits of all sources, trims them and drops recurrent ones.
pub fn collect_hits(input: &Input, results: &[SourceResult]) -> Vec<SeriesHit> {
    let mut out = Vec::new();
    for (source, (hits, _)) in results.iter().enumerate() {
        let s = &input.sources[source];
        let mut start = 0;
        while start < hits.len() {
            let series = hits[start].0;
            let end = start + hits[start..].iter().take_while(|h| h.0 == series).count();
            let mut own: Vec<scan::Hit> = hits[start..end].iter().map(|h| h.1).collect();
            if let Some(f) = s.features.get(series) {
                own.iter_mut().for_each(|h| trim(h, f));
                drop_recurrent(&mut own, s, series);
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

/// Drops hits that recur at a similar strength, because they are normal for this source. Harmless
/// events are dropped if there are two other episodes. Errors are dropped only if there are four
/// other episodes over at least 60% of the time span.
pub fn drop_recurrent(hits: &mut Vec<scan::Hit>, s: &Source, series: usize) {
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
                // Leave a gap so that the next match is a separate episode.
                a += 2 * w;
            } else {
                a += 1;
            }
        }
        let spread = last.saturating_sub(first) as f64 / f64::from((s.to - s.from).max(1));
        match (feature.indicates_problem, episodes) {
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

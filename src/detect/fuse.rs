//! Combines the hits of all series into stretches of time and finds the best-fitting start and end.
//! Handles bins and indexes; does not know the names of sources.

use super::scan::Hit;
use super::series::prefix;
use super::series::{Feature, Input};

/// A hit and the series that it belongs to.
#[derive(Clone, Debug)]
pub struct SeriesHit {
    pub source: usize,
    /// Index into the source's features. Higher indexes continue into its values.
    pub series: usize,
    pub hit: Hit,
}

/// Merges hits into runs of bins (start, end). Gaps of up to `gap` bins are bridged.
pub fn stretches(hits: &[SeriesHit], bins: usize, gap: usize) -> Vec<(usize, usize)> {
    let mut covered = vec![false; bins];
    for h in hits {
        covered[h.hit.from as usize..(h.hit.to as usize).min(bins)].fill(true);
    }
    let mut out: Vec<(usize, usize)> = Vec::new();
    for b in (0..bins).filter(|b| covered[*b]) {
        match out.last_mut() {
            Some(last) if b <= last.1 + gap => last.1 = b + 1,
            _ => out.push((b, b + 1)),
        }
    }
    out
}

/// Removes bins from both ends of a hit while they do not deviate in the hit's direction.
pub fn trim(hit: &mut Hit, feature: &Feature) {
    let width = f64::from(hit.to - hit.from);
    let mean = hit.expected / width;
    let count = |b: u32| {
        feature
            .counts
            .binary_search_by_key(&b, |c| c.0)
            .map_or(0, |i| feature.counts[i].1)
    };
    let deviates = |b: u32| {
        if hit.up {
            f64::from(count(b)) > mean
        } else {
            f64::from(count(b)) < mean
        }
    };
    while hit.to > hit.from + 1 && !deviates(hit.to - 1) {
        hit.to -= 1;
    }
    while hit.to > hit.from + 1 && !deviates(hit.from) {
        hit.from += 1;
    }
}

/// The start and end of a stretch that maximize the likelihood gain of its strongest series.
pub fn edges(input: &Input, hits: &[&SeriesHit], (from, to): (usize, usize)) -> (usize, usize) {
    let margin = ((to - from) / 4).max(2);
    let (a, z) = (
        from.saturating_sub(margin),
        (to + margin).min(input.bins as usize),
    );
    let mut strongest: Vec<&SeriesHit> = hits.to_vec();
    strongest.sort_by(|x, y| {
        y.hit
            .evidence
            .total_cmp(&x.hit.evidence)
            .then(x.source.cmp(&y.source))
            .then(x.series.cmp(&y.series))
    });
    let mut used: Vec<(usize, usize)> = Vec::new();
    strongest.retain(|h| {
        let key = (h.source, h.series);
        let keep = !used.contains(&key) && h.series < input.sources[h.source].features.len();
        used.push(key);
        keep
    });
    strongest.truncate(16);
    let mut range = (from, to);
    for _ in 0..3 {
        let gains: Vec<f64> = gains(input, &strongest, (a, z), range);
        let Some(best) = largest_sum_run(&gains) else {
            return (from, to);
        };
        let next = (a + best.0, a + best.1);
        if next == range {
            break;
        }
        range = next;
    }
    range
}

/// Log-likelihood gain per bin of `a..z` if the rate is that of `from..to` instead of the expected
/// rate, summed over the series.
fn gains(
    input: &Input,
    strongest: &[&SeriesHit],
    (a, z): (usize, usize),
    (from, to): (usize, usize),
) -> Vec<f64> {
    let mut out = vec![0.0; z - a];
    for h in strongest {
        let feature = &input.sources[h.source].features[h.series];
        let sums = prefix(&feature.counts, input.bins as usize);
        let m0 = (h.hit.expected / f64::from(h.hit.to - h.hit.from)).max(1e-3);
        let m1 = ((sums[to] - sums[from]) / (to - from) as f64).max(1e-3);
        for (i, gain) in out.iter_mut().enumerate() {
            let x = sums[a + i + 1] - sums[a + i];
            *gain += (x * (m1 / m0).ln() - (m1 - m0)).clamp(-6.0, 6.0);
        }
    }
    out
}

/// The run of bins with the largest sum (Kadane's algorithm), or `None` if no gain is positive.
fn largest_sum_run(gains: &[f64]) -> Option<(usize, usize)> {
    let (mut best, mut sum, mut start) = ((0.0, 0, 0), 0.0, 0);
    for (i, g) in gains.iter().enumerate() {
        if sum <= 0.0 {
            (sum, start) = (0.0, i);
        }
        sum += g;
        if sum > best.0 {
            best = (sum, start, i + 1);
        }
    }
    (best.2 > best.1).then_some((best.1, best.2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearby_runs_are_merged_into_one_stretch() {
        let hit = |from, to| SeriesHit {
            source: 0,
            series: 0,
            hit: Hit {
                from,
                to,
                up: true,
                evidence: 5.0,
                observed: 9.0,
                expected: 1.0,
            },
        };
        assert_eq!(
            stretches(&[hit(2, 4), hit(6, 8), hit(30, 31)], 40, 3),
            [(2, 8), (30, 31)]
        );
    }

    #[test]
    fn the_run_with_the_largest_sum_is_found() {
        assert_eq!(
            largest_sum_run(&[-1.0, 2.0, -0.5, 3.0, -4.0, 1.0]),
            Some((1, 4))
        );
        assert_eq!(largest_sum_run(&[-1.0]), None);
    }
}

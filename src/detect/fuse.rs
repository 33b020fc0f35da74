//! Hits of all series -> stretches of time: where evidence adds up, with edges that fit best. Knows no names.

use super::scan::Hit;
use super::series::prefix;
use super::series::{Feature, Input};

/// A hit with the series that it is of.
#[derive(Clone, Debug)]
pub struct SeriesHit {
    pub source: usize,
    /// Place in the source's features, or behind them in its values.
    pub series: usize,
    pub hit: Hit,
}

/// Bins of the runs of hits; gaps of up to `gap` bins are bridged.
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

/// Cuts bins off the ends of a hit while they do not deviate in its direction.
pub fn trim(hit: &mut Hit, feature: &Feature) {
    let width = f64::from(hit.to - hit.from);
    let mean = hit.expected / width;
    let count = |b: u32| {
        feature
            .counts
            .binary_search_by_key(&b, |c| c.0)
            .map_or(0, |i| feature.counts[i].1)
    };
    let odd = |b: u32| {
        if hit.up {
            f64::from(count(b)) > mean
        } else {
            f64::from(count(b)) < mean
        }
    };
    while hit.to > hit.from + 1 && !odd(hit.to - 1) {
        hit.to -= 1;
    }
    while hit.to > hit.from + 1 && !odd(hit.from) {
        hit.from += 1;
    }
}

/// Start and end of a stretch where the likelihood gain of its strongest series is largest.
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
        let fresh = !used.contains(&key) && h.series < input.sources[h.source].features.len();
        used.push(key);
        fresh
    });
    strongest.truncate(16);
    let mut range = (from, to);
    for _ in 0..3 {
        let gains: Vec<f64> = gains(input, &strongest, (a, z), range);
        let Some(best) = heaviest(&gains) else {
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

/// The run with the largest sum.
fn heaviest(gains: &[f64]) -> Option<(usize, usize)> {
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
    fn near_runs_are_one_stretch() {
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
    fn the_heaviest_run_is_found() {
        assert_eq!(heaviest(&[-1.0, 2.0, -0.5, 3.0, -4.0, 1.0]), Some((1, 4)));
        assert_eq!(heaviest(&[-1.0]), None);
    }
}

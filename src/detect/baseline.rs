//! Chooses the initial baseline of a source: the bins in which most series are near their median.
//! Handles one source at a time.

use super::series::{Source, prefix};
use super::stat::{median, rank_trend};

/// The distance from the median is measured over windows of 1/40 of the source's time span.
const PARTS: usize = 40;
/// Cap on the deviation of one series, so that a single noisy series does not decide the result.
const MAX_DEVIATION: f64 = 4.0;
/// Minimum share of bins that stays in the baseline, whatever is found.
pub const MIN_SHARE: f64 = 0.4;

/// Minimum rank correlation with time and minimum number of points for values to count as a leak.
/// The baseline is then the beginning of the source, not its middle.
const MIN_TREND: f64 = 0.5;
const MIN_POINTS: usize = 60;

/// The initial baseline as one flag per bin, and whether it is final. If a value was steady and
/// then rose continuously (a leak), the baseline is the first third and final: refining it would
/// accept the middle of the leak as normal. Otherwise the baseline is the half nearest to the
/// medians.
pub fn initial_baseline(source: &Source, bins: usize) -> (Vec<bool>, bool) {
    let third = source.from + (source.to - source.from) / 3;
    let leaks = source.values.iter().any(|v| {
        let early_points = v.points.partition_point(|p| p.0 < third);
        early_points >= MIN_POINTS / 3
            && v.points.len() >= MIN_POINTS
            && rank_trend(&v.points) >= MIN_TREND
            && rank_trend(&v.points[..early_points]).abs() < MIN_TREND / 2.0
            && rank_trend(&v.points[early_points..]) >= MIN_TREND
    });
    if leaks {
        return (
            (0..bins as u32)
                .map(|b| (source.from..third).contains(&b))
                .collect(),
            true,
        );
    }
    (median_start(source, bins), false)
}

/// The half of the bins that is nearest to the medians of all series.
fn median_start(source: &Source, bins: usize) -> Vec<bool> {
    let (from, to) = (source.from as usize, source.to as usize);
    let width = ((to - from) / PARTS).max(1);
    let mut distance = vec![0.0; to - from];
    for f in &source.features {
        let total: u64 = f.counts.iter().map(|(_, n)| u64::from(*n)).sum();
        if total < 8 {
            continue;
        }
        let sums = prefix(&f.counts, bins);
        let roots: Vec<f64> = (from..to)
            .map(|b| {
                let (a, z) = window(b, width, from, to);
                ((sums[z] - sums[a]) * width as f64 / (z - a) as f64 + 0.375).sqrt()
            })
            .collect();
        add_distance(&roots, width, &mut distance);
    }
    for v in &source.values {
        add_distance(
            &mean_ranks(&v.points, from, to, width),
            width,
            &mut distance,
        );
    }
    let smooth: Vec<f64> = (0..distance.len())
        .map(|i| {
            let (a, z) = (
                i.saturating_sub(width / 2),
                (i + width / 2 + 1).min(distance.len()),
            );
            distance[a..z].iter().copied().fold(f64::INFINITY, f64::min)
        })
        .collect();
    lowest(&smooth, 0.5, from, bins)
}

/// The window of `width` bins around bin `b`, moved to fit into `from..to`.
fn window(b: usize, width: usize, from: usize, to: usize) -> (usize, usize) {
    let a = b.saturating_sub(width / 2).max(from);
    let z = (a + width).min(to);
    (z.saturating_sub(width).max(from), z)
}

/// Adds each bin's distance from the series' median, in units of its spread (scaled MAD), to
/// `distance`.
fn add_distance(series: &[f64], width: usize, distance: &mut [f64]) {
    let mid = median(&mut series.to_vec());
    let mad = median(&mut series.iter().map(|x| (x - mid).abs()).collect::<Vec<_>>());
    let scale = 1.48 * mad + 0.3 * (width as f64).sqrt().min(3.0);
    distance
        .iter_mut()
        .zip(series)
        .for_each(|(d, x)| *d += ((x - mid).abs() / scale).min(MAX_DEVIATION));
}

/// Mean centered rank of the values around each bin, times the square root of their number.
fn mean_ranks(points: &[(u32, f32)], from: usize, to: usize, width: usize) -> Vec<f64> {
    let mut sorted: Vec<f32> = points.iter().map(|(_, v)| *v).collect();
    sorted.sort_unstable_by(f32::total_cmp);
    let (mut sum, mut n) = (vec![0.0; to + 1], vec![0.0f64; to + 1]);
    for (b, v) in points.iter().filter(|(b, _)| (*b as usize) < to) {
        sum[*b as usize + 1] += super::stat::centered_rank(&sorted, *v);
        n[*b as usize + 1] += 1.0;
    }
    for i in 0..to {
        sum[i + 1] += sum[i];
        n[i + 1] += n[i];
    }
    (from..to)
        .map(|b| {
            let (a, z) = window(b, width, from, to);
            (sum[z] - sum[a]) / (n[z] - n[a]).max(1.0).sqrt() * 3.4
        })
        .collect()
}

/// Marks the given share of bins (rounded up) with the lowest cost. On ties, earlier bins are
/// first.
pub fn lowest(cost: &[f64], share: f64, from: usize, bins: usize) -> Vec<bool> {
    let mut order: Vec<usize> = (0..cost.len()).collect();
    order.sort_by(|a, b| cost[*a].total_cmp(&cost[*b]).then(a.cmp(b)));
    let mut out = vec![false; bins];
    let keep = ((cost.len() as f64 * share).ceil() as usize).min(cost.len());
    order[..keep].iter().for_each(|i| out[from + i] = true);
    out
}

#[cfg(test)]
mod tests {
    use super::super::series::{Feature, FeatureKind};
    use super::*;
    use crate::model::TemplateIx;

    #[test]
    fn the_baseline_of_a_leak_is_its_beginning() {
        let points = |from: u32| {
            (0..900u32)
                .map(|b| (b, (b * 7 % 5) as f32 + b.saturating_sub(from) as f32 * 0.2))
                .collect()
        };
        let source = |from: u32| {
            let values = super::super::series::Values {
                template: TemplateIx(0),
                variable: 0,
                is_mixed: false,
                points: points(from),
            };
            Source {
                name: "a".into(),
                from: 0,
                to: 900,
                values: vec![values],
                ..Source::default()
            }
        };
        let (normal, fixed) = initial_baseline(&source(320), 900);
        assert!(fixed && normal[..300].iter().all(|n| *n) && normal[300..].iter().all(|n| !n));
        assert!(
            !initial_baseline(&source(0), 900).1,
            "a value that rises from the first line has no steady beginning to compare with"
        );
    }

    #[test]
    fn an_anomalous_stretch_is_not_in_the_baseline() {
        let counts = (0..400)
            .map(|b| (b, if (150..250).contains(&b) { 40 } else { 10 }))
            .collect();
        let feature = Feature {
            kind: FeatureKind::Template(TemplateIx(0)),
            counts,
            indicates_problem: false,
        };
        let source = Source {
            name: "a".into(),
            from: 0,
            to: 400,
            features: vec![feature],
            ..Source::default()
        };
        let normal = median_start(&source, 400);
        assert!(normal[160..240].iter().filter(|x| **x).count() < 10);
        assert_eq!(normal.iter().filter(|x| **x).count(), 200);
    }
}

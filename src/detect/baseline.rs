//! Which bins of a source are normal: those in which most series are near their own median. Knows one source at a time.

use super::series::{Source, prefix};
use super::stat::{median, rank_trend};

/// Windows of a fortieth of the coverage are judged as one.
const PARTS: usize = 40;
/// Deviation of one series is capped, so that one wild series does not decide.
const CAP: f64 = 4.0;
/// Share of bins that stays normal whatever is found.
pub const LEAST_SHARE: f64 = 0.4;

/// Values that rise so steadily, from so few on, are a leak: what is usual is then how it began, not its middle.
const DRIFT: f64 = 0.5;
const LEAST_POINTS: usize = 60;

/// What is taken as normal before anything is known, and whether that is final: the beginning, where a quantity was
/// steady and then rose and rose (looking again would take the leak's own middle as normal); else what lies in the middle.
pub fn start(source: &Source, bins: usize) -> (Vec<bool>, bool) {
    let third = source.from + (source.to - source.from) / 3;
    let leaks = source.values.iter().any(|v| {
        let begun = v.points.partition_point(|p| p.0 < third);
        begun >= LEAST_POINTS / 3
            && v.points.len() >= LEAST_POINTS
            && rank_trend(&v.points) >= DRIFT
            && rank_trend(&v.points[..begun]).abs() < DRIFT / 2.0
            && rank_trend(&v.points[begun..]) >= DRIFT
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

/// The half of the bins that lie nearest to the medians of all series.
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
        add(&roots, width, &mut distance);
    }
    for v in &source.values {
        add(
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

fn window(b: usize, width: usize, from: usize, to: usize) -> (usize, usize) {
    let a = b.saturating_sub(width / 2).max(from);
    let z = (a + width).min(to);
    (z.saturating_sub(width).max(from), z)
}

fn add(series: &[f64], width: usize, distance: &mut [f64]) {
    let mid = median(&mut series.to_vec());
    let mad = median(&mut series.iter().map(|x| (x - mid).abs()).collect::<Vec<_>>());
    let scale = 1.48 * mad + 0.3 * (width as f64).sqrt().min(3.0);
    distance
        .iter_mut()
        .zip(series)
        .for_each(|(d, x)| *d += ((x - mid).abs() / scale).min(CAP));
}

/// Mean centred rank of the values around each bin, times the root of their number.
fn mean_ranks(points: &[(u32, f32)], from: usize, to: usize, width: usize) -> Vec<f64> {
    let mut sorted: Vec<f32> = points.iter().map(|(_, v)| *v).collect();
    sorted.sort_unstable_by(f32::total_cmp);
    let (mut sum, mut n) = (vec![0.0; to + 1], vec![0.0f64; to + 1]);
    for (b, v) in points.iter().filter(|(b, _)| (*b as usize) < to) {
        sum[*b as usize + 1] += super::stat::centred_rank(&sorted, *v);
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

/// Exactly that share of the bins with the lowest cost; ties by place.
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

    #[test]
    fn where_values_rise_and_rise_the_beginning_is_normal() {
        let points = |from: u32| {
            (0..900u32)
                .map(|b| (b, (b * 7 % 5) as f32 + b.saturating_sub(from) as f32 * 0.2))
                .collect()
        };
        let source = |from: u32| {
            let values = super::super::series::Values {
                template: 0,
                variable: 0,
                points: points(from),
            };
            Source {
                name: "a".into(),
                from: 0,
                to: 900,
                features: vec![],
                values: vec![values],
            }
        };
        let (normal, fixed) = start(&source(320), 900);
        assert!(fixed && normal[..300].iter().all(|n| *n) && normal[300..].iter().all(|n| !n));
        assert!(
            !start(&source(0), 900).1,
            "what rises from the first line on has no beginning to compare with"
        );
    }

    #[test]
    fn the_odd_stretch_is_not_taken_as_normal() {
        let counts = (0..400)
            .map(|b| (b, if (150..250).contains(&b) { 40 } else { 10 }))
            .collect();
        let feature = Feature {
            kind: FeatureKind::Template(0),
            counts,
            bad: false,
        };
        let source = Source {
            name: "a".into(),
            from: 0,
            to: 400,
            features: vec![feature],
            values: vec![],
        };
        let h = median_start(&source, 400);
        assert!(h[160..240].iter().filter(|x| **x).count() < 10);
        assert_eq!(h.iter().filter(|x| **x).count(), 200);
    }
}

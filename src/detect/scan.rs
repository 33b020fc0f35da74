//! Tests one series against its baseline at every position and at several window sizes. Handles one
//! series at a time.

use super::series::prefix;
use super::stat::{centered_rank, deviance, dispersion, evidence};

/// Largest window tested, in bins.
const MAX_WINDOW: usize = 256;
/// A rate must differ by at least this factor, whatever its significance.
const MIN_RATIO: f64 = 1.5;
/// The mean centered rank of values must differ from 0 by at least this much.
const MIN_SHIFT: f64 = 0.15;
/// Maximum evidence of a single hit in nats. More could come from one bursty series.
pub const MAX_EVIDENCE: f64 = 25.0;

/// A deviation of a series in the bins `from..to`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    pub from: u32,
    pub to: u32,
    /// Above the baseline, not below it.
    pub up: bool,
    /// Evidence in nats above the Bonferroni threshold.
    pub evidence: f64,
    /// For counts: number of events. For values: median in the window and median in the baseline.
    pub observed: f64,
    pub expected: f64,
}

/// The bins `from..to` to test, and which bins are in the baseline.
pub struct Frame<'a> {
    pub from: usize,
    pub to: usize,
    pub normal: &'a [bool],
    /// Bonferroni threshold in nats: ln(number of tests / significance level).
    pub threshold: f64,
}

impl Frame<'_> {
    /// Window sizes in bins: powers of two, at most a third of the frame.
    fn scales(&self) -> impl Iterator<Item = usize> {
        let bins = self.to - self.from;
        std::iter::successors(Some(1usize), |w| Some(w * 2))
            .take_while(move |w| *w <= MAX_WINDOW && (3 * w <= bins || *w == 1))
    }
}

/// Tests counts, given as (bin, count) in order without zeros. Uses deviance residuals of a Poisson
/// rate with overdispersion.
pub fn counts(counts: &[(u32, u32)], frame: &Frame<'_>) -> Vec<Hit> {
    let sums = prefix(counts, frame.to);
    let normal = running(frame.normal, frame.to);
    let baseline_size = normal[frame.to] - normal[frame.from];
    if baseline_size < 8.0 {
        return Vec::new();
    }
    let baseline_count: f64 = counts
        .iter()
        .filter(|(b, _)| frame.normal.get(*b as usize) == Some(&true))
        .map(|(_, n)| f64::from(*n))
        .sum();
    let mut phi = if baseline_count < 3.0 { 2.0 } else { 1.0 };
    let mut hits = Vec::new();
    for w in frame.scales() {
        let mu = w as f64 * (baseline_count + 0.5) / baseline_size;
        let pearson = pearson_dispersion(&sums, &normal, frame, w, mu);
        let d = dispersion(phi, pearson.0, pearson.1.min(baseline_count));
        phi = d.phi.max(1.0);
        let spread = (phi * (1.0 + w as f64 / baseline_size)).sqrt();
        let step = (w / 8).max(1);
        let test = |a: usize, hits: &mut Vec<Hit>| {
            let y = sums[a + w] - sums[a];
            if (y.max(mu) + 0.5) / (y.min(mu) + 0.5) < MIN_RATIO {
                return;
            }
            let l = evidence(deviance(y, mu) / spread, d.nu) - frame.threshold;
            if l > 0.0 {
                let (from, to) = (a as u32, (a + w) as u32);
                hits.push(Hit {
                    from,
                    to,
                    up: y > mu,
                    evidence: l.min(MAX_EVIDENCE),
                    observed: y,
                    expected: mu,
                });
            }
        };
        if mu >= frame.threshold * 0.4 {
            (frame.from..=frame.to - w)
                .step_by(step)
                .for_each(|a| test(a, &mut hits));
        } else {
            // If few events are expected, an empty window is not evidence. Test only windows that
            // contain events.
            let mut next = frame.from;
            for (b, _) in counts {
                let b = *b as usize;
                let (first, last) = (next.max((b + 1).saturating_sub(w)), b.min(frame.to - w));
                for a in (first..=last).filter(|a| (a - frame.from).is_multiple_of(step)) {
                    test(a, &mut hits);
                }
                next = next.max(last + 1);
            }
        }
    }
    hits
}

/// Running count of the flags: entry `i` is the number of true flags before bin `i`.
fn running(flags: &[bool], to: usize) -> Vec<f64> {
    let mut out = vec![0.0; to + 1];
    for i in 0..to {
        out[i + 1] = out[i] + f64::from(u8::from(flags.get(i) == Some(&true)));
    }
    out
}

/// Pearson's dispersion estimate over disjoint baseline windows, and its degrees of freedom (number
/// of windows minus one).
fn pearson_dispersion(
    sums: &[f64],
    normal: &[f64],
    frame: &Frame<'_>,
    w: usize,
    mu: f64,
) -> (f64, f64) {
    let (mut chi, mut n, mut a) = (0.0, 0.0, frame.from);
    while a + w <= frame.to {
        if normal[a + w] - normal[a] < w as f64 {
            a += 1;
            continue;
        }
        let y = sums[a + w] - sums[a];
        chi += (y - mu) * (y - mu) / mu;
        n += 1.0;
        a += w;
    }
    if n < 2.0 {
        (1.0, 0.0)
    } else {
        (chi / (n - 1.0), n - 1.0)
    }
}

/// Tests whether values shift, given as (bin, value) in order. Uses the mean centered rank within
/// the baseline.
pub fn values(points: &[(u32, f32)], frame: &Frame<'_>) -> Vec<Hit> {
    let in_baseline = |b: u32| frame.normal.get(b as usize) == Some(&true);
    let mut sorted: Vec<f32> = points
        .iter()
        .filter(|(b, _)| in_baseline(*b))
        .map(|(_, v)| *v)
        .collect();
    if sorted.len() < 20 {
        return Vec::new();
    }
    sorted.sort_unstable_by(f32::total_cmp);
    let ranks: Vec<(u32, f64)> = points
        .iter()
        .map(|(b, v)| (*b, centered_rank(&sorted, *v)))
        .collect();
    let baseline_size = sorted.len() as f64;
    let squares = ranks
        .iter()
        .filter(|(b, _)| in_baseline(*b))
        .map(|(_, u)| u * u);
    let variance = squares.sum::<f64>() / baseline_size;
    if variance <= 0.0 {
        return Vec::new();
    }
    let (mut sum, mut number) = (vec![0.0; frame.to + 1], vec![0.0; frame.to + 1]);
    for (b, u) in ranks.iter().filter(|(b, _)| (*b as usize) < frame.to) {
        sum[*b as usize + 1] += u;
        number[*b as usize + 1] += 1.0;
    }
    for i in 0..frame.to {
        sum[i + 1] += sum[i];
        number[i + 1] += number[i];
    }
    let normal = running(frame.normal, frame.to);
    let baseline_median = sorted[sorted.len() / 2];
    let mut phi = 1.0f64;
    let mut hits = Vec::new();
    for w in frame.scales() {
        let z = |a: usize| {
            let n: f64 = number[a + w] - number[a];
            if n < 4.0 {
                None
            } else {
                Some(((sum[a + w] - sum[a]) / (n * variance).sqrt(), n))
            }
        };
        let (mut chi, mut k, mut a) = (0.0, 0.0, frame.from);
        while a + w <= frame.to {
            if normal[a + w] - normal[a] >= w as f64
                && let Some((z, _)) = z(a)
            {
                (chi, k, a) = (chi + z * z, k + 1.0, a + w);
            } else {
                a += 1;
            }
        }
        let d = dispersion(phi, if k > 0.0 { chi / k } else { 1.0 }, (k - 1.0).max(0.0));
        phi = d.phi.max(1.0);
        for a in (frame.from..=frame.to - w).step_by((w / 8).max(1)) {
            let Some((z, n)) = z(a) else { continue };
            let shift = (sum[a + w] - sum[a]) / n;
            let l = evidence(z / (phi * (1.0 + n / baseline_size)).sqrt(), d.nu) - frame.threshold;
            if shift.abs() >= MIN_SHIFT && l > 0.0 {
                let inside = points
                    .iter()
                    .filter(|(b, _)| (a..a + w).contains(&(*b as usize)))
                    .map(|(_, v)| f64::from(*v));
                let observed = super::stat::median(&mut inside.collect::<Vec<_>>());
                let (from, to) = (a as u32, (a + w) as u32);
                hits.push(Hit {
                    from,
                    to,
                    up: shift > 0.0,
                    evidence: l.min(MAX_EVIDENCE),
                    observed,
                    expected: f64::from(baseline_median),
                });
            }
        }
    }
    hits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(normal: &[bool]) -> Frame<'_> {
        Frame {
            from: 0,
            to: normal.len(),
            normal,
            threshold: 15.0,
        }
    }

    #[test]
    fn a_burst_and_a_silence_are_found_and_noise_is_not() {
        let normal: Vec<bool> = (0..300).map(|i| !(100..130).contains(&i)).collect();
        let steady: Vec<(u32, u32)> = (0..300).map(|b| (b, 8 + (b * 7) % 5)).collect();
        assert!(counts(&steady, &frame(&normal)).is_empty());
        let burst: Vec<(u32, u32)> = steady
            .iter()
            .map(|(b, n)| (*b, if (100..130).contains(b) { n * 5 } else { *n }))
            .collect();
        let hits = counts(&burst, &frame(&normal));
        assert!(hits.iter().any(|h| h.up && h.from >= 90 && h.to <= 140));
        let silent: Vec<(u32, u32)> = steady
            .iter()
            .filter(|(b, _)| !(100..130).contains(b))
            .copied()
            .collect();
        assert!(
            counts(&silent, &frame(&normal))
                .iter()
                .any(|h| !h.up && h.observed == 0.0)
        );
    }

    #[test]
    fn shifted_values_are_found() {
        let normal: Vec<bool> = (0..200).map(|i| !(80..110).contains(&i)).collect();
        let at = |moved: f32| -> Vec<(u32, f32)> {
            (0..200u32)
                .flat_map(|b| {
                    (0..4).map(move |k| {
                        (
                            b,
                            ((b * 13 + k * 7) % 50) as f32
                                + if (80..110).contains(&b) { moved } else { 0.0 },
                        )
                    })
                })
                .collect()
        };
        assert!(values(&at(0.0), &frame(&normal)).is_empty());
        assert!(
            values(&at(60.0), &frame(&normal))
                .iter()
                .any(|h| h.up && h.observed > h.expected)
        );
    }
}

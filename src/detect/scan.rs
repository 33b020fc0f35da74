//! Tests one series at every place and several scales against a baseline. Knows one series at a time.

use super::series::prefix;
use super::stat::{centred_rank, deviance, dispersion, evidence};

/// Largest window tested, in bins.
const LARGEST: usize = 256;
/// A rate must differ by this factor to matter, whatever its significance.
const LEAST_RATIO: f64 = 1.5;
/// The mean rank of values must be off the middle by so much.
const LEAST_SHIFT: f64 = 0.15;
/// No single finding may count more: it could be one bursty series.
pub const MOST_EVIDENCE: f64 = 25.0;

/// A place where a series deviates: bins `from..to`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    pub from: u32,
    pub to: u32,
    pub up: bool,
    /// Nats above what chance and the number of tests explain.
    pub evidence: f64,
    pub observed: f64,
    pub expected: f64,
}

/// The part of the time axis that is looked at, and which of its bins are taken as normal.
pub struct Frame<'a> {
    pub from: usize,
    pub to: usize,
    pub normal: &'a [bool],
    /// Evidence that the number of tests costs.
    pub price: f64,
}

impl Frame<'_> {
    fn scales(&self) -> impl Iterator<Item = usize> {
        let bins = self.to - self.from;
        std::iter::successors(Some(1usize), |w| Some(w * 2))
            .take_while(move |w| *w <= LARGEST && (3 * w <= bins || *w == 1))
    }
}

/// Tests counts: `counts` by bin, zeros left out.
pub fn counts(counts: &[(u32, u32)], frame: &Frame<'_>) -> Vec<Hit> {
    let sums = prefix(counts, frame.to);
    let normal = running(frame.normal, frame.to);
    let n_h = normal[frame.to] - normal[frame.from];
    if n_h < 8.0 {
        return Vec::new();
    }
    let in_h: f64 = counts
        .iter()
        .filter(|(b, _)| frame.normal.get(*b as usize) == Some(&true))
        .map(|(_, n)| f64::from(*n))
        .sum();
    let mut phi = if in_h < 3.0 { 2.0 } else { 1.0 };
    let mut hits = Vec::new();
    for w in frame.scales() {
        let mu = w as f64 * (in_h + 0.5) / n_h;
        let known = disjoint(&sums, &normal, frame, w, mu);
        let d = dispersion(phi, known.0, known.1.min(in_h));
        phi = d.phi.max(1.0);
        let spread = (phi * (1.0 + w as f64 / n_h)).sqrt();
        let step = (w / 8).max(1);
        let judge = |a: usize, hits: &mut Vec<Hit>| {
            let y = sums[a + w] - sums[a];
            if (y.max(mu) + 0.5) / (y.min(mu) + 0.5) < LEAST_RATIO {
                return;
            }
            let l = evidence(deviance(y, mu) / spread, d.nu) - frame.price;
            if l > 0.0 {
                let (from, to) = (a as u32, (a + w) as u32);
                hits.push(Hit {
                    from,
                    to,
                    up: y > mu,
                    evidence: l.min(MOST_EVIDENCE),
                    observed: y,
                    expected: mu,
                });
            }
        };
        if mu >= frame.price * 0.4 {
            (frame.from..=frame.to - w)
                .step_by(step)
                .for_each(|a| judge(a, &mut hits));
        } else {
            // Nothing at all is no evidence where little is expected: only windows with something in them.
            let mut next = frame.from;
            for (b, _) in counts {
                let b = *b as usize;
                let (first, last) = (next.max((b + 1).saturating_sub(w)), b.min(frame.to - w));
                for a in (first..=last).filter(|a| (a - frame.from).is_multiple_of(step)) {
                    judge(a, &mut hits);
                }
                next = next.max(last + 1);
            }
        }
    }
    hits
}

fn running(flags: &[bool], to: usize) -> Vec<f64> {
    let mut out = vec![0.0; to + 1];
    for i in 0..to {
        out[i + 1] = out[i] + f64::from(u8::from(flags.get(i) == Some(&true)));
    }
    out
}

/// Pearson's over-dispersion of the disjoint windows of the baseline, and how many there are (less one).
fn disjoint(sums: &[f64], normal: &[f64], frame: &Frame<'_>, w: usize, mu: f64) -> (f64, f64) {
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

/// Tests where values lie: (bin, value), in order.
pub fn values(points: &[(u32, f32)], frame: &Frame<'_>) -> Vec<Hit> {
    let in_h = |b: u32| frame.normal.get(b as usize) == Some(&true);
    let mut sorted: Vec<f32> = points
        .iter()
        .filter(|(b, _)| in_h(*b))
        .map(|(_, v)| *v)
        .collect();
    if sorted.len() < 20 {
        return Vec::new();
    }
    sorted.sort_unstable_by(f32::total_cmp);
    let ranks: Vec<(u32, f64)> = points
        .iter()
        .map(|(b, v)| (*b, centred_rank(&sorted, *v)))
        .collect();
    let n_h = sorted.len() as f64;
    let variance = ranks
        .iter()
        .filter(|(b, _)| in_h(*b))
        .map(|(_, u)| u * u)
        .sum::<f64>()
        / n_h;
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
    let middle = sorted[sorted.len() / 2];
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
            let l = evidence(z / (phi * (1.0 + n / n_h)).sqrt(), d.nu) - frame.price;
            if shift.abs() >= LEAST_SHIFT && l > 0.0 {
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
                    evidence: l.min(MOST_EVIDENCE),
                    observed,
                    expected: f64::from(middle),
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
            price: 15.0,
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
    fn values_that_move_are_found() {
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

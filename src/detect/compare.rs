//! What differs between two sets of events: templates that are new, gone, more or less frequent, values that moved. Knows
//! counts and samples, not files.

use super::stat::centred_rank;

/// One template on both sides.
#[derive(Clone, Debug, Default)]
pub struct Side {
    pub template: u32,
    pub a: u64,
    pub b: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Compared {
    New,
    Gone,
    Up,
    Down,
    Same,
}

/// A rate must differ by this factor to be told.
const LEAST_RATIO: f64 = 1.5;
/// Significance asked for, over all tests.
const ALPHA: f64 = 0.01;

/// What became of each template, with its significance: the chance of such a difference, times the number of tests.
/// Log-likelihood ratio of two Poisson rates (Dunning 1993), halved against over-dispersion.
pub fn compare(sides: &[Side], total: (u64, u64)) -> Vec<(Compared, f64)> {
    let tests = sides.len().max(1) as f64;
    sides.iter().map(|s| one(s, total, tests)).collect()
}

fn one(s: &Side, (ta, tb): (u64, u64), tests: f64) -> (Compared, f64) {
    let (a, b) = (s.a as f64, s.b as f64);
    let (ta, tb) = (ta.max(1) as f64, tb.max(1) as f64);
    let expected = ((a + b) * ta / (ta + tb), (a + b) * tb / (ta + tb));
    let term = |x: f64, e: f64| if x > 0.0 { x * (x / e).ln() } else { 0.0 };
    let g = 2.0 * (term(a, expected.0) + term(b, expected.1));
    // The tail of chi-square with one degree of freedom.
    let z = (g / 2.0).max(0.0).sqrt();
    let p = (tests * (-z * z / 2.0).exp()).min(1.0);
    let ratio = ((b + 0.5) / tb) / ((a + 0.5) / ta);
    let moved = p < ALPHA && !(1.0 / LEAST_RATIO..LEAST_RATIO).contains(&ratio);
    let what = match () {
        () if s.a == 0 && s.b > 0 => Compared::New,
        () if s.b == 0 && s.a > 0 => Compared::Gone,
        () if moved && ratio > 1.0 => Compared::Up,
        () if moved => Compared::Down,
        () => Compared::Same,
    };
    (what, p)
}

/// Did values move: mean centred rank of `b` among `a`, with the chance of that, times the number of tests.
pub fn shifted(a: &mut [f32], b: &[f32], tests: usize) -> Option<(f64, f64)> {
    if a.len() < 20 || b.len() < 20 {
        return None;
    }
    a.sort_unstable_by(f32::total_cmp);
    let mean = b.iter().map(|v| centred_rank(a, *v)).sum::<f64>() / b.len() as f64;
    let z = mean / (1.0 / 12.0 * (1.0 / a.len() as f64 + 1.0 / b.len() as f64)).sqrt();
    let p = (tests.max(1) as f64 * (-z * z / 2.0).exp()).min(1.0);
    (mean.abs() >= 0.15 && p < ALPHA).then_some((mean, p))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_differences_are_none() {
        let side = |a, b| Side { template: 0, a, b };
        let got = compare(
            &[
                side(100, 110),
                side(0, 5),
                side(7, 0),
                side(100, 400),
                side(400, 100),
            ],
            (10_000, 10_000),
        );
        let what: Vec<Compared> = got.iter().map(|g| g.0).collect();
        assert_eq!(
            what,
            [
                Compared::Same,
                Compared::New,
                Compared::Gone,
                Compared::Up,
                Compared::Down
            ]
        );
    }

    #[test]
    fn moved_values_are_found() {
        let mut a: Vec<f32> = (0..100).map(|i| i as f32).collect();
        let b: Vec<f32> = (0..100).map(|i| i as f32 + 60.0).collect();
        assert!(shifted(&mut a.clone(), &a.clone(), 5).is_none());
        assert!(shifted(&mut a, &b, 5).is_some_and(|(m, _)| m > 0.2));
    }
}

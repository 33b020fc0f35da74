//! Compares two sets of events, `a` and `b`: templates that are new, gone, more frequent or less
//! frequent, and values that shift. Handles counts and samples; does not access files.

use super::stat::centered_rank;
use crate::model::TemplateIx;

/// Number of events of one template in each set.
#[derive(Clone, Debug, Default)]
pub struct Side {
    pub template: TemplateIx,
    pub a: u64,
    pub b: u64,
}

/// How a template changed from `a` to `b`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// Only in `b`.
    New,
    /// Only in `a`.
    Gone,
    /// Significantly more frequent in `b`.
    Up,
    /// Significantly less frequent in `b`.
    Down,
    Same,
}

/// A rate must differ by at least this factor to be reported.
const MIN_RATIO: f64 = 1.5;
/// Significance level over all tests.
const ALPHA: f64 = 0.01;

/// Classifies each template and returns its Bonferroni-corrected p-value; `total` is the number of
/// events in each set. Uses the log-likelihood ratio of two Poisson rates (Dunning 1993), halved to
/// allow for overdispersion.
pub fn compare(sides: &[Side], total: (u64, u64)) -> Vec<(Change, f64)> {
    let tests = sides.len().max(1) as f64;
    sides.iter().map(|s| one(s, total, tests)).collect()
}

fn one(s: &Side, (ta, tb): (u64, u64), tests: f64) -> (Change, f64) {
    let (a, b) = (s.a as f64, s.b as f64);
    let (ta, tb) = (ta.max(1) as f64, tb.max(1) as f64);
    let expected = ((a + b) * ta / (ta + tb), (a + b) * tb / (ta + tb));
    let term = |x: f64, e: f64| if x > 0.0 { x * (x / e).ln() } else { 0.0 };
    let g = 2.0 * (term(a, expected.0) + term(b, expected.1));
    // Upper bound on the tail of chi-square with one degree of freedom.
    let z = (g / 2.0).max(0.0).sqrt();
    let p = (tests * (-z * z / 2.0).exp()).min(1.0);
    let ratio = ((b + 0.5) / tb) / ((a + 0.5) / ta);
    let changed = p < ALPHA && !(1.0 / MIN_RATIO..MIN_RATIO).contains(&ratio);
    let verdict = match () {
        () if s.a == 0 && s.b > 0 => Change::New,
        () if s.b == 0 && s.a > 0 => Change::Gone,
        () if changed && ratio > 1.0 => Change::Up,
        () if changed => Change::Down,
        () => Change::Same,
    };
    (verdict, p)
}

/// Tests whether values shift. Returns the mean centered rank of `b` within `a` (-0.5 to 0.5) and
/// its Bonferroni-corrected p-value, or `None` if there is no significant shift or one side has
/// fewer than 20 values. Sorts `a`.
pub fn test_shift(a: &mut [f32], b: &[f32], tests: usize) -> Option<(f64, f64)> {
    if a.len() < 20 || b.len() < 20 {
        return None;
    }
    a.sort_unstable_by(f32::total_cmp);
    let mean = b.iter().map(|v| centered_rank(a, *v)).sum::<f64>() / b.len() as f64;
    let z = mean / (1.0 / 12.0 * (1.0 / a.len() as f64 + 1.0 / b.len() as f64)).sqrt();
    let p = (tests.max(1) as f64 * (-z * z / 2.0).exp()).min(1.0);
    (mean.abs() >= 0.15 && p < ALPHA).then_some((mean, p))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_large_differences_are_reported() {
        let side = |a, b| Side {
            template: TemplateIx(0),
            a,
            b,
        };
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
        let verdict: Vec<Change> = got.iter().map(|g| g.0).collect();
        assert_eq!(
            verdict,
            [
                Change::Same,
                Change::New,
                Change::Gone,
                Change::Up,
                Change::Down
            ]
        );
    }

    #[test]
    fn shifted_values_are_found() {
        let mut a: Vec<f32> = (0..100).map(|i| i as f32).collect();
        let b: Vec<f32> = (0..100).map(|i| i as f32 + 60.0).collect();
        assert!(test_shift(&mut a.clone(), &a.clone(), 5).is_none());
        assert!(test_shift(&mut a, &b, 5).is_some_and(|(m, _)| m > 0.2));
    }
}

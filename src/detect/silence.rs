//! Finds times without any line, in the whole corpus. Handles numbers only.

use super::finding::{Finding, Scope, What};
use super::series::{FeatureKind, Input, prefix};

/// A gap that is shorter is a restart, in nanoseconds.
const MIN_GAP: i64 = 90_000_000_000;
/// Number of lines that must be missing.
const MIN_EXPECTED: f64 = 15.0;
/// A gap must be this many times longer than any other gap.
const MIN_RATIO: usize = 4;

/// The longest gap in the lines of all sources, if it cannot be by chance.
pub fn no_lines(input: &Input, scope: &Scope) -> Option<Finding> {
    let bins = input.bins as usize;
    let mut all = vec![0u32; bins];
    for s in &input.sources {
        let total = s.features.iter().filter(|f| f.kind == FeatureKind::All);
        for (b, n) in total.flat_map(|f| &f.counts) {
            if let Some(x) = all.get_mut(*b as usize) {
                *x += n;
            }
        }
    }
    let mut gaps: Vec<(usize, usize)> = Vec::new();
    let mut from = 0;
    for b in 0..=bins {
        if all.get(b).is_none_or(|n| *n > 0) {
            if b > from && from > 0 && b < bins {
                gaps.push((from, b));
            }
            from = b + 1;
        }
    }
    gaps.sort_by_key(|(a, z)| std::cmp::Reverse(z - a));
    let (a, z) = *gaps.first()?;
    let longest = z - a;
    let second = gaps.get(1).map_or(0, |(a, z)| z - a);
    let counts: Vec<(u32, u32)> = (0..).zip(all).collect();
    let sums = prefix(&counts, bins);
    // The rate next to the gap: at night there are fewer lines.
    let (left, right) = (a.saturating_sub(longest), (z + longest).min(bins));
    let rate = |from: usize, to: usize| (sums[to] - sums[from]) / (to - from).max(1) as f64;
    let expected = rate(left, a).min(rate(z, right)) * longest as f64;
    let is_long = longest as i64 * input.width >= MIN_GAP && longest >= MIN_RATIO * (second + 1);
    (is_long && expected >= MIN_EXPECTED && expected > scope.threshold).then(|| {
        Finding::new(
            0,
            None,
            (
                input.start + a as i64 * input.width,
                input.start + z as i64 * input.width,
            ),
            expected - scope.threshold,
            What::NoLines { expected },
        )
    })
}

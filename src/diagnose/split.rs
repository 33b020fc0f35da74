//! Finds the best change point of a series, for shares and for means. Gains are log-likelihood
//! gains in nats. Knows numbers only.

/// The best change point of a series of yes/no values.
#[derive(Clone, Copy, Debug, Default)]
pub struct Switch {
    /// Index of the first value after the change.
    pub at: usize,
    /// Log-likelihood gain, in nats.
    pub gain: f64,
    /// Share of the entropy that the change explains, 0..1; 1 is a clean switch.
    pub purity: f64,
}

/// Maximum log-likelihood of `yes` successes in `n` trials, in nats.
fn bernoulli(yes: f64, n: f64) -> f64 {
    let term = |k: f64| if k > 0.0 { k * (k / n).ln() } else { 0.0 };
    term(yes) + term(n - yes)
}

/// Finds where the share of `true` changes most, with at least two values on each side. `None`: no
/// change point.
pub fn switch(series: &[bool]) -> Option<Switch> {
    let n = series.len();
    let all = series.iter().filter(|x| **x).count() as f64;
    let whole = bernoulli(all, n as f64);
    if n < 4 || whole == 0.0 {
        return None;
    }
    let mut best = Switch::default();
    let mut left = 0.0;
    for k in 1..n {
        left += f64::from(u8::from(series[k - 1]));
        if k < 2 || n - k < 2 {
            continue;
        }
        let gain = bernoulli(left, k as f64) + bernoulli(all - left, (n - k) as f64) - whole;
        if gain > best.gain {
            best = Switch {
                at: k,
                gain,
                purity: gain / -whole,
            };
        }
    }
    (best.gain > 0.0).then_some(best)
}

/// The best change point of a mean.
#[derive(Clone, Copy, Debug, Default)]
pub struct Step {
    /// Index of the first value after the change.
    pub at: usize,
    /// Log-likelihood gain, in nats.
    pub gain: f64,
    /// Mean after the change minus mean before it.
    pub rise: f64,
}

/// Minimum variance, so that a short series with little noise is not split by chance.
const FLOOR: f64 = 0.15 * 0.15;

/// Finds where the mean changes most, with at least two values on each side. `None`: fewer than
/// four values.
pub fn step(series: &[f64]) -> Option<Step> {
    let n = series.len();
    if n < 4 {
        return None;
    }
    let total: f64 = series.iter().sum();
    let squares: f64 = series.iter().map(|x| x * x).sum();
    let rss = |sum: f64, squares: f64, n: f64| (squares - sum * sum / n).max(0.0);
    let v0 = rss(total, squares, n as f64) / n as f64 + FLOOR;
    let mut best: Option<(f64, Step)> = None;
    let (mut sum, mut sq) = (0.0, 0.0);
    for k in 1..n {
        sum += series[k - 1];
        sq += series[k - 1] * series[k - 1];
        if k < 2 || n - k < 2 {
            continue;
        }
        let v1 = (rss(sum, sq, k as f64) + rss(total - sum, squares - sq, (n - k) as f64))
            / n as f64
            + FLOOR;
        let gain = n as f64 / 2.0 * (v0 / v1).ln();
        let rise = (total - sum) / (n - k) as f64 - sum / k as f64;
        if best.is_none_or(|b| gain > b.0) {
            best = Some((gain, Step { at: k, gain, rise }));
        }
    }
    best.map(|b| b.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clean_switch_has_purity_1() {
        let s = switch(&[false, false, false, false, true, true, true, true]).unwrap();
        assert_eq!((s.at, (s.purity * 100.0) as i32), (4, 100));
        assert!(switch(&[true, false, true, false, true, false]).is_none_or(|s| s.purity < 0.6));
        assert!(switch(&[true; 9]).is_none());
    }

    #[test]
    fn a_rise_is_found_at_its_position() {
        let mut series = vec![1.0; 10];
        series.extend(vec![2.5; 10]);
        let s = step(&series).unwrap();
        assert_eq!(s.at, 10);
        assert!((s.rise - 1.5).abs() < 1e-9 && s.gain > 10.0);
    }
}

//! Finds a time in which a message that reports a problem comes much more often than otherwise. Uses
//! exact times, so that few events are enough. Handles numbers only.

use super::finding::{Finding, Scope, What};
use super::series::Occurrences;

/// Number of events that the time has at least.
const MIN_EVENTS: usize = 8;
/// The rate is at least this many times the rate otherwise.
const MIN_RATIO: f64 = 4.0;
/// Rare problems come in bursts, so each event counts for less: the assumed variance of the counts,
/// divided by their mean.
const BURSTINESS: f64 = 2.0;
/// Positions that are tried as start and end: an even selection of the events.
const MAX_POSITIONS: usize = 120;
/// Shorter bursts of a message that comes again and again are not reported, in nanoseconds.
const MIN_LASTED: i64 = 60_000_000_000;
/// The message reports a problem at least with these log-odds.
const MIN_LOG_ODDS: f64 = -1.2;

/// The time with the largest likelihood ratio of two Poisson rates (Kulldorff's scan statistic in
/// one dimension).
pub fn rate_change(source: usize, o: &Occurrences, scope: &Scope) -> Option<Finding> {
    let n = o.times.len();
    if n < MIN_EVENTS || o.log_odds < MIN_LOG_ODDS {
        return None;
    }
    let span = scope.span() as f64;
    let step = n.div_ceil(MAX_POSITIONS);
    let mut best: Option<(f64, usize, usize, f64)> = None;
    for i in (0..n).step_by(step) {
        // The position before the first event of the time is half a usual distance earlier.
        for j in (i + MIN_EVENTS - 1..n).step_by(step).chain([n - 1]) {
            let k = j + 1 - i.min(j + 1);
            if k < MIN_EVENTS || o.times[j] - o.times[i] < MIN_LASTED {
                continue;
            }
            let length = (o.times[j] - o.times[i]) as f64 * (k as f64 + 1.0) / k as f64;
            let length = length.clamp(span * 1e-4, span);
            let (inside, outside) = (k as f64, (n - k) as f64);
            let expected = n as f64 * length / span;
            let rest = (span - length).max(span * 1e-4);
            let ratio = (inside / length) / ((outside + 0.5) / rest);
            if ratio < MIN_RATIO {
                continue;
            }
            let mut llr = inside * (inside / expected).ln();
            if outside > 0.0 {
                llr += outside * (outside / (n as f64 - expected).max(0.5)).ln();
            }
            if best.is_none_or(|b| llr > b.0) {
                best = Some((llr, i, j, (outside + 0.5) / rest * length));
            }
        }
    }
    let (llr, i, j, expected) = best?;
    let evidence = llr / BURSTINESS - 2.0 * (n as f64).ln() - scope.threshold;
    // The start must be seen: a message that was more frequent at first only became rarer.
    let is_later = i > 0;
    (evidence > 0.0 && is_later).then(|| Finding {
        message: o.message.clone(),
        ..Finding::new(
            source,
            Some(o.template),
            (o.times[i], o.times[j]),
            evidence,
            What::Rate {
                count: j + 1 - i,
                expected,
            },
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(seconds: &[i64]) -> Option<Finding> {
        let o = Occurrences {
            log_odds: 2.0,
            ..Occurrences::at_seconds(0, seconds)
        };
        let scope = Scope::of_seconds(10_000, 8.0);
        rate_change(0, &o, &scope)
    }

    #[test]
    fn errors_that_become_frequent_are_found() {
        let rare = (0..9).map(|i| i * 700 + i * 131 % 300);
        let frequent = (0..60).map(|i| 6500 + i * 40 + i * 7 % 20);
        let all: Vec<i64> = rare.chain(frequent).collect();
        let found = find(&all).unwrap();
        assert!(found.from >= 6_400_000_000_000, "{found:?}");
    }

    #[test]
    fn errors_at_a_steady_rate_are_not_found() {
        let steady: Vec<i64> = (0..60).map(|i| i * 160 + i * i * 37 % 150).collect();
        assert_eq!(find(&steady), None);
    }
}

//! Finds messages that came regularly and stop, for a while or until the end. Tests the distances
//! between events, so that one event in five minutes is enough. Handles numbers only.

use super::finding::{Finding, Scope, What, repeated};
use super::series::{Occurrences, Source};
use super::stat::median;
use crate::model::Moment;

/// A regular message occurs at least this often.
const MIN_EVENTS: usize = 6;
/// The same for the events of one word, because there are many words.
const MIN_OF_WORD: usize = 12;
/// A usual message first appears in this part of the corpus.
const EARLY_PART: i64 = 4;
/// Distances within this share of their median are regular.
const TOLERANCE: f64 = 0.35;
/// Share of the distances that must be regular.
const REGULAR: f64 = 0.75;
/// An irregular message occurs at least this often, and its pause must be this many times longer
/// than any other one.
const MIN_IRREGULAR: usize = 30;
const MIN_RATIO: f64 = 3.0;
/// Number of events that must be missing in a pause of an irregular message.
const MIN_EXPECTED: f64 = 20.0;
/// A pause has at least this many times the usual distance.
const MIN_DISTANCES: f64 = 3.5;
/// Shorter pauses are not reported: a service restarts in less.
const MIN_PAUSE: i64 = 90_000_000_000;

/// The pauses of the regular messages of a source. `end`: when the source stops to be observed.
pub fn pauses(source: usize, s: &Source, scope: &Scope, end: Moment) -> Vec<Finding> {
    let mut out = Vec::new();
    // What came only later, or reports a problem, stops when the problem ends.
    let early = scope.start + scope.span() / EARLY_PART;
    let usual = |o: &&Occurrences| o.log_odds < 0.0 && o.first <= early;
    for o in s.occurrences.iter().chain(&s.of_words).filter(usual) {
        let Some(pause) = longest_pause(o, end) else {
            continue;
        };
        let evidence = pause.evidence - scope.threshold;
        if s.is_level_change(o, (pause.from, pause.to)) {
            continue;
        }
        // A burst at the start has no rhythm that could stop.
        let lasted = (o.last.min(pause.from) - o.first) * EARLY_PART >= pause.from - scope.start;
        if evidence <= 0.0 || !lasted || pause.is_last && is_replaced(o, s) {
            continue;
        }
        out.push(Finding {
            word: o.word.clone(),
            ..Finding::new(
                source,
                Some(o.template),
                (pause.from, pause.to),
                evidence,
                What::Stopped {
                    every: pause.every,
                    missed: pause.missed,
                    is_last: pause.is_last,
                },
            )
        });
    }
    out
}

struct Pause {
    from: Moment,
    to: Moment,
    every: i64,
    missed: u64,
    is_last: bool,
    evidence: f64,
}

/// The longest pause of a message, with the evidence that it is not by chance. `None` if the
/// message has no rhythm, or no pause that is long enough.
fn longest_pause(o: &Occurrences, end: Moment) -> Option<Pause> {
    let times = &o.times;
    let least = if o.word.is_some() {
        MIN_OF_WORD
    } else {
        MIN_EVENTS
    };
    if times.len() < least {
        return None;
    }
    let mut gaps: Vec<f64> = times.windows(2).map(|w| (w[1] - w[0]) as f64).collect();
    let every = median(&mut gaps.clone());
    gaps.push((end - times[times.len() - 1]).max(0) as f64);
    let longest = (0..gaps.len()).max_by(|a, b| gaps[*a].total_cmp(&gaps[*b]).then(b.cmp(a)))?;
    let pause = gaps[longest];
    if pause < MIN_PAUSE as f64 || every <= 0.0 || pause < MIN_DISTANCES * every {
        return None;
    }
    let others: Vec<f64> = without(&gaps, longest);
    let regular = others
        .iter()
        .filter(|g| (**g - every).abs() <= TOLERANCE * every)
        .count();
    let missed_in = |g: f64| ((g / every).round() - 1.0).max(0.0);
    let evidence = if regular as f64 >= REGULAR * others.len() as f64 {
        let missed_before: f64 = others.iter().map(|g| missed_in(*g)).sum();
        repeated(missed_in(pause), missed_before as usize, others.len())
    } else {
        // Single words come and go.
        let whole = o.word.is_none().then_some(times.len())?;
        irregular(&others, pause, whole)?
    };
    Some(Pause {
        from: times[longest.min(times.len() - 1)],
        to: times.get(longest + 1).copied().unwrap_or(end),
        every: every as i64,
        missed: missed_in(pause) as u64,
        is_last: longest + 1 == gaps.len(),
        evidence,
    })
}

fn without(gaps: &[f64], index: usize) -> Vec<f64> {
    let keep = |(i, g): (usize, &f64)| (i != index).then_some(*g);
    gaps.iter().enumerate().filter_map(keep).collect()
}

/// Evidence of a pause of a message that comes at random. The other pauses say how bursty it is.
fn irregular(others: &[f64], pause: f64, events: usize) -> Option<f64> {
    let longest = others.iter().copied().fold(0.0, f64::max);
    let expected = pause * others.len() as f64 / others.iter().sum::<f64>().max(1.0);
    let is_long = pause >= MIN_RATIO * longest && expected >= MIN_EXPECTED;
    // The longest of n exponential pauses is ln(n) times their mean.
    let usual = longest / (events as f64).ln().max(1.0);
    (events >= MIN_IRREGULAR && is_long).then(|| pause / usual.max(1.0))
}

/// True if another message of the source begins when this one stops and comes about as often. A new
/// version of a program words its messages differently.
fn is_replaced(o: &Occurrences, s: &Source) -> bool {
    let length = (o.last - o.first).max(1) as f64;
    let rate = o.count as f64 / length;
    let every = (1.0 / rate) as i64;
    s.occurrences.iter().any(|n| {
        let begins = (o.last - every..=o.last + 4 * every + 60_000_000_000).contains(&n.first);
        let its_rate = n.count as f64 / (n.last - n.first).max(1) as f64;
        begins && n.count >= 3 && n.log_odds < 0.0 && (0.5..=2.0).contains(&(its_rate / rate))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn find(seconds: &[i64], end: i64) -> Vec<Finding> {
        let o = Occurrences::at_seconds(0, seconds);
        let source = Source {
            occurrences: vec![o],
            ..Source::default()
        };
        let scope = Scope::of_seconds(end, 7.0);
        pauses(0, &source, &scope, end * SECOND)
    }

    #[test]
    fn a_job_that_stops_until_the_end_is_found() {
        let times: Vec<i64> = (0..12).map(|i| i * 300 + i % 3).collect();
        assert!(find(&times, 3700).is_empty(), "the next run is not due yet");
        let found = find(&times, 3300 + 4 * 300);
        assert!(
            matches!(
                found[0].what,
                What::Stopped {
                    missed: 3,
                    is_last: true,
                    ..
                }
            ),
            "{found:?}"
        );
    }

    #[test]
    fn a_pause_of_a_heartbeat_is_found_and_jitter_is_not() {
        let paused: Vec<i64> = (0..100)
            .map(|i| i * 10 + if i > 50 { 120 } else { 0 })
            .collect();
        assert_eq!(find(&paused, 1120).len(), 1);
        let jitter: Vec<i64> = (0..100).map(|i| i * 10 + i * 7 % 3).collect();
        assert!(find(&jitter, 1000).is_empty());
    }

    #[test]
    fn random_events_pause_at_random() {
        let mut t = 0;
        let times: Vec<i64> = (0..60i64)
            .map(|i| {
                t += 5 + (i * i * 31) % 97;
                t
            })
            .collect();
        assert!(find(&times, t + 200).is_empty());
    }
}

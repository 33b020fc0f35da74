//! Finds messages that report a problem and that are new, or that are an incident by themselves.
//! They need no volume: what the message says and that it was never there before decide. Handles
//! numbers only; does not read messages.

use super::finding::{Finding, Scope, What};
use super::rate_change::rate_change;
use super::series::{Input, Occurrences};
use crate::model::{Moment, Severity, TemplateIx};
use std::collections::BTreeMap;

/// Most that novelty adds to the log-odds, and most that it adds for one or two lines.
const MAX_NOVELTY: f64 = 7.0;
const MAX_NOVELTY_FEW: f64 = 2.5;
const FEW: usize = 2;
/// Least that novelty adds.
const MIN_NOVELTY: f64 = 1.5;
/// Rare messages come in bursts: only a cluster that is shorter than this share of the corpus adds
/// something.
const BURST: f64 = 0.125;
/// Most that it adds that all lines are near each other.
const MAX_CLUSTERED: f64 = 4.0;
/// Log-odds at which a message is an anomaly of medium and of high severity.
const MEDIUM: f64 = 6.0;
const HIGH: f64 = 9.0;
/// Messages below these log-odds are not looked at.
const MIN_ANY: f64 = -2.0;
/// A message reports a problem from these log-odds on, however new it is.
const MIN_LOG_ODDS: f64 = 0.0;
/// Log-odds at which it is listed.
const LOW: f64 = 4.0;
/// Each event of a message that comes again and again counts for less than an independent one.
const BURSTINESS: f64 = 2.0;
/// A message that comes again and again all the time is an anomaly only from these log-odds on.
const MIN_CHRONIC: f64 = 2.0;
/// It has at least this many events, and no time without it is longer than this share of the corpus.
const MIN_CHRONIC_EVENTS: usize = 6;
const MAX_PAUSE: f64 = 0.25;
/// Occurrences that are further apart than this share of the corpus, and than ten minutes, are
/// different episodes.
const APART: f64 = 0.05;
const MIN_APART: i64 = 600_000_000_000;
/// A message with this many episodes comes again and again.
const RECURRING: usize = 3;

/// A template, and one of its messages if that is looked at by itself.
type Message<'s> = (TemplateIx, &'s Option<String>);

/// The incidents among all templates. Where several sources write the same message, they are taken
/// together: a message that is usual in one thread is not new in another.
pub fn incidents(input: &Input, scope: &Scope) -> Vec<Finding> {
    let mut by_template: BTreeMap<Message<'_>, Vec<(usize, &Occurrences)>> = BTreeMap::new();
    for (i, s) in input.sources.iter().enumerate() {
        for o in s.occurrences.iter().filter(|o| o.log_odds > MIN_ANY) {
            let key = (o.template, &o.message);
            by_template.entry(key).or_default().push((i, o));
        }
    }
    let mut out = Vec::new();
    for own in by_template.values() {
        let all = merged(own);
        let Some(source) = own.iter().min_by_key(|(i, o)| (o.first, *i)).map(|x| x.0) else {
            continue;
        };
        out.extend(incident(source, &all, scope));
        if !scope.is_new(&all) {
            out.extend(rate_change(source, &all, scope));
        }
    }
    out
}

fn incident(source: usize, o: &Occurrences, scope: &Scope) -> Option<Finding> {
    let is_new = scope.is_new(o);
    if !is_new && !o.alone {
        return None;
    }
    let episodes = episodes(o, scope);
    // Later episodes say nothing new, unless the message comes again and again.
    let recurs = episodes.len() >= RECURRING;
    let (from, to, count) = match recurs {
        true => (o.first, o.last, o.count as usize),
        false => *episodes.first()?,
    };
    let score = o.log_odds
        + match (is_new, recurs) {
            (false, _) => 0.0,
            (true, true) => {
                let times = independent(o).max(episodes.len());
                since(from, times, scope).clamp(MIN_NOVELTY, MAX_NOVELTY)
            }
            (true, false) => novelty(from, to, count, scope),
        };
    let is_chronic = !is_new && o.log_odds < MIN_CHRONIC && is_even(o, scope);
    let is_incident = o.log_odds >= MIN_LOG_ODDS;
    let severity = match () {
        () if is_chronic => Severity::Low,
        () if o.alone && !recurs => Severity::High,
        () if o.alone => Severity::Medium,
        () if score >= HIGH && is_incident => Severity::High,
        () if score >= MEDIUM && is_incident => Severity::Medium,
        () if score >= LOW => Severity::Low,
        () => return None,
    };
    Some(Finding {
        message: o.message.clone(),
        severity,
        ..Finding::new(
            source,
            Some(o.template),
            (from, to),
            score.max(if o.alone { HIGH } else { 0.0 }),
            What::Incident { count, is_new },
        )
    })
}

/// Number of independent events. Rare messages come in bursts: the squared coefficient of variation
/// of their distances, which is 1 for independent events, is the size of the bursts.
fn independent(o: &Occurrences) -> usize {
    let gaps: Vec<f64> = o.times.windows(2).map(|w| (w[1] - w[0]) as f64).collect();
    let n = gaps.len().max(1) as f64;
    let mean = gaps.iter().sum::<f64>() / n;
    let variance = gaps.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / n;
    let size = (variance / mean.powi(2).max(1.0)).max(1.0);
    (o.times.len() as f64 / size / BURSTINESS) as usize
}

/// True if the events are spread over the whole corpus.
fn is_even(o: &Occurrences, scope: &Scope) -> bool {
    let edges = [scope.start, scope.end];
    let mut times: Vec<Moment> = o.times.iter().copied().chain(edges).collect();
    times.sort_unstable();
    let longest = times.windows(2).map(|w| w[1] - w[0]).max().unwrap_or(0);
    let is_frequent = o.times.is_empty() || longest as f64 <= MAX_PAUSE * scope.span() as f64;
    o.count as usize >= MIN_CHRONIC_EVENTS && is_frequent
}

/// The events of one template in all sources.
fn merged(own: &[(usize, &Occurrences)]) -> Occurrences {
    let mut out = own[0].1.clone();
    for (_, o) in &own[1..] {
        (out.first, out.last) = (out.first.min(o.first), out.last.max(o.last));
        out.count += o.count;
        out.log_odds = out.log_odds.max(o.log_odds);
        out.alone |= o.alone;
        let is_complete = !out.times.is_empty() && !o.times.is_empty();
        match is_complete {
            true => out.times.extend(&o.times),
            false => out.times.clear(),
        }
    }
    out.times.sort_unstable();
    out
}

/// How much it says that a message is new, in nats: that it did not occur before, and that all its
/// lines are close together.
fn novelty(from: Moment, to: Moment, count: usize, scope: &Scope) -> f64 {
    let length = ((to - from) as f64 / scope.span() as f64).max(1e-4);
    let clustered = -(length / BURST).ln() * (count - 1) as f64;
    let max = if count <= FEW {
        MAX_NOVELTY_FEW
    } else {
        MAX_NOVELTY
    };
    (since(from, count, scope) + clustered.clamp(0.0, MAX_CLUSTERED)).clamp(MIN_NOVELTY, max)
}

/// Minus the logarithm of the probability that a message did not occur before, at the rate that it
/// has since.
fn since(from: Moment, count: usize, scope: &Scope) -> f64 {
    let before = match scope.baseline {
        Some((a, z)) => (z - a) as f64,
        None => (from - scope.start) as f64,
    };
    let after = (scope.end - from).max(scope.span() / 100) as f64;
    count as f64 * before / after
}

/// Runs of occurrences that are near each other: start, end and number.
fn episodes(o: &Occurrences, scope: &Scope) -> Vec<(Moment, Moment, usize)> {
    if o.times.is_empty() {
        return vec![(o.first, o.last, o.count as usize)];
    }
    let apart = ((scope.span() as f64 * APART) as i64).max(MIN_APART);
    let mut out: Vec<(Moment, Moment, usize)> = Vec::new();
    for t in &o.times {
        match out.last_mut() {
            Some(last) if t - last.1 <= apart => (last.1, last.2) = (*t, last.2 + 1),
            _ => out.push((*t, *t, 1)),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::series::Source;
    use super::*;

    fn occurrences(n: u32, times: &[i64], log_odds: f64) -> Occurrences {
        Occurrences {
            log_odds,
            ..Occurrences::at_seconds(n, times)
        }
    }

    fn find(more: Occurrences) -> Vec<Finding> {
        let usual = (0..9).map(|n| occurrences(n, &[1, 500, 900], -2.5));
        let source = Source {
            occurrences: usual.chain([more]).collect(),
            ..Source::default()
        };
        let input = Input {
            sources: vec![source],
            ..Input::default()
        };
        let scope = Scope::of_seconds(1000, 0.0);
        incidents(&input, &scope)
    }

    #[test]
    fn one_line_is_an_incident_if_it_is_one_by_itself() {
        let panic = Occurrences {
            alone: true,
            ..occurrences(99, &[700], 2.0)
        };
        let found = find(panic);
        assert_eq!((found.len(), found[0].severity), (1, Severity::High));
    }

    #[test]
    fn a_few_new_error_lines_are_an_anomaly_and_old_ones_are_not() {
        let found = find(occurrences(99, &[600, 640, 690, 700], 1.0));
        assert_eq!((found.len(), found[0].severity), (1, Severity::Medium));
        assert!(find(occurrences(99, &[5, 300, 640, 690, 700], 2.5)).is_empty());
    }

    #[test]
    fn a_harmless_new_line_is_not_an_anomaly() {
        assert!(find(occurrences(99, &[600, 640, 690, 700], -2.5)).is_empty());
    }
}

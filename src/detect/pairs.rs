//! Finds steps that are not followed by their usual next step: what started does not end. The pairs
//! are learned from the log itself. Counts how many steps are open, so that steps which run at the
//! same time are no problem. Handles numbers only.

use super::finding::{Finding, Scope, What, repeated};
use super::series::{Occurrences, Source};
use super::value_change::jump;
use crate::model::{Moment, Step};

/// A step occurs at least this often before it is not followed.
const MIN_EVENTS: usize = 8;
/// The numbers of two paired steps differ by at most this share, and this number.
const MAX_DIFFERENCE: f64 = 0.5;
/// Each step is compared with at most this many others, the ones that occur about as often.
const MAX_COMPARED: usize = 32;
/// A step is awaited for this many times the longest usual duration.
const PATIENCE: i64 = 4;
/// Shorter steps are not reported as slow, in nanoseconds.
const MIN_SLOW: f64 = 1e9;
/// Shortest time that counts as waiting, in nanoseconds.
const MIN_WAIT: i64 = 20_000_000_000;
/// What is usual is learned from at least the first part of the steps.
const LEARNED_PART: usize = 6;
/// Share of the steps that, usually, are not followed either.
const MAX_OTHERS: f64 = 0.01;
/// Share of the ends at which, usually, no step is open that has not ended at once.
const MIN_RETURNS: f64 = 0.5;
/// The same if the words do not say that a step starts and ends, and how often it must be seen.
const MIN_RETURNS_UNNAMED: f64 = 0.95;
const MIN_UNNAMED: usize = 30;

/// The steps of a source that are not followed by their usual next step.
pub fn not_followed(source: usize, s: &Source, scope: &Scope, end: Moment) -> Vec<Finding> {
    let mut steps: Vec<&Occurrences> = s
        .occurrences
        .iter()
        .chain(&s.of_words)
        .filter(|o| o.times.len() >= MIN_EVENTS && o.log_odds < 0.0)
        .collect();
    steps.sort_by(|a, b| (&a.word, a.count, a.template).cmp(&(&b.word, b.count, b.template)));
    let mut out: Vec<Finding> = Vec::new();
    for (i, first) in steps.iter().enumerate() {
        let near = i.saturating_sub(MAX_COMPARED)..(i + MAX_COMPARED / 4).min(steps.len());
        let pairs: Vec<&&Occurrences> = steps[near]
            .iter()
            .filter(|n| n.template != first.template && n.word == first.word)
            .collect();
        out.extend(slower(source, first, &pairs, scope));
        let best = pairs
            .iter()
            .filter_map(|next| open_steps(first, next, end))
            .max_by(|a, b| {
                a.evidence
                    .total_cmp(&b.evidence)
                    .then(b.within.cmp(&a.within))
            });
        let Some(open) = best.filter(|b| b.evidence > scope.threshold) else {
            continue;
        };
        if ends_with_problem(first, &open, s) {
            continue;
        }
        out.push(Finding {
            word: first.word.clone(),
            ..Finding::new(
                source,
                Some(first.template),
                (open.from, open.to),
                open.evidence - scope.threshold,
                What::NotFollowed {
                    next: open.next.template,
                    times: open.count,
                    followed: open.followed,
                    within: open.within,
                },
            )
        });
    }
    out
}

/// A step that takes much longer until its next step. Only the nearest next step counts, and only
/// if it always follows.
fn slower(
    source: usize,
    first: &Occurrences,
    pairs: &[&&Occurrences],
    scope: &Scope,
) -> Option<Finding> {
    let waits = |next: &Occurrences| -> Option<Vec<(Moment, f32)>> {
        let n = first.times.len().min(next.times.len());
        let is_pair = first.step == Step::Start
            && next.step == Step::End
            && first.times.len() - n <= 1
            && next.times.len() == n
            && (0..n).all(|i| first.times[i] <= next.times[i])
            && (1..n).all(|i| next.times[i - 1] <= first.times[i]);
        is_pair.then(|| {
            let wait = |i: usize| (first.times[i], (next.times[i] - first.times[i]) as f32);
            (0..n).map(wait).collect()
        })
    };
    let total = |w: &[(Moment, f32)]| w.iter().map(|x| f64::from(x.1)).sum::<f64>();
    let (next, waits) = pairs
        .iter()
        .filter_map(|next| Some((next.template, waits(next)?)))
        .min_by(|a, b| total(&a.1).total_cmp(&total(&b.1)))?;
    let found = jump(&waits).filter(|f| f.now > f.before && f.now >= MIN_SLOW)?;
    let evidence = found.evidence - scope.threshold;
    (evidence > 0.0).then(|| Finding {
        word: first.word.clone(),
        ..Finding::new(
            source,
            Some(first.template),
            (waits[found.from].0, waits[found.to - 1].0),
            evidence,
            What::Slower {
                next,
                before: found.before as i64,
                now: found.now as i64,
                count: found.to - found.from,
            },
        )
    })
}

struct Open<'s> {
    next: &'s Occurrences,
    from: Moment,
    to: Moment,
    count: usize,
    followed: usize,
    within: i64,
    evidence: f64,
}

/// True if as many problems are reported as steps have no end: the steps ended in another way, and
/// the problems speak for themselves.
fn ends_with_problem(first: &Occurrences, open: &Open<'_>, s: &Source) -> bool {
    let problems = s
        .occurrences
        .iter()
        .chain(&s.of_words)
        .filter(|o| o.log_odds >= 0.0 && (o.word == first.word || first.word.is_none()));
    problems
        .map(|o| {
            o.times
                .iter()
                .filter(|t| (open.from..=open.to).contains(*t))
                .count()
        })
        .any(|n| n >= open.count)
}

/// Number of open steps right after an end.
struct End {
    open: i64,
    /// Number of starts so far.
    starts: usize,
}

/// Follows the number of open steps. Usually it returns to its lowest value soon. Each step that
/// never ends raises this value for good.
fn open_steps<'s>(first: &Occurrences, next: &'s Occurrences, end: Moment) -> Option<Open<'s>> {
    let (n, m) = (first.times.len(), next.times.len());
    if next.times.len() < MIN_EVENTS - 1 || n < m || (n - m) as f64 > MAX_DIFFERENCE * n as f64 {
        return None;
    }
    let ends = ends(first, next);
    let levels = levels(&ends);
    let at_level = (0..ends.len())
        .filter(|i| ends[*i].open == levels[*i])
        .count();
    let within = longest_wait(first, next, &ends, &levels)?;
    let is_named = first.step == Step::Start && next.step == Step::End;
    let min_returns = if is_named {
        MIN_RETURNS
    } else {
        MIN_RETURNS_UNNAMED
    };
    if (at_level as f64) < min_returns * ends.len() as f64 || !is_named && m < MIN_UNNAMED {
        return None;
    }
    let patience = (within * PATIENCE).max(MIN_WAIT);
    // The starts after which a step stays open, and whether the last ones still wait at the end.
    let mut stuck: Vec<usize> = Vec::new();
    for i in 1..ends.len() {
        let more = (levels[i] - levels[i - 1]).max(0) as usize;
        let from = ends[i - 1].starts;
        stuck.extend((0..more).map(|k| (from + k).min(n - 1)));
    }
    let last_starts = ends.last()?.starts;
    let waiting = (last_starts..n).filter(|i| first.times[*i] + patience < end);
    let before = stuck.len();
    stuck.extend(waiting);
    let waits_at_end = stuck.len() > before;
    let (from, to, count) = densest(&stuck)?;
    let others = stuck.len() - count;
    if from < MIN_EVENTS.max(n / LEARNED_PART) {
        return None;
    }
    if others as f64 > MAX_OTHERS * m as f64 {
        return None;
    }
    let mut evidence = repeated(count as f64, others, m);
    if waits_at_end && to + 1 == n {
        // The longer the last step waits, the less likely it only was slow.
        let waited = (end - first.times[to]) as f64 / within.max(1) as f64;
        evidence += 2.0 * waited.max(1.0).ln().min(3.0);
    }
    Some(Open {
        next,
        from: first.times[from],
        to: first.times.get(to + 1).copied().unwrap_or(end),
        count,
        followed: m,
        within,
        evidence,
    })
}

/// The lowest number of open steps from each end on.
fn levels(ends: &[End]) -> Vec<i64> {
    let mut out: Vec<i64> = ends.iter().map(|e| e.open).collect();
    for i in (0..out.len().saturating_sub(1)).rev() {
        out[i] = out[i].min(out[i + 1]);
    }
    out
}

/// The run of stuck steps with the most of them: first, last and number. At most one step between
/// two of them is not stuck.
fn densest(stuck: &[usize]) -> Option<(usize, usize, usize)> {
    let mut best: Option<(usize, usize, usize)> = None;
    let mut run: Option<(usize, usize, usize)> = None;
    for i in stuck {
        run = match run {
            Some((a, z, n)) if i - z <= 2 => Some((a, *i, n + 1)),
            _ => Some((*i, *i, 1)),
        };
        if run.map(|r| r.2) > best.map(|b| b.2) {
            best = run;
        }
    }
    best
}

/// Merges starts and ends by time.
fn ends(first: &Occurrences, next: &Occurrences) -> Vec<End> {
    let mut starts = 0;
    let mut out = Vec::with_capacity(next.times.len());
    for (i, at) in next.times.iter().enumerate() {
        while first.times.get(starts).is_some_and(|t| t <= at) {
            starts += 1;
        }
        out.push(End {
            open: starts as i64 - i as i64 - 1,
            starts,
        });
    }
    out
}

/// The longest time from a start to its end, if ends come in the order of starts and steps that
/// never end are left out. `None` if the steps are not tied: an end comes soon after its start.
fn longest_wait(
    first: &Occurrences,
    next: &Occurrences,
    ends: &[End],
    levels: &[i64],
) -> Option<i64> {
    let lowest = *levels.first()?;
    let waits: Option<Vec<i64>> = (0..ends.len())
        .map(|i| {
            let start = (i as i64 + levels[i]).max(0) as usize;
            let is_before_log = (i as i64) < -lowest;
            match is_before_log {
                true => Some(0),
                false => first.times.get(start).map(|t| next.times[i] - t),
            }
        })
        .collect();
    let waits = waits?;
    let longest = waits.iter().copied().max()?;
    let distance = (first.last - first.first) / (first.times.len() as i64 - 1).max(1);
    let is_tied = waits.iter().all(|w| *w >= 0) && longest <= distance * 3;
    is_tied.then_some(longest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Step;

    const SECOND: i64 = 1_000_000_000;

    fn occurrences(n: u32, seconds: &[i64]) -> Occurrences {
        Occurrences {
            step: if n == 0 { Step::Start } else { Step::End },
            ..Occurrences::at_seconds(n, seconds)
        }
    }

    fn find(starts: &[i64], ends: &[i64], end: i64) -> Vec<Finding> {
        let source = Source {
            occurrences: vec![occurrences(0, starts), occurrences(1, ends)],
            ..Source::default()
        };
        let scope = Scope::of_seconds(end, 6.0);
        not_followed(0, &source, &scope, end * SECOND)
    }

    #[test]
    fn jobs_that_start_and_do_not_end_are_found() {
        let starts: Vec<i64> = (0..30).map(|i| i * 60).collect();
        let ends: Vec<i64> = (0..30)
            .filter(|i| !(20..24).contains(i))
            .map(|i| i * 60 + 8 + i % 5)
            .collect();
        let found = find(&starts, &ends, 1800);
        assert!(
            matches!(found[0].what, What::NotFollowed { times: 4, .. }),
            "{found:?}"
        );
        assert_eq!(found[0].from, 1200 * SECOND);
    }

    #[test]
    fn a_job_that_hangs_until_the_end_is_found() {
        let starts: Vec<i64> = (0..21).map(|i| i * 60).collect();
        let ends: Vec<i64> = (0..20).map(|i| i * 60 + 8 + i % 5).collect();
        assert_eq!(find(&starts, &ends, 2400).len(), 1);
        assert!(find(&starts, &ends, 1215).is_empty(), "it still runs");
    }

    #[test]
    fn steps_that_overlap_and_end_are_not_reported() {
        let starts: Vec<i64> = (0..90).map(|i| i * 20 + i * 7 % 11).collect();
        let ends: Vec<i64> = (0..90)
            .map(|i| i * 20 + i * 7 % 11 + 5 + i * 5 % 19)
            .collect();
        let mut sorted = ends.clone();
        sorted.sort_unstable();
        assert!(find(&starts, &sorted, 1850).is_empty());
        let other: Vec<i64> = (0..88).map(|i| i * 20 + i * 13 % 17 + 3).collect();
        assert!(
            find(&starts, &other, 1850).is_empty(),
            "these are not pairs"
        );
    }
}

//! Finds steps that are not followed by their usual next step, for each identifier: a request, an
//! order, a job. What usually follows is learned from the first steps. Handles numbers only.

use super::finding::{Finding, Scope, What};
use super::series::Input;
use super::stat::median;
use crate::model::{Moment, TemplateIx};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// A step occurs with at least this many identifiers.
const MIN_IDS: usize = 12;
/// Share of the events of a step that have identifiers of their own.
const MIN_DISTINCT: f64 = 0.8;
/// Of the first part of the steps, this share is followed by the next step.
const LEARNED_PART: usize = 3;
const MIN_FOLLOWED: f64 = 0.95;
/// A step is awaited for this many times the longest usual duration, and at least this long, in
/// nanoseconds.
const PATIENCE: i64 = 4;
const MIN_WAIT: i64 = 20_000_000_000;
/// Number of steps that are not followed, at least.
const MIN_MISSING: usize = 3;
/// A value that occurs in more steps than this is not an identifier of one thing.
const MAX_STEPS: usize = 24;
/// Positions that are tried as start and end of the time in which steps are not followed.
const MAX_POSITIONS: usize = 100;

/// One step: an identifier in the messages of one template.
struct Step {
    source: usize,
    template: TemplateIx,
    /// First time of each identifier, in order of time.
    starts: Vec<(Moment, u64)>,
}

/// Two steps with common identifiers.
struct Pair {
    first: usize,
    next: usize,
    /// Usual time between them, and the longest one.
    wait: f64,
    longest: i64,
}

/// The times in which steps are not followed.
pub fn not_followed_by_id(input: &Input, scope: &Scope, end: Moment) -> Vec<Finding> {
    let steps = steps(input);
    let mut times: FxHashMap<u64, Vec<(usize, Moment)>> = FxHashMap::default();
    for (i, s) in steps.iter().enumerate() {
        for (at, id) in &s.starts {
            times.entry(*id).or_default().push((i, *at));
        }
    }
    times.retain(|_, of| of.len() > 1 && of.len() <= MAX_STEPS);
    let mut pairs = pairs(&times);
    // What follows soonest is what is missing first.
    pairs.sort_by(|a, b| {
        a.wait
            .total_cmp(&b.wait)
            .then((a.first, a.next).cmp(&(b.first, b.next)))
    });
    let mut out: Vec<Finding> = Vec::new();
    let mut used: Vec<usize> = Vec::new();
    for pair in pairs {
        if used.contains(&pair.first) || used.contains(&pair.next) {
            continue;
        }
        if let Some(f) = missing(&steps, &times, &pair, scope, end)
            && !ends_with_problem(input, &f)
        {
            used.extend([pair.first, pair.next]);
            out.push(f);
        }
    }
    out
}

fn steps(input: &Input) -> Vec<Step> {
    let mut out = Vec::new();
    for (source, s) in input.sources.iter().enumerate() {
        for ids in &s.ids {
            let mut first: BTreeMap<u64, Moment> = BTreeMap::new();
            for (at, id) in &ids.points {
                first
                    .entry(*id)
                    .and_modify(|t| *t = *at.min(t))
                    .or_insert(*at);
            }
            let is_distinct = first.len() as f64 >= MIN_DISTINCT * ids.points.len() as f64;
            if first.len() >= MIN_IDS && is_distinct {
                let mut starts: Vec<(Moment, u64)> =
                    first.into_iter().map(|(i, t)| (t, i)).collect();
                starts.sort_unstable();
                out.push(Step {
                    source,
                    template: ids.template,
                    starts,
                });
            }
        }
    }
    out
}

/// Pairs of steps that have enough identifiers in common.
fn pairs(times: &FxHashMap<u64, Vec<(usize, Moment)>>) -> Vec<Pair> {
    let mut waits: BTreeMap<(usize, usize), Vec<f64>> = BTreeMap::new();
    for of in times.values() {
        for (i, (a, ta)) in of.iter().enumerate() {
            for (b, tb) in &of[i + 1..] {
                waits.entry((*a, *b)).or_default().push((tb - ta) as f64);
            }
        }
    }
    let pair = |((a, b), mut waits): ((usize, usize), Vec<f64>)| {
        let wait = median(&mut waits);
        let longest = waits.iter().map(|w| w.abs() as i64).max()?;
        let (first, next) = if wait >= 0.0 { (a, b) } else { (b, a) };
        (waits.len() >= MIN_IDS).then_some(Pair {
            first,
            next,
            wait: wait.abs(),
            longest,
        })
    };
    waits.into_iter().filter_map(pair).collect()
}

/// The time in which the first step of a pair is not followed by the next one.
fn missing(
    steps: &[Step],
    times: &FxHashMap<u64, Vec<(usize, Moment)>>,
    pair: &Pair,
    scope: &Scope,
    end: Moment,
) -> Option<Finding> {
    let first = &steps[pair.first];
    let next = &steps[pair.next];
    if first.template == next.template {
        return None;
    }
    let patience = (pair.longest * PATIENCE).max(MIN_WAIT);
    let is_followed = |id: u64| {
        times
            .get(&id)
            .is_some_and(|of| of.iter().any(|x| x.0 == pair.next))
    };
    let decided = first.starts.iter().take_while(|s| s.0 + patience < end);
    let followed: Vec<(Moment, bool)> = decided.map(|(t, id)| (*t, is_followed(*id))).collect();
    let n = followed.len();
    let learned = &followed[..n / LEARNED_PART];
    let usual = learned.iter().filter(|x| x.1).count();
    if learned.len() < MIN_IDS / 2 || (usual as f64) < MIN_FOLLOWED * learned.len() as f64 {
        return None;
    }
    let missed: Vec<usize> = (0..n).filter(|i| !followed[*i].1).collect();
    let (i, j, evidence) = densest(&missed, n)?;
    let count = j + 1 - i;
    let (from, to) = (missed[i], missed[j]);
    let evidence = evidence - scope.threshold;
    let what = What::NotFollowed {
        next: next.template,
        times: count,
        followed: n - missed.len(),
        within: pair.longest,
    };
    let time = (followed[from].0, followed[to].0);
    (evidence > 0.0 && count >= MIN_MISSING)
        .then(|| Finding::new(first.source, Some(first.template), time, evidence, what))
}

/// The range of the misses with the largest likelihood ratio of two rates of misses, in nats, reduced
/// for the number of ranges.
fn densest(missed: &[usize], n: usize) -> Option<(usize, usize, f64)> {
    let step = missed.len().div_ceil(MAX_POSITIONS).max(1);
    let mut best: Option<(usize, usize, f64)> = None;
    let ln_likelihood = |k: f64, n: f64| {
        let p = ((k + 0.5) / (n + 1.0)).clamp(1e-6, 1.0 - 1e-6);
        k * p.ln() + (n - k) * (1.0 - p).ln()
    };
    let whole = ln_likelihood(missed.len() as f64, n as f64);
    for i in (0..missed.len()).step_by(step) {
        for j in (i..missed.len()).step_by(step) {
            let (k, length) = ((j + 1 - i) as f64, (missed[j] + 1 - missed[i]) as f64);
            let (rest, others) = (missed.len() as f64 - k, n as f64 - length);
            let gain = ln_likelihood(k, length) + ln_likelihood(rest, others) - whole;
            if k / length > (rest + 0.5) / (others + 1.0) && best.is_none_or(|b| gain > b.2) {
                best = Some((i, j, gain));
            }
        }
    }
    best.map(|(i, j, gain)| (i, j, gain - (n as f64).ln()))
}

/// True if as many problems are reported in that time: the steps ended in another way, and the
/// problems speak for themselves.
fn ends_with_problem(input: &Input, f: &Finding) -> bool {
    let What::NotFollowed { times, .. } = f.what else {
        return false;
    };
    let inside = |t: &&Moment| (f.from..=f.to).contains(*t);
    let problems = input.sources[f.source]
        .occurrences
        .iter()
        .filter(|o| o.log_odds >= 0.0);
    problems
        .map(|o| o.times.iter().filter(inside).count())
        .any(|n| n >= times)
}

#[cfg(test)]
mod tests {
    use super::super::series::{Ids, Source};
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    /// Starts every ten seconds that end after seven, except for the ids in `lost`.
    fn find(lost: impl Fn(u64) -> bool) -> Vec<Finding> {
        let ids = |template: u32, points: Vec<(Moment, u64)>| Ids {
            template: TemplateIx(template),
            points,
        };
        let at = |i: u64, after: i64| ((i as i64 * 10 + after) * SECOND, i * 7919);
        let starts = (0..120).map(|i| at(i, 0)).collect();
        let ends = (0..120).filter(|i| !lost(*i)).map(|i| at(i, 7)).collect();
        let source = Source {
            ids: vec![ids(0, starts), ids(1, ends)],
            ..Source::default()
        };
        let input = Input {
            sources: vec![source],
            ..Input::default()
        };
        let scope = Scope::of_seconds(1200, 7.0);
        not_followed_by_id(&input, &scope, scope.end)
    }

    #[test]
    fn orders_that_are_never_completed_are_found_also_if_only_some_are_lost() {
        let found = find(|i| (70..100).contains(&i) && i % 5 != 0);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].from >= 700 * SECOND && found[0].to < 1000 * SECOND);
    }

    #[test]
    fn orders_that_are_lost_now_and_then_or_not_yet_completed_are_not_found() {
        assert!(find(|i| i % 40 == 39).is_empty());
        assert!(find(|i| i > 117).is_empty());
    }
}

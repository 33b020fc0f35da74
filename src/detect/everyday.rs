//! Runs the tests that need no volume: they look at exact times, at values and at what messages
//! report. Handles numbers only.

use super::by_id::not_followed_by_id;
use super::finding::{Finding, Scope};
use super::incident::incidents;
use super::new_word::new_words;
use super::pairs::not_followed;
use super::rhythm::pauses;
use super::series::{Input, Occurrences};
use super::silence::no_lines;
use super::traffic::traffic_changes;
use super::value_change::value_changes;
use crate::model::{Moment, Severity};

/// Probability of a false finding in the whole corpus.
const ALPHA: f64 = 0.02;
/// If a source stops within this time before the end, in nanoseconds, or within this share of the
/// corpus, the collection of logs probably ended there.
const COLLECTION: i64 = 120_000_000_000;
const COLLECTION_SHARE: i64 = 20;

/// All findings of a corpus, in order of time.
pub fn findings(input: &Input) -> Vec<Finding> {
    let all = || input.sources.iter().flat_map(|s| &s.occurrences);
    let (Some(start), Some(end)) = (all().map(|o| o.first).min(), all().map(|o| o.last).max())
    else {
        return Vec::new();
    };
    let tests: usize = input
        .sources
        .iter()
        .map(|s| s.occurrences.len() + s.of_words.len() + s.numbers.len() + s.words.len())
        .sum();
    let scope = Scope {
        start,
        end,
        threshold: (tests.max(1) as f64 / ALPHA).ln(),
        baseline: input.baseline.map(|(a, z)| {
            let at = |bin: u32| input.start + i64::from(bin) * input.width;
            (at(a), at(z))
        }),
    };
    if input.by_order {
        return without_times(input, &scope);
    }
    let mut out: Vec<Finding> = Vec::new();
    for (i, s) in input.sources.iter().enumerate() {
        let last = s.occurrences.iter().map(|o| o.last).max();
        let own_end = observed_until(last.unwrap_or(end), &scope);
        out.extend(pauses(i, s, &scope, own_end));
        out.extend(not_followed(i, s, &scope, own_end));
        out.extend(value_changes(i, s, &scope));
        out.extend(new_words(i, s, &scope));
    }
    out.extend(not_followed_by_id(input, &scope, end));
    out.extend(incidents(input, &scope));
    out.extend(no_lines(input, &scope));
    out.extend(traffic_changes(input, &scope));
    // What the user calls normal is not reported.
    if let Some((a, z)) = scope.baseline {
        out.retain(|f| !(a..z).contains(&f.from));
    }
    out.sort_by(|a, b| {
        let key = |f: &Finding| (f.from, f.source, f.template);
        key(a).cmp(&key(b)).then(b.evidence.total_cmp(&a.evidence))
    });
    out
}

/// Without times, nothing is regular, slow or frequent, and all that a program does later is new. What
/// is an incident by itself still is one.
fn without_times(input: &Input, scope: &Scope) -> Vec<Finding> {
    let mut out = incidents(input, scope);
    for f in &mut out {
        if !is_alone(input, f) {
            f.severity = f.severity.min(Severity::Low);
        }
    }
    out
}

fn is_alone(input: &Input, f: &Finding) -> bool {
    let of = |o: &Occurrences| Some(o.template) == f.template && o.message == f.message && o.alone;
    input.sources.iter().flat_map(|s| &s.occurrences).any(of)
}

/// How long before the end of a corpus the collection of a log can have ended, in nanoseconds.
pub fn collection(span: i64) -> i64 {
    COLLECTION.max(span / COLLECTION_SHARE)
}

/// When the observation of a source ends.
fn observed_until(last: Moment, scope: &Scope) -> Moment {
    if scope.end - last <= collection(scope.span()) {
        last
    } else {
        scope.end
    }
}

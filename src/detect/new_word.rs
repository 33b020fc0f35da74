//! Finds a new word in a variable that has few different ones. Handles numbers only.

use super::finding::{Finding, Scope, What};
use super::series::{Source, Words};
use crate::model::Severity;

/// A new word is preceded by at least this many values.
const MIN_BEFORE: usize = 20;
/// A variable has few words if it has at most this many before the new one.
const MAX_KNOWN: usize = 8;
/// A new word is of medium severity if at most this many were known.
const FEW_KNOWN: usize = 3;
/// The new word occurs at least this often, and in this share of the later values.
const MIN_COUNT: usize = 5;
const MIN_SHARE: f64 = 0.02;
/// The words known before appear in this share of the earlier values: new words are unusual.
const KNOWN_EARLY: f64 = 0.5;
/// Most evidence of one word, in nats.
const MAX_EVIDENCE: f64 = 30.0;

/// The new words in the variables of a source.
pub fn new_words(source: usize, s: &Source, scope: &Scope) -> Vec<Finding> {
    let found = |w: &Words| {
        // What appears early was there before, too.
        let f = new_word(w).filter(|f| w.points[f.first].0 > scope.known().1)?;
        let evidence = f.evidence - scope.threshold;
        (evidence > 0.0).then(|| Finding {
            word: Some(w.names[f.word].clone()),
            severity: f.severity,
            ..Finding::new(
                source,
                Some(w.template),
                (w.points[f.first].0, w.points[f.last].0),
                evidence,
                What::NewWord {
                    variable: w.variable,
                    count: f.count,
                    known: f.known,
                },
            )
        })
    };
    s.words.iter().filter_map(found).collect()
}

struct New {
    word: usize,
    first: usize,
    last: usize,
    count: usize,
    known: usize,
    severity: Severity,
    evidence: f64,
}

/// The word that appears last, if the others appear early.
fn new_word(w: &Words) -> Option<New> {
    let n = w.names.len();
    let mut first = vec![usize::MAX; n];
    let mut last = vec![0; n];
    let mut count = vec![0; n];
    for (i, (_, word)) in w.points.iter().enumerate() {
        let word = *word as usize;
        first[word] = first[word].min(i);
        last[word] = i;
        count[word] += 1;
    }
    let newest = (0..n).max_by_key(|i| first[*i])?;
    let at = first[newest];
    let known = n - 1;
    let latest_known = (0..n).filter(|i| *i != newest).map(|i| first[i]).max()?;
    let share = count[newest] as f64 / (w.points.len() - at) as f64;
    let is_new = at >= MIN_BEFORE
        && known <= MAX_KNOWN
        && (count[newest] >= MIN_COUNT && share >= MIN_SHARE || w.log_odds[newest] > 0.0)
        && latest_known as f64 <= KNOWN_EARLY * at as f64;
    // The chance that a word with this share did not occur before.
    let evidence = -(1.0 - share.min(0.99)).ln() * at as f64 + w.log_odds[newest].max(0.0);
    is_new.then(|| New {
        word: newest,
        first: at,
        last: last[newest],
        count: count[newest],
        known,
        // Of many known words, one more may be a new name of no importance.
        severity: if known <= FEW_KNOWN || w.log_odds[newest] > 0.0 {
            Severity::Medium
        } else {
            Severity::Low
        },
        evidence: evidence.min(MAX_EVIDENCE),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::TemplateIx;

    fn find(words: &[u32]) -> bool {
        let names = 1 + words.iter().copied().max().unwrap_or(0) as usize;
        let w = Words {
            template: TemplateIx(0),
            variable: 0,
            points: (0..).zip(words.iter().copied()).collect(),
            names: (0..names).map(|n| format!("w{n}")).collect(),
            log_odds: vec![-2.5; names],
        };
        new_word(&w).is_some_and(|f| f.evidence > 8.0)
    }

    #[test]
    fn a_new_state_is_found_and_a_stream_of_new_names_is_not() {
        let state: Vec<u32> = (0..200)
            .map(|i| if i > 120 && i % 3 == 0 { 2 } else { i % 2 })
            .collect();
        assert!(find(&state));
        assert!(!find(&state[..120]));
        let names: Vec<u32> = (0..200).map(|i| i / 25).collect();
        assert!(!find(&names));
    }
}

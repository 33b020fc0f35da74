//! Turns the words of variables into series for the detection: counts of each word, and the times of
//! the events of each word. Reads no text and detects nothing.

use super::series::{MIN_NUMBERS, MIN_VALUES, Series, Variable, merged};
use crate::detect::{Feature, FeatureKind, Occurrences, Source, Words};
use crate::diagnose::word_log_odds;
use crate::model::{EventId, Moment, TemplateIx};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// Minimum number of events of one word for their times to be tested.
const MIN_TIMES: usize = 6;
/// A variable of words has at most this many different ones to be counted by word.
const MAX_WORDS: usize = 40;

/// One word that was read: time, bin, event and text.
pub type WordSample = (Moment, Option<u32>, EventId, Box<str>);

/// The different words of a variable, numbered in order of their names.
#[derive(Clone)]
pub struct Named {
    pub names: Vec<String>,
    /// Number of the word of each sample.
    pub ids: Vec<u32>,
    /// Share of the samples whose word occurs often enough to be tested.
    pub grouped: f64,
}

impl Named {
    /// `None` if there are too few samples or too many different words.
    pub fn of(samples: &[WordSample]) -> Option<Named> {
        if samples.len() < MIN_VALUES {
            return None;
        }
        let words: Vec<String> = samples.iter().map(|s| s.3.to_string()).collect();
        let (words, counts) = match counted(&words) {
            Some(counts) => (words, counts),
            None => {
                let masked: Vec<String> = words.iter().map(|w| masked(w)).collect();
                let counts = counted(&masked)?;
                (masked, counts)
            }
        };
        let number: FxHashMap<&str, u32> = counts.keys().map(String::as_str).zip(0..).collect();
        let frequent: usize = counts.values().filter(|n| **n >= MIN_NUMBERS).sum();
        Some(Named {
            ids: words.iter().map(|w| number[w.as_str()]).collect(),
            names: counts.keys().cloned().collect(),
            grouped: frequent as f64 / samples.len() as f64,
        })
    }
}

/// Adds the times of the events of each word. Several variables can say the same, so equal times are
/// added once.
pub fn add_of_words(
    source: &mut Source,
    template: TemplateIx,
    samples: &[WordSample],
    named: &Named,
) {
    let Some(whole) = source.occurrences.iter().find(|o| o.template == template) else {
        return;
    };
    let whole = whole.clone();
    for (id, name) in (0u32..).zip(&named.names) {
        let own = samples.iter().zip(&named.ids).filter(|(_, i)| **i == id);
        let times: Vec<Moment> = own.map(|(s, _)| s.0).collect();
        let is_known = |o: &Occurrences| o.template == template && o.times == times;
        let (Some(first), Some(last)) = (times.first().copied(), times.last().copied()) else {
            continue;
        };
        if times.len() < MIN_TIMES || source.of_words.iter().any(is_known) {
            continue;
        }
        source.of_words.push(Occurrences {
            word: Some(name.clone()),
            first,
            last,
            count: times.len() as u64,
            times,
            ..whole.clone()
        });
    }
}

/// Counts each word. `None` if there are too many different ones.
fn counted(words: &[String]) -> Option<BTreeMap<String, usize>> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for w in words {
        if let Some(n) = counts.get_mut(w) {
            *n += 1;
        } else if counts.len() == MAX_WORDS {
            return None;
        } else {
            counts.insert(w.clone(), 1);
        }
    }
    Some(counts)
}

/// A word with each run of digits as `#`, and without the query of a URL: different requests of the
/// same kind are the same value.
fn masked(word: &str) -> String {
    let word = word.split('?').next().unwrap_or(word);
    let mut out = String::with_capacity(word.len());
    for c in word.chars() {
        match c.is_ascii_digit() {
            true if out.ends_with('#') => {}
            true => out.push('#'),
            false => out.push(c),
        }
    }
    out
}

/// Adds the words of one variable: counts of each word, and the words with their times.
pub fn add_words(
    series: &mut Series,
    (source, template, variable): Variable,
    samples: &[WordSample],
    named: Named,
    is_complete: bool,
) {
    let s = &mut series.input.sources[source];
    for (n, name) in (0u16..).zip(&named.names).filter(|_| named.names.len() > 1) {
        let own = samples
            .iter()
            .zip(&named.ids)
            .filter(|(_, id)| **id == u32::from(n))
            .filter_map(|(s, _)| Some((s.1?, 1)))
            .collect();
        series
            .categories
            .insert((source, template, variable, n), name.clone());
        s.features.push(Feature {
            kind: FeatureKind::Word(template, variable, n),
            counts: merged(own),
            indicates_problem: false,
        });
    }
    if is_complete && named.names.len() > 1 {
        add_of_words(s, template, samples, &named);
    }
    s.words.push(Words {
        template,
        variable,
        points: samples
            .iter()
            .zip(&named.ids)
            .map(|(s, id)| (s.0, *id))
            .collect(),
        log_odds: named.names.iter().map(|n| word_log_odds(n)).collect(),
        names: named.names,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_of_the_same_kind_are_the_same_word() {
        assert_eq!(masked("/orders/812/items?page=2"), "/orders/#/items");
    }
}

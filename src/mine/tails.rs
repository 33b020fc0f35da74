//! Merges texts that begin with the same words and a colon, if the text after the colon begins in
//! many different ways: the reason of a failure, the output of a command. Knows only patterns, not
//! log lines.

use super::mask::VAR;
use super::thresholds::Thresholds;
use super::tokens::{Pattern, Replacements, is_constant_word, tokens};
use rustc_hash::{FxHashMap, FxHashSet};

/// Number of constant words before the colon.
const WORDS_BEFORE: usize = 2;

/// Runs one pass over all patterns and returns the ones to replace.
pub fn merge_tails(patterns: &[Pattern], thresholds: &Thresholds) -> Replacements {
    let heads: Vec<Vec<usize>> = patterns.iter().map(|p| heads(p)).collect();
    let mut first_words: FxHashMap<&[u8], FxHashSet<&[u8]>> = FxHashMap::default();
    for (pattern, heads) in patterns.iter().zip(&heads) {
        for at in heads {
            let (head, tail) = pattern.split_at(*at);
            let first = tail.split(|b| *b == b' ').next().unwrap_or(tail);
            first_words.entry(head).or_default().insert(first);
        }
    }
    let mut replacements = Replacements::default();
    for (pattern, heads) in patterns.iter().zip(&heads) {
        let head = heads
            .iter()
            .map(|at| &pattern[..*at])
            .find(|head| is_variable(&first_words[head], thresholds));
        if let Some(head) = head {
            let merged = [head, &[VAR]].concat();
            if merged != *pattern {
                replacements.insert(pattern.clone(), merged);
            }
        }
    }
    replacements
}

/// Whether texts that begin with these words are a variable.
fn is_variable(first_words: &FxHashSet<&[u8]>, thresholds: &Thresholds) -> bool {
    let needed = if first_words.iter().any(|w| w.contains(&VAR)) {
        thresholds.tails_with_variable
    } else {
        thresholds.tails
    };
    first_words.len() >= needed
}

/// Offsets of the texts that follow a colon and a blank, outside brackets and quotations.
fn heads(pattern: &[u8]) -> Vec<usize> {
    let (mut at, mut constants, mut depth, mut quoted) = (0, 0, 0i32, false);
    let mut found = Vec::new();
    let words = tokens(pattern);
    for (i, word) in words.iter().enumerate() {
        at += word.len();
        match *word {
            b"(" | b"[" | b"{" => depth += 1,
            b")" | b"]" | b"}" => depth -= 1,
            b"\"" => quoted = !quoted,
            b":" if depth == 0 && !quoted && constants >= WORDS_BEFORE => {
                if words.get(i + 1) == Some(&&b" "[..]) && at + 1 < pattern.len() {
                    found.push(at + 1);
                }
            }
            _ => constants += usize::from(is_constant_word(word)),
        }
    }
    found
}

//! Merges the texts that one log statement prints, where the log tells the call site. The call site
//! is the strongest evidence of the statement; only a statement that prints arbitrary text stays
//! split by its text. Knows only patterns of one call site, not log lines.

use super::mask::VAR;
use super::tokens::{Pattern, Replacements, is_constant_word, tokens};
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;

/// Texts with this many different patterns are not compared further.
const MAX_PATTERNS: usize = 400;
/// Longer texts, in tokens, are not compared.
const MAX_TOKENS: usize = 400;

/// Merges the patterns of one call site that share enough constant words. `lines` returns the
/// number of lines of a pattern.
pub fn merge_statement(patterns: &[Pattern], lines: &dyn Fn(&Pattern) -> u64) -> Replacements {
    if prints_any_text(patterns, lines) {
        return Replacements::default();
    }
    let mut order: Vec<&Pattern> = patterns.iter().collect();
    order.sort_by(|a, b| lines(b).cmp(&lines(a)).then_with(|| a.cmp(b)));
    order.truncate(MAX_PATTERNS);
    // Each group has the tokens that its members have in common.
    let mut groups: Vec<(Vec<&[u8]>, Vec<&Pattern>)> = Vec::new();
    for pattern in order {
        let words = tokens(pattern);
        if words.len() > MAX_TOKENS {
            continue;
        }
        let found = groups.iter_mut().find_map(|group| {
            // Unlike texts are most pairs, and counting words is cheaper than aligning them.
            if !is_enough(shared_constants(&group.0, &words), &group.0, &words) {
                return None;
            }
            let common = common_tokens(&group.0, &words);
            is_enough(constants(&common).count(), &group.0, &words).then_some((group, common))
        });
        match found {
            Some((group, common)) => {
                group.0 = common;
                group.1.push(pattern);
            }
            None => groups.push((words, vec![pattern])),
        }
    }
    let mut replacements = Replacements::default();
    for (common, members) in groups.into_iter().filter(|(_, m)| m.len() > 1) {
        let merged = common.concat();
        for member in members.into_iter().filter(|m| **m != merged) {
            replacements.insert(member.clone(), merged.clone());
        }
    }
    replacements
}

/// Whether the statement prints arbitrary text, as a function does that other statements call: at
/// most half of its lines have two words, or all of theirs, that at least half of the lines have.
fn prints_any_text(patterns: &[Pattern], lines: &dyn Fn(&Pattern) -> u64) -> bool {
    let words: Vec<(BTreeSet<&[u8]>, u64)> = patterns
        .iter()
        .map(|p| {
            let words = tokens(p);
            (constants(&words).collect(), lines(p))
        })
        .collect();
    let all: u64 = words.iter().map(|(_, n)| n).sum();
    let mut lines_of: FxHashMap<&[u8], u64> = FxHashMap::default();
    for (set, n) in &words {
        set.iter()
            .for_each(|w| *lines_of.entry(w).or_default() += n);
    }
    let usual: u64 = words
        .iter()
        .filter(|(set, _)| {
            let shared = set.iter().filter(|w| lines_of[**w] * 2 >= all).count();
            shared >= 2 || shared > 0 && shared == set.len()
        })
        .map(|(_, n)| n)
        .sum();
    usual * 2 <= all
}

/// Whether two texts that share this many constant words are printed by one format string: what
/// they share is not just a word or two of longer sentences.
fn is_enough(shared: usize, a: &[&[u8]], b: &[&[u8]]) -> bool {
    let least = constants(a).count().min(constants(b).count());
    shared == least && shared > 0 || shared >= 2 && shared * 5 >= least * 2
}

fn constants<'a>(words: &[&'a [u8]]) -> impl Iterator<Item = &'a [u8]> {
    words.iter().copied().filter(|w| is_constant_word(w))
}

/// Number of constant words that both texts have, in any order. No alignment has more.
fn shared_constants(a: &[&[u8]], b: &[&[u8]]) -> usize {
    let mut left: FxHashMap<&[u8], usize> = FxHashMap::default();
    constants(a).for_each(|w| *left.entry(w).or_default() += 1);
    constants(b)
        .filter(|w| {
            let count = left.get_mut(w).filter(|n| **n > 0);
            count.map(|n| *n -= 1).is_some()
        })
        .count()
}

/// The longest sequence of tokens that both texts have, with a variable wherever one of them has
/// other tokens.
fn common_tokens<'a>(a: &[&'a [u8]], b: &[&[u8]]) -> Vec<&'a [u8]> {
    const GAP: &[u8] = &[VAR];
    let width = b.len() + 1;
    // Words weigh more than blanks and punctuation, which match anywhere.
    let weight = |w: &[u8]| if is_constant_word(w) { 8 } else { 1 };
    let mut best = vec![0u32; (a.len() + 1) * width];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            let skip = best[(i + 1) * width + j].max(best[i * width + j + 1]);
            let take = if a[i] == b[j] && a[i] != GAP {
                best[(i + 1) * width + j + 1] + weight(a[i])
            } else {
                0
            };
            best[i * width + j] = skip.max(take);
        }
    }
    let (mut i, mut j, mut out) = (0, 0, Vec::new());
    let mut gap = false;
    while i < a.len() || j < b.len() {
        let here = best.get(i * width + j).copied().unwrap_or(0);
        let equal = i < a.len() && j < b.len() && a[i] == b[j] && a[i] != GAP;
        if equal && here == best[(i + 1) * width + j + 1] + weight(a[i]) {
            if gap && !out.ends_with(&[GAP]) {
                out.push(GAP);
            }
            gap = false;
            out.push(a[i]);
            (i, j) = (i + 1, j + 1);
            continue;
        }
        gap = true;
        if j == b.len() || i < a.len() && best[(i + 1) * width + j] == here {
            i += 1;
        } else {
            j += 1;
        }
    }
    if gap && !out.ends_with(&[GAP]) {
        out.push(GAP);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(lines: &[&str]) -> Vec<String> {
        let patterns: Vec<Pattern> = lines
            .iter()
            .map(|l| l.replace('$', "\u{1}").into_bytes())
            .collect();
        let replacements = merge_statement(&patterns, &|_| 1);
        patterns
            .iter()
            .map(|p| {
                String::from_utf8_lossy(replacements.get(p).unwrap_or(p)).replace('\u{1}', "$")
            })
            .collect()
    }

    #[test]
    fn one_statement_has_one_template() {
        let lines = [
            "Failed to sync pod: context deadline exceeded",
            "Failed to sync pod: connection refused by peer",
            "Failed to sync pod: $",
        ];
        assert_eq!(merged(&lines), ["Failed to sync pod: $"; 3]);
        let optional = ["state is ready", "state is not yet ready"];
        assert_eq!(merged(&optional), ["state is $ready"; 2]);
    }

    #[test]
    fn a_statement_that_prints_arbitrary_text_stays_split() {
        let lines = [
            "Starting the web server",
            "no route to host",
            "x of y is done",
        ];
        assert_eq!(merged(&lines), lines);
    }
}

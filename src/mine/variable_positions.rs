//! Merges texts that differ at one position only, if the position has enough values to be a
//! variable. Knows only patterns, not log lines.

use super::tokens::{ContextHashes, Pattern, Replacements, is_var, is_word, tokens, with_variable};
use super::variability::{Position, Rules, SpanKind, varies};
use super::word_class::is_http_method;
use rustc_hash::{FxHashMap, FxHashSet};

/// Positions after this many tokens are not tried.
const MAX_WORDS: usize = 96;
/// Spans with more tokens are not tried as a whole.
const MAX_SPAN: usize = 24;

/// A candidate position in a pattern: `len` tokens, starting at token `at`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Candidate {
    pattern: u32,
    at: u32,
    len: u32,
    kind: SpanKind,
}

/// Runs one round over all patterns and returns the ones to replace.
pub fn merge_single_position(patterns: &[Pattern], rules: &mut Rules<'_>) -> Replacements {
    let split: Vec<Vec<&[u8]>> = patterns.iter().map(|f| tokens(f)).collect();
    let mut siblings: FxHashMap<u64, Vec<Candidate>> = FxHashMap::default();
    for (i, words) in split.iter().enumerate() {
        let hashes = ContextHashes::of(words);
        for (at, len, kind) in candidates(words) {
            let key = hashes.signature(at, len);
            siblings.entry(key).or_default().push(Candidate {
                pattern: i as u32,
                at: at as u32,
                len: len as u32,
                kind,
            });
        }
    }
    let mut sets: Vec<Vec<Candidate>> = siblings.into_values().filter(|s| s.len() > 1).collect();
    // Patterns are sorted, so this order depends only on the set of patterns.
    sets.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    let mut replacements = Replacements::default();
    let mut merged: FxHashSet<u32> = FxHashSet::default();
    for set in sets {
        let members: Vec<Candidate> = set
            .into_iter()
            .filter(|s| !merged.contains(&s.pattern))
            .collect();
        if !is_variable_position(&members, &split, rules) {
            continue;
        }
        for s in members {
            merged.insert(s.pattern);
            let pattern = with_variable(&split[s.pattern as usize], s.at as usize, s.len as usize);
            if pattern != patterns[s.pattern as usize] {
                replacements.insert(patterns[s.pattern as usize].clone(), pattern);
            }
        }
    }
    replacements
}

fn is_variable_position(
    members: &[Candidate],
    split: &[Vec<&[u8]>],
    rules: &mut Rules<'_>,
) -> bool {
    let Some(first) = members.first().filter(|_| members.len() > 1) else {
        return false;
    };
    let values: Vec<Vec<u8>> = members
        .iter()
        .map(|s| split[s.pattern as usize][s.at as usize..(s.at + s.len) as usize].concat())
        .collect();
    let words = &split[first.pattern as usize];
    let kind = members
        .iter()
        .map(|s| s.kind)
        .max()
        .unwrap_or(SpanKind::Word);
    let position = Position {
        kind,
        before: &words[..first.at as usize],
        after: &words[(first.at + first.len) as usize..],
    };
    varies(
        &values.iter().map(Vec::as_slice).collect::<Vec<_>>(),
        &position,
        rules,
    )
}

/// The candidate positions of a text as (first token, number of tokens, kind): each word,
/// `word:<*>`, `word(<*>)` and a lone `-` as one word each, and spans in quotes, in brackets or after `key=`.
fn candidates(words: &[&[u8]]) -> Vec<(usize, usize, SpanKind)> {
    let mut out = Vec::new();
    for (i, w) in words.iter().enumerate().take(MAX_WORDS) {
        if is_word(w) || *w == b"-" {
            out.push((i, 1, SpanKind::Word));
        }
        if is_word(w)
            && words.get(i + 1) == Some(&&b":"[..])
            && words.get(i + 2).is_some_and(|v| is_var(v))
        {
            out.push((i, 3, SpanKind::Word));
        }
        if is_word(w)
            && words.get(i + 1) == Some(&&b"("[..])
            && words.get(i + 2).is_some_and(|v| is_var(v))
            && words.get(i + 3) == Some(&&b")"[..])
        {
            out.push((i, 4, SpanKind::Word));
        }
        let span = match *w {
            // A quote at the start encloses the message itself, not a value.
            b"\"" if words.get(i + 1).is_some_and(|w| is_http_method(w)) => None,
            b"\"" if i > 0 && !is_word(words[i - 1]) => {
                tokens_until(words, i + 1, b"\"").map(|n| (n, SpanKind::Quoted))
            }
            b"'" if i == 0 || !is_word(words[i - 1]) => {
                tokens_until(words, i + 1, b"'").map(|n| (n, SpanKind::Quoted))
            }
            b"(" => tokens_until(words, i + 1, b")").map(|n| (n, SpanKind::Bracketed)),
            b"[" => tokens_until(words, i + 1, b"]").map(|n| (n, SpanKind::Bracketed)),
            b"=" if i > 0 && is_word(words[i - 1]) => {
                Some((value_len(words, i + 1), SpanKind::KeyValue))
            }
            _ => None,
        };
        if let Some((len, kind)) = span.filter(|(n, _)| (2..=MAX_SPAN).contains(n)) {
            out.push((i + 1, len, kind));
        } else if let Some((1, kind)) = span.filter(|(n, _)| *n == 1) {
            // A single word in quotes is both a word and a span. Use the span's rule, so that it
            // can merge with longer quoted text.
            let at = i + 1;
            if is_word(words[at]) {
                out.retain(|s| *s != (at, 1, SpanKind::Word));
                out.push((at, 1, kind));
            }
        }
    }
    out.dedup();
    out
}

/// Number of tokens from `from` up to the closing token.
fn tokens_until(words: &[&[u8]], from: usize, close: &[u8]) -> Option<usize> {
    words
        .get(from..)?
        .iter()
        .take(MAX_SPAN + 1)
        .position(|w| *w == close)
}

/// Number of tokens in the value after `=`, which ends at a space, a comma, a semicolon or a
/// closing bracket.
fn value_len(words: &[&[u8]], from: usize) -> usize {
    words[from..]
        .iter()
        .take_while(|w| !matches!(**w, b" " | b"," | b";" | b")" | b"]" | b"}"))
        .count()
}

#[cfg(test)]
mod tests {
    use super::super::mask::VAR;
    use super::super::thresholds::Thresholds;
    use super::*;

    fn merged_texts(lines: &[&str]) -> Vec<String> {
        let mut patterns: Vec<Pattern> = lines
            .iter()
            .map(|l| l.replace('$', "\u{1}").into_bytes())
            .collect();
        patterns.sort();
        let replacements =
            merge_single_position(&patterns, &mut Rules::new(&Thresholds::default()));
        lines
            .iter()
            .map(|l| {
                let pattern = l.replace('$', "\u{1}").into_bytes();
                String::from_utf8_lossy(replacements.get(&pattern).unwrap_or(&pattern))
                    .replace(VAR as char, "$")
            })
            .collect()
    }

    #[test]
    fn a_word_with_a_variable_merges_with_a_plain_variable() {
        assert_eq!(
            merged_texts(&["open $ through it", "open wpad:$ through it"]),
            ["open $ through it"; 2]
        );
    }

    #[test]
    fn quoted_text_of_any_length_is_one_variable() {
        let got = merged_texts(&["tag=\"a\" ok", "tag=\"b c\" ok", "tag=\"d e f\" ok"]);
        assert_eq!(got, ["tag=\"$\" ok"; 3]);
    }

    #[test]
    fn three_different_first_words_stay_three_templates() {
        let lines = [
            "started worker now",
            "stopped worker now",
            "killed worker now",
        ];
        assert_eq!(merged_texts(&lines), lines);
    }
}

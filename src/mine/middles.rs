//! Merges texts that have the same start and the same end, if enough different texts stand between
//! them. The text between may be several words, or none. Knows only patterns, not log lines.

use super::mask::VAR;
use super::thresholds::Thresholds;
use super::tokens::{ContextHashes, Pattern, Replacements, is_constant_word, is_var, tokens};
use super::word_class::{is_code_name, is_function_word, is_identifier, is_state, is_upper_case};
use rustc_hash::FxHashMap;

/// Largest number of words between the common start and the common end.
const MAX_MIDDLE: usize = 6;
/// Middles that start after this many words are not tried.
const MAX_WORDS: usize = 48;
/// A pattern as words without blanks.
struct Words<'a> {
    words: Vec<&'a [u8]>,
    /// For each word, whether a blank precedes it.
    blanks: Vec<bool>,
    hashes: ContextHashes,
    /// For each position, the number of constant words before it.
    constants: Vec<u32>,
}

/// A middle: words `from..to` of a pattern.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Middle {
    pattern: u32,
    from: u16,
    to: u16,
}

impl<'a> Words<'a> {
    fn of(pattern: &'a [u8]) -> Words<'a> {
        let (mut words, mut blanks) = (Vec::new(), Vec::new());
        let mut blank = false;
        for token in tokens(pattern) {
            if token != b" " {
                words.push(token);
                blanks.push(blank);
            }
            blank = token == b" ";
        }
        let mut constants = vec![0];
        for word in &words {
            constants.push(constants[constants.len() - 1] + u32::from(is_constant_word(word)));
        }
        Words {
            hashes: ContextHashes::of(&words),
            words,
            blanks,
            constants,
        }
    }

    fn middle(&self, m: Middle) -> &[&'a [u8]] {
        &self.words[usize::from(m.from)..usize::from(m.to)]
    }

    /// Number of constant words before, in and after a middle.
    fn constants_around(&self, m: Middle) -> (u32, u32, u32) {
        let (from, to) = (usize::from(m.from), usize::from(m.to));
        let (before, until) = (self.constants[from], self.constants[to]);
        let all = self.constants[self.words.len()];
        (before, until - before, all - until)
    }

    fn middles(&self, pattern: u32) -> impl Iterator<Item = Middle> + '_ {
        let len = self.words.len();
        (0..=len.min(MAX_WORDS)).flat_map(move |from| {
            (from..=len.min(from + MAX_MIDDLE)).filter_map(move |to| {
                let middle = Middle {
                    pattern,
                    from: from as u16,
                    to: to as u16,
                };
                let (before, _, after) = self.constants_around(middle);
                (before + after >= 2).then_some(middle)
            })
        })
    }

    /// The pattern with one variable in place of the middle.
    fn with_variable(&self, m: Middle) -> Pattern {
        let (from, to) = (usize::from(m.from), usize::from(m.to));
        let mut out = Pattern::new();
        let mut push = |blank: bool, word: &[u8]| {
            if blank && !out.is_empty() {
                out.push(b' ');
            }
            out.extend_from_slice(word);
        };
        for i in 0..from {
            push(self.blanks[i], self.words[i]);
        }
        push(self.blanks.get(from).is_none_or(|b| *b), &[VAR]);
        for i in to..self.words.len() {
            push(self.blanks[i] || i == to && from == to, self.words[i]);
        }
        out
    }
}

/// Runs one round over all patterns and returns the ones to replace.
pub fn merge_middles(patterns: &[Pattern], thresholds: &Thresholds) -> Replacements {
    let all: Vec<Words> = patterns.iter().map(|p| Words::of(p)).collect();
    let mut groups: FxHashMap<u64, Vec<Middle>> = FxHashMap::default();
    for (n, words) in all.iter().enumerate() {
        for m in words.middles(n as u32) {
            let key = words
                .hashes
                .signature(usize::from(m.from), usize::from(m.to - m.from));
            groups.entry(key).or_default().push(m);
        }
    }
    let mut groups: Vec<Vec<Middle>> = groups.into_values().filter(|g| g.len() > 1).collect();
    // Patterns are sorted, so this order depends only on the set of patterns.
    groups.sort_unstable();
    // For each pattern, the group with the best score.
    let mut best: FxHashMap<u32, (u64, usize)> = FxHashMap::default();
    for (n, group) in groups.iter().enumerate() {
        let Some(score) = score(group, &all, thresholds) else {
            continue;
        };
        for m in group {
            let entry = best.entry(m.pattern).or_insert((score, n));
            if score > entry.0 {
                *entry = (score, n);
            }
        }
    }
    let mut replacements = Replacements::default();
    for (pattern, (_, n)) in best {
        let longest = groups[n]
            .iter()
            .max_by_key(|m| (m.to - m.from, std::cmp::Reverse(m.pattern)));
        let next = longest.map(|m| all[m.pattern as usize].with_variable(*m));
        if let Some(next) = next.filter(|n| *n != patterns[pattern as usize]) {
            replacements.insert(patterns[pattern as usize].clone(), next);
        }
    }
    replacements
}

/// Score of a group whose middles are a variable: the more constant words around them and the more
/// middles, the better. `None` if they are not a variable.
fn score(group: &[Middle], all: &[Words], thresholds: &Thresholds) -> Option<u64> {
    let first = &all[group[0].pattern as usize];
    let (before, _, after) = first.constants_around(group[0]);
    let mut middles: Vec<&[&[u8]]> = group
        .iter()
        .map(|m| all[m.pattern as usize].middle(*m))
        .collect();
    middles.sort_unstable();
    middles.dedup();
    if !middles.iter().all(|m| can_be_value(m)) {
        return None;
    }
    let next = first.words.get(usize::from(group[0].to));
    let is_key = next.is_some_and(|w| matches!(*w, b"=" | b":"));
    let names = middles.iter().all(|m| match m {
        [word] => {
            is_var(word) || is_identifier(word) || before > 0 && !is_key && is_code_name(word)
        }
        _ => false,
    });
    let around = before + after;
    // `V` and `V words`: the value may be followed by more words.
    let extends = around >= thresholds.around_middle - 1
        && middles.iter().any(|m| matches!(m, [w] if is_var(w)))
        && middles
            .iter()
            .all(|m| m.len() <= 3 && m.first().is_some_and(|w| is_var(w)));
    let mixed =
        |m: &&&[&[u8]]| m.iter().any(|w| w.contains(&VAR)) && m.iter().any(|w| is_constant_word(w));
    if !extends && middles.iter().filter(|m| m.len() > 1).any(|m| mixed(&m)) {
        return None;
    }
    let needed = match () {
        _ if names || extends => 2,
        _ if middles.iter().any(|m| m.len() > 1) => thresholds.long_middles,
        _ if middles.iter().all(|m| matches!(m, [w] if is_state(w))) => thresholds.states,
        _ if middles.iter().all(|m| matches!(m, [w] if is_upper_case(w))) => thresholds.upper_case,
        _ => {
            let at_end = usize::from(before == 0 || after == 0);
            let variable = middles.iter().any(|m| m.iter().any(|w| w.contains(&VAR)));
            thresholds.middles + at_end - usize::from(variable)
        }
    };
    let inside = group
        .iter()
        .map(|m| all[m.pattern as usize].constants_around(*m).1)
        .max()
        .unwrap_or(0);
    let enough_around = around >= inside.max(2)
        && (names || before > 0 && after > 0 || around >= thresholds.around_middle);
    (middles.len() >= needed && enough_around)
        .then_some(u64::from(around) * 1000 + middles.len().min(50) as u64)
}

/// Whether the words can be one value: no part of a bracket, a quotation or a `key=value` pair, and
/// no separator or word of grammar at the start or end.
fn can_be_value(middle: &[&[u8]]) -> bool {
    let mut depth = 0i32;
    let mut quotes = 0;
    for word in middle {
        match *word {
            b"(" | b"[" | b"{" | b"<" => depth += 1,
            b")" | b"]" | b"}" | b">" => depth -= 1,
            b"\"" => quotes += 1,
            b"=" => return false,
            _ => {}
        }
        if depth < 0 {
            return false;
        }
    }
    let is_edge = |w: &[u8]| {
        let separator = matches!(w, b"," | b";" | b":" | b"|");
        !separator && (middle.len() == 1 || !is_function_word(w))
    };
    let edges = [middle.first(), middle.last()];
    depth == 0 && quotes % 2 == 0 && edges.into_iter().flatten().all(|w| is_edge(w))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(lines: &[&str]) -> Vec<String> {
        let mut patterns: Vec<Pattern> = lines
            .iter()
            .map(|l| l.replace('$', "\u{1}").into_bytes())
            .collect();
        patterns.sort();
        let replacements = merge_middles(&patterns, &Thresholds::default());
        lines
            .iter()
            .map(|l| {
                let pattern = l.replace('$', "\u{1}").into_bytes();
                String::from_utf8_lossy(replacements.get(&pattern).unwrap_or(&pattern))
                    .replace('\u{1}', "$")
            })
            .collect()
    }

    #[test]
    fn values_of_several_words_or_none_become_one_variable() {
        let lines = [
            "waiting for caches of service config to be synced",
            "waiting for caches of endpoint slice config to be synced",
            "waiting for caches of node to be synced",
            "waiting for caches of to be synced",
        ];
        assert_eq!(merged(&lines), ["waiting for caches of $ to be synced"; 4]);
    }

    #[test]
    fn a_part_of_a_sentence_is_not_a_value() {
        let lines = [
            "login with password for $ from $",
            "login with password for invalid user $ from $",
            "login without key for $ from $",
            "login by key of the old form for $ from $",
        ];
        assert_eq!(merged(&lines), lines);
        let states = [
            "unit $ was started by $",
            "unit $ was stopped by $",
            "unit $ was paused by $",
        ];
        assert_eq!(merged(&states), states);
    }

    #[test]
    fn the_order_of_patterns_does_not_matter() {
        let mut lines = [
            "a b x1 c d e",
            "a b y2 c d e",
            "a b z3 q c d e",
            "a b c d e",
        ];
        let forward = merged(&lines);
        lines.reverse();
        let mut backward = merged(&lines);
        backward.reverse();
        assert_eq!(forward, backward);
    }
}

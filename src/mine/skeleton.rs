//! Merges texts that are equal outside their soft units: values of keys, quoted text, dotted names,
//! flags. Several units may vary at once, and each one is decided individually. Knows only
//! patterns, not log lines.

use super::mask::VAR;
use super::tokens::{Pattern, Replacements, has_letter, is_var, is_word, tokens};
use super::variability::{LearnedValues, Position, SpanKind, is_flag, varies};
use rustc_hash::FxHashMap;

/// A text split into units. Only the soft ones can become variables.
struct Units<'a> {
    words: Vec<&'a [u8]>,
    /// First token, token after the last one, and whether the unit is soft.
    units: Vec<(usize, usize, bool)>,
}

/// Runs one pass over all patterns and returns the ones to replace.
pub fn merge_by_skeleton(patterns: &[Pattern], learned: &mut LearnedValues) -> Replacements {
    let all: Vec<Units> = patterns.iter().map(|f| split_units(tokens(f))).collect();
    let mut groups: FxHashMap<Pattern, Vec<u32>> = FxHashMap::default();
    for (i, u) in all.iter().enumerate() {
        if u.units.iter().any(|(_, _, soft)| *soft) {
            groups.entry(u.skeleton()).or_default().push(i as u32);
        }
    }
    let mut groups: Vec<Vec<u32>> = groups.into_values().filter(|g| g.len() > 1).collect();
    groups.sort_unstable();
    let mut replacements = Replacements::default();
    for group in groups {
        let members: Vec<&Units> = group.iter().map(|i| &all[*i as usize]).collect();
        let variable = variable_units(&members, learned);
        if !variable.iter().any(|v| *v) {
            continue;
        }
        for i in group {
            let pattern = all[i as usize].with_variables(&variable);
            if pattern != patterns[i as usize] {
                replacements.insert(patterns[i as usize].clone(), pattern);
            }
        }
    }
    replacements
}

fn variable_units(members: &[&Units], learned: &mut LearnedValues) -> Vec<bool> {
    let first = members[0];
    let decide = |n: usize, learned: &mut LearnedValues| {
        let (start, end, soft) = first.units[n];
        if !soft {
            return false;
        }
        let values: Vec<Vec<u8>> = members.iter().map(|m| m.text(n)).collect();
        if values.iter().all(|v| *v == values[0]) {
            return false;
        }
        let is_empty_value = |v: &[u8]| is_flag(v) || v == b"-" || v.is_empty();
        if values.iter().any(|v| is_empty_value(v))
            && values.iter().all(|v| is_empty_value(v) || v.contains(&VAR))
        {
            return true;
        }
        let position = Position {
            kind: SpanKind::Word,
            before: &first.words[..start],
            after: &first.words[end..],
        };
        varies(
            &values.iter().map(Vec::as_slice).collect::<Vec<_>>(),
            &position,
            learned,
        )
    };
    (0..first.units.len()).map(|n| decide(n, learned)).collect()
}

impl<'a> Units<'a> {
    fn text(&self, n: usize) -> Pattern {
        let (a, b, _) = self.units[n];
        self.words[a..b].concat()
    }

    /// The text with the same placeholder for each soft unit.
    fn skeleton(&self) -> Pattern {
        let mut out = Pattern::new();
        for (a, b, soft) in &self.units {
            if *soft {
                out.push(2);
            } else {
                self.words[*a..*b]
                    .iter()
                    .for_each(|w| out.extend_from_slice(w));
            }
        }
        out
    }

    fn with_variables(&self, variable: &[bool]) -> Pattern {
        let mut out = Pattern::new();
        for (n, var) in variable.iter().enumerate() {
            if *var {
                out.push(VAR);
            } else {
                out.extend(self.text(n));
            }
        }
        out
    }
}

fn split_units(words: Vec<&[u8]>) -> Units<'_> {
    let mut units = Vec::with_capacity(words.len());
    let mut i = 0;
    while i < words.len() {
        let len = if i == 0 { 0 } else { soft_span(&words, i) };
        if len > 0 {
            units.push((i, i + len, true));
            i += len;
        } else {
            let soft = i > 0 && is_soft_word(&words, i);
            units.push((i, i + 1, soft));
            i += 1;
        }
    }
    Units { words, units }
}

/// Number of tokens in the value of a key, or in quoted text, that starts at token `i`. 0 if none
/// starts there.
fn soft_span(words: &[&[u8]], i: usize) -> usize {
    match words[i - 1] {
        b"=" if i > 1 && is_word(words[i - 2]) => {
            let mut depth = 0;
            let inside = |w: &&&[u8]| {
                match **w {
                    b"(" | b"[" | b"{" => depth += 1,
                    b")" | b"]" | b"}" => depth -= 1,
                    _ => {}
                }
                depth >= 0
                    && !matches!(**w, b"\"")
                    && (depth > 0 || !matches!(**w, b" " | b"," | b";"))
            };
            words[i..].iter().take_while(inside).count()
        }
        // A quote after a word is a closing quote.
        b"\"" if i < 2 || !is_word(words[i - 2]) => {
            let n = words[i..].iter().take_while(|w| **w != b"\"").count();
            let content = &words[i..i + n];
            if i + n < words.len() && n < 16 && !content.iter().any(|w| w.contains(&VAR)) {
                n
            } else {
                0
            }
        }
        _ => 0,
    }
}

fn is_soft_word(words: &[&[u8]], i: usize) -> bool {
    let w = words[i];
    let after_colon = words[i - 1] == b":" && i > 1 && is_word(words[i - 2]) && is_word(w);
    let dotted = w.iter().filter(|b| **b == b'.').count() >= 2;
    let has_symbol = has_letter(w) && w.iter().any(|b| b"_./@$\\".contains(b));
    after_colon || dotted || has_symbol || is_flag(w) || is_var(w)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_that_vary_together_are_decided_individually() {
        let lines: Vec<Pattern> = ["a", "b", "c", "d"]
            .iter()
            .map(|x| format!("lock=\u{1}, tag=\"t{x}\", name=com.{x}.y, mode=on").into_bytes())
            .collect();
        let replacements = merge_by_skeleton(&lines, &mut LearnedValues::default());
        let want = b"lock=\x01, tag=\"\x01\", name=\x01, mode=on".to_vec();
        assert!(lines.iter().all(|l| replacements[l] == want));
    }
}

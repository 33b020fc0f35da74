//! Merges texts that are equal outside the parts that can be values: quotations, brackets, values
//! of keys, names, flags. Several parts may vary at once, and each one is decided individually.
//! Knows only patterns, not log lines.

use super::mask::VAR;
use super::tokens::{Pattern, Replacements, is_constant_word, is_var, is_word, tokens};
use super::variability::{Position, Rules, SpanKind, varies};
use super::word_class::{has_letter, is_flag, is_http_method};
use rustc_hash::FxHashMap;

/// Quotations with more tokens are not values.
const MAX_QUOTED: usize = 64;

/// What a unit of a text is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum UnitKind {
    /// A constant part of the sentence.
    Fixed,
    /// A word that can be a value.
    Word,
    /// The value of a key.
    Value,
    /// The content of a quotation.
    Quoted,
    /// The content of a pair of brackets.
    Bracketed,
}

/// One or more tokens that vary as a whole. A quotation or a pair of brackets can be empty.
#[derive(Clone, Copy)]
struct Unit {
    start: usize,
    end: usize,
    kind: UnitKind,
}

/// A text split into units. Only the ones that are not fixed can become variables.
struct Units<'a> {
    words: Vec<&'a [u8]>,
    units: Vec<Unit>,
}

/// Runs one pass over all patterns and returns the ones to replace.
pub fn merge_by_skeleton(patterns: &[Pattern], rules: &mut Rules<'_>) -> Replacements {
    let all: Vec<Units> = patterns.iter().map(|f| split_units(tokens(f))).collect();
    let mut groups: FxHashMap<Pattern, Vec<u32>> = FxHashMap::default();
    for (i, u) in all.iter().enumerate() {
        if u.units.iter().any(|u| u.kind != UnitKind::Fixed) {
            groups.entry(u.skeleton()).or_default().push(i as u32);
        }
    }
    let mut groups: Vec<Vec<u32>> = groups.into_values().filter(|g| g.len() > 1).collect();
    groups.sort_unstable();
    let mut replacements = Replacements::default();
    for group in groups {
        let members: Vec<&Units> = group.iter().map(|i| &all[*i as usize]).collect();
        let variable = variable_units(&members, rules);
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

fn variable_units(members: &[&Units], rules: &mut Rules<'_>) -> Vec<bool> {
    let count = members[0].units.len();
    (0..count).map(|n| is_variable(n, members, rules)).collect()
}

/// Whether the `n`th unit of texts with the same skeleton is a variable.
fn is_variable(n: usize, members: &[&Units], rules: &mut Rules<'_>) -> bool {
    let unit = members[0].units[n];
    if unit.kind == UnitKind::Fixed {
        return false;
    }
    let mut values: Vec<Pattern> = members.iter().map(|m| m.text(n)).collect();
    values.sort_unstable();
    values.dedup();
    if values.len() < 2 {
        return false;
    }
    let is_empty_value = |v: &Pattern| is_flag(v) || v == b"-" || v.is_empty();
    if values.iter().any(is_empty_value)
        && values.iter().all(|v| is_empty_value(v) || v.contains(&VAR))
    {
        return true;
    }
    let outside = members.iter().map(|m| m.constants_outside(n)).min();
    let has_context = outside.is_some_and(|n| n >= rules.thresholds.outside_span);
    match unit.kind {
        UnitKind::Quoted if has_context => return true,
        UnitKind::Bracketed if has_context => {
            let structured = values.iter().filter(|v| is_structured(v)).count();
            let variable = values.iter().any(|v| **v == [VAR]);
            if variable || structured * 2 > values.len() {
                return true;
            }
        }
        _ => {}
    }
    let position = Position {
        kind: SpanKind::Word,
        before: &members[0].words[..unit.start],
        after: &members[0].words[unit.end..],
    };
    let values: Vec<&[u8]> = values.iter().map(Vec::as_slice).collect();
    varies(&values, &position, rules)
}

/// Whether the content of brackets is a list or the fields of a record, or is empty.
fn is_structured(content: &Pattern) -> bool {
    content.is_empty()
        || content.iter().any(|b| b"=,:{[(\"'".contains(b))
        || content.iter().filter(|b| **b == b' ').count() > 1
}

impl<'a> Units<'a> {
    fn text(&self, n: usize) -> Pattern {
        self.words[self.units[n].start..self.units[n].end].concat()
    }

    /// Number of constant words outside the `n`th unit.
    fn constants_outside(&self, n: usize) -> usize {
        let Unit { start, end, .. } = self.units[n];
        let outside = self.words[..start].iter().chain(&self.words[end..]);
        outside.filter(|w| is_constant_word(w)).count()
    }

    /// The text with the same placeholder for each unit that can vary.
    fn skeleton(&self) -> Pattern {
        let mut out = Pattern::new();
        for (n, unit) in self.units.iter().enumerate() {
            match unit.kind {
                UnitKind::Fixed => out.extend(self.text(n)),
                _ => out.push(2),
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
        let (len, kind) = match span(&words, i) {
            Some(found) => found,
            None if i > 0 && is_soft_word(&words, i) => (1, UnitKind::Word),
            None => (1, UnitKind::Fixed),
        };
        units.push(Unit {
            start: i,
            end: i + len,
            kind,
        });
        i += len;
        if len == 0 {
            // The closing quote or the separator after an empty value.
            units.push(Unit {
                start: i,
                end: i + 1,
                kind: UnitKind::Fixed,
            });
            i += 1;
        }
    }
    Units { words, units }
}

/// Number of tokens in the value of a key, in a quotation or in brackets that start at token `i`.
/// `None` if none starts there.
fn span(words: &[&[u8]], i: usize) -> Option<(usize, UnitKind)> {
    let previous = words.get(i.checked_sub(1)?)?;
    let after_word = i > 1 && is_word(words[i - 2]);
    match *previous {
        b"=" if after_word => {
            let n = value_len(&words[i..]);
            let is_quoted = matches!(words[i], b"\"" | b"'");
            (!is_quoted).then_some((n, UnitKind::Value))
        }
        // A quote after a word is a closing quote or an apostrophe. A quote at the start encloses
        // the message itself.
        b"\"" | b"'" if is_http_method(words[i]) => None,
        quote @ (b"\"" | b"'") if i > 1 && !after_word && words[i - 2] != quote => {
            let n = words[i..].iter().take_while(|w| **w != quote).count();
            (i + n < words.len() && n < MAX_QUOTED).then_some((n, UnitKind::Quoted))
        }
        b"(" | b"[" | b"{" => bracketed_len(&words[i..])
            .map(|n| (n, UnitKind::Bracketed))
            .filter(|(n, _)| *n > 0),
        _ => None,
    }
}

/// Number of tokens up to the end of a value, outside brackets a space, a comma or a semicolon.
fn value_len(words: &[&[u8]]) -> usize {
    let mut depth = 0;
    let inside = |w: &&&[u8]| {
        match **w {
            b"(" | b"[" | b"{" => depth += 1,
            b")" | b"]" | b"}" => depth -= 1,
            _ => {}
        }
        depth >= 0 && !matches!(**w, b"\"") && (depth > 0 || !matches!(**w, b" " | b"," | b";"))
    };
    words.iter().take_while(inside).count()
}

/// Number of tokens up to the closing bracket. Long messages are cut off: then, all tokens.
fn bracketed_len(words: &[&[u8]]) -> Option<usize> {
    let mut depth = 0;
    for (n, word) in words.iter().enumerate() {
        match *word {
            b"(" | b"[" | b"{" => depth += 1,
            b")" | b"]" | b"}" if depth == 0 => return Some(n),
            b")" | b"]" | b"}" => depth -= 1,
            _ => {}
        }
    }
    words
        .last()
        .is_some_and(|w| is_var(w))
        .then_some(words.len())
}

/// Whether the word at `i` can be a value by its form or by the word before it.
fn is_soft_word(words: &[&[u8]], i: usize) -> bool {
    let w = words[i];
    let after_colon = words[i - 1] == b":" && i > 1 && is_word(words[i - 2]) && is_word(w);
    let dotted = w.iter().filter(|b| **b == b'.').count() >= 2;
    let has_symbol = has_letter(w) && w.iter().any(|b| b"_./@$\\".contains(b));
    after_colon || dotted || has_symbol || is_flag(w) || is_var(w)
}

#[cfg(test)]
mod tests {
    use super::super::thresholds::Thresholds;
    use super::*;

    #[test]
    fn units_that_vary_together_are_decided_individually() {
        let lines: Vec<Pattern> = ["a", "b", "c", "d"]
            .iter()
            .map(|x| format!("lock=\u{1}, tag=\"t{x}\", name=com.{x}.y, mode=on").into_bytes())
            .collect();
        let replacements = merge_by_skeleton(&lines, &mut Rules::new(&Thresholds::default()));
        let want = b"lock=\x01, tag=\"\x01\", name=\x01, mode=on".to_vec();
        assert!(lines.iter().all(|l| replacements[l] == want));
    }
}

//! Decides whether the values at one position of otherwise equal texts are a variable. No rule
//! depends on the words of one system. Knows only one position at a time.

use super::mask::VAR;
use super::thresholds::Thresholds;
use super::tokens::{is_constant_word, is_var, is_word};
use super::word_class::{
    has_letter, is_code_name, is_flag, is_identifier, is_state, is_upper_case,
};
use rustc_hash::FxHashSet;

/// What decisions are based on.
pub struct Rules<'t> {
    pub thresholds: &'t Thresholds,
    /// Values that were variable at another position after the same word: the word, the byte after
    /// it, and the value.
    learned: FxHashSet<(Vec<u8>, u8, Vec<u8>)>,
}

impl Rules<'_> {
    /// Rules that have learned nothing yet.
    pub fn new(thresholds: &Thresholds) -> Rules<'_> {
        Rules {
            thresholds,
            learned: FxHashSet::default(),
        }
    }
}

/// The kind of text at a position.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum SpanKind {
    /// One word; also `word:<*>` if another text has a variable there.
    Word,
    /// The whole content of a quoted string.
    Quoted,
    /// The whole content of a pair of brackets.
    Bracketed,
    /// The whole value after `key=`.
    KeyValue,
}

/// A position in a text, given by the tokens around it.
pub struct Position<'a> {
    pub kind: SpanKind,
    pub before: &'a [&'a [u8]],
    pub after: &'a [&'a [u8]],
}

impl Position<'_> {
    fn count_context(&self, is: impl Fn(&[u8]) -> bool) -> usize {
        self.before
            .iter()
            .chain(self.after)
            .filter(|w| is(w))
            .count()
    }

    fn is_first(&self) -> bool {
        !self.before.iter().any(|w| is_word(w))
    }

    /// Whether `=` or `:` comes next.
    fn is_key(&self) -> bool {
        let next = self.after.iter().find(|w| **w != b" ");
        next.is_some_and(|w| matches!(*w, b"=" | b":"))
    }

    fn is_after_colon(&self) -> bool {
        let last = self.before.iter().rev().find(|w| **w != b" ");
        last.is_some_and(|w| *w == b":")
    }

    /// The word before the position in lower case, and the byte directly before the position.
    fn left_context(&self) -> (Vec<u8>, u8) {
        let word = self
            .before
            .iter()
            .rev()
            .find(|w| is_word(w))
            .map(|w| w.to_ascii_lowercase())
            .unwrap_or_default();
        let separator = self
            .before
            .last()
            .and_then(|w| w.last())
            .copied()
            .unwrap_or(0);
        (word, separator)
    }
}

/// Returns whether the values at this position are a variable. If they are words, they are learned.
pub fn varies(values: &[&[u8]], position: &Position<'_>, rules: &mut Rules<'_>) -> bool {
    let mut distinct: Vec<&[u8]> = values.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    let varies = distinct.len() >= 2
        && match position.kind {
            SpanKind::Word => word_varies(&distinct, position, rules),
            kind => span_varies(&distinct, kind),
        };
    if varies && position.kind == SpanKind::Word {
        let (word, separator) = position.left_context();
        for value in distinct.iter().filter(|v| !v.contains(&VAR)) {
            rules
                .learned
                .insert((word.clone(), separator, value.to_vec()));
        }
    }
    varies
}

/// Decides for a whole span. Returns false if a value contains both variables and words, because
/// its parts are then decided individually.
fn span_varies(distinct: &[&[u8]], kind: SpanKind) -> bool {
    if distinct.iter().any(|v| v.contains(&VAR) && has_letter(v)) {
        return false;
    }
    let has_variable = distinct.iter().any(|v| is_var(v));
    distinct.len()
        >= match (has_variable, kind) {
            (true, _) => 2,
            (_, SpanKind::Quoted) => 3,
            (_, SpanKind::Bracketed) => 5,
            _ => 4,
        }
}

fn word_varies(distinct: &[&[u8]], position: &Position<'_>, rules: &Rules<'_>) -> bool {
    if position.count_context(has_letter) == 0 {
        return false;
    }
    // The first word is usually a verb or the name of a component, so it needs more distinct
    // values.
    if position.is_first() {
        let enough_context = position.count_context(is_constant_word) >= 3;
        // `name:<*>` and a variable alone are both addresses.
        let address = |v: &&[u8]| is_var(v) || v.ends_with(&[b':', VAR]);
        return enough_context
            && (distinct.len() >= rules.thresholds.first_words || distinct.iter().all(address));
    }
    if distinct.iter().any(|v| is_var(v)) {
        return true;
    }
    if differ_in_digits(distinct) || distinct.iter().all(|v| is_flag(v)) {
        return true;
    }
    let (word, separator) = position.left_context();
    if distinct.iter().all(|v| {
        rules
            .learned
            .contains(&(word.clone(), separator, v.to_vec()))
    }) {
        return true;
    }
    distinct.len() >= required_values(distinct, position, rules.thresholds)
}

fn differ_in_digits(distinct: &[&[u8]]) -> bool {
    let strip = |v: &[u8]| {
        v.iter()
            .filter(|b| !b.is_ascii_digit())
            .copied()
            .collect::<Vec<u8>>()
    };
    let first = strip(distinct[0]);
    distinct.iter().any(|v| v.iter().any(u8::is_ascii_digit))
        && distinct.iter().all(|v| strip(v) == first)
}

/// Number of distinct values that a word needs to be a variable.
fn required_values(distinct: &[&[u8]], position: &Position<'_>, t: &Thresholds) -> usize {
    let (left, separator) = position.left_context();
    let all = |is: &dyn Fn(&[u8]) -> bool| distinct.iter().all(|v| is(v));
    let most =
        |is: &dyn Fn(&[u8]) -> bool| distinct.iter().filter(|v| is(v)).count() * 2 > distinct.len();
    let has_marks = |v: &[u8]| {
        v.contains(&VAR)
            || v.iter().any(|b| b"_./@$\\".contains(b))
            || v.iter().filter(|b| b.is_ascii_digit()).count() >= 2
    };
    match left.as_slice() {
        // Names of states in capital letters, or participles: each is an event of its own.
        _ if most(&is_upper_case) => t.upper_case,
        _ if most(&is_state) => t.states,
        // After a space, these words are followed by a name. After `=`, the value may also be one
        // of a few labels.
        b"user" | b"username" | b"account" | b"login" | b"host" | b"hostname"
            if separator == b' ' =>
        {
            t.names
        }
        _ if all(&is_identifier) => t.names,
        // A name before `=` or `:` can be the key of what follows.
        _ if all(&is_code_name) && !position.is_key() => t.names,
        _ if position.is_after_colon() => t.after_colon,
        _ if most(&has_marks) => t.marked_words,
        b"for" | b"from" | b"by" | b"as" | b"at" | b"on" | b"with" | b"of" => t.after_preposition,
        _ => t.words,
    }
}

/// Whether the values at one of several positions that vary at once are a variable. `first` is true
/// for the first word of a text.
pub fn varies_jointly(values: &[&[u8]], first: bool) -> bool {
    let distinct: FxHashSet<&[u8]> = values.iter().copied().collect();
    let upper_case = distinct.iter().filter(|v| is_upper_case(v)).count();
    let required_values = if upper_case * 2 > distinct.len() {
        8
    } else if first {
        6
    } else {
        4
    };
    distinct.len() >= required_values || distinct.iter().any(|v| is_var(v)) && !first
}

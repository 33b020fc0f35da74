//! Do the values seen at one place of otherwise equal texts make a variable? The figures come from labelled logs of
//! eleven systems; each is a number of distinct values, never a word of one system. Knows one place at a time.

use super::mask::VAR;
use super::tokens::{has_letter, is_constant_word, is_var, is_word};
use rustc_hash::FxHashSet;

/// Values that were variable elsewhere behind the same word.
#[derive(Default)]
pub struct Learned(FxHashSet<(Vec<u8>, u8, Vec<u8>)>);

/// What a place may hold.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Unit {
    /// One word, or `word:<*>` against a variable.
    Word,
    /// All that stands in quotes, in brackets, behind a `key=`.
    Quoted,
    Bracketed,
    Keyed,
}

/// A place in a text: the words around it.
pub struct Place<'a> {
    pub unit: Unit,
    pub before: &'a [&'a [u8]],
    pub after: &'a [&'a [u8]],
}

impl Place<'_> {
    fn rest(&self, is: impl Fn(&[u8]) -> bool) -> usize {
        self.before
            .iter()
            .chain(self.after)
            .filter(|w| is(w))
            .count()
    }

    fn is_first(&self) -> bool {
        !self.before.iter().any(|w| is_word(w))
    }

    /// The word before, lower case, and the byte between.
    fn left(&self) -> (Vec<u8>, u8) {
        let word = self
            .before
            .iter()
            .rev()
            .find(|w| is_word(w))
            .map(|w| w.to_ascii_lowercase())
            .unwrap_or_default();
        let between = self
            .before
            .last()
            .and_then(|w| w.last())
            .copied()
            .unwrap_or(0);
        (word, between)
    }
}

/// Decides, and remembers the values of a place that varies.
pub fn varies(values: &[&[u8]], place: &Place<'_>, learned: &mut Learned) -> bool {
    let mut distinct: Vec<&[u8]> = values.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    let yes = distinct.len() >= 2
        && match place.unit {
            Unit::Word => word_varies(&distinct, place, learned),
            unit => span_varies(&distinct, unit),
        };
    if yes && place.unit == Unit::Word {
        let (word, between) = place.left();
        for value in distinct.iter().filter(|v| !v.contains(&VAR)) {
            learned.0.insert((word.clone(), between, value.to_vec()));
        }
    }
    yes
}

/// A whole span: not when a content mixes variables and words, for then its parts are decided one by one.
fn span_varies(distinct: &[&[u8]], unit: Unit) -> bool {
    if distinct.iter().any(|v| v.contains(&VAR) && has_letter(v)) {
        return false;
    }
    let known = distinct.iter().any(|v| is_var(v));
    distinct.len()
        >= match (known, unit) {
            (true, _) => 2,
            (_, Unit::Quoted) => 3,
            (_, Unit::Bracketed) => 5,
            _ => 4,
        }
}

fn word_varies(distinct: &[&[u8]], place: &Place<'_>, learned: &Learned) -> bool {
    if place.rest(has_letter) == 0 {
        return false;
    }
    // A first word is a verb or the name of a speaker: it takes many to make it a variable.
    if place.is_first() {
        let enough = place.rest(is_constant_word) >= 3;
        // `name:<*>` against a variable: both are addresses.
        let address = |v: &&[u8]| is_var(v) || v.ends_with(&[b':', VAR]);
        return enough && (distinct.len() >= 6 || distinct.iter().all(address));
    }
    if distinct.iter().any(|v| is_var(v)) {
        return true;
    }
    if differ_in_digits(distinct) || distinct.iter().all(|v| is_flag(v)) {
        return true;
    }
    let (word, between) = place.left();
    if distinct
        .iter()
        .all(|v| learned.0.contains(&(word.clone(), between, v.to_vec())))
    {
        return true;
    }
    distinct.len() >= needed(distinct, &word, between)
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

pub fn is_flag(value: &[u8]) -> bool {
    matches!(
        value.to_ascii_lowercase().as_slice(),
        b"true" | b"false" | b"null" | b"none" | b"nil"
    )
}

fn needed(distinct: &[&[u8]], left: &[u8], between: u8) -> usize {
    let half =
        |is: &dyn Fn(&[u8]) -> bool| distinct.iter().filter(|v| is(v)).count() * 2 > distinct.len();
    let caps = |v: &[u8]| v.len() > 1 && v.iter().all(|b| b.is_ascii_uppercase() || *b == b'_');
    let odd = |v: &[u8]| {
        v.contains(&VAR)
            || v.iter().any(|b| b"_./@$\\".contains(b))
            || v.iter().filter(|b| b.is_ascii_digit()).count() >= 2
    };
    match left {
        _ if half(&caps) => 8,
        // Behind a blank a name follows these; behind `=` a label of few values may stand as well.
        b"user" | b"username" | b"account" | b"login" | b"host" | b"hostname"
            if between == b' ' =>
        {
            2
        }
        _ if half(&odd) => 3,
        b"for" | b"from" | b"by" | b"as" | b"at" | b"on" | b"with" | b"of" => 3,
        _ => 4,
    }
}

/// Enough distinct values to believe that a place varies when several vary at once.
pub fn varies_among_others(values: &[&[u8]], first: bool) -> bool {
    let distinct: FxHashSet<&[u8]> = values.iter().copied().collect();
    let caps = distinct
        .iter()
        .filter(|v| v.len() > 1 && v.iter().all(|b| b.is_ascii_uppercase() || *b == b'_'))
        .count();
    let needed = if caps * 2 > distinct.len() {
        8
    } else if first {
        6
    } else {
        4
    };
    distinct.len() >= needed || distinct.iter().any(|v| is_var(v)) && !first
}

//! Citations in an answer: do they exist, and does any sentence stand without one? Knows texts and marks.

use super::pack::Pack;
use crate::engine::{Corpus, Snapshot};
use crate::model::Place;

/// An answer after its citations were checked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cited {
    /// The text, with `(?)` behind what does not exist.
    pub text: String,
    pub places: Vec<Place>,
    pub events: Vec<u32>,
    pub wrong: usize,
    /// Sentences without any citation.
    pub bare: usize,
}

pub fn check(corpus: &Corpus, snapshot: &Snapshot, pack: &Pack, text: &str) -> Cited {
    let mut out = Cited::default();
    let mut rest = text;
    while let Some(open) = rest.find('[') {
        let Some(close) = rest[open..].find(']').map(|n| open + n) else { break };
        let inside = &rest[open + 1..close];
        out.text.push_str(&rest[..=close]);
        for mark in inside.split([',', ' ']).map(str::trim).filter(|m| is_mark(m)) {
            match event_of(corpus, snapshot, pack, mark) {
                Some(event) => {
                    if let Some(id) = event
                        && !out.events.contains(&id)
                    {
                        out.events.push(id);
                        out.places.extend(snapshot.place(id));
                    }
                }
                None => {
                    out.wrong += 1;
                    out.text.push_str(" (?)");
                }
            }
        }
        rest = &rest[close + 1..];
    }
    out.text.push_str(rest);
    out.bare = bare(text);
    out
}

fn is_mark(text: &str) -> bool {
    let mut c = text.chars();
    match (c.next(), c.next()) {
        (Some('L' | 'T' | 'W'), Some(d)) => d.is_ascii_digit(),
        (Some('S'), Some(':')) => true,
        _ => false,
    }
}

/// `None`: there is no such thing. `Some(None)`: there is, without a line of its own.
fn event_of(corpus: &Corpus, snapshot: &Snapshot, pack: &Pack, mark: &str) -> Option<Option<u32>> {
    if let Some(m) = pack.marks.get(mark) {
        return Some(m.event);
    }
    let number = mark.get(1..).and_then(|n| n.parse::<u64>().ok());
    match mark.as_bytes().first()? {
        b'L' => {
            number.filter(|n| *n < snapshot.events).map(|n| Some(n as u32)).filter(|id| corpus.event(snapshot, id.unwrap_or(0)).is_some())
        }
        b'T' => snapshot.template_by_id(number?).map(|_| None),
        _ => None,
    }
}

/// Sentences of some length in which nothing is cited.
fn bare(text: &str) -> usize {
    let sentences = text.split(['\n']).flat_map(|l| l.split(". ")).map(str::trim);
    sentences.filter(|s| s.split_whitespace().count() >= 5 && !s.starts_with(['#', '`', '|']) && !s.contains('[')).count()
}

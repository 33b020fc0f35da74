//! Citations in an answer: do they exist, and does any sentence stand without one? Knows texts and marks.

use super::pack::Pack;
use crate::engine::{Corpus, Snapshot};
use crate::model::Place;
use crate::text::civil::rfc3339;
use std::collections::BTreeSet;

/// An answer after its citations were checked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cited {
    /// The text, with `(?)` behind what does not exist.
    pub text: String,
    pub places: Vec<Place>,
    pub events: Vec<u32>,
    pub wrong: usize,
    /// Sentences without any citation, and sentences whose citations speak of something else; both are marked in the text.
    pub bare: usize,
    pub unsupported: usize,
}

impl Cited {
    /// Takes in what was said behind it.
    pub fn add(&mut self, more: Cited) {
        self.text.push_str("\n\n");
        self.text.push_str(&more.text);
        self.places.extend(more.places);
        self.events.extend(more.events);
        (self.wrong, self.bare, self.unsupported) = (
            self.wrong + more.wrong,
            self.bare + more.bare,
            self.unsupported + more.unsupported,
        );
    }
}

/// The analyst's own words: they are computed, so only what they point at is gathered.
pub fn gathered(corpus: &Corpus, snapshot: &Snapshot, pack: &Pack, text: &str) -> Cited {
    Cited {
        text: text.to_string(),
        bare: 0,
        unsupported: 0,
        ..check(corpus, snapshot, pack, text)
    }
}

/// Looks at each sentence: what it cites must exist, and one of it must speak of what the sentence speaks of.
pub fn check(corpus: &Corpus, snapshot: &Snapshot, pack: &Pack, text: &str) -> Cited {
    let mut out = Cited::default();
    let mut code = false;
    for (n, line) in text.split('\n').enumerate() {
        if n > 0 {
            out.text.push('\n');
        }
        code ^= line.trim_start().starts_with("```");
        if code || line.trim_start().starts_with(['#', '`', '|']) {
            out.text.push_str(line);
            continue;
        }
        sentences(line).for_each(|s| sentence(corpus, snapshot, pack, s, &mut out));
    }
    out
}

/// A line at its full stops; a stop belongs to the sentence before, citations behind it too.
fn sentences(line: &str) -> impl Iterator<Item = &str> {
    let mut cuts = vec![0];
    for (i, _) in line.match_indices(". ") {
        let next = &line[i + 2..];
        if !next.trim_start().starts_with('[') {
            cuts.push(i + 2);
        }
    }
    cuts.push(line.len());
    let pairs: Vec<(usize, usize)> = cuts.windows(2).map(|w| (w[0], w[1])).collect();
    pairs.into_iter().map(|(a, b)| &line[a..b])
}

fn sentence(corpus: &Corpus, snapshot: &Snapshot, pack: &Pack, text: &str, out: &mut Cited) {
    let (mut cited, mut supported) = (0, false);
    let mut rest = text;
    while let Some(open) = rest.find('[') {
        let Some(close) = rest[open..].find(']').map(|n| open + n) else {
            break;
        };
        let inside = &rest[open + 1..close];
        out.text.push_str(&rest[..=close]);
        for mark in inside
            .split([',', ' '])
            .map(str::trim)
            .filter(|m| is_mark(m))
        {
            cited += 1;
            match event_of(corpus, snapshot, pack, mark) {
                Some(event) => {
                    supported |= speaks_of(corpus, snapshot, pack, mark, event, text);
                    if let Some(id) = event
                        && !out.events.contains(&id)
                    {
                        out.events.push(id);
                        out.places.extend(snapshot.place(id));
                    }
                }
                None => {
                    out.wrong += 1;
                    supported = true;
                    out.text.push_str(" (?)");
                }
            }
        }
        rest = &rest[close + 1..];
    }
    let end = rest.trim_end().len();
    out.text.push_str(&rest[..end]);
    if cited == 0 && text.split_whitespace().count() >= 5 {
        out.bare += 1;
        out.text.push_str(" (cites nothing)");
    } else if cited > 0 && !supported {
        out.unsupported += 1;
        out.text.push_str(" (not what it cites says)");
    }
    out.text.push_str(&rest[end..]);
}

/// Does what is cited share a telling word or number with the sentence? Weak, but what shares nothing proves nothing.
fn speaks_of(
    corpus: &Corpus,
    snapshot: &Snapshot,
    pack: &Pack,
    mark: &str,
    event: Option<u32>,
    sentence: &str,
) -> bool {
    let mut told = pack
        .marks
        .get(mark)
        .map_or_else(String::new, |m| m.text.clone());
    told.push(' ');
    told.push_str(mark);
    if let Some(e) = event.and_then(|id| corpus.event(snapshot, id)) {
        told.push_str(&format!(
            " {} {} {} {}",
            e.message,
            e.service,
            e.level.name(),
            e.time.map_or_else(String::new, |t| rfc3339(t, 0))
        ));
    } else if let Some(t) = mark
        .strip_prefix('T')
        .and_then(|n| snapshot.template_by_id(n.parse().ok()?))
    {
        let t = &snapshot.templates[t];
        told.push_str(&format!(
            " {} {} {} {}",
            t.text,
            t.services.join(" "),
            t.count,
            t.level.name()
        ));
    }
    let told = words(&told);
    let outside: String = sentence
        .split('[')
        .map(|p| p.split_once(']').map_or(p, |(_, t)| t))
        .collect::<Vec<_>>()
        .join(" ");
    words(&outside).iter().any(|w| told.contains(w))
}

/// Words of four letters and more by their stems, and numbers.
fn words(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|w| w.chars().count() >= 4 || w.len() >= 2 && w.bytes().all(|b| b.is_ascii_digit()))
        .map(|w| w.to_lowercase().chars().take(5).collect())
        .collect()
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
        b'L' => number
            .filter(|n| *n < snapshot.events)
            .map(|n| Some(n as u32))
            .filter(|id| corpus.event(snapshot, id.unwrap_or(0)).is_some()),
        b'T' => snapshot.template_by_id(number?).map(|_| None),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_keep_the_citations_behind_their_stop() {
        let got: Vec<&str> =
            sentences("Payment failed. [L1] Then 1.5 s passed. Nobody knows").collect();
        assert_eq!(
            got,
            ["Payment failed. [L1] Then 1.5 s passed. ", "Nobody knows"]
        );
        assert!(
            words("timeouts of payment-db").contains("timeo")
                && words("313 errors").contains("313")
        );
    }
}

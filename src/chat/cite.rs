//! Checks the citations in an answer: each must exist and support its sentence. Does not use the
//! model or the terminal.

use super::pack::Pack;
use crate::analysis::Analysis;
use crate::corpus::Snapshot;
use crate::model::{EventId, Place};
use crate::text::civil::rfc3339;
use std::collections::BTreeSet;

/// An answer with checked citations.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cited {
    /// The text, with `(?)` after each citation that does not exist.
    pub text: String,
    /// Cited lines.
    pub places: Vec<Place>,
    /// Ids of the events at these lines.
    pub events: Vec<EventId>,
    /// Number of citations that do not exist.
    pub missing: usize,
    /// Number of sentences without a citation. They are marked in the text.
    pub uncited: usize,
    /// Number of sentences whose citations do not support them. They are marked in the text.
    pub unsupported: usize,
}

impl Cited {
    /// Appends another answer.
    pub fn add(&mut self, more: Cited) {
        self.text.push_str("\n\n");
        self.text.push_str(&more.text);
        self.places.extend(more.places);
        self.events.extend(more.events);
        (self.missing, self.uncited, self.unsupported) = (
            self.missing + more.missing,
            self.uncited + more.uncited,
            self.unsupported + more.unsupported,
        );
    }
}

/// Collects the citations of the analyst's text. Does not mark sentences, because the analyst
/// computes them from the evidence that it cites.
pub fn collect(analysis: &Analysis, snapshot: &Snapshot, pack: &Pack, text: &str) -> Cited {
    Cited {
        text: text.to_string(),
        uncited: 0,
        unsupported: 0,
        ..check(analysis, snapshot, pack, text)
    }
}

/// Checks each sentence: its citations must exist, and at least one of them must support it. A
/// heading and a row of a table are checked like a sentence. A code block needs a citation in it or
/// in the line before it.
pub fn check(analysis: &Analysis, snapshot: &Snapshot, pack: &Pack, text: &str) -> Cited {
    let mut out = Cited::default();
    let lines: Vec<&str> = text.split('\n').collect();
    // The content of an open code block, and whether the line before it has a citation.
    let mut block: Option<(String, bool)> = None;
    let mut has_citation = false;
    for (n, line) in lines.iter().enumerate() {
        if n > 0 {
            out.text.push('\n');
        }
        let is_fence = line.trim_start().starts_with("```");
        match &mut block {
            None if is_fence => {
                // Text after the fence is a part of the block.
                let info = line.trim_start().trim_start_matches('`');
                block = Some((format!("{info}\n"), has_citation));
                out.text.push_str(line);
            }
            Some((body, introduced)) if is_fence => {
                body.push_str(line.trim_start().trim_start_matches('`'));
                out.text.push_str(line);
                let known = |m: &str| event_of(analysis, snapshot, pack, m).is_some();
                let is_supported = *introduced || marks(body).any(known);
                mark_block(body, is_supported, &mut out);
                block = None;
                has_citation = false;
            }
            Some((body, _)) => {
                body.push_str(line);
                body.push('\n');
                out.text.push_str(line);
            }
            None if is_table_rule(line) => out.text.push_str(line),
            None => {
                sentences(line).for_each(|s| check_sentence(analysis, snapshot, pack, s, &mut out));
                if !line.trim().is_empty() {
                    has_citation = marks(line).next().is_some();
                }
            }
        }
    }
    if let Some((body, introduced)) = block {
        let known = |m: &str| event_of(analysis, snapshot, pack, m).is_some();
        let is_supported = introduced || marks(&body).any(known);
        mark_block(&body, is_supported, &mut out);
    }
    out
}

/// Marks a code block of several words that nothing supports.
fn mark_block(body: &str, is_supported: bool, out: &mut Cited) {
    if !is_supported && is_claim(body) {
        out.uncited += 1;
        out.text.push_str("\n(no citation)");
    }
}

/// True for the line between the header and the rows of a table.
fn is_table_rule(line: &str) -> bool {
    let line = line.trim();
    line.contains("--") && line.contains('|') && line.chars().all(|c| "|-: ".contains(c))
}

/// The marks that a text cites.
fn marks(text: &str) -> impl Iterator<Item = &str> {
    text.split('[')
        .skip(1)
        .filter_map(|part| part.split_once(']'))
        .flat_map(|(inside, _)| inside.split([',', ' ']))
        .map(str::trim)
        .filter(|m| is_mark(m))
}

/// Number of words from which a text is a claim.
const MIN_WORDS: usize = 5;

/// True for a text of several words. In scripts without blanks between words, characters count.
fn is_claim(text: &str) -> bool {
    let has_letters = |w: &&str| w.contains(char::is_alphanumeric);
    let ideographs = text
        .chars()
        .filter(|c| ('\u{2E80}'..='\u{9FFF}').contains(c))
        .count();
    text.split_whitespace().filter(has_letters).count() + ideographs / 2 >= MIN_WORDS
}

/// Splits a line into sentences. Citations after the end of a sentence belong to it.
fn sentences(line: &str) -> impl Iterator<Item = &str> {
    let mut cuts = vec![0];
    let ends = line
        .char_indices()
        .filter(|(_, c)| matches!(c, '.' | '!' | '?' | '。' | '！' | '？'));
    for (i, c) in ends {
        let after = i + c.len_utf8();
        let next = &line[after..];
        let is_wide = !c.is_ascii();
        let rest = next.trim_start();
        if (is_wide || rest.len() < next.len())
            && !rest.starts_with(['[', '!', '?'])
            && !rest.is_empty()
        {
            cuts.push(line.len() - rest.len());
        }
    }
    cuts.push(line.len());
    let pairs: Vec<(usize, usize)> = cuts.windows(2).map(|w| (w[0], w[1])).collect();
    pairs.into_iter().map(|(a, b)| &line[a..b])
}

fn check_sentence(
    analysis: &Analysis,
    snapshot: &Snapshot,
    pack: &Pack,
    text: &str,
    out: &mut Cited,
) {
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
            match event_of(analysis, snapshot, pack, mark) {
                Some(event) => {
                    supported |= supports(analysis, snapshot, pack, mark, event, text);
                    if let Some(id) = event
                        && !out.events.contains(&id)
                    {
                        out.events.push(id);
                        out.places.extend(snapshot.place(id));
                    }
                }
                None => {
                    out.missing += 1;
                    supported = true;
                    out.text.push_str(" (?)");
                }
            }
        }
        rest = &rest[close + 1..];
    }
    let end = rest.trim_end().len();
    out.text.push_str(&rest[..end]);
    if cited == 0 && is_claim(text) {
        out.uncited += 1;
        out.text.push_str(" (no citation)");
    } else if cited > 0 && !supported {
        out.unsupported += 1;
        out.text.push_str(" (not supported by its citation)");
    }
    out.text.push_str(&rest[end..]);
}

/// True if the cited item shares a word or number with the sentence. This is a weak test, but
/// without a common word the citation cannot support the sentence.
fn supports(
    analysis: &Analysis,
    snapshot: &Snapshot,
    pack: &Pack,
    mark: &str,
    event: Option<EventId>,
    sentence: &str,
) -> bool {
    let mut source = pack
        .marks
        .get(mark)
        .map_or_else(String::new, |m| m.text.clone());
    source.push(' ');
    source.push_str(mark);
    if let Some(e) = event.and_then(|id| analysis.corpus.event(snapshot, id)) {
        source.push_str(&format!(
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
        let t = &snapshot.templates[t.index()];
        source.push_str(&format!(
            " {} {} {} {}",
            t.text,
            t.services.join(" "),
            t.count,
            t.level.name()
        ));
    }
    let source = words(&source);
    let outside: String = sentence
        .split('[')
        .map(|p| p.split_once(']').map_or(p, |(_, t)| t))
        .collect::<Vec<_>>()
        .join(" ");
    words(&outside).iter().any(|w| source.contains(w))
}

/// Words of at least four letters, cut to five letters as a rough stem, and numbers of at least two
/// digits.
fn words(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|w| w.chars().count() >= 4 || w.len() >= 2 && w.bytes().all(|b| b.is_ascii_digit()))
        .map(|w| w.to_lowercase().chars().take(5).collect())
        .collect()
}

/// True for `L12`, `T12`, `W1` and `S:name`.
fn is_mark(text: &str) -> bool {
    let mut c = text.chars();
    match (c.next(), c.next()) {
        (Some('L' | 'T' | 'W'), Some(d)) => d.is_ascii_digit(),
        (Some('S'), Some(':')) => true,
        _ => false,
    }
}

/// The event that a mark points to. `None` if the mark does not exist; `Some(None)` if it exists
/// but has no line.
fn event_of(
    analysis: &Analysis,
    snapshot: &Snapshot,
    pack: &Pack,
    mark: &str,
) -> Option<Option<EventId>> {
    if let Some(m) = pack.marks.get(mark) {
        return Some(m.event);
    }
    let number = mark.get(1..).and_then(|n| n.parse::<u64>().ok());
    match mark.as_bytes().first()? {
        b'L' => number
            .filter(|n| *n < snapshot.events)
            .map(|n| EventId(n as u32))
            .filter(|id| analysis.corpus.event(snapshot, *id).is_some())
            .map(Some),
        b'T' => snapshot.template_by_id(number?).map(|_| None),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn citations_after_a_full_stop_belong_to_the_sentence_before_it() {
        let got: Vec<&str> =
            sentences("Payment failed. [L1] Then 1.5 s passed. Nobody knows").collect();
        assert_eq!(
            got,
            ["Payment failed. [L1] Then 1.5 s passed. ", "Nobody knows"]
        );
        let got: Vec<&str> = sentences("It was the disk! Nobody knew? [L2] Then; more").collect();
        assert_eq!(got, ["It was the disk! ", "Nobody knew? [L2] Then; more"]);
        assert!(!is_claim("## Cause of outage") && !is_claim("| db | 42 |"));
        assert!(is_claim("| the db failed at noon |") && is_claim("数据库在中午失败了很多次"));
        assert!(
            words("timeouts of payment-db").contains("timeo")
                && words("313 errors").contains("313")
        );
    }
}

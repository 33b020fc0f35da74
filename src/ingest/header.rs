//! Reads the tokens of a header after the timestamp of a line: level, numbers, brackets, call site,
//! program or class. Knows no particular format.

use super::brackets;
use super::call_site;
use super::parsed::{Parsed, Span};
use crate::text::level;

/// Largest number of groups in brackets in a header.
const MAX_BRACKETS: u32 = 3;
/// A level is looked for in this many words after the timestamp.
const LEVEL_WORDS: usize = 6;
/// Longest group in brackets.
const MAX_GROUP: usize = 200;

/// Reads the header tokens after the timestamp.
pub struct Header<'t, 'o> {
    text: &'t [u8],
    out: &'o mut Parsed,
    numbers: u32,
    brackets: u32,
    /// A class name was found, so no program name follows.
    has_class: bool,
    /// A level was found after the timestamp.
    has_level: bool,
    /// Offset of a level that stands after other header words; they all belong to the header.
    level_at: usize,
}

impl<'t, 'o> Header<'t, 'o> {
    pub fn new(text: &'t [u8], out: &'o mut Parsed) -> Header<'t, 'o> {
        Header {
            text,
            out,
            numbers: 0,
            brackets: 0,
            has_class: false,
            has_level: false,
            level_at: 0,
        }
    }

    /// Reads header tokens from `at`. Returns where the message starts.
    pub fn run(&mut self, mut at: usize) -> usize {
        self.level_at = self.find_level(at).unwrap_or(0);
        loop {
            at = self.skip_separators(at);
            match self.token(at) {
                Some((end, true)) => return self.skip_blanks(end),
                Some((end, false)) => at = end,
                None => return at,
            }
        }
    }

    fn skip_blanks(&self, mut at: usize) -> usize {
        while matches!(self.text.get(at), Some(b' ' | b'\t')) {
            at += 1;
        }
        at
    }

    /// Skips blanks and separators between header fields.
    fn skip_separators(&self, mut at: usize) -> usize {
        loop {
            at = self.skip_blanks(at);
            let dashes = self.text[at..].iter().take_while(|b| **b == b'-').count();
            match (self.text.get(at), self.text.get(at + 1)) {
                (Some(b'|'), _) => at += 1,
                (Some(b':' | b','), Some(b' ' | b'\t')) => at += 1,
                // A colon glued to a level: `10:00:00.123:INFO:`.
                (Some(b':'), Some(_)) if at < self.level_at => at += 1,
                _ if (1..=3).contains(&dashes)
                    && matches!(self.text.get(at + dashes), Some(b' ' | b'\t')) =>
                {
                    at += dashes
                }
                _ => return at,
            }
        }
    }

    /// Offset of a level word near `from`, if everything before it looks like a header.
    fn find_level(&self, from: usize) -> Option<usize> {
        let mut at = from;
        for _ in 0..LEVEL_WORDS {
            at = self.skip_separators(at);
            let rest = &self.text[at..];
            let glued = usize::from(rest.first() == Some(&b':'));
            let n = word_len(&rest[glued..]);
            let word = &rest[glued..glued + n];
            if let Some(name) = level_name(word) {
                let clear = word.len() > name.len() || name.iter().all(u8::is_ascii_uppercase);
                return (clear || at == from).then_some(at + glued);
            }
            if !is_header_word(word) {
                return None;
            }
            at += glued + n;
        }
        None
    }

    /// Reads one header token at `at`. Returns its end and whether it is the last one. `None` if
    /// the message starts at `at`.
    fn token(&mut self, at: usize) -> Option<(usize, bool)> {
        let rest = &self.text[at..];
        match *rest.first()? {
            b'[' | b'<' => self.group(at),
            b'{' | b'(' => {
                let n = group_len(rest)?;
                let inside = &rest[1..n - 1];
                if call_site::is_source(inside) {
                    self.out.caller = Span::new(at + 1, at + n - 1);
                } else if at >= self.level_at {
                    return None;
                }
                Some((at + n, false))
            }
            b if b.is_ascii_digit() && at >= self.level_at => {
                let n = rest.iter().take_while(|b| b.is_ascii_digit()).count();
                let ends = matches!(rest.get(n), Some(b' ' | b'\t' | b'|'));
                self.numbers += 1;
                (ends && n <= 8 && self.numbers <= 2 && self.out.component.is_empty())
                    .then_some((at + n, false))
            }
            _ => self.word(at),
        }
    }

    fn group(&mut self, at: usize) -> Option<(usize, bool)> {
        let n = group_len(&self.text[at..])?;
        let inside = &self.text[at + 1..at + n - 1];
        self.brackets += 1;
        let word = inside.trim_ascii();
        if level::is_word(word) && !self.has_level {
            self.has_level = true;
            self.out.level = level::from_name(word);
        } else if call_site::is_source(word) {
            self.out.caller = Span::new(at + 1, at + n - 1);
        } else if self.brackets > MAX_BRACKETS && at >= self.level_at {
            return None;
        } else if self.out.component.is_empty()
            && word
                .iter()
                .all(|b| b.is_ascii_alphabetic() || matches!(b, b'.' | b'_' | b'-' | b':'))
            && !word.is_empty()
        {
            self.out.component = Span::new(at + 1, at + n - 1);
        }
        Some((at + n, false))
    }

    fn word(&mut self, at: usize) -> Option<(usize, bool)> {
        let rest = &self.text[at..];
        let n = word_len(rest);
        let word = &rest[..n];
        let bare = word.strip_suffix(b":").unwrap_or(word);
        if !self.has_level
            && let Some(name) = level_name(word)
        {
            self.has_level = true;
            self.out.level = level::from_name(name);
            return Some((at + level_end(word, name), false));
        }
        if call_site::is_source(bare) && self.out.caller.is_empty() {
            self.out.caller = Span::new(at, at + bare.len());
            return Some((at + n, false));
        }
        // A short name before a call site, as zap prints it.
        let next = self.skip_blanks(at + n);
        let site = &self.text[next..next + word_len(&self.text[next..])];
        if rest.get(n) == Some(&b'\t') && call_site::is_source(site) {
            self.out.component = Span::new(at, at + n);
            return Some((at + n, false));
        }
        let letter = matches!(bare, [b'I' | b'W' | b'E' | b'D' | b'F']);
        if letter && self.out.level == Default::default() && self.is_letter_level(at + n) {
            self.out.level = level::from_name(bare);
            return Some((at + n, false));
        }
        let name = bare.len() > 1
            && bare[0].is_ascii_alphabetic()
            && bare
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || b"._-$/:[]()@#".contains(b));
        // A name before a colon or a bar is the program. A dotted name after a level is a class
        // name.
        let closed = word.ends_with(b":") || rest.get(n) == Some(&b'|');
        if name && closed && self.out.program.is_empty() && !self.has_class {
            let name_len = bare
                .iter()
                .position(|b| matches!(b, b'[' | b'('))
                .unwrap_or(bare.len());
            self.out.program = Span::new(at, at + name_len);
            return Some((at + n, word.ends_with(b":") && at >= self.level_at));
        }
        let dotted = bare.iter().filter(|b| **b == b'.').count() >= 2 && !bare.contains(&b'/');
        if name && dotted && self.out.level != Default::default() && self.out.component.is_empty() {
            self.out.component = Span::new(at, at + bare.len());
            self.has_class = true;
            return Some((at + n, false));
        }
        (at < self.level_at).then_some((at + n.max(1), false))
    }

    /// Whether a single letter before `end` is a level and not a word: a bracket or a word in
    /// capital letters follows it.
    fn is_letter_level(&self, end: usize) -> bool {
        let next = &self.text[self.skip_blanks(end)..];
        let n = word_len(next);
        next.first() == Some(&b'[')
            || n > 1
                && next[..n]
                    .iter()
                    .all(|b| b.is_ascii_uppercase() || *b == b'_')
    }
}

/// Number of bytes up to the next blank or bar; at least the whole group if the text starts with a
/// bracket.
fn word_len(text: &[u8]) -> usize {
    let group = group_len(text).unwrap_or(0);
    group
        + text[group..]
            .iter()
            .take_while(|b| !matches!(b, b' ' | b'\t' | b'|'))
            .count()
}

/// Length of the short group in brackets at the start of `text`.
fn group_len(text: &[u8]) -> Option<usize> {
    brackets::group_len(text, MAX_GROUP)
}

/// The level that a header word names: `INFO`, `[info]`, `<Information>`, `info:`, `daemon.info`,
/// `INFO:main:`.
fn level_name(word: &[u8]) -> Option<&[u8]> {
    let inner = match word {
        [b'[' | b'<' | b'(', inner @ .., b']' | b'>' | b')'] => inner,
        [b'[' | b'<' | b'(', inner @ .., b']' | b'>' | b')', b':'] => inner,
        _ => word.split(|b| *b == b':').next().unwrap_or(word),
    };
    let inner = inner.trim_ascii();
    let last = inner.rsplit(|b| *b == b'.').next().unwrap_or(inner);
    let facility = last.len() < inner.len()
        && inner
            .iter()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'.');
    let name = if facility || inner.iter().any(u8::is_ascii_uppercase) {
        last
    } else {
        inner
    };
    level::is_word(name).then_some(name)
}

/// Length of the part of a word that names the level, with the bracket or colon after it.
fn level_end(word: &[u8], name: &[u8]) -> usize {
    let end = memchr::memmem::find(word, name).unwrap_or(0) + name.len();
    end + word[end..]
        .iter()
        .take_while(|b| matches!(b, b']' | b'>' | b')' | b':' | b' '))
        .count()
}

/// Whether a word before a level belongs to the header: it has a digit, a bracket, or another mark
/// that words of a sentence do not have.
fn is_header_word(word: &[u8]) -> bool {
    !word.is_empty()
        && word
            .iter()
            .any(|b| b.is_ascii_digit() || b"[](){}<>@=_/|".contains(b))
        || word.ends_with(b":")
        || word.iter().filter(|b| **b == b'.').count() >= 1
}

//! Fallback parser for lines of unknown formats: a timestamp near the start of the line, and around
//! it everything that looks like a header (level, process and thread numbers, a bracketed thread or
//! context, a call site, a class name, a program name before a colon). Knows no particular format.

use super::call_site;
use super::header::Header;
use super::parsed::{Parsed, Span};
use crate::text::level;
use crate::text::time::clock::{Clock, Stamp};

/// Bytes at the start of a line in which a timestamp is looked for.
const NEAR: usize = 400;
/// Largest number of words before a timestamp.
pub const MAX_PLACE: usize = 15;
/// More plain words than this before a timestamp are a sentence, so the message is the whole line.
const MAX_PLAIN_WORDS: usize = 2;

/// Where the timestamps of a source stand, as a bit set: bit `n` for `n` words before. A group in
/// brackets counts as one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Places(u16);

impl Places {
    /// Only at the start of the line.
    pub const START: Places = Places(1);

    /// Anywhere near the start.
    pub const ANY: Places = Places(u16::MAX);

    pub fn add(&mut self, place: usize) {
        self.0 |= 1 << place.min(MAX_PLACE);
    }

    fn has(self, place: usize) -> bool {
        self.0 >> place & 1 == 1
    }

    /// Number of words before the farthest place.
    fn last(self) -> usize {
        15 - (self.0 | 1).leading_zeros() as usize
    }
}

/// A timestamp in a line.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    pub stamp: Stamp,
    /// Number of words before it.
    pub place: usize,
    /// It has a date, so it is hardly there by chance.
    pub dated: bool,
    start: usize,
    end: usize,
}

/// The first timestamp at one of the places.
pub fn find_time(text: &[u8], clock: &mut Clock, places: Places) -> Option<Found> {
    let last = places.last();
    for (start, place) in starts(&text[..text.len().min(NEAR)]) {
        if place > last {
            return None;
        }
        if !places.has(place) {
            continue;
        }
        if let Some((stamp, n)) = clock.any(&text[start..]) {
            return Some(Found {
                stamp,
                place,
                dated: clock.last.is_some_and(|(style, _)| style.has_date()),
                start,
                end: start + n,
            });
        }
    }
    None
}

/// Offsets at which a timestamp can start, each with the number of words before it: the start of
/// the line, and after blanks, separators and opening brackets.
fn starts(text: &[u8]) -> impl Iterator<Item = (usize, usize)> + '_ {
    let (mut depth, mut words, mut in_word) = (0usize, 0usize, false);
    let mut previous = b' ';
    text.iter().enumerate().filter_map(move |(i, &b)| {
        let opens = matches!(b, b'[' | b'(' | b'<' | b'{');
        let separates = |b: u8| matches!(b, b' ' | b'\t' | b'|' | b',' | b';' | b'"' | b'=');
        // `1841:20240301:100000.123`
        let next = text.get(i..i + 9).unwrap_or_default();
        let date = next.ends_with(b":") && next[..8].iter().all(u8::is_ascii_digit);
        let starts = previous == b':' && date
            || separates(previous)
            || matches!(previous, b'[' | b'(' | b'<' | b'{' | b'#' | b'\'');
        let at = (i, words);
        match b {
            _ if opens => depth += 1,
            b']' | b')' | b'>' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 && separates(b) {
            words += usize::from(in_word);
            in_word = false;
        } else if !separates(b) {
            in_word = true;
        }
        previous = b;
        let possible = b.is_ascii_alphanumeric() || b == b'@' || b >= 0x80;
        (starts && possible).then_some(at)
    })
}

/// Parses one line. True if it has a timestamp at one of the places.
pub fn parse(text: &[u8], clock: &mut Clock, places: Places, out: &mut Parsed) -> bool {
    out.clear();
    let Some(found) = find_time(text, clock, places) else {
        return false;
    };
    out.time = Some(found.stamp);
    if plain_words(&text[..found.start]) > MAX_PLAIN_WORDS {
        out.message = Span::new(0, text.len());
        return true;
    }
    out.clock_end = found.end as u32;
    prefix(text, found.start, out);
    let mut at = found.end;
    // The rest of the brackets or quotes around the timestamp belongs to the header.
    if let Some(close) = closing(&text[..found.start]) {
        let rest = &text[at..text.len().min(at + 100)];
        if let Some(n) = rest.iter().position(|b| *b == close) {
            inside(&rest[..n], at, out);
            at += n + 1;
        }
    }
    let start = Header::new(text, out).run(at);
    out.message = Span::new(start, text.len());
    true
}

/// Number of words of a sentence, outside brackets.
fn plain_words(text: &[u8]) -> usize {
    let mut depth = 0usize;
    let mut is_plain = |word: &&[u8]| {
        let outside = depth == 0;
        for b in word.iter() {
            match b {
                b'[' | b'(' | b'{' | b'<' => depth += 1,
                b']' | b')' | b'}' | b'>' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        outside
            && word.len() > 1
            && word[0].is_ascii_alphabetic()
            && word[1..].iter().all(u8::is_ascii_lowercase)
            && !level::is_word(word)
    };
    text.split(|b| *b == b' ').filter(|w| is_plain(w)).count()
}

/// The byte that closes the last open bracket or quote in `before`.
fn closing(before: &[u8]) -> Option<u8> {
    let mut open = Vec::new();
    for &b in before {
        match b {
            b'[' => open.push(b']'),
            b'(' => open.push(b')'),
            b'<' => open.push(b'>'),
            b'{' => open.push(b'}'),
            b']' | b')' | b'>' | b'}' => {
                open.pop();
            }
            _ => {}
        }
    }
    open.pop()
}

/// Reads the words before the timestamp: a level, a call site, a program.
fn prefix(text: &[u8], end: usize, out: &mut Parsed) {
    let separates = |b: u8| {
        matches!(
            b,
            b' ' | b'\t' | b'|' | b'[' | b']' | b',' | b'=' | b'(' | b')'
        )
    };
    let mut at = 0;
    while at < end {
        let n = text[at..end].iter().take_while(|b| !separates(**b)).count();
        let word = &text[at..at + n];
        let word = word.strip_suffix(b":").unwrap_or(word);
        let letter = matches!(word, [b'I' | b'W' | b'E' | b'D' | b'F' | b'T' | b'V']);
        if (level::is_word(word) || letter) && out.level == Default::default() {
            out.level = level::from_name(word);
        } else if call_site::is_source(word) {
            out.caller = Span::new(at, at + word.len());
        }
        at += n + 1;
    }
}

/// Reads what follows the timestamp inside its brackets.
fn inside(rest: &[u8], base: usize, out: &mut Parsed) {
    let mut at = 0;
    for word in rest.split(|b| *b == b' ') {
        if level::is_word(word) && out.level == Default::default() {
            out.level = level::from_name(word);
        } else if call_site::is_numbered(word) {
            out.caller = Span::new(base + at, base + at + word.len());
        }
        at += word.len() + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Level;
    use crate::text::time::zone::Zone;

    fn clock() -> Clock {
        Clock::new(0, Zone::utc())
    }

    /// Message, level and call site of a line whose timestamp is found anywhere near its start.
    fn parts(line: &str) -> (String, Level, String) {
        let (mut out, mut places) = (Parsed::default(), Places::ANY);
        let found = find_time(line.as_bytes(), &mut clock(), places).expect(line);
        places = Places::default();
        places.add(found.place);
        assert!(
            parse(line.as_bytes(), &mut clock(), places, &mut out),
            "{line}"
        );
        let get = |s: Span| String::from_utf8_lossy(s.of(line.as_bytes())).into_owned();
        (get(out.message), out.level, get(out.caller))
    }

    #[test]
    fn the_message_starts_after_the_header_of_an_unknown_format() {
        for (line, want, level) in [
            (
                "2024-03-01 10:00:00 [worker-3] ERROR db: pool exhausted",
                "pool exhausted",
                Level::Error,
            ),
            (
                "2024-03-01T10:00:00Z 123 INFO a.b.c.D started in 3 s",
                "started in 3 s",
                Level::Info,
            ),
            (
                "[2024-03-01 10:00:00] hello there: x",
                "hello there: x",
                Level::Unknown,
            ),
            ("ERROR 2024-03-01 10:00:00,123 boom", "boom", Level::Error),
            ("2024-03-01 10:00:00 | WARN | slow", "slow", Level::Warn),
            (
                "INFO  [main thread] 2024-03-01 10:00:00,123 up again",
                "up again",
                Level::Info,
            ),
            (
                "W, [2024-03-01T10:00:00.029518 #2291]  WARN -- : disk is full",
                "disk is full",
                Level::Warn,
            ),
            (
                "2024.03.01 10:00:00.123456 [ 12 ] {} <Error> Application: cannot start",
                "cannot start",
                Level::Error,
            ),
            (
                "Started GET \"/a\" for 10.0.0.1 at 2024-03-01 10:00:00 +0000",
                "Started GET \"/a\" for 10.0.0.1 at 2024-03-01 10:00:00 +0000",
                Level::Unknown,
            ),
            (
                "2024-03-01 10:00:00 the disk [sda] error: 5",
                "the disk [sda] error: 5",
                Level::Unknown,
            ),
        ] {
            let (message, found, _) = parts(line);
            assert_eq!((message.as_str(), found), (want, level), "{line}");
        }
    }

    #[test]
    fn call_sites_in_headers_are_found() {
        for (line, site) in [
            ("[I 240301 10:00:00 web:2344] 200 GET /", "web:2344"),
            (
                "[2024-03-01 10:00:00,123] {task.py:11} INFO - done",
                "task.py:11",
            ),
            (
                "2024-03-01T10:00:00Z\tINFO\tctl\tpkg/run.go:5\tstarted",
                "pkg/run.go:5",
            ),
        ] {
            assert_eq!(parts(line).2, site, "{line}");
        }
    }
}

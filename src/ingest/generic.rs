//! Fallback parser for lines of unknown formats: a timestamp, then everything that looks like a
//! header (level, process and thread numbers, a bracketed thread or context, a class name, a
//! program name before a colon). Knows no particular format.

use super::clock::Clock;
use super::parsed::{Parsed, Span};
use crate::text::level;

/// Parses one line. True if it starts with a timestamp.
pub fn parse(text: &[u8], clock: &mut Clock, out: &mut Parsed) -> bool {
    out.clear();
    let mut at = prefix(text, out);
    let bracketed = at > 0 && matches!(text[at - 1], b'[' | b'(' | b'<');
    let Some((stamp, n)) = clock.any(&text[at..]) else {
        return false;
    };
    at += n;
    out.time = Some(stamp);
    out.clock_end = at as u32;
    if bracketed && matches!(text.get(at), Some(b']' | b')' | b'>')) {
        at += 1;
    }
    let mut header = Header {
        text,
        out,
        numbers: 0,
        brackets: 0,
        has_class: false,
    };
    let start = header.run(at);
    out.message = Span::new(start, text.len());
    true
}

/// Reads an opening bracket or a level word before the timestamp. Returns where the timestamp
/// starts.
fn prefix(text: &[u8], out: &mut Parsed) -> usize {
    match text.first() {
        Some(b'[' | b'(' | b'<') => 1,
        Some(b) if b.is_ascii_uppercase() => {
            let n = text.iter().take_while(|b| b.is_ascii_alphabetic()).count();
            let found = level::from_name(&text[..n]);
            if n > 2 && found != Default::default() && matches!(text.get(n), Some(b' ' | b':')) {
                out.level = found;
                let mut at = n + 1;
                while matches!(text.get(at), Some(b' ' | b'[')) {
                    at += 1;
                }
                return at;
            }
            0
        }
        _ => 0,
    }
}

/// Reads the header tokens after the timestamp.
struct Header<'t, 'o> {
    text: &'t [u8],
    out: &'o mut Parsed,
    numbers: u32,
    brackets: u32,
    /// A class name was found, so no program name follows.
    has_class: bool,
}

impl Header<'_, '_> {
    /// Reads header tokens from `at`. Returns where the message starts.
    fn run(&mut self, mut at: usize) -> usize {
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
            match (self.text.get(at), self.text.get(at + 1)) {
                (Some(b'|' | b'-'), Some(b' ' | b'\t')) | (Some(b'|'), _) => at += 1,
                (Some(b':' | b','), Some(b' ')) => at += 1,
                _ => return at,
            }
        }
    }

    /// Reads one header token at `at`. Returns its end and whether it is the last one. `None` if
    /// the message starts at `at`.
    fn token(&mut self, at: usize) -> Option<(usize, bool)> {
        let rest = &self.text[at..];
        match *rest.first()? {
            b'[' => self.bracket(at, b']'),
            b'<' => self.bracket(at, b'>'),
            b if b.is_ascii_digit() => {
                let n = rest.iter().take_while(|b| b.is_ascii_digit()).count();
                let ends = matches!(rest.get(n), Some(b' ' | b'\t' | b'|'));
                self.numbers += 1;
                (ends && n <= 8 && self.numbers <= 2 && self.out.component.is_empty())
                    .then_some((at + n, false))
            }
            _ => self.word(at),
        }
    }

    fn bracket(&mut self, at: usize, close: u8) -> Option<(usize, bool)> {
        let n = self.text[at..].iter().take(200).position(|b| *b == close)?;
        let inside = &self.text[at + 1..at + n];
        self.brackets += 1;
        let word = inside.trim_ascii();
        if level::is_word(word) {
            self.out.level = level::from_name(word);
        } else if self.brackets > 3 {
            return None;
        } else if self.out.component.is_empty()
            && word
                .iter()
                .all(|b| b.is_ascii_alphabetic() || matches!(b, b'.' | b'_' | b'-' | b':'))
            && !word.is_empty()
        {
            self.out.component = Span::new(at + 1, at + n);
        }
        Some((at + n + 1, false))
    }

    fn word(&mut self, at: usize) -> Option<(usize, bool)> {
        let rest = &self.text[at..];
        let n = rest
            .iter()
            .take_while(|b| !matches!(b, b' ' | b'\t' | b'|'))
            .count();
        let word = &rest[..n];
        let bare = word.strip_suffix(b":").unwrap_or(word);
        if self.out.level == Default::default() && level::is_word(bare) {
            self.out.level = level::from_name(bare);
            return Some((at + n, false));
        }
        let name = bare.len() > 1
            && bare[0].is_ascii_alphabetic()
            && bare.iter().all(|b| {
                b.is_ascii_alphanumeric()
                    || matches!(
                        b,
                        b'.' | b'_'
                            | b'-'
                            | b'$'
                            | b'/'
                            | b':'
                            | b'['
                            | b']'
                            | b'('
                            | b')'
                            | b'@'
                            | b'#'
                    )
            });
        // A name before a colon or a bar is the program. A dotted name after a level is a class
        // name.
        let closed = word.ends_with(b":") || rest.get(n) == Some(&b'|');
        if name && closed && self.out.program.is_empty() && !self.has_class {
            let name_len = bare
                .iter()
                .position(|b| matches!(b, b'[' | b'('))
                .unwrap_or(bare.len());
            self.out.program = Span::new(at, at + name_len);
            return Some((at + n, word.ends_with(b":")));
        }
        let dotted = bare.iter().filter(|b| **b == b'.').count() >= 2 && !bare.contains(&b'/');
        if name && dotted && self.out.level != Default::default() && self.out.component.is_empty() {
            self.out.component = Span::new(at, at + bare.len());
            self.has_class = true;
            return Some((at + n, false));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::zone::Zone;
    use super::*;
    use crate::model::Level;

    fn message(line: &str) -> (String, Level) {
        let mut out = Parsed::default();
        assert!(
            parse(line.as_bytes(), &mut Clock::new(0, Zone::utc()), &mut out),
            "{line}"
        );
        (
            String::from_utf8_lossy(out.message.of(line.as_bytes())).into_owned(),
            out.level,
        )
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
        ] {
            assert_eq!(message(line), (want.to_string(), level));
        }
    }
}

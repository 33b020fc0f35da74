//! Splits one physical line into header and message, with the formats of its source. Does not
//! access files.

use super::format::Format;
use super::generic::Places;
use super::headers::Headers;
use super::memo::{Memo, Repeat};
use super::parsed::{Parsed, Span};
use super::{ansi, json};
use crate::text::time::clock::{Clock, Stamp};
use std::sync::Arc;

/// Parser for the lines of one source. Cheap to clone: each worker has its own copy.
#[derive(Clone, Debug)]
pub struct LineParser {
    /// Format whose lines contain the lines that `headers` parse, such as CRI.
    pub wrapper: Option<Arc<Format>>,
    pub headers: Headers,
    /// Headers of the messages: a line can have a header inside another one, as in a journal that
    /// records the output of a program.
    pub inner_headers: Headers,
    /// Some lines have colours, which are removed first.
    pub coloured: bool,
    /// Most lines start with a header, so a line without one belongs to the event above it.
    pub strict: bool,
    /// Some lines have a header (inside the wrapper, if there is one).
    pub headed: bool,
    pub clock: Clock,
    inner_clock: Clock,
    wrapper_hint: u8,
    /// Inner line without JSON escapes.
    unescaped: Vec<u8>,
    /// Inner line without colours.
    stripped: Vec<u8>,
    /// Parts of the header inside the message.
    inner: Parsed,
    memo: Memo,
}

/// How a line relates to the line above it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Join {
    /// The line has a header or a wrapper: an event starts here.
    #[default]
    Start,
    /// No header, and the line continues the event above it.
    Continues,
    /// No header, and no sign that the line continues the event above it.
    Plain,
}

/// One parsed line. The spans in `parsed` are ranges of `LineParser::text`.
#[derive(Debug, Default)]
pub struct Line {
    pub parsed: Parsed,
    pub time: Option<Stamp>,
    pub join: Join,
    /// A header or a wrapper was recognized.
    pub known: bool,
    /// A header was recognized (inside the wrapper, if there is one).
    pub headed: bool,
    /// The record continues on the next line (CRI "P").
    pub part: bool,
    /// The text inside the wrapper was unescaped.
    is_unescaped: bool,
    /// The text has colours, which were removed.
    is_stripped: bool,
    /// Whether a similar line was parsed before in the chunk. If so, only the timestamp was parsed.
    pub repeat: Repeat,
    /// End of the outermost timestamp in the raw line; 0 if there is none.
    pub clock_end: u32,
    /// Text inside the wrapper, as a range of the raw line; the whole line if there is no wrapper.
    inner: Span,
    /// Program that the wrapper names, as a range of the raw line.
    wrapper_program: Span,
    /// Message as a range of the raw line.
    pub raw_message: Span,
}

impl Line {
    /// The text that was parsed: the inner line without colours or escapes if it had them.
    fn shown<'a>(&self, stripped: &'a [u8], unescaped: &'a [u8], raw: &'a [u8]) -> &'a [u8] {
        if self.is_stripped {
            stripped
        } else if self.is_unescaped {
            unescaped
        } else {
            self.inner.of(raw)
        }
    }
}

impl LineParser {
    pub fn new(clock: Clock) -> LineParser {
        LineParser {
            wrapper: None,
            headers: Headers::new(Vec::new(), Some(Places::START)),
            inner_headers: Headers::default(),
            coloured: false,
            strict: false,
            headed: false,
            inner_clock: clock.clone(),
            clock,
            wrapper_hint: 0,
            unescaped: Vec::new(),
            stripped: Vec::new(),
            inner: Parsed::default(),
            memo: Memo::default(),
        }
    }

    /// The text that the spans of the last line are ranges of.
    pub fn text<'a>(&'a self, raw: &'a [u8], line: &Line) -> &'a [u8] {
        line.shown(&self.stripped, &self.unescaped, raw)
    }

    /// Parses one line. If a similar line was parsed before, only the timestamp is parsed. The
    /// lines of a chunk must be passed in order.
    pub fn parse_in_order(&mut self, raw: &[u8], line: &mut Line) {
        let raw = raw.strip_suffix(b"\r").unwrap_or(raw);
        if let Some((stamp, id)) = self.memo.find(raw, &mut self.clock) {
            line.time = Some(stamp);
            line.clock_end = self.memo.clock_end as u32;
            line.join = Join::Start;
            line.known = true;
            line.part = false;
            line.repeat = Repeat::Again(id);
            return;
        }
        self.clock.last = None;
        self.parse(raw, line);
        let end = line.clock_end as usize;
        if line.join != Join::Start || line.part || end == 0 {
            return;
        }
        self.memo
            .set_style(self.clock.last.map(|(spec, n)| (spec, end - n)));
        // Everything before the timestamp is compared as it is.
        let is_before =
            !line.wrapper_program.is_empty() && line.wrapper_program.end as usize <= end;
        let digits_matter = line.parsed.level_from_digits
            || !is_before && self.service(raw, line).iter().any(u8::is_ascii_digit);
        if self.memo.clock_end == end && !digits_matter && !line.is_unescaped && !line.is_stripped {
            let caller = line.parsed.caller;
            let caller = if caller.is_empty() {
                0
            } else {
                line.inner.start as usize + caller.end as usize
            };
            line.repeat = self
                .memo
                .learn(raw, line.raw_message.start as usize, caller)
                .map_or(Repeat::None, Repeat::First);
        }
    }

    /// Words with digits after the timestamp of the last line. Valid unless its `repeat` is `None`.
    pub fn cuts(&self) -> &crate::text::words::Cuts {
        &self.memo.cuts
    }

    /// Parses one line completely.
    pub fn parse(&mut self, raw: &[u8], line: &mut Line) {
        let raw = raw.strip_suffix(b"\r").unwrap_or(raw);
        line.repeat = Repeat::None;
        line.time = None;
        line.part = false;
        line.is_unescaped = false;
        line.is_stripped = false;
        line.known = false;
        line.clock_end = 0;
        line.wrapper_program = Span::default();
        line.inner = Span::new(0, raw.len());
        if let Some(wrapper) = &self.wrapper
            && wrapper.parse(
                raw,
                &mut self.clock,
                &mut self.wrapper_hint,
                &mut line.parsed,
            )
        {
            line.time = line.parsed.time;
            line.clock_end = line.parsed.clock_end;
            line.known = true;
            line.part = line.parsed.part.of(raw) == b"P";
            line.wrapper_program = ansi::without_start(raw, line.parsed.program);
            line.inner = line.parsed.inner;
            let inner = line.inner.of(raw);
            if wrapper.name == "docker" && memchr::memchr(b'\\', inner).is_some() {
                self.unescaped = json::unescape(inner);
                line.is_unescaped = true;
            }
        }
        if self.coloured {
            let mut stripped = std::mem::take(&mut self.stripped);
            let text = self.text(raw, line);
            line.is_stripped = ansi::is_coloured(text);
            if line.is_stripped {
                ansi::strip(text, &mut stripped);
            }
            self.stripped = stripped;
        }
        self.parse_inner(raw, line);
    }

    fn parse_inner(&mut self, raw: &[u8], line: &mut Line) {
        let text = line.shown(&self.stripped, &self.unescaped, raw);
        let wrapped = line.known;
        let clock = if wrapped {
            &mut self.inner_clock
        } else {
            &mut self.clock
        };
        let found = !continues(text) && self.headers.parse(text, clock, &mut line.parsed);
        if !found {
            line.parsed.clear();
            line.parsed.message = Span::new(0, text.len());
        } else if line.time.is_none() {
            line.time = line.parsed.time;
            line.clock_end = line.parsed.clock_end;
        }
        if found && !self.inner_headers.is_empty() && !line.parsed.escaped {
            let message = line.parsed.message.of(text);
            let inner = &mut self.inner;
            if self
                .inner_headers
                .parse(message, &mut self.inner_clock, inner)
                && inner.is_certain(message)
            {
                line.parsed.take_inner(inner);
            }
        }
        line.join = match () {
            _ if found => Join::Start,
            _ if is_crash(text) => Join::Plain,
            _ if continues(text) || self.headed && is_exception(text) => Join::Continues,
            _ if self.strict => Join::Continues,
            _ if wrapped => Join::Start,
            _ => Join::Plain,
        };
        line.known |= found;
        line.headed = found;
        line.raw_message = Span::new(
            self.raw_offset(raw, line, line.parsed.message.start),
            self.raw_offset(raw, line, line.parsed.message.end),
        );
    }

    /// Offset in the raw line of the byte at `at` in the parsed text. The raw line may contain the
    /// text escaped and coloured.
    fn raw_offset(&self, raw: &[u8], line: &Line, at: u32) -> usize {
        let mut at = at as usize;
        let inner = line.inner.of(raw);
        if line.is_stripped {
            let text = if line.is_unescaped {
                &self.unescaped
            } else {
                inner
            };
            at = ansi::offset(text, at);
        }
        if line.is_unescaped {
            at = json::escaped_len(inner, at);
        }
        line.inner.start as usize + at
    }

    /// Service that the last line names: the container before the line, its program, or its
    /// component.
    pub fn service<'a>(&'a self, raw: &'a [u8], line: &Line) -> &'a [u8] {
        let text = self.text(raw, line);
        let name = match () {
            _ if !line.wrapper_program.is_empty() => line.wrapper_program.of(raw),
            _ if line.parsed.program.is_empty() => {
                let component = line.parsed.component.of(text);
                if is_thread(component.trim_ascii()) {
                    return &[];
                }
                component
            }
            _ => line.parsed.program.of(text),
        };
        let name = name.trim_ascii();
        // `sshd[42]`, `sshd(pam_unix)`: the part in brackets does not belong to the name.
        match name.iter().position(|b| matches!(b, b'[' | b'(')) {
            Some(n) if n > 0 && matches!(name.last(), Some(b']' | b')')) => &name[..n],
            _ => name,
        }
    }

    /// Call site that the last line names.
    pub fn caller<'a>(&'a self, raw: &'a [u8], line: &Line) -> &'a [u8] {
        line.parsed.caller.of(self.text(raw, line))
    }

    /// The message of the last line, decoded.
    pub fn message(&self, raw: &[u8], line: &Line) -> String {
        let message = line.parsed.message.of(self.text(raw, line));
        if line.parsed.escaped {
            return String::from_utf8_lossy(&json::unescape(message)).into_owned();
        }
        String::from_utf8_lossy(message).into_owned()
    }
}

/// True for the name of a thread or of a process of a pool: `http-nio-8080-exec-3`. Such a name does
/// not name a component: the same component runs in all threads.
fn is_thread(name: &[u8]) -> bool {
    const PARTS: [&[u8]; 6] = [
        b"thread",
        b"exec",
        b"pool",
        b"nio",
        b"scheduling",
        b"process",
    ];
    let lower = name.to_ascii_lowercase();
    let names_thread = PARTS
        .iter()
        .any(|p| memchr::memmem::find(&lower, p).is_some());
    let is_numbered = name.last().is_some_and(u8::is_ascii_digit)
        && name.iter().rev().find(|b| !b.is_ascii_digit()) == Some(&b'-');
    names_thread && is_numbered || matches!(name, b"MainThread" | b"MainProcess")
}

/// True for the first line of what a runtime prints when a program crashes. It belongs to no record
/// of the log, whatever was logged before it.
fn is_crash(text: &[u8]) -> bool {
    const STARTS: [&[u8]; 7] = [
        b"panic: ",
        b"fatal error: ",
        b"Exception in thread ",
        b"Unhandled exception",
        b"terminate called ",
        b"Segmentation fault",
        b"# A fatal error has been detected",
    ];
    STARTS.iter().any(|s| text.starts_with(s))
}

/// True for `java.io.IOException: x` or `TypeError: x`, the line between a log line and its stack
/// trace.
fn is_exception(text: &[u8]) -> bool {
    let name = &text[..text
        .iter()
        .take(200)
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'$' | b'_'))
        .count()];
    let complete = matches!(text.get(name.len()), None | Some(b':'));
    complete
        && [b"Exception".as_slice(), b"Error", b"Throwable", b"Failure"]
            .iter()
            .any(|e| name.ends_with(e))
        && name[0].is_ascii_alphabetic()
}

/// True for lines that look like part of the event above them: indented lines, parts of stack
/// traces, closing brackets.
pub fn continues(text: &[u8]) -> bool {
    match text.first() {
        None | Some(b' ' | b'\t') => true,
        Some(b'}' | b']' | b')') => text.len() <= 3,
        Some(b'.') => text.starts_with(b"... "),
        Some(b'C') => text.starts_with(b"Caused by: "),
        Some(b'S') => text.starts_with(b"Suppressed: ") || text.starts_with(b"Stack trace:"),
        Some(b'T') => {
            text.starts_with(b"Traceback (most recent call last)")
                || text.starts_with(b"The above exception was")
        }
        Some(b'D') => text.starts_with(b"During handling of the above exception"),
        Some(b'a') => text.starts_with(b"at "),
        Some(b'g') => text.starts_with(b"goroutine ") && text.ends_with(b"]:"),
        Some(b's') => text.starts_with(b"stack backtrace:"),
        Some(b'-') => text.starts_with(b"--- End of "),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::detect::detect;
    use super::super::format::FormatCatalog;
    use super::*;
    use crate::text::time::zone::Zone;
    use proptest::prelude::*;

    /// Parts of headers and messages, in any order and number.
    const PARTS: &str = "(2024-03-01 10:00:0[0-9],[0-9]{3}|Mar  1 10:00:0[0-9]|INFO|E0301 10:00:00.123456|\\[main-[0-9]\\]|[ab]\\.go:[0-9]{1,2}|[ab]\\.go:[0-9]{1,2}\\]|host1|app\\[[0-9]\\]:|WARN|-|:|took [0-9]+ ms|#[0-9]|\\x1b\\[32m|begin at)";

    /// What a line tells besides its time and its values.
    fn parts(parser: &LineParser, raw: &[u8], line: &Line) -> (Vec<u8>, Vec<u8>, u8, bool) {
        (
            parser.service(raw, line).to_vec(),
            parser.caller(raw, line).to_vec(),
            line.parsed.level as u8,
            line.known,
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_remembered_line_has_the_same_header_as_a_parsed_one(
            lines in proptest::collection::vec(proptest::collection::vec(PARTS, 1..8), 1..40)
        ) {
            let lines: Vec<String> = lines.iter().map(|l| l.join(" ")).collect();
            let catalog = FormatCatalog::new(&[]).unwrap();
            let clock = Clock::new(1_700_000_000_000_000_000, Zone::utc());
            let mut parser = detect(lines.join("\n").as_bytes(), &catalog, &clock, None).parser;
            let mut fresh = parser.clone();
            let (mut line, mut other) = (Line::default(), Line::default());
            let mut known = Vec::new();
            for text in lines.iter().filter(|l| !l.is_empty()) {
                let raw = text.as_bytes();
                parser.parse_in_order(raw, &mut line);
                fresh.parse(raw, &mut other);
                let want = (parts(&fresh, raw, &other), other.time.is_some());
                prop_assert!(other.raw_message.end as usize <= raw.len());
                match line.repeat {
                    Repeat::First(id) => {
                        prop_assert_eq!(id as usize, known.len());
                        let cuts = parser.cuts().len();
                        known.push((want, cuts));
                    }
                    Repeat::Again(id) => {
                        let (first, cuts) = &known[id as usize];
                        prop_assert_eq!(first, &want, "{}", text);
                        prop_assert_eq!(*cuts, parser.cuts().len());
                    }
                    Repeat::None => prop_assert_eq!(parts(&parser, raw, &line), want.0),
                }
            }
        }
    }
}

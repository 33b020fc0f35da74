//! Groups lines into events. Joins the lines of stack traces, indented text, pretty-printed JSON
//! and partial CRI records. Does not know how events are stored or indexed.

use super::keyed::EXPORT;
use super::line::{Join, Line, LineParser};
use super::xml;

/// Maximum lines of an event; further lines start a new one.
const MAX_LINES: u32 = 2_000;
/// Maximum bytes of an event, checked before each line; further lines start a new one.
const MAX_BYTES: usize = 1 << 20;
/// Only this many bytes of a line are parsed. All of its words are still indexed.
pub const MAX_PARSE: usize = 64 * 1024;

/// Receives the framed events.
pub trait Sink {
    /// An event starts at byte `at` of the chunk. `raw` is its first line, or the whole text if it
    /// is a record of several lines (JSON object, journal export).
    fn begin(&mut self, at: usize, raw: &[u8], line: &Line, parser: &LineParser);
    /// Another physical line of the event that started last, at byte `at` of the chunk. For a
    /// record of several lines, `begin` has already received its text.
    fn more(&mut self, at: usize, raw: &[u8]);
}

/// Frames one chunk. The first line always starts an event.
pub fn frame(chunk: &[u8], parser: &mut LineParser, sink: &mut impl Sink) {
    let mut line = Line::default();
    let (mut at, mut lines, mut event_start) = (0usize, 0u32, 0usize);
    let (mut part, mut in_trace) = (false, false);
    while at < chunk.len() {
        let end = memchr::memchr(b'\n', &chunk[at..]).map_or(chunk.len(), |n| at + n);
        let raw = &chunk[at..end];
        let next = (end + 1).min(chunk.len());
        let record = if is_object_start(raw) {
            object_end(chunk, at)
        } else {
            export_end(chunk, at, raw).or_else(|| xml_end(chunk, at, raw))
        };
        if let Some(close) = record {
            emit_record(chunk, at, close, parser, sink, &mut line);
            at = (close + 1).min(chunk.len());
            (lines, event_start, part, in_trace) = (1, at, false, false);
            continue;
        }
        let head = &raw[..raw.len().min(MAX_PARSE)];
        // A line that completes the one before it starts no event, so it is not remembered as one.
        if part {
            parser.parse(head, &mut line);
        } else {
            parser.parse_in_order(head, &mut line);
        }
        let joined = part
            || match line.join {
                Join::Start => false,
                Join::Continues => true,
                Join::Plain => in_trace,
            };
        let full = lines >= MAX_LINES || at - event_start > MAX_BYTES;
        if joined && lines > 0 && !full {
            sink.more(at, raw);
            lines += 1;
        } else {
            sink.begin(at, raw, &line, parser);
            (lines, event_start) = (1, at);
        }
        // A Python traceback ends with an unindented line, the exception, which is joined too.
        in_trace = match line.join {
            Join::Continues => in_trace || head.starts_with(b"Traceback"),
            _ => false,
        };
        part = line.part;
        at = next;
    }
}

/// True for a line that contains only an opening brace.
fn is_object_start(raw: &[u8]) -> bool {
    raw.first() == Some(&b'{') && raw.len() <= 3 && raw.trim_ascii() == b"{"
}

/// End of the line with the brace that closes the object opened at `at`. `None` if the brace is not
/// within `MAX_PARSE` bytes.
fn object_end(chunk: &[u8], at: usize) -> Option<usize> {
    let window = &chunk[at..chunk.len().min(at + MAX_PARSE)];
    let close = memchr::memmem::find(window, b"\n}")? + at + 1;
    let end = memchr::memchr(b'\n', &chunk[close..]).map_or(chunk.len(), |n| close + n);
    (chunk[close..end].trim_ascii().len() <= 2).then_some(end)
}

/// End of the last line of a `journalctl -o export` record, which an empty line terminates.
fn export_end(chunk: &[u8], at: usize, raw: &[u8]) -> Option<usize> {
    if !raw.starts_with(EXPORT) {
        return None;
    }
    let window = &chunk[at..chunk.len().min(at + MAX_PARSE)];
    Some(memchr::memmem::find(window, b"\n\n").map_or(
        at + window.len() - usize::from(window.ends_with(b"\n")),
        |n| at + n,
    ))
}

/// End of the last line of a Windows event that has several lines.
fn xml_end(chunk: &[u8], at: usize, raw: &[u8]) -> Option<usize> {
    if !xml::is_start(raw) || memchr::memmem::find(raw, xml::END).is_some() {
        return None;
    }
    let window = &chunk[at..chunk.len().min(at + MAX_PARSE)];
    let close = at + memchr::memmem::find(window, xml::END)?;
    Some(memchr::memchr(b'\n', &chunk[close..]).map_or(chunk.len(), |n| close + n))
}

/// Reports the record at `at..close`, which may span several lines, as one event.
fn emit_record(
    chunk: &[u8],
    at: usize,
    close: usize,
    parser: &mut LineParser,
    sink: &mut impl Sink,
    line: &mut Line,
) {
    let text = &chunk[at..close];
    let trimmed = text.trim_ascii_end();
    parser.parse(trimmed.strip_suffix(b",").unwrap_or(trimmed), line);
    sink.begin(at, text, line, parser);
    let mut from = at;
    while let Some(n) = memchr::memchr(b'\n', &chunk[from..close]) {
        from += n + 1;
        let end = memchr::memchr(b'\n', &chunk[from..close]).map_or(close, |n| from + n);
        sink.more(from, &chunk[from..end]);
    }
}

/// Offset in `chunk` of the last line at or after `floor` that certainly starts an event. The chunk
/// may be cut there.
pub fn last_start(chunk: &[u8], floor: usize, parser: &LineParser) -> Option<usize> {
    let mut parser = parser.clone();
    let mut line = Line::default();
    let mut end = memchr::memrchr(b'\n', chunk)?;
    loop {
        let start = end + 1;
        let previous = memchr::memrchr(b'\n', &chunk[..end]).map_or(0, |n| n + 1);
        if start < floor {
            return None;
        }
        let stop = memchr::memchr(b'\n', &chunk[start..]).map_or(chunk.len(), |n| start + n);
        parser.parse(&chunk[start..stop.min(start + MAX_PARSE)], &mut line);
        let starts_event = match line.join {
            Join::Start => true,
            Join::Plain => !parser.strict && !is_object_start(&chunk[start..stop]),
            Join::Continues => false,
        };
        if starts_event && stop > start {
            parser.parse(&chunk[previous..end.min(previous + MAX_PARSE)], &mut line);
            if !line.part {
                return Some(start);
            }
        }
        if previous == 0 {
            return None;
        }
        end = previous - 1;
    }
}

#[cfg(test)]
mod tests {
    use super::super::detect::detect;
    use super::super::format::FormatCatalog;
    use super::*;
    use crate::text::time::clock::Clock;
    use crate::text::time::zone::Zone;

    #[derive(Default)]
    struct Recorder(Vec<(usize, u32)>);
    impl Sink for Recorder {
        fn begin(&mut self, at: usize, _: &[u8], _: &Line, _: &LineParser) {
            self.0.push((at, 1));
        }
        fn more(&mut self, _: usize, _: &[u8]) {
            self.0.last_mut().unwrap().1 += 1;
        }
    }

    fn events(text: &str) -> Vec<u32> {
        let catalog = FormatCatalog::new(&[]).unwrap();
        let mut parser = detect(
            text.as_bytes(),
            &catalog,
            &Clock::new(1_700_000_000_000_000_000, Zone::utc()),
            None,
        )
        .parser;
        let mut seen = Recorder::default();
        frame(text.as_bytes(), &mut parser, &mut seen);
        seen.0.iter().map(|e| e.1).collect()
    }

    #[test]
    fn stack_traces_of_common_languages_are_one_event() {
        let java = "2024-03-01 10:00:00,123 ERROR [main] a.B: boom\njava.lang.IllegalStateException: x\n\tat a.B.c(B.java:1)\nCaused by: java.io.IOException: y\n\t... 3 more\n2024-03-01 10:00:01,123 INFO [main] a.B: ok\n";
        assert_eq!(events(java), [5, 1]);
        let python = "2024-03-01 10:00:00,123 - app - ERROR - boom\nTraceback (most recent call last):\n  File \"a.py\", line 1, in <module>\nValueError: x\n2024-03-01 10:00:01,123 - app - INFO - ok\n";
        assert_eq!(events(python), [4, 1]);
        let go = "2024/03/01 10:00:00 panic: x\n\ngoroutine 1 [running]:\nmain.main()\n\t/a/b.go:3 +0x1d\n2024/03/01 10:00:01 up\n";
        assert_eq!(events(go), [5, 1]);
        let node = "2024-03-01T10:00:00.000Z ERROR boom\nError: x\n    at f (/a.js:1:2)\n2024-03-01T10:00:00.000Z INFO ok\n";
        assert_eq!(events(node), [3, 1]);
        let dotnet = "2024-03-01T10:00:00.000Z ERROR boom\nSystem.Exception: x\n   at A.B() in C.cs:line 3\n--- End of inner exception stack trace ---\n2024-03-01T10:00:00.000Z INFO ok\n";
        assert_eq!(events(dotnet), [4, 1]);
        let rust = "2024-03-01T10:00:00.000Z ERROR app: boom\nthread 'main' panicked at a.rs:1:2:\nx\nstack backtrace:\n   0: f\n2024-03-01T10:00:00.000Z  INFO app: ok\n";
        assert_eq!(events(rust), [5, 1]);
    }

    #[test]
    fn partial_lines_and_multi_line_records_are_joined() {
        let cri = "2024-03-01T10:00:00.1Z stdout P first \n2024-03-01T10:00:00.1Z stdout F second\n2024-03-01T10:00:00.2Z stdout F x\n2024-03-01T10:00:00.2Z stdout F \tat y\n";
        assert_eq!(events(cri), [2, 2]);
        let json = "{\n  \"time\": \"2024-03-01T10:00:00Z\",\n  \"msg\": \"a\"\n}\n{\n  \"time\": \"2024-03-01T10:00:01Z\"\n}\n";
        assert_eq!(events(json), [4, 3]);
        assert_eq!(events("a\nb\n  c\n\nd"), [1, 3, 1]);
        let journal = "__CURSOR=a\n__REALTIME_TIMESTAMP=1700000000123456\nMESSAGE=one\n\n__CURSOR=b\n__REALTIME_TIMESTAMP=1700000000223456\nMESSAGE=two\n\n";
        assert_eq!(events(journal), [4, 4]);
    }
}

//! Parses key-value records: JSON, logfmt and journalctl's export format. Finds the values of
//! well-known keys without building a tree. Skips nested values by counting brackets, so that deep
//! nesting cannot overflow the stack.

use super::clock::Clock;
use super::parsed::{Name, Parsed, Span};
use crate::text::level;

/// Role of a well-known key and its rank. If several keys have the same role, the highest rank
/// wins.
fn role(key: &[u8]) -> Option<(Role, u8)> {
    Some(match key {
        b"time"
        | b"timestamp"
        | b"@timestamp"
        | b"@t"
        | b"ts"
        | b"datetime"
        | b"Timestamp"
        | b"Time"
        | b"_time"
        | b"asctime"
        | b"eventTime"
        | b"StartUTC"
        | b"requestReceivedTimestamp"
        | b"time_local"
        | b"start_time"
        | b"SystemTime" => (Role::Time, 3),
        b"__REALTIME_TIMESTAMP"
        | b"_SOURCE_REALTIME_TIMESTAMP"
        | b"date"
        | b"t"
        | b"timeMillis"
        | b"created_at"
        | b"msec"
        | b"timestamp_ms"
        | b"instant"
        | b"time_iso8601"
        | b"stageTimestamp" => (Role::Time, 2),
        b"level" | b"severity" | b"log.level" | b"@l" | b"lvl" | b"levelname" | b"loglevel"
        | b"Level" | b"severity_text" | b"log_level" | b"severityText" | b"SeverityText" => {
            (Role::Level, 3)
        }
        b"PRIORITY" => (Role::Priority, 3),
        b"s" => (Role::Level, 1),
        b"status" | b"status_code" | b"response_code" | b"DownstreamStatus" => (Role::Status, 1),
        b"message" | b"msg" | b"@m" | b"MESSAGE" | b"short_message" | b"Message" => {
            (Role::Message, 3)
        }
        b"@mt" | b"log" | b"text" | b"event" | b"body" | b"RenderedMessage" => (Role::Message, 2),
        b"logger" | b"logger_name" | b"log.logger" | b"SourceContext" | b"caller" | b"target"
        | b"c" | b"component" | b"loggerName" | b"module" => (Role::Component, 2),
        b"service" | b"service.name" | b"service_name" | b"app" | b"application"
        | b"SYSLOG_IDENTIFIER" | b"serviceName" => (Role::Program, 3),
        b"_COMM" => (Role::Program, 1),
        b"host" | b"hostname" | b"_HOSTNAME" | b"host.name" => (Role::Host, 2),
        _ => return None,
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Time,
    Level,
    Priority,
    Status,
    Message,
    Component,
    Program,
    Host,
}

/// Highest rank so far of each role.
#[derive(Default)]
struct Best {
    rank: [u8; 8],
}

impl Best {
    /// Records the rank if it is the highest so far for the role; true if it is.
    fn claim(&mut self, role: Role, rank: u8) -> bool {
        let highest = &mut self.rank[role as usize];
        let wins = rank > *highest;
        if wins {
            *highest = rank;
        }
        wins
    }
}

/// True for objects whose members are read as members of the record (ECS, MongoDB, journald,
/// tracing).
fn is_flattened(key: &[u8]) -> bool {
    matches!(
        key,
        b"log" | b"t" | b"fields" | b"@timestamp" | b"instant" | b"service" | b"host" | b"Data"
    )
}

struct Keyed<'t, 'c, 'o> {
    text: &'t [u8],
    clock: &'c mut Clock,
    out: &'o mut Parsed,
    best: Best,
    members: usize,
}

impl<'t, 'c, 'o> Keyed<'t, 'c, 'o> {
    fn new(text: &'t [u8], clock: &'c mut Clock, out: &'o mut Parsed) -> Self {
        Keyed {
            text,
            clock,
            out,
            best: Best::default(),
            members: 0,
        }
    }

    fn add_member(&mut self, parent: &[u8], key_at: Span, span: Span, quoted: bool) {
        self.members += 1;
        let text = self.text;
        let value = span.of(text);
        let key = key_at.of(text);
        let found = match (parent, key) {
            (b"log", b"level") => Some((Role::Level, 3)),
            (b"log", b"logger") => Some((Role::Component, 2)),
            (b"t" | b"@timestamp", b"$date") => Some((Role::Time, 3)),
            (b"service" | b"host", b"name") => role(parent),
            (b"" | b"fields", _) => role(key),
            _ => None,
        };
        let Some((role, rank)) = found else {
            return self.add_other(key_at, span);
        };
        match role {
            Role::Time => match self.clock.any(value) {
                Some((stamp, _)) if self.best.claim(role, rank) => self.out.time = Some(stamp),
                Some(_) => {}
                None => self.add_other(key_at, span),
            },
            Role::Level | Role::Status | Role::Priority => {
                let level = match role {
                    Role::Priority => std::str::from_utf8(value)
                        .ok()
                        .and_then(|t| t.parse().ok())
                        .map_or(Default::default(), level::from_priority),
                    _ => level::from_name(value),
                };
                // A status code sets the level only if no better key does.
                if level != Default::default() && self.best.claim(Role::Level, rank) {
                    self.out.level = level;
                }
                if role == Role::Status {
                    self.add_other(key_at, span);
                }
            }
            Role::Message if quoted && self.best.claim(role, rank) => {
                self.out.message = span;
                self.out.escaped = memchr::memchr(b'\\', value).is_some();
            }
            Role::Component if self.best.claim(role, rank) => self.out.component = span,
            Role::Program if self.best.claim(role, rank) => self.out.program = span,
            Role::Host if self.best.claim(role, rank) => self.out.host = span,
            _ => self.add_other(key_at, span),
        }
    }

    fn add_other(&mut self, key: Span, span: Span) {
        // A limit for display only: the text of the record still contains all fields.
        if self.out.other.len() < 40 {
            self.out.other.push((Name::Written(key), span));
        }
    }
}

/// Index of the closing quote of the string whose content starts at `at`.
fn string_end(text: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr::memchr2(b'"', b'\\', text.get(at..)?)?;
        if text[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}

fn skip_blanks(text: &[u8], mut at: usize) -> usize {
    while matches!(text.get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
        at += 1;
    }
    at
}

/// End of the number, word, array or object that starts at `at`. Brackets are counted; whether
/// their types match is not checked.
fn plain_end(text: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0usize;
    loop {
        match *text.get(at)? {
            b'"' => at = string_end(text, at + 1)?,
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 0 => return Some(at),
            b'}' | b']' if depth == 1 => return Some(at + 1),
            b'}' | b']' => depth -= 1,
            b',' | b' ' | b'\t' | b'\r' | b'\n' if depth == 0 => return Some(at),
            _ => {}
        }
        at += 1;
    }
}

/// Parses a JSON object that spans the whole text. Without a message key, the text is the message.
pub fn json(text: &[u8], clock: &mut Clock, out: &mut Parsed) -> bool {
    let start = skip_blanks(text, 0);
    if text.get(start) != Some(&b'{') {
        return false;
    }
    let mut keyed = Keyed::new(text, clock, out);
    let ended = object(&mut keyed, start + 1, b"");
    let members = keyed.members;
    let whole = ended.is_some_and(|e| skip_blanks(text, e) == text.len());
    if !whole || members == 0 {
        return false;
    }
    if out.message.is_empty() && out.inner.is_empty() {
        out.message = Span::new(0, text.len());
        out.escaped = false;
    }
    true
}

/// Reads members up to the closing brace. Returns the position after it.
fn object(keyed: &mut Keyed, mut at: usize, parent: &[u8]) -> Option<usize> {
    let text = keyed.text;
    loop {
        at = skip_blanks(text, at);
        match text.get(at)? {
            b'}' => return Some(at + 1),
            b',' => at += 1,
            b'"' => {
                let key_end = string_end(text, at + 1)?;
                let key = Span::new(at + 1, key_end);
                at = skip_blanks(text, key_end + 1);
                if text.get(at) != Some(&b':') {
                    return None;
                }
                at = skip_blanks(text, at + 1);
                match text.get(at)? {
                    b'"' => {
                        let end = string_end(text, at + 1)?;
                        keyed.add_member(parent, key, Span::new(at + 1, end), true);
                        at = end + 1;
                    }
                    b'{' if parent.is_empty() && is_flattened(key.of(text)) => {
                        at = object(keyed, at + 1, key.of(text))?
                    }
                    _ => {
                        let end = plain_end(text, at)?;
                        keyed.add_member(parent, key, Span::new(at, end), false);
                        at = end;
                    }
                }
            }
            _ => return None,
        }
    }
}

/// Parses `key=value key="quoted value"`. Requires at least two pairs and one well-known key.
pub fn logfmt(text: &[u8], clock: &mut Clock, out: &mut Parsed) -> bool {
    let mut keyed = Keyed::new(text, clock, out);
    let mut at = skip_blanks(text, 0);
    let mut known = 0;
    while at < text.len() {
        let key_start = at;
        while text.get(at).is_some_and(|b| {
            b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-' | b'@' | b'/')
        }) {
            at += 1;
        }
        let key = &text[key_start..at];
        if key.is_empty() || !matches!(text.get(at), Some(b'=') | Some(b' ') | None) {
            return false;
        }
        if text.get(at) != Some(&b'=') {
            at = skip_blanks(text, at);
            continue;
        }
        at += 1;
        let span = if text.get(at) == Some(&b'"') {
            let Some(end) = string_end(text, at + 1) else {
                return false;
            };
            let span = Span::new(at + 1, end);
            at = end + 1;
            span
        } else {
            let start = at;
            at = memchr::memchr(b' ', &text[at..]).map_or(text.len(), |n| at + n);
            Span::new(start, at)
        };
        known += usize::from(role(key).is_some());
        let key_at = Span::new(key_start, key_start + key.len());
        keyed.add_member(b"", key_at, span, true);
        if !matches!(text.get(at), None | Some(b' ' | b'\t')) {
            return false;
        }
        at = skip_blanks(text, at);
    }
    let members = keyed.members;
    if members < 2 || known == 0 {
        return false;
    }
    if out.message.is_empty() {
        out.message = Span::new(0, text.len());
        out.escaped = false;
    }
    true
}

/// Parses one record of `journalctl -o export`, which has one field per line.
pub fn export(text: &[u8], clock: &mut Clock, out: &mut Parsed) -> bool {
    if !text.starts_with(EXPORT) {
        return false;
    }
    let mut keyed = Keyed::new(text, clock, out);
    let mut at = 0;
    while at < text.len() {
        let end = memchr::memchr(b'\n', &text[at..]).map_or(text.len(), |n| at + n);
        if let Some(n) = memchr::memchr(b'=', &text[at..end]) {
            keyed.add_member(b"", Span::new(at, at + n), Span::new(at + n + 1, end), true);
        }
        at = end + 1;
    }
    if out.message.is_empty() {
        out.message = Span::new(0, text.len());
    }
    out.escaped = false;
    true
}

/// First bytes of every `journalctl -o export` record.
pub const EXPORT: &[u8] = b"__CURSOR=";

/// Decodes JSON string escapes. Invalid escapes are copied unchanged.
pub fn unescape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        if text[at] != b'\\' {
            out.push(text[at]);
            at += 1;
            continue;
        }
        let simple = match text.get(at + 1) {
            Some(b'n') => Some(b'\n'),
            Some(b't') => Some(b'\t'),
            Some(b'r') => Some(b'\r'),
            Some(b'b') => Some(8),
            Some(b'f') => Some(12),
            Some(c @ (b'"' | b'\\' | b'/')) => Some(*c),
            _ => None,
        };
        if let Some(b) = simple {
            out.push(b);
            at += 2;
        } else if let Some((c, n)) = unicode(&text[at..]) {
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            at += n;
        } else {
            out.push(b'\\');
            at += 1;
        }
    }
    out
}

/// Decodes the `\uXXXX` escape, or pair of surrogates, at the start of `text`. Returns the
/// character and the length of the escape.
fn unicode(text: &[u8]) -> Option<(char, usize)> {
    let unit = |at: usize| {
        let hex = text.get(at..at + 6)?;
        (hex.starts_with(b"\\u")).then_some(())?;
        u32::from_str_radix(std::str::from_utf8(&hex[2..]).ok()?, 16).ok()
    };
    let first = unit(0)?;
    if let (0xD800..=0xDBFF, Some(second @ 0xDC00..=0xDFFF)) = (first, unit(6)) {
        let c = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
        return Some((char::from_u32(c)?, 12));
    }
    Some((char::from_u32(first).unwrap_or('\u{FFFD}'), 6))
}

/// Number of bytes of the escaped `text` that decode to its first `decoded` bytes.
pub fn escaped_len(text: &[u8], decoded: usize) -> usize {
    let (mut at, mut got) = (0, 0);
    while at < text.len() && got < decoded {
        if text[at] != b'\\' {
            (at, got) = (at + 1, got + 1);
        } else if let Some((c, n)) = unicode(&text[at..]) {
            (at, got) = (at + n, got + c.len_utf8());
        } else if matches!(
            text.get(at + 1),
            Some(b'n' | b't' | b'r' | b'b' | b'f' | b'"' | b'\\' | b'/')
        ) {
            (at, got) = (at + 2, got + 1);
        } else {
            (at, got) = (at + 1, got + 1);
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::super::zone::Zone;
    use super::*;
    use crate::model::Level;

    fn run(line: &str, f: fn(&[u8], &mut Clock, &mut Parsed) -> bool) -> Option<(Parsed, String)> {
        let mut out = Parsed::default();
        let ok = f(
            line.as_bytes(),
            &mut Clock::new(1_700_000_000_000_000_000, Zone::utc()),
            &mut out,
        );
        let message = String::from_utf8_lossy(out.message.of(line.as_bytes())).into_owned();
        ok.then_some((out, message))
    }

    #[test]
    fn well_known_keys_are_found() {
        let (p, m) = run(
            r#"{"level":50,"time":1700000000123,"msg":"it \"broke\"","n":{"a":[1]}}"#,
            json,
        )
        .unwrap();
        assert_eq!(
            (p.level, m.as_str(), p.escaped),
            (Level::Error, r#"it \"broke\""#, true)
        );
        let (p, m) = run(
            r#"{"t":{"$date":"2023-01-01T00:00:00.000Z"},"s":"W","c":"NETWORK","msg":"x"}"#,
            json,
        )
        .unwrap();
        assert_eq!(
            (p.level, m.as_str(), p.time.is_some()),
            (Level::Warn, "x", true)
        );
        assert!(run(r#"{"a":1"#, json).is_none());
        let (p, m) = run(
            r#"ts=2023-01-01T00:00:00Z level=warn msg="slow call" took=3ms"#,
            logfmt,
        )
        .unwrap();
        assert_eq!((p.level, m.as_str()), (Level::Warn, "slow call"));
        assert!(run("a = b and c", logfmt).is_none());
    }

    #[test]
    fn decoded_lengths_map_to_escaped_lengths() {
        let raw = br#"a\n\u00e9\"b"#;
        let decoded = unescape(raw);
        assert_eq!(decoded, "a\né\"b".as_bytes());
        assert_eq!(escaped_len(raw, 4), 9);
        assert_eq!(escaped_len(raw, decoded.len()), raw.len());
    }

    #[test]
    fn deep_nesting_does_not_overflow_the_stack() {
        let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        assert!(run(&deep, json).is_some());
    }
}

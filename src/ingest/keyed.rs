//! Parses key-value records: JSON, logfmt and journalctl's export format. Finds the values of
//! well-known keys without building a tree. Skips nested values by counting brackets, so that deep
//! nesting cannot overflow the stack.

use super::call_site;
use super::json::{plain_end, skip_blanks, string_end};
use super::key_roles::{Role, role};
use super::parsed::{Name, Parsed, Span};
use super::record_time::{nested_time, time_rank, whole_time};
use crate::text::level;
use crate::text::time::clock::Clock;

/// Highest rank so far of each role.
#[derive(Default)]
struct Best {
    rank: [u8; 10],
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

/// First bytes of MongoDB's records.
const MONGODB: &[u8] = b"{\"t\":{\"$date\"";

/// True for objects whose members are read as members of the record (ECS, MongoDB, journald,
/// tracing).
fn is_flattened(key: &[u8]) -> bool {
    matches!(
        key,
        b"log"
            | b"t"
            | b"fields"
            | b"@timestamp"
            | b"instant"
            | b"service"
            | b"host"
            | b"Data"
            | b"body"
    )
}

struct Keyed<'t, 'c, 'o> {
    text: &'t [u8],
    clock: &'c mut Clock,
    out: &'o mut Parsed,
    best: Best,
    members: usize,
    /// Values of the keys `date` and `time`, which can hold one timestamp together.
    date: Span,
    time: Span,
}

impl<'t, 'c, 'o> Keyed<'t, 'c, 'o> {
    fn new(text: &'t [u8], clock: &'c mut Clock, out: &'o mut Parsed) -> Self {
        Keyed {
            text,
            clock,
            out,
            best: Best::default(),
            members: 0,
            date: Span::default(),
            time: Span::default(),
        }
    }

    /// Joins the date and the time of day, if they are the values of two keys.
    fn join_date(&mut self) {
        let (date, time) = (self.date.of(self.text), self.time.of(self.text));
        if (8..=10).contains(&date.len()) && time.len() >= 8 && time.len() <= 18 {
            let whole = [date, b" ", time].concat();
            if let Some((stamp, _)) = self.clock.any(&whole) {
                self.out.time = Some(stamp);
            }
        }
    }

    fn add_member(&mut self, parent: &[u8], key_at: Span, span: Span, quoted: bool) {
        self.members += 1;
        let text = self.text;
        let value = span.of(text);
        let key = key_at.of(text);
        match key {
            b"date" => self.date = span,
            b"time" => self.time = span,
            _ => {}
        }
        let found = match (parent, key) {
            (b"log", b"level") => Some((Role::Level, 3)),
            (b"log", b"logger") => Some((Role::Component, 2)),
            (b"t" | b"@timestamp", b"$date") => Some((Role::Time, 6)),
            (b"service" | b"host", b"name") => role(parent),
            (b"body", b"stringValue") => Some((Role::Message, 3)),
            // MongoDB numbers its log statements.
            (b"", b"id") if text.starts_with(MONGODB) && !quoted => Some((Role::Caller, 3)),
            (b"" | b"fields", _) => role(key),
            _ => None,
        };
        let Some((role, rank)) = found else {
            // A time under an unusual key is recognized by its form.
            if let Some(rank) = time_rank(key, value)
                && rank > self.best.rank[Role::Time as usize]
                && let Some(stamp) = whole_time(self.clock, value)
            {
                self.best.claim(Role::Time, rank);
                self.out.time = Some(stamp);
            }
            return self.add_other(key_at, span);
        };
        match role {
            Role::Time => match self.clock.any(value) {
                Some((stamp, _)) if self.best.claim(role, rank) => self.out.time = Some(stamp),
                Some(_) => {}
                None => self.add_other(key_at, span),
            },
            Role::Level | Role::Status | Role::Priority | Role::Severity => {
                let level = match role {
                    Role::Severity => level::from_otel(value),
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
            Role::Caller
                if (rank > 2 || call_site::is_numbered(value)) && self.best.claim(role, rank) =>
            {
                self.out.caller = span
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

/// Parses a JSON object that spans the whole text. Without a message key, the text is the message.
pub fn json(text: &[u8], clock: &mut Clock, out: &mut Parsed) -> bool {
    let start = skip_blanks(text, 0);
    if text.get(start) != Some(&b'{') {
        return false;
    }
    let mut keyed = Keyed::new(text, clock, out);
    let ended = match otlp_record(text, start) {
        Some(record) => {
            keyed.out.program = otlp_service(text).unwrap_or_default();
            object(&mut keyed, record + 1, b"").map(|_| text.len())
        }
        None => object(&mut keyed, start + 1, b""),
    };
    keyed.join_date();
    let members = keyed.members;
    let whole = ended.is_some_and(|e| skip_blanks(text, e) == text.len());
    if !whole || members == 0 {
        return false;
    }
    if out.time.is_none() {
        out.time = nested_time(text, clock);
    }
    if out.message.is_empty() && out.inner.is_empty() {
        out.message = Span::new(0, text.len());
        out.escaped = false;
    }
    true
}

/// Start of the first log record in an export of OpenTelemetry (OTLP/JSON).
fn otlp_record(text: &[u8], start: usize) -> Option<usize> {
    text[start..]
        .starts_with(b"{\"resourceLogs\"")
        .then_some(())?;
    const RECORDS: &[u8] = b"\"logRecords\":";
    let at = memchr::memmem::find(text, RECORDS)? + RECORDS.len();
    let open = skip_blanks(text, at);
    let record = skip_blanks(text, open + 1);
    (text.get(open) == Some(&b'[') && text.get(record) == Some(&b'{')).then_some(record)
}

/// The service that exported the records.
fn otlp_service(text: &[u8]) -> Option<Span> {
    const VALUE: &[u8] = b"\"stringValue\":";
    let at = memchr::memmem::find(text, b"\"service.name\"")?;
    let value = at + memchr::memmem::find(&text[at..text.len().min(at + 100)], VALUE)?;
    let open = skip_blanks(text, value + VALUE.len());
    (text.get(open) == Some(&b'"')).then_some(())?;
    Some(Span::new(open + 1, string_end(text, open + 1)?))
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
    keyed.join_date();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Level;
    use crate::text::time::zone::Zone;

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
        let text = "date=2024-11-14 time=19:17:35 level=notice msg=x";
        let time = run(text, logfmt).and_then(|(p, _)| p.time).map(|t| t.ns);
        assert_eq!(time, Some(1_731_611_855_000_000_000));
    }

    #[test]
    fn deep_nesting_does_not_overflow_the_stack() {
        let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        assert!(run(&deep, json).is_some());
    }
}

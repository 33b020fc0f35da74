//! Converts severity words, letters and numbers to levels. Knows nothing about log formats.

use crate::model::Level;

/// Longest name of a level.
const MAX_NAME: usize = 13;

/// Level for a word, a letter or a number (pino's 10 to 60, HTTP status). `Unknown` for any other
/// text.
pub fn from_name(text: &[u8]) -> Level {
    if text.len() > MAX_NAME {
        return Level::Unknown;
    }
    let mut lower = [0u8; MAX_NAME];
    for (l, b) in lower.iter_mut().zip(text) {
        *l = b.to_ascii_lowercase();
    }
    match &lower[..text.len()] {
        b"fatal" | b"f" | b"critical" | b"crit" | b"c" | b"emerg" | b"emergency" | b"alert"
        | b"panic" | b"dpanic" | b"severe" | b"failure" | b"60" | b"ftl" | b"crt"
        | b"schwerwiegend" | b"grave" | b"fatale" => Level::Fatal,
        b"error" | b"err" | b"e" | b"eror" | b"erro" | b"50" | b"errore" | b"erreur"
        | b"fehler" => Level::Error,
        b"warn" | b"warning" | b"w" | b"wrn" | b"40" | b"warnung" | b"avviso" | b"advertencia"
        | b"aviso" | b"avertissement" => Level::Warn,
        b"info" | b"i" | b"informationen" | b"informazioni" | b"information" | b"inf"
        | b"notice" | b"note" | b"n" | b"log" | b"config" | b"statement" | b"30" | b"hint"
        | b"detail" | b"audit" | b"system" => Level::Info,
        b"debug" | b"d" | b"dbg" | b"dbug" | b"fine" | b"debug1" | b"debug2" | b"debug3"
        | b"debug4" | b"debug5" | b"20" => Level::Debug,
        b"trace" | b"t" | b"v" | b"verbose" | b"finer" | b"finest" | b"trc" | b"10" => Level::Trace,
        [b'1'..=b'3', b'0'..=b'9', b'0'..=b'9'] => Level::Info,
        [b'4', b'0'..=b'9', b'0'..=b'9'] => Level::Warn,
        [b'5', b'0'..=b'9', b'0'..=b'9'] => Level::Error,
        _ => Level::Unknown,
    }
}

/// True for a word that names a level in a header. Words of one or two letters are too
/// ambiguous.
pub fn is_word(text: &[u8]) -> bool {
    text.len() > 2 && text[0].is_ascii_alphabetic() && from_name(text) != Level::Unknown
}

/// Level for a severity number of OpenTelemetry, 1 to 24 (Logs Data Model, "Field:
/// SeverityNumber").
pub fn from_otel(number: &[u8]) -> Level {
    let number: Option<u32> = std::str::from_utf8(number)
        .ok()
        .and_then(|n| n.parse().ok());
    match number {
        Some(1..=4) => Level::Trace,
        Some(5..=8) => Level::Debug,
        Some(9..=12) => Level::Info,
        Some(13..=16) => Level::Warn,
        Some(17..=20) => Level::Error,
        Some(21..=24) => Level::Fatal,
        _ => Level::Unknown,
    }
}

/// Level for a syslog priority `<PRI>`; its severity is `PRI % 8` (RFC 5424, section 6.2.1).
pub fn from_priority(pri: u32) -> Level {
    match pri % 8 {
        0..=2 => Level::Fatal,
        3 => Level::Error,
        4 => Level::Warn,
        5 | 6 => Level::Info,
        _ => Level::Debug,
    }
}

/// Words in a message that indicate a fatal problem.
const FATAL: &[&str] = &[
    "fatal",
    "panic",
    "panicked",
    "emergency",
    "oom-killer",
    "oomkilled",
];
/// Words in a message that indicate an error.
const ERROR: &[&str] = &[
    "error",
    "errors",
    "err",
    "exception",
    "failed",
    "failure",
    "fail",
    "fails",
    "failing",
    "denied",
    "refused",
    "cannot",
    "unable",
    "unreachable",
    "segfault",
    "traceback",
    "corrupt",
    "corrupted",
    "critical",
    "aborted",
    "crashed",
];
/// Words in a message that indicate a warning.
const WARN: &[&str] = &[
    "warning",
    "warn",
    "timeout",
    "timed",
    "retry",
    "retrying",
    "invalid",
    "deprecated",
    "unexpected",
    "rejected",
    "exceeded",
    "degraded",
    "slow",
    "missing",
    "lost",
    "expired",
    "unknown",
    "disconnected",
];
/// Only this many bytes of a message are inspected: messages usually name the problem early.
const INSPECTED: usize = 80;

/// Level that is the first word of a message: `INFO ...`, `[WARN] ...`. Must be in capitals: other
/// words are usually part of a sentence.
fn leading_level(message: &[u8]) -> Level {
    let text = message.strip_prefix(b"[").unwrap_or(message);
    let end = text
        .iter()
        .take(12)
        .position(|b| !b.is_ascii_uppercase())
        .unwrap_or(0);
    let closed = text
        .get(end)
        .is_some_and(|b| matches!(b, b' ' | b':' | b']' | b'\t' | b'|'));
    if end > 2
        && closed
        && !matches!(
            &text[..end],
            b"SYSTEM" | b"CONFIG" | b"LOG" | b"DETAIL" | b"STATEMENT" | b"HINT" | b"FAILURE"
        )
    {
        from_name(&text[..end])
    } else {
        Level::Unknown
    }
}

/// Infers the level of a message whose header has none: its first word if that is a level, else the
/// highest level that a word near its start indicates. `Unknown` if there is none.
pub fn inferred(message: &[u8]) -> Level {
    let leading = leading_level(message);
    if leading != Level::Unknown {
        return leading;
    }
    let mut head: Vec<u8> = message
        .iter()
        .take(INSPECTED)
        .map(u8::to_ascii_lowercase)
        .collect();
    // The last word may be cut in two, so it is dropped.
    if message.len() > INSPECTED {
        while head.last().is_some_and(|b| b.is_ascii_alphanumeric()) {
            head.pop();
        }
    }
    let mut best = Level::Unknown;
    let mut words = head
        .split(|b| !b.is_ascii_alphanumeric() && *b != b'-')
        .filter(|w| !w.is_empty())
        .peekable();
    let mut previous: &[u8] = b"";
    while let Some(word) = words.next() {
        let is = |list: &[&str]| list.iter().any(|w| w.as_bytes() == word);
        // "0 errors", "no error" and "error=0" mean that nothing is wrong.
        let harmless = matches!(previous, b"0" | b"no" | b"without")
            || words.peek().is_some_and(|w| *w == b"0");
        if !harmless {
            let level = match () {
                _ if is(FATAL) => Level::Fatal,
                _ if is(ERROR) => Level::Error,
                _ if is(WARN) => Level::Warn,
                _ => Level::Unknown,
            };
            best = best.max(level);
        }
        previous = word;
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_letters_and_numbers_give_levels() {
        for (text, level) in [
            ("WARN", Level::Warn),
            ("E", Level::Error),
            ("50", Level::Error),
            ("503", Level::Error),
            ("hello", Level::Unknown),
        ] {
            assert_eq!(from_name(text.as_bytes()), level, "{text}");
        }
    }

    #[test]
    fn the_level_is_inferred_from_the_message() {
        assert_eq!(inferred(b"Failed password for root"), Level::Error);
        assert_eq!(inferred(b"done with 0 errors"), Level::Unknown);
        assert_eq!(inferred(b"errors=0 ok"), Level::Unknown);
        assert_eq!(inferred(b"session opened"), Level::Unknown);
        assert_eq!(
            inferred(b"INFO retry failed once"),
            Level::Info,
            "a leading level wins"
        );
        assert_eq!(inferred(b"[WARN] disk"), Level::Warn);
        assert_eq!(
            (inferred(b"INFORMATION"), inferred(b"Info about it")),
            (Level::Unknown, Level::Unknown)
        );
    }
}

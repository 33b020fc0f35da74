//! Severity words, letters and numbers -> level. Knows no format.

use crate::model::Level;

/// A stated level: a word, a letter, or a number (pino 10..60, HTTP status).
pub fn named(text: &[u8]) -> Level {
    if text.len() > 12 {
        return Level::Unknown;
    }
    let mut lower = [0u8; 12];
    for (l, b) in lower.iter_mut().zip(text) {
        *l = b.to_ascii_lowercase();
    }
    match &lower[..text.len()] {
        b"fatal" | b"f" | b"critical" | b"crit" | b"c" | b"emerg" | b"emergency" | b"alert"
        | b"panic" | b"dpanic" | b"severe" | b"failure" | b"60" => Level::Fatal,
        b"error" | b"err" | b"e" | b"eror" | b"erro" | b"50" => Level::Error,
        b"warn" | b"warning" | b"w" | b"wrn" | b"40" => Level::Warn,
        b"info" | b"i" | b"information" | b"inf" | b"notice" | b"note" | b"n" | b"log"
        | b"config" | b"statement" | b"30" | b"hint" | b"detail" | b"audit" | b"system" => {
            Level::Info
        }
        b"debug" | b"d" | b"dbg" | b"fine" | b"debug1" | b"debug2" | b"debug3" | b"debug4"
        | b"debug5" | b"20" => Level::Debug,
        b"trace" | b"t" | b"v" | b"verbose" | b"finer" | b"finest" | b"trc" | b"10" => Level::Trace,
        [b'1'..=b'3', b'0'..=b'9', b'0'..=b'9'] => Level::Info,
        [b'4', b'0'..=b'9', b'0'..=b'9'] => Level::Warn,
        [b'5', b'0'..=b'9', b'0'..=b'9'] => Level::Error,
        _ => Level::Unknown,
    }
}

/// True for words that state a level in a header (letters alone are too short to be sure).
pub fn is_word(text: &[u8]) -> bool {
    text.len() > 2 && text[0].is_ascii_alphabetic() && named(text) != Level::Unknown
}

/// Level of a syslog priority `<PRI>`.
pub fn from_priority(pri: u32) -> Level {
    match pri % 8 {
        0..=2 => Level::Fatal,
        3 => Level::Error,
        4 => Level::Warn,
        5 | 6 => Level::Info,
        _ => Level::Debug,
    }
}

const FATAL: &[&str] = &[
    "fatal",
    "panic",
    "panicked",
    "emergency",
    "oom-killer",
    "oomkilled",
];
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
/// Only so much of a message is looked at: what is wrong is said early.
const LOOK: usize = 80;

/// Level that a message states as its first word: `INFO ...`, `[WARN] ...`. In capitals alone: others are part of a sentence.
fn stated(message: &[u8]) -> Level {
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
        named(&text[..end])
    } else {
        Level::Unknown
    }
}

/// Level read out of a message whose header has none: stated by its first word, else by what it says. Nothing of it: unknown.
pub fn inferred(message: &[u8]) -> Level {
    let stated = stated(message);
    if stated != Level::Unknown {
        return stated;
    }
    let mut head: Vec<u8> = message
        .iter()
        .take(LOOK)
        .map(u8::to_ascii_lowercase)
        .collect();
    // A word cut in two is no evidence.
    if message.len() > LOOK {
        while head.last().is_some_and(|b| b.is_ascii_alphanumeric()) {
            head.pop();
        }
    }
    let mut best = Level::Unknown;
    let mut words = head
        .split(|b| !b.is_ascii_alphanumeric() && *b != b'-')
        .filter(|w| !w.is_empty())
        .peekable();
    let mut before: &[u8] = b"";
    while let Some(word) = words.next() {
        let is = |list: &[&str]| list.iter().any(|w| w.as_bytes() == word);
        // "0 errors", "no error" and "error=0" tell that nothing is wrong.
        let harmless =
            matches!(before, b"0" | b"no" | b"without") || words.peek().is_some_and(|w| *w == b"0");
        if !harmless {
            let level = match () {
                _ if is(FATAL) => Level::Fatal,
                _ if is(ERROR) => Level::Error,
                _ if is(WARN) => Level::Warn,
                _ => Level::Unknown,
            };
            best = best.max(level);
        }
        before = word;
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_letters_and_numbers_are_levels() {
        for (text, level) in [
            ("WARN", Level::Warn),
            ("E", Level::Error),
            ("50", Level::Error),
            ("503", Level::Error),
            ("hello", Level::Unknown),
        ] {
            assert_eq!(named(text.as_bytes()), level, "{text}");
        }
    }

    #[test]
    fn messages_betray_their_level() {
        assert_eq!(inferred(b"Failed password for root"), Level::Error);
        assert_eq!(inferred(b"done with 0 errors"), Level::Unknown);
        assert_eq!(inferred(b"errors=0 ok"), Level::Unknown);
        assert_eq!(inferred(b"session opened"), Level::Unknown);
        assert_eq!(
            inferred(b"INFO retry failed once"),
            Level::Info,
            "what is stated counts"
        );
        assert_eq!(inferred(b"[WARN] disk"), Level::Warn);
        assert_eq!(
            (inferred(b"INFORMATION"), inferred(b"Info about it")),
            (Level::Unknown, Level::Unknown)
        );
    }
}

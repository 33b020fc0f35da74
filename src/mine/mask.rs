//! Masks variables that are recognizable by their syntax: numbers, addresses, identifiers, paths,
//! times. Scans a message once, from left to right. Knows only one message at a time.

use super::scan::{is_word, run, run_back};
pub use super::variable_syntax::VAR;
use super::variable_syntax::{digit_words, is_generated, is_numbered_name, variable_end};
use super::word_class::is_boolean;

/// Replaces the variables of a message with `VAR` and collapses whitespace. For a word like `eth0`
/// (letters, then a few digits), `literal` decides whether the word is constant. It gets the index
/// of the word among the words with digits, the word, and whether the word is a key.
pub fn mask(message: &str, mut literal: impl FnMut(usize, &str, bool) -> bool) -> Vec<u8> {
    let text = message.as_bytes();
    let mut out = Vec::with_capacity(text.len());
    let (mut at, mut word) = (0, 0);
    while at < text.len() {
        let b = text[at];
        if b.is_ascii_whitespace() {
            if out.last() != Some(&b' ') {
                out.push(b' ');
            }
            at += 1;
            continue;
        }
        let word_start = at == 0 || !is_word(text[at - 1]);
        if let Some(end) = variable_end(text, at, word_start) {
            word += digit_words(&text[at..end]);
            out.push(VAR);
            at = end;
            continue;
        }
        if word_start && is_word(b) {
            let end = at + run(&text[at..], is_word);
            let has_digit = text[at..end].iter().any(u8::is_ascii_digit);
            let after_name = at > 1 && text[at - 1] == b'-' && is_word(text[at - 2]);
            if after_name && is_generated(&text[at..end]) {
                word += usize::from(has_digit);
                out.push(VAR);
            } else if has_digit {
                let name = &message[at..end];
                let is_literal = is_numbered_name(name.as_bytes())
                    && literal(word, name, text.get(end) == Some(&b'='));
                word += 1;
                if is_literal {
                    out.extend_from_slice(name.as_bytes());
                } else {
                    out.push(VAR);
                }
            } else if is_boolean(&text[at..end]) {
                out.push(VAR);
            } else {
                out.extend_from_slice(&text[at..end]);
            }
            at = end;
            continue;
        }
        out.push(b);
        at += 1;
    }
    if out.last() == Some(&b' ') {
        out.pop();
    }
    join_variables(&out)
}

/// Joins variables that touch (`VV`, `V.V`), a variable with its prefix (`word_-V`), and words that
/// are a chain of three or more variables.
fn join_variables(masked: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::with_capacity(masked.len());
    for token in masked.split_inclusive(|b| *b == b' ') {
        let (body, blank) = token
            .strip_suffix(b" ")
            .map_or((token, false), |t| (t, true));
        let linked = |b: &u8| matches!(b, b'-' | b'.' | b':' | b'/' | b'_');
        let has_digit = |p: &[u8]| p.iter().any(u8::is_ascii_digit);
        // In a chain with a variable, parts with digits vary too: `R12-M1-N2`.
        let vars = match body.contains(&VAR) {
            true => {
                body.iter().filter(|b| **b == VAR).count()
                    + body
                        .split(linked)
                        .filter(|p| !p.contains(&VAR) && has_digit(p))
                        .count()
            }
            false => 0,
        };
        let chained = vars >= 3
            && body.iter().all(|b| {
                *b == VAR
                    || b.is_ascii_alphanumeric()
                    || matches!(b, b'-' | b'.' | b':' | b'/' | b'_')
            });
        if chained {
            out.push(VAR);
        } else {
            for &b in body {
                let n = out.len();
                match (b, out.last().copied()) {
                    (VAR, Some(VAR)) => {}
                    // `blk_-123`: the prefix is part of the value.
                    (VAR, Some(b'-')) if n >= 2 && out[n - 2] == b'_' => {
                        let prefix_start = n - 1 - run_back(&out[..n - 1], is_word);
                        out.truncate(prefix_start);
                        out.push(VAR);
                    }
                    (VAR, Some(b'.' | b'-' | b'_')) if n >= 2 && out[n - 2] == VAR => {
                        out.pop();
                    }
                    _ => out.push(b),
                }
            }
        }
        if blank {
            out.push(b' ');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked_text(text: &str) -> String {
        String::from_utf8_lossy(&mask(text, |_, _, _| true)).replace('\u{1}', "<*>")
    }

    #[test]
    fn variables_are_recognized_by_their_syntax() {
        for (text, want) in [
            (
                "Invalid user webmaster from 173.234.31.186 port 22 ssh2",
                "Invalid user webmaster from <*> port <*> ssh2",
            ),
            (
                "PacketResponder 1 for block blk_-6952295868487656571 terminating",
                "PacketResponder <*> for block <*> terminating",
            ),
            (
                "Received block blk_3587508140051953248 of size 67108864 from /10.251.42.84",
                "Received block <*> of size <*> from <*>",
            ),
            (
                "connect to http://a.b/c?d=1, retry in 3.5s (50%)",
                "connect to <*>, retry in <*> (<*>)",
            ),
            ("at 0:0:0:0:0:0:0:0:2181 dead", "at <*> dead"),
            (
                "took -1 ms at 2024-01-02T03:04:05.678Z",
                "took <*> ms at <*>",
            ),
            ("on Fri Jun 17 07:07:00 2005 from x", "on <*> from x"),
            (
                "id 3f2504e0-4f89-11d3-9a0c-0305e82c3301 mac 00:1a:2b:3c:4d:5e",
                "id <*> mac <*>",
            ),
            ("jk2_init() Found child 6725", "jk2_init() Found child <*>"),
            ("listen on [::]:8443 and :80", "listen on <*> and <*>"),
            ("pod shop-cart-x2k9f is up", "pod shop-cart-<*> is up"),
            ("Get \\\"http://a.b/c\\\": EOF", "Get \\\"<*>\\\": EOF"),
            ("see /etc/httpd/conf/workers2.properties.", "see <*>."),
        ] {
            let got = masked_text(text);
            assert_eq!(got, want, "{text}");
        }
    }

    #[test]
    fn hostile_messages_are_masked_in_bounded_time() {
        for text in [
            "1".repeat(100_000),
            "a.".repeat(2_000),
            ":".repeat(100_000),
            "Jan ".repeat(2_000),
            "-".repeat(99_999),
        ] {
            let start = std::time::Instant::now();
            mask(&text, |_, _, _| false);
            assert!(start.elapsed().as_secs() < 20);
        }
    }
}

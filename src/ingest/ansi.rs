//! Removes the control sequences of terminals from a line: colours and other attributes of text.
//! Knows no log format.

use super::parsed::Span;

/// Whether the text has a control sequence.
pub fn is_coloured(text: &[u8]) -> bool {
    memchr::memchr(0x1b, text).is_some_and(|at| sequence(&text[at..]) > 0)
}

/// Length of the control sequence at the start of `text`: `ESC [`, parameters, a final byte
/// (ECMA-48, section 5.4). 0 if there is none.
fn sequence(text: &[u8]) -> usize {
    if !text.starts_with(b"\x1b[") {
        return 0;
    }
    let parameters = text[2..]
        .iter()
        .take(32)
        .take_while(|b| (0x20..0x40).contains(*b))
        .count();
    match text.get(2 + parameters) {
        Some(0x40..=0x7e) => parameters + 3,
        _ => 0,
    }
}

/// Copies `text` without control sequences to `out`.
pub fn strip(text: &[u8], out: &mut Vec<u8>) {
    out.clear();
    let mut at = 0;
    while let Some(n) = memchr::memchr(0x1b, &text[at..]) {
        out.extend_from_slice(&text[at..at + n]);
        at += n;
        match sequence(&text[at..]) {
            0 => {
                out.push(0x1b);
                at += 1;
            }
            length => at += length,
        }
    }
    out.extend_from_slice(&text[at..]);
}

/// The range without the control sequences at its start.
pub fn without_start(text: &[u8], mut span: Span) -> Span {
    while let n @ 1.. = sequence(span.of(text)) {
        span.start += n as u32;
    }
    span
}

/// Offset in `text` of the byte that is at `stripped` after `strip`.
pub fn offset(text: &[u8], stripped: usize) -> usize {
    let (mut at, mut left) = (0, stripped);
    loop {
        let n = sequence(text.get(at..).unwrap_or_default());
        if n > 0 {
            at += n;
        } else if left == 0 || at >= text.len() {
            return at.min(text.len());
        } else {
            (at, left) = (at + 1, left - 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn offsets_map_to_the_same_bytes(parts in proptest::collection::vec("[a-c]{0,3}|\x1b\\[[0-9;]{0,4}m|\x1b", 0..12)) {
            let text = parts.concat();
            let mut stripped = Vec::new();
            strip(text.as_bytes(), &mut stripped);
            for (i, b) in stripped.iter().enumerate() {
                prop_assert_eq!(text.as_bytes()[offset(text.as_bytes(), i)], *b);
            }
            prop_assert_eq!(offset(text.as_bytes(), stripped.len()), text.len());
        }
    }

    #[test]
    fn colours_are_removed() {
        let mut out = Vec::new();
        strip(
            b"\x1b[2m12:00\x1b[0m \x1b[38;5;3mINFO\x1b[39m x\x1b",
            &mut out,
        );
        assert_eq!(out, b"12:00 INFO x\x1b");
        assert!(is_coloured(b"a\x1b[0mb") && !is_coloured(b"a[0m"));
    }
}

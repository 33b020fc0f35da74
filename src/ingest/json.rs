//! Scans and decodes JSON text without building a tree. Knows nothing about records.

/// Index of the closing quote of the string whose content starts at `at`.
pub fn string_end(text: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr::memchr2(b'"', b'\\', text.get(at..)?)?;
        if text[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}

pub fn skip_blanks(text: &[u8], mut at: usize) -> usize {
    while matches!(text.get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
        at += 1;
    }
    at
}

/// End of the number, word, array or object that starts at `at`. Brackets are counted; whether
/// their types match is not checked.
pub fn plain_end(text: &[u8], mut at: usize) -> Option<usize> {
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
    use super::*;

    #[test]
    fn decoded_lengths_map_to_escaped_lengths() {
        let raw = br#"a\n\u00e9\"b"#;
        let decoded = unescape(raw);
        assert_eq!(decoded, "a\né\"b".as_bytes());
        assert_eq!(escaped_len(raw, 4), 9);
        assert_eq!(escaped_len(raw, decoded.len()), raw.len());
    }
}

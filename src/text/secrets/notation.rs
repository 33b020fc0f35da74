//! Finds where a value ends in its notation: quoted, also with escaped quotes, in braces, bare, or a
//! YAML block. Does not decide whether the value is a secret.

use std::ops::Range;

/// Start and end of the content of a quoted value. The quotes can be escaped, as inside JSON text.
pub fn quoted(rest: &str) -> Option<(usize, usize)> {
    let bytes = rest.as_bytes();
    let prefix = rest
        .bytes()
        .take_while(|b| matches!(b, b'b' | b'u' | b'r'))
        .count()
        .min(1);
    let slashes = bytes[prefix..].iter().take_while(|b| **b == b'\\').count();
    let quote = *bytes
        .get(prefix + slashes)
        .filter(|q| matches!(q, b'"' | b'\'' | b'`'))?;
    let start = prefix + slashes + 1;
    let mut at = start;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => {
                let run = bytes[at..].iter().take_while(|b| **b == b'\\').count();
                let closes = bytes.get(at + run) == Some(&quote) && run == slashes;
                if closes {
                    return Some((start, at));
                }
                at += run
                    + usize::from(
                        run > slashes || slashes == 0 && bytes.get(at + run) == Some(&quote),
                    );
            }
            b'\n' => break,
            // YAML and SQL write a quote inside a quoted text twice.
            b'\'' if quote == b'\'' && slashes == 0 && is_doubled(&bytes[at..]) => at += 2,
            b if b == quote && slashes == 0 => return Some((start, at)),
            // An unescaped quote ends the text that holds an escaped value.
            b'"' if slashes > 0 => break,
            _ => at += 1,
        }
    }
    // Without a closing quote, the value ends with its line.
    let mut end = at.min(bytes.len());
    while !rest.is_char_boundary(end) {
        end += 1;
    }
    Some((start.min(end), end))
}

/// Whether a text starts with two quotes in the middle of a word.
fn is_doubled(bytes: &[u8]) -> bool {
    matches!(bytes, [b'\'', b'\'', next, ..] if next.is_ascii_alphanumeric())
}

/// Length of an opening bracket, or of a constructor such as `Some(`, in front of a value.
pub fn wrapper(rest: &str) -> usize {
    let name = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
    let opens = rest[name..].starts_with(['[', '(']);
    if opens
        && (name == 0
            || rest[name + 1..].starts_with(['"', '\''])
            || name <= 8 && rest[name..].starts_with('['))
    {
        name + 1
    } else {
        0
    }
}

/// Start and end of a value in braces, as ODBC writes one that holds separators.
pub fn braced(rest: &str) -> Option<(usize, usize)> {
    let inside = rest.strip_prefix('{')?;
    let end = inside.find('}')?;
    let is_closed = inside[end + 1..].is_empty() || inside[end + 1..].starts_with([';', '\n', '"']);
    (is_closed && !inside[..end].contains(['"', ':', '\n'])).then_some((1, end + 1))
}

/// Length of a value without quotes. It ends at a blank, a quote or a separator, unless what follows
/// the separator can only be a part of it.
pub fn unquoted(rest: &str) -> usize {
    let line_end = rest.find(char::is_whitespace).unwrap_or(rest.len());
    let run = &rest[..line_end];
    let mut depth = 0i32;
    for (i, c) in run.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth > 0 => depth -= 1,
            ')' | ']' | '}' | '"' | '\'' | '`' | '<' => return i,
            '\\' if run[i + 1..].starts_with(['"', '\'', '\\', 'n', 'r']) => return i,
            ',' | ';' | '&' | '|' | '#' if starts_a_pair(&run[i + 1..]) => return i,
            _ => {}
        }
    }
    run.trim_end_matches(['.', '!', '?'])
        .len()
        .max(usize::from(!run.is_empty()))
}

/// Length of the key at the start of a text. `also`: further symbols that it can contain.
fn key_len(text: &str, also: &[u8]) -> usize {
    let in_key = |b: &u8| b.is_ascii_alphanumeric() || b"_-.".contains(b) || also.contains(b);
    text.bytes().take_while(in_key).count()
}

/// Whether the text after a separator is empty, or begins with the next key.
fn starts_a_pair(rest: &str) -> bool {
    let key = key_len(rest, b"%[]");
    rest.is_empty()
        || rest.starts_with(['"', '\'', '{', '}', '\\', ')', ']'])
        || key > 0 && rest[key..].starts_with(['=', ':', '"'])
}

/// Whether a text begins with `key=`.
pub fn is_pair(text: &str) -> bool {
    let key = key_len(text, b"");
    let value = text[key..].strip_prefix('=');
    key > 0 && value.is_some_and(|v| v.starts_with(|c: char| c != '=' && !c.is_whitespace()))
}

/// The lines of a YAML block (`key: |`) that are indented deeper than the key.
pub fn block_scalar(text: &str, at: usize, body: &str) -> Option<Range<usize>> {
    let head = body.find('\n')?;
    if !body[..head].trim_matches(['-', '+', ' ', '\r']).is_empty() {
        return None;
    }
    let line_start = text[..at].rfind('\n').map_or(0, |i| i + 1);
    let indent = |l: &str| l.len() - l.trim_start().len();
    let own = indent(&text[line_start..at]);
    let start = at + head + 1;
    let lines = text[start..].split_inclusive('\n');
    let len: usize = lines
        .take_while(|l| l.trim().is_empty() || indent(l) > own)
        .map(str::len)
        .sum();
    (len > 0).then_some(start..start + len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_can_be_escaped_and_values_can_hold_separators() {
        assert_eq!(quoted(r#""a, b" x"#), Some((1, 5)));
        assert_eq!(quoted(r#"\"a\", x"#), Some((2, 3)));
        assert_eq!(quoted(r#""a\"b" x"#), Some((1, 5)));
        assert_eq!(quoted("plain"), None);
        assert_eq!(&"abc;Database=x"[..unquoted("abc;Database=x")], "abc");
        assert_eq!(&"a;b;c user=x"[..unquoted("a;b;c user=x")], "a;b;c");
    }
}

//! Converts a masked text to the template that users see. Follows the rules by which Khan et al.
//! (ICSE'22, "Guidelines for assessing the accuracy of log message template identification
//! techniques") corrected the Loghub labels. Knows nothing about shapes or counts.

use super::mask::VAR;

/// The wildcard that represents a variable in a template.
pub const WILDCARD: &str = "<*>";

/// Bytes that separate the tokens of a word. `_` and `/` are not among them.
const DELIMITERS: &[u8] = b" ,!;:=|\"'[](){}.-+@#$%&<>";

/// Returns the template text. Paths, numbers, some well-known values and tokens that contain a
/// variable become wildcards.
pub fn display(masked: &[u8]) -> String {
    let mut out: Vec<u8> = Vec::with_capacity(masked.len() + 16);
    for word in masked.split(|b| *b == b' ').filter(|w| !w.is_empty()) {
        if !out.is_empty() {
            out.push(b' ');
        }
        if is_path(word) {
            out.push(VAR);
            continue;
        }
        let mut start = 0;
        for end in 0..=word.len() {
            if end == word.len() || DELIMITERS.contains(&word[end]) {
                push_token(&word[start..end], &mut out);
                out.extend(word.get(end));
                start = end + 1;
            }
        }
    }
    let joined = join_variables(&out);
    String::from_utf8_lossy(&joined).replace('\u{1}', WILDCARD)
}

fn is_path(word: &[u8]) -> bool {
    word.len() > 2
        && word[0] == b'/'
        && word[1..].contains(&b'/')
        && word.iter().all(|b| {
            b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'.' | b'-' | b'*') || *b == VAR
        })
}

fn push_token(token: &[u8], out: &mut Vec<u8>) {
    let value = token.contains(&VAR)
        || matches!(
            token.to_ascii_lowercase().as_slice(),
            b"true" | b"false" | b"null" | b"root" | b"admin"
        );
    let number = !token.is_empty() && token.iter().all(u8::is_ascii_digit);
    if value || number {
        out.push(VAR);
    } else {
        out.extend_from_slice(token);
    }
}

/// Joins variables: `V.V`, `VV` and `V:V` become one.
fn join_variables(text: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::with_capacity(text.len());
    for &b in text {
        let n = out.len();
        match (b, out.last().copied()) {
            (VAR, Some(VAR)) => {}
            (VAR, Some(b'.' | b':' | b'-' | b'+' | b'@' | b'#')) if n >= 2 && out[n - 2] == VAR => {
                out.pop();
            }
            _ => out.push(b),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_with_a_variable_is_shown_as_a_wildcard() {
        assert_eq!(
            display(b"block blk_\x01 of (\x01:\x01) is true"),
            "block <*> of (<*>) is <*>"
        );
        assert_eq!(display(b"user=\x01 ok"), "user=<*> ok");
    }
}

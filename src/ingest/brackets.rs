//! Finds the end of a group in brackets. Knows no particular format.

/// Length of the group in brackets at the start of `text`, with both brackets, if it is at most
/// `most` bytes long. Groups can contain groups.
pub fn group_len(text: &[u8], most: usize) -> Option<usize> {
    let open = *text.first()?;
    let close = match open {
        b'[' => b']',
        b'(' => b')',
        b'<' => b'>',
        b'{' => b'}',
        _ => return None,
    };
    let mut depth = 0;
    for (i, b) in text.iter().take(most).enumerate() {
        if *b == open {
            depth += 1;
        } else if *b == close {
            depth -= 1;
            if depth == 0 {
                return Some(i + 1);
            }
        }
    }
    None
}

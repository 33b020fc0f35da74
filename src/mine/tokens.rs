//! Splits masked texts into tokens, and defines what the merge steps have in common. Knows nothing
//! about shapes or counts.

use super::mask::VAR;
use super::word_class::has_letter;
use rustc_hash::FxHashMap;

/// A masked text, with `VAR` for each variable. A merge step gets all patterns of a corpus at once,
/// and its decisions depend only on this set.
pub type Pattern = Vec<u8>;

/// The patterns that a merge step replaces, each with its replacement.
pub type Replacements = FxHashMap<Pattern, Pattern>;

const DELIMITERS: &[u8] = b" =:,;()[]{}\"'<>|";

pub fn is_delimiter(b: u8) -> bool {
    DELIMITERS.contains(&b)
}

/// Splits at spaces and punctuation. The delimiters are tokens too.
pub fn tokens(pattern: &[u8]) -> Vec<&[u8]> {
    let mut out = Vec::new();
    let mut start = 0;
    for (i, b) in pattern.iter().enumerate() {
        if is_delimiter(*b) && !is_scope(pattern, i) && !is_escaped(pattern, i) {
            if start < i {
                out.push(&pattern[start..i]);
            }
            out.push(&pattern[i..=i]);
            start = i + 1;
        }
    }
    if start < pattern.len() {
        out.push(&pattern[start..]);
    }
    out
}

/// Whether the byte is a quote after a backslash: it does not end the quoted text around it.
fn is_escaped(pattern: &[u8], i: usize) -> bool {
    matches!(pattern[i], b'"' | b'\'') && i > 0 && pattern[i - 1] == b'\\'
}

/// Whether the byte belongs to `::` between two words. `a::b` is one name.
fn is_scope(pattern: &[u8], i: usize) -> bool {
    let word = |b: Option<&u8>| b.is_some_and(|b| !is_delimiter(*b));
    let first = |i: usize| {
        pattern.get(i..i + 2) == Some(b"::")
            && i > 0
            && word(pattern.get(i - 1))
            && word(pattern.get(i + 2))
    };
    pattern[i] == b':' && (first(i) || i > 0 && first(i - 1))
}

/// Whether the token has a letter, a digit or a variable. Other tokens are punctuation.
pub fn is_word(token: &[u8]) -> bool {
    token
        .iter()
        .any(|b| b.is_ascii_alphanumeric() || *b >= 0x80 || *b == VAR)
}

pub fn is_constant_word(token: &[u8]) -> bool {
    has_letter(token) && !token.contains(&VAR)
}

/// Whether the token is exactly one variable.
pub fn is_var(token: &[u8]) -> bool {
    token == [VAR]
}

/// For each position, a hash of the tokens before it and a hash of the tokens from it on.
pub struct ContextHashes {
    pub before: Vec<u64>,
    pub after: Vec<u64>,
}

impl ContextHashes {
    /// Computes the hashes of a text's tokens.
    pub fn of(words: &[&[u8]]) -> ContextHashes {
        use std::hash::{Hash, Hasher};
        let hash = |w: &[u8]| {
            let mut h = rustc_hash::FxHasher::default();
            w.hash(&mut h);
            h.finish() | 1
        };
        let n = words.len();
        let mut hashes = ContextHashes {
            before: vec![0x517c_c1b7_2722_0a95; n + 1],
            after: vec![0; n + 1],
        };
        for (i, word) in words.iter().enumerate() {
            hashes.before[i + 1] =
                (hashes.before[i].rotate_left(5) ^ hash(word)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        }
        for (i, word) in words.iter().enumerate().rev() {
            hashes.after[i] = (hashes.after[i + 1].rotate_left(7) ^ hash(word))
                .wrapping_mul(0xD6E8_FEB8_6659_FD93);
        }
        hashes
    }

    /// Hash of the text without the `len` tokens that start at `at`. Texts that differ only there
    /// have the same signature.
    pub fn signature(&self, at: usize, len: usize) -> u64 {
        self.before[at].rotate_left(17) ^ self.after[at + len].wrapping_mul(0xA24B_AED4_963E_E407)
    }
}

/// The text with the `len` tokens that start at `at` replaced by one variable.
pub fn with_variable(words: &[&[u8]], at: usize, len: usize) -> Pattern {
    let mut out = words[..at].concat();
    out.push(VAR);
    out.extend(words[at + len..].concat());
    out
}

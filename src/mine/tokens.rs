//! Masked texts cut into tokens, and the vocabulary of the steps that merge them. Knows no shapes, no counts.

use super::mask::VAR;
use rustc_hash::FxHashMap;

/// A masked text. All forms of a corpus are looked at together; what is decided depends on their set alone.
pub type Form = Vec<u8>;

/// What a step makes of the forms it changes.
pub type Renames = FxHashMap<Form, Form>;

const DELIMITERS: &[u8] = b" =:,;()[]{}\"'<>|";

pub fn is_delimiter(b: u8) -> bool {
    DELIMITERS.contains(&b)
}

/// Cuts at blanks and punctuation; the delimiters are tokens too.
pub fn tokens(form: &[u8]) -> Vec<&[u8]> {
    let mut out = Vec::new();
    let mut start = 0;
    for (i, b) in form.iter().enumerate() {
        if is_delimiter(*b) {
            if start < i {
                out.push(&form[start..i]);
            }
            out.push(&form[i..=i]);
            start = i + 1;
        }
    }
    if start < form.len() {
        out.push(&form[start..]);
    }
    out
}

/// Has a letter, a digit or a variable: may take part in a decision.
pub fn is_word(token: &[u8]) -> bool {
    token
        .iter()
        .any(|b| b.is_ascii_alphanumeric() || *b >= 0x80 || *b == VAR)
}

pub fn has_letter(token: &[u8]) -> bool {
    token.iter().any(|b| b.is_ascii_alphabetic() || *b >= 0x80)
}

pub fn is_constant_word(token: &[u8]) -> bool {
    has_letter(token) && !token.contains(&VAR)
}

pub fn is_var(token: &[u8]) -> bool {
    token == [VAR]
}

/// Hash of the tokens before each position, and of those from each position on.
pub struct Ends {
    pub before: Vec<u64>,
    pub after: Vec<u64>,
}

impl Ends {
    pub fn of(words: &[&[u8]]) -> Ends {
        use std::hash::{Hash, Hasher};
        let hash = |w: &[u8]| {
            let mut h = rustc_hash::FxHasher::default();
            w.hash(&mut h);
            h.finish() | 1
        };
        let n = words.len();
        let mut ends = Ends {
            before: vec![0x517c_c1b7_2722_0a95; n + 1],
            after: vec![0; n + 1],
        };
        for (i, word) in words.iter().enumerate() {
            ends.before[i + 1] =
                (ends.before[i].rotate_left(5) ^ hash(word)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        }
        for (i, word) in words.iter().enumerate().rev() {
            ends.after[i] =
                (ends.after[i + 1].rotate_left(7) ^ hash(word)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
        }
        ends
    }

    /// Of the text with `len` tokens from `at` on punched out.
    pub fn signature(&self, at: usize, len: usize) -> u64 {
        self.before[at].rotate_left(17) ^ self.after[at + len].wrapping_mul(0xA24B_AED4_963E_E407)
    }
}

/// The tokens with those from `at` on, `len` many, replaced by one variable.
pub fn punched(words: &[&[u8]], at: usize, len: usize) -> Form {
    let mut out = words[..at].concat();
    out.push(VAR);
    out.extend(words[at + len..].concat());
    out
}

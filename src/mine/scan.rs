//! Helpers to read runs of bytes. Knows nothing about variables.

pub fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_' || b >= 0x80
}

pub fn run(text: &[u8], is: impl Fn(u8) -> bool) -> usize {
    text.iter().take_while(|b| is(**b)).count()
}

pub fn run_back(t: &[u8], is: impl Fn(u8) -> bool) -> usize {
    t.iter().rev().take_while(|b| is(**b)).count()
}

/// `n`, if no word goes on there.
pub fn ends_word(text: &[u8], n: usize) -> Option<usize> {
    (!text.get(n).is_some_and(|b| is_word(*b))).then_some(n)
}

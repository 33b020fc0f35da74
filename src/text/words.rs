//! Splits text into words (maximal runs of Unicode `\w`, as in the query language) and separates
//! words with a digit (variable) from the rest of the line (constant). Mining and the word filter
//! share this scan. Knows nothing about templates or indexes.

use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};
use std::sync::OnceLock;

/// Placeholder byte in a constant text for a word with a digit that was cut out.
pub const CUT: u8 = 0;

/// Random hash keys of one run of the program, so that an attacker cannot craft a log that causes
/// collisions. Results never depend on the keys.
pub struct Seed(u64, u64);

/// The keys of this run.
pub fn seed() -> &'static Seed {
    static SEED: OnceLock<Seed> = OnceLock::new();
    SEED.get_or_init(|| {
        use std::hash::{BuildHasher, Hasher};
        let state = std::collections::hash_map::RandomState::new();
        let random = |n: u8| {
            let mut h = state.build_hasher();
            h.write_u8(n);
            h.finish() | 1
        };
        Seed(random(1), random(2))
    })
}

/// Multiplies and combines the upper and lower half of the product with XOR.
const fn multiply_fold(a: u64, b: u64) -> u64 {
    let product = (a as u128) * (b as u128);
    (product as u64) ^ ((product >> 64) as u64)
}

/// Combines up to eight bytes into one number.
#[inline]
fn up_to_eight(bytes: &[u8]) -> u64 {
    let n = bytes.len();
    let quad = |at: usize| {
        u64::from(u32::from_le_bytes([
            bytes[at],
            bytes[at + 1],
            bytes[at + 2],
            bytes[at + 3],
        ]))
    };
    match n {
        0 => 0,
        1..=3 => u64::from(bytes[0]) | u64::from(bytes[n / 2]) << 8 | u64::from(bytes[n - 1]) << 16,
        _ => quad(0) | quad(n - 4) << 32,
    }
}

/// Multiply-and-fold hash of bytes, eight at a time. `from` is the hash of the text before them.
#[inline]
pub fn hash_bytes(seed: &Seed, from: u64, bytes: &[u8]) -> u64 {
    // The length is spread over all bits: added directly, it made `.` and `/.` collide.
    let mut h = from
        ^ seed
            .0
            .wrapping_add((bytes.len() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let (chunks, rest) = bytes.as_chunks::<8>();
    for c in chunks {
        h = multiply_fold(h ^ u64::from_le_bytes(*c), seed.1);
    }
    multiply_fold(h ^ up_to_eight(rest), seed.1)
}

/// The ASCII case bit in every byte. Setting it maps letters to lowercase and leaves digits
/// unchanged.
const CASE: u64 = 0x2020_2020_2020_2020;

/// Hash of an ASCII word that ignores case. The filters on disk contain it, so its keys are fixed.
#[inline]
pub fn word_hash(word: &[u8]) -> u64 {
    const KEYS: Seed = Seed(0x9E37_79B9_7F4A_7C15, 0xD6E8_FEB8_6659_FD93);
    let mut h = KEYS.0 ^ word.len() as u64;
    let (chunks, rest) = word.as_chunks::<8>();
    for c in chunks {
        h = multiply_fold(h ^ (u64::from_le_bytes(*c) | CASE), KEYS.1);
    }
    multiply_fold(h ^ (up_to_eight(rest) | CASE), KEYS.1)
}

/// Bytes that belong to a word: ASCII `\w`, and all bytes outside ASCII.
const WORD: [bool; 256] = {
    let mut table = [false; 256];
    let mut i = 0;
    while i < 256 {
        let b = i as u8;
        table[i] = b.is_ascii_alphanumeric() || b == b'_' || b >= 0x80;
        i += 1;
    }
    table
};

/// Offset of the first ASCII digit at or after `from`, or the length of the text. Sets bits in
/// `high` if a scanned byte is not ASCII.
#[inline]
fn next_digit(text: &[u8], from: usize, high: &mut u64) -> usize {
    let mut i = from;
    while let Some(chunk) = text.get(i..i + 8) {
        let w = u64::from_le_bytes([
            chunk[0], chunk[1], chunk[2], chunk[3], chunk[4], chunk[5], chunk[6], chunk[7],
        ]);
        *high |= w & 0x8080_8080_8080_8080;
        // Eight bytes at once: XOR with 0x30 maps digits to 0..=9. Adding 0x76 to a larger value
        // sets the high bit.
        let t = w ^ 0x3030_3030_3030_3030;
        let over = (t & 0x7F7F_7F7F_7F7F_7F7F) + 0x7676_7676_7676_7676;
        let not_digit = (over | t) & 0x8080_8080_8080_8080;
        if not_digit != 0x8080_8080_8080_8080 {
            return i + ((!not_digit & 0x8080_8080_8080_8080).trailing_zeros() / 8) as usize;
        }
        i += 8;
    }
    while i < text.len() {
        *high |= u64::from(text[i] & 0x80);
        if text[i].is_ascii_digit() {
            return i;
        }
        i += 1;
    }
    text.len()
}

/// Words with a digit, in order: their byte ranges and their hashes for the word filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cuts {
    pub ranges: Vec<(u32, u32)>,
    pub hashes: Vec<u64>,
}

impl Cuts {
    /// Removes all words and keeps the allocated memory.
    pub fn clear(&mut self) {
        self.truncate(0);
    }

    /// Keeps the first `n` words.
    pub fn truncate(&mut self, n: usize) {
        self.ranges.truncate(n);
        self.hashes.truncate(n);
    }

    pub fn len(&self) -> usize {
        self.ranges.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    #[inline]
    fn push(&mut self, range: (usize, usize), hash: u64) {
        self.ranges.push((range.0 as u32, range.1 as u32));
        self.hashes.push(hash);
    }
}

/// Appends the words with a digit to `cuts` and returns the hash of the rest of the text, which is
/// constant. `from_hash` is the hash of the text before.
#[inline]
pub fn scan(text: &[u8], from_hash: u64, cuts: &mut Cuts) -> u64 {
    let seed = seed();
    let start = cuts.len();
    let mut high = 0u64;
    let (mut h, mut at, mut done) = (from_hash, 0usize, 0usize);
    loop {
        let digit = next_digit(text, at, &mut high);
        if digit >= text.len() {
            break;
        }
        let (mut a, mut b) = (digit, digit + 1);
        while a > done && WORD[usize::from(text[a - 1])] {
            a -= 1;
        }
        while b < text.len() && WORD[usize::from(text[b])] {
            high |= u64::from(text[b] & 0x80);
            b += 1;
        }
        h = hash_bytes(seed, h, &text[done..a]);
        cuts.push((a, b), word_hash(&text[a..b]));
        done = b;
        at = b;
    }
    if high != 0 {
        cuts.truncate(start);
        return scan_unicode(text, from_hash, cuts);
    }
    hash_bytes(seed, h, &text[done..])
}

/// `scan` for text with bytes outside ASCII. Uses Unicode word boundaries; invalid bytes belong to
/// no word.
fn scan_unicode(text: &[u8], from_hash: u64, cuts: &mut Cuts) -> u64 {
    let seed = seed();
    let (mut h, mut done) = (from_hash, 0usize);
    for_each_word(text, |a, b| {
        if text[a..b].iter().any(u8::is_ascii_digit) {
            h = hash_bytes(seed, h, &text[done..a]);
            cuts.push((a, b), filter_hash(&text[a..b]));
            done = b;
        }
    });
    hash_bytes(seed, h, &text[done..])
}

/// Calls `found` with the byte range of every maximal run of word characters.
pub fn for_each_word(text: &[u8], mut found: impl FnMut(usize, usize)) {
    let mut start = None;
    let mut at = 0;
    while at < text.len() {
        let b = text[at];
        let (word, size) = if b < 0x80 {
            (WORD[usize::from(b)], 1)
        } else {
            match decode(&text[at..]) {
                Some(c) => (is_word(c), c.len_utf8()),
                None => (false, 1),
            }
        };
        match (word, start) {
            (true, None) => start = Some(at),
            (false, Some(s)) => {
                found(s, at);
                start = None;
            }
            _ => {}
        }
        at += size;
    }
    if let Some(s) = start {
        found(s, text.len());
    }
}

/// First character of `bytes`, or `None` if they do not start with valid UTF-8.
fn decode(bytes: &[u8]) -> Option<char> {
    let head = &bytes[..bytes.len().min(4)];
    let valid = match std::str::from_utf8(head) {
        Ok(s) => s,
        Err(e) => std::str::from_utf8(&head[..e.valid_up_to()]).ok()?,
    };
    valid.chars().next()
}

/// True for word characters: Unicode `\w`.
pub fn is_word(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || c == '_';
    }
    regex_syntax::try_is_word_character(c).unwrap_or_else(|_| c.is_alphanumeric())
}

/// Hash of a word for the word filter. Words that are equal under simple case folding have the same
/// hash.
#[inline]
pub fn filter_hash(word: &[u8]) -> u64 {
    if word.is_ascii() {
        return word_hash(word);
    }
    let folded: String = String::from_utf8_lossy(word)
        .chars()
        .map(simple_fold)
        .collect();
    word_hash(folded.as_bytes())
}

/// One representative of all characters that are equal under simple case folding; an ASCII
/// character if one of them is ASCII.
fn simple_fold(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    let mut class = ClassUnicode::new([ClassUnicodeRange::new(c, c)]);
    if class.try_case_fold_simple().is_err() {
        return c;
    }
    class
        .iter()
        .next()
        .map_or(c, |r| r.start().to_ascii_lowercase())
}

/// Appends `text` to `out`, with `CUT` in place of each cut. Identifies the shape of a line.
pub fn constant_text(text: &[u8], cuts: &[(u32, u32)], out: &mut Vec<u8>) {
    let mut done = 0;
    for (a, b) in cuts {
        out.extend_from_slice(&text[done..*a as usize]);
        out.push(CUT);
        done = *b as usize;
    }
    out.extend_from_slice(&text[done..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cuts_of(text: &str) -> Vec<String> {
        let mut cuts = Cuts::default();
        scan(text.as_bytes(), 0, &mut cuts);
        cuts.ranges
            .iter()
            .map(|(a, b)| text[*a as usize..*b as usize].to_string())
            .collect()
    }

    #[test]
    fn short_texts_of_different_lengths_have_different_hashes() {
        let hash = |t: &str| hash_bytes(seed(), 0, t.as_bytes());
        let texts: Vec<String> = (0x20u8..0x7f)
            .flat_map(|a| {
                [
                    (a as char).to_string(),
                    format!("{}.", a as char),
                    format!(".{}", a as char),
                ]
            })
            .collect();
        let distinct: std::collections::BTreeSet<&String> = texts.iter().collect();
        let hashes: std::collections::BTreeSet<u64> = distinct.iter().map(|t| hash(t)).collect();
        assert_eq!(hashes.len(), distinct.len());
    }

    #[test]
    fn words_with_a_digit_are_cut() {
        assert_eq!(
            cuts_of("sshd[24200]: Invalid user_1 from 10.0.0.1x ssh2"),
            ["24200", "user_1", "10", "0", "0", "1x", "ssh2"]
        );
        assert_eq!(cuts_of("größe1 naïve 7ß :9"), ["größe1", "7ß", "9"]);
    }

    #[test]
    fn texts_with_the_same_constant_part_have_the_same_hash() {
        let hash = |t: &str| scan(t.as_bytes(), 0, &mut Cuts::default());
        assert_eq!(hash("took 12 ms at a9"), hash("took 7777777 ms at zz0"));
        assert_ne!(hash("took 12 ms"), hash("took 12 s"));
    }

    #[test]
    fn case_folding_agrees_with_the_regex_crate() {
        assert_eq!(
            filter_hash("K8S".as_bytes()),
            filter_hash("\u{212A}8s".as_bytes())
        );
        assert_eq!(
            filter_hash("ÄRGER".as_bytes()),
            filter_hash("ärger".as_bytes())
        );
    }

    proptest! {
        #[test]
        fn the_ascii_scan_and_the_unicode_scan_agree(text in "[ -~]{0,60}") {
            let (mut a, mut b) = (Cuts::default(), Cuts::default());
            prop_assert_eq!(scan(text.as_bytes(), 5, &mut a), scan_unicode(text.as_bytes(), 5, &mut b));
            prop_assert_eq!(a, b);
        }

        #[test]
        fn words_agree_with_the_regex_crate(text in any::<String>()) {
            let regex = regex::Regex::new(r"\w+").unwrap();
            let mut words = Vec::new();
            for_each_word(text.as_bytes(), |a, b| words.push((a, b)));
            prop_assert_eq!(words, regex.find_iter(&text).map(|m| (m.start(), m.end())).collect::<Vec<_>>());
        }
    }
}

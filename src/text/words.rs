//! Words as the query language sees them: maximal runs of Unicode `\w`, split into those with a digit (variable)
//! and the rest of the line (constant). Pure; the one scan that mining and the word filter share.

use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};
use std::sync::OnceLock;

/// Stands in a constant text for a word with a digit that was cut out.
pub const CUT: u8 = 0;

/// Keys of one run of the program. Random, so that a hostile log cannot be made to collide; results never depend on them.
pub struct Seed(u64, u64);

pub fn seed() -> &'static Seed {
    static SEED: OnceLock<Seed> = OnceLock::new();
    SEED.get_or_init(|| {
        use std::hash::{BuildHasher, Hasher};
        let state = std::collections::hash_map::RandomState::new();
        let draw = |n: u8| {
            let mut h = state.build_hasher();
            h.write_u8(n);
            h.finish() | 1
        };
        Seed(draw(1), draw(2))
    })
}

const fn folded(a: u64, b: u64) -> u64 {
    let product = (a as u128) * (b as u128);
    (product as u64) ^ ((product >> 64) as u64)
}

/// Up to eight bytes as one number.
#[inline]
fn short(bytes: &[u8]) -> u64 {
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

/// Hash of bytes by multiply-and-fold of eight bytes at a time, chained from `from`.
#[inline]
pub fn hash_bytes(seed: &Seed, from: u64, bytes: &[u8]) -> u64 {
    // The length is spread over all bits: added plainly, `.` and `/.` cancelled it out and were one.
    let mut h = from
        ^ seed
            .0
            .wrapping_add((bytes.len() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let (chunks, rest) = bytes.as_chunks::<8>();
    for c in chunks {
        h = folded(h ^ u64::from_le_bytes(*c), seed.1);
    }
    folded(h ^ short(rest), seed.1)
}

/// Sets the bit that tells lower from upper case in every byte; digits have it already.
const CASE: u64 = 0x2020_2020_2020_2020;

/// Fixed-key hash of a word, equal for words that are equal under simple case folding. Lives in stored filters.
#[inline]
pub fn word_hash(word: &[u8]) -> u64 {
    const KEYS: Seed = Seed(0x9E37_79B9_7F4A_7C15, 0xD6E8_FEB8_6659_FD93);
    let mut h = KEYS.0 ^ word.len() as u64;
    let (chunks, rest) = word.as_chunks::<8>();
    for c in chunks {
        h = folded(h ^ (u64::from_le_bytes(*c) | CASE), KEYS.1);
    }
    folded(h ^ (short(rest) | CASE), KEYS.1)
}

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

/// Offset of the first ASCII digit at or after `from`, and whether a byte before it (or up to the end) is not ASCII.
#[inline]
fn next_digit(text: &[u8], from: usize, high: &mut u64) -> usize {
    let mut i = from;
    while let Some(chunk) = text.get(i..i + 8) {
        let w = u64::from_le_bytes([
            chunk[0], chunk[1], chunk[2], chunk[3], chunk[4], chunk[5], chunk[6], chunk[7],
        ]);
        *high |= w & 0x8080_8080_8080_8080;
        // A byte is a digit when it equals 0x30..=0x39: the high nibble is 3 and adding 6 does not carry into it.
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

/// Words with a digit, in order: where they are and their hash for the word filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cuts {
    pub ranges: Vec<(u32, u32)>,
    pub hashes: Vec<u64>,
}

impl Cuts {
    pub fn clear(&mut self) {
        self.truncate(0);
    }

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

/// Splits `text` into words with a digit (appended to `cuts`) and the constant rest, whose hash is returned.
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

/// The same for text with bytes outside ASCII: word boundaries as Unicode has them, invalid bytes are no word.
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

fn decode(bytes: &[u8]) -> Option<char> {
    let head = &bytes[..bytes.len().min(4)];
    let valid = match std::str::from_utf8(head) {
        Ok(s) => s,
        Err(e) => std::str::from_utf8(&head[..e.valid_up_to()]).ok()?,
    };
    valid.chars().next()
}

pub fn is_word(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || c == '_';
    }
    regex_syntax::try_is_word_character(c).unwrap_or_else(|_| c.is_alphanumeric())
}

/// Hash for the word filter of one word; `constant` words (no digit) live in a space of their own.
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

/// One representative for all characters that are equal under simple case folding; ASCII where there is one.
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

/// The text with each cut replaced by `CUT`: what a shape is remembered by.
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
    fn short_texts_of_unlike_lengths_do_not_collide() {
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
        let unlike: std::collections::BTreeSet<&String> = texts.iter().collect();
        let hashes: std::collections::BTreeSet<u64> = unlike.iter().map(|t| hash(t)).collect();
        assert_eq!(hashes.len(), unlike.len());
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
    fn equal_constants_give_equal_hashes() {
        let hash = |t: &str| scan(t.as_bytes(), 0, &mut Cuts::default());
        assert_eq!(hash("took 12 ms at a9"), hash("took 7777777 ms at zz0"));
        assert_ne!(hash("took 12 ms"), hash("took 12 s"));
    }

    #[test]
    fn folding_joins_what_the_regex_crate_joins() {
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
        fn fast_and_careful_scan_agree(text in "[ -~]{0,60}") {
            let (mut a, mut b) = (Cuts::default(), Cuts::default());
            prop_assert_eq!(scan(text.as_bytes(), 5, &mut a), scan_unicode(text.as_bytes(), 5, &mut b));
            prop_assert_eq!(a, b);
        }

        #[test]
        fn words_are_those_of_the_regex_crate(text in any::<String>()) {
            let regex = regex::Regex::new(r"\w+").unwrap();
            let mut words = Vec::new();
            for_each_word(text.as_bytes(), |a, b| words.push((a, b)));
            prop_assert_eq!(words, regex.find_iter(&text).map(|m| (m.start(), m.end())).collect::<Vec<_>>());
        }
    }
}

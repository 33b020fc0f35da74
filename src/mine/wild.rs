//! Words that no list of kinds can hold: names that differ in nearly every line. Where many kinds of a chunk are equal but
//! for one word, that word is treated as those with digits are. Knows one chunk; resets with it, so that what is learnt
//! depends on the chunk's text alone.

use crate::text::words::{constant_text, for_each_word, hash_bytes, seed};
use rustc_hash::FxHashMap;

/// Kinds equal but for one word before it counts as a name.
const ENOUGH: u8 = 32;
/// Only so many words of a message are tried.
const MOST_WORDS: usize = 24;
/// Texts looked at before learning stops paying: memory stays bounded.
const MOST_SIGNATURES: usize = 400_000;

#[derive(Default)]
pub struct Wild {
    seen: FxHashMap<u64, u8>,
    kinds: FxHashMap<u64, u32>,
    words: Vec<(usize, usize)>,
    /// Hash up to each word, and (at even places) of what follows it.
    before: Vec<u64>,
    after: Vec<u64>,
}

/// What is known of a message that is like none before.
pub enum Found {
    /// An ordinary new one.
    Nothing,
    /// It is of this kind; the word at that range is a name.
    Kind(u32, (usize, usize)),
    /// The word at that range turned out to be a name; the kind is to be noted under this signature.
    Name(u64, (usize, usize)),
}

impl Wild {
    /// Looks at the words of a message; `cuts` are those with a digit, `rest` a hash of what is around it.
    pub fn find(&mut self, message: &[u8], cuts: &[(u32, u32)], rest: u64) -> Found {
        if self.seen.len() > MOST_SIGNATURES {
            return Found::Nothing;
        }
        self.split(message, cuts, rest);
        let n = self.words.len();
        let signature = |i: usize, w: &Wild| {
            w.before[i].rotate_left(21) ^ w.after[2 * i].wrapping_mul(0x9E37_79B9_7F4A_7C15)
        };
        let first = usize::from(n < 4);
        for i in first..n {
            if let Some(kind) = self.kinds.get(&signature(i, self)) {
                return Found::Kind(*kind, self.words[i]);
            }
        }
        for i in first..n {
            let key = signature(i, self);
            let seen = self.seen.entry(key).or_default();
            *seen += 1;
            if *seen >= ENOUGH {
                return Found::Name(key, self.words[i]);
            }
        }
        Found::Nothing
    }

    pub fn learn(&mut self, signature: u64, kind: u32) {
        self.kinds.insert(signature, kind);
    }

    fn split(&mut self, message: &[u8], cuts: &[(u32, u32)], rest: u64) {
        self.words.clear();
        let words = &mut self.words;
        for_each_word(message, |a, b| {
            let digits = message[a..b].iter().any(u8::is_ascii_digit);
            if !digits && b - a > 1 && words.len() < MOST_WORDS {
                words.push((a, b));
            }
        });
        // Hash of the constant text from `from` to `to`: without the words with digits.
        let mut cuts = cuts
            .iter()
            .map(|(x, y)| (*x as usize, *y as usize))
            .peekable();
        let mut gap = |from: usize, to: usize| {
            let (mut h, mut at) = (0, from);
            while let Some((x, y)) = cuts.next_if(|(_, y)| *y <= to) {
                h = hash_bytes(seed(), h, &message[at..x]);
                at = y;
            }
            hash_bytes(seed(), h, &message[at..to])
        };
        let mix =
            |h: u64, part: u64| (h.rotate_left(23) ^ part).wrapping_mul(0xA24B_AED4_963E_E407);
        let n = self.words.len();
        self.before.clear();
        self.after.clear();
        let (mut h, mut at) = (rest, 0);
        for (x, y) in &self.words {
            let between = gap(at, *x);
            let word = hash_bytes(seed(), 1, &message[*x..*y]);
            // What follows a word is added up from behind below; until then its parts are kept.
            self.after.extend([between, word]);
            h = mix(h, between);
            self.before.push(h);
            h = mix(h, word);
            at = *y;
        }
        let mut h = mix(rest, gap(at, message.len()));
        for i in (0..n).rev() {
            let (between, word) = (self.after[2 * i], self.after[2 * i + 1]);
            self.after[2 * i] = h;
            h = mix(mix(h, word), between);
        }
    }
}

/// The decoded message with the name at `range` of the raw one replaced by the mark of a variable.
pub fn example(decoded: &str, raw: &[u8], range: (usize, usize)) -> String {
    let name = String::from_utf8_lossy(&raw[range.0..range.1]).into_owned();
    let nth = raw[..range.0]
        .windows(name.len().max(1))
        .filter(|w| *w == name.as_bytes())
        .count();
    let at = decoded.match_indices(&name).nth(nth).map(|(i, _)| i);
    at.map_or_else(
        || decoded.to_string(),
        |i| format!("{}\u{1}{}", &decoded[..i], &decoded[i + name.len()..]),
    )
}

/// Stands for a name in a constant text: apart from a word with digits, whose first values are compared.
const NAME: u8 = 2;

/// The constant text of a message with a name in it.
pub fn constant(message: &[u8], cuts: &[(u32, u32)], name: (usize, usize)) -> Vec<u8> {
    let before = cuts.partition_point(|c| (c.0 as usize) < name.0);
    let mut out = Vec::new();
    constant_text(&message[..name.0], &cuts[..before], &mut out);
    out.push(NAME);
    let after: Vec<(u32, u32)> = cuts[before..]
        .iter()
        .map(|(x, y)| (x - name.1 as u32, y - name.1 as u32))
        .collect();
    constant_text(&message[name.1..], &after, &mut out);
    out
}

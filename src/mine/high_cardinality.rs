//! Detects words without digits that differ in almost every line, such as names. Where many kinds
//! of a chunk are equal except for one word, this word is cut out like a word with a digit. Knows
//! only one chunk and starts empty for each, so results depend on the text of the chunk only.

use crate::text::words::{constant_text, for_each_word, hash_bytes, seed};
use rustc_hash::FxHashMap;

/// A word is a variable once this many kinds are equal except for this word.
const MIN_KINDS: u8 = 32;
/// Only this many words of a message are tried.
const MAX_WORDS: usize = 24;
/// Detection stops above this many signatures, so memory stays bounded.
const MAX_SIGNATURES: usize = 400_000;

/// The signatures seen in one chunk, with buffers for the current message.
#[derive(Default)]
pub struct HighCardinalityWords {
    /// Signature -> number of kinds with it. A signature is a hash of a message without one word.
    seen: FxHashMap<u64, u8>,
    /// Signature -> its kind, if the missing word is a variable.
    kinds: FxHashMap<u64, u32>,
    /// Byte ranges of the words of the current message.
    words: Vec<(usize, usize)>,
    /// Hash of the text before each word.
    before: Vec<u64>,
    /// Two entries per word. The first is the hash of the text after the word.
    after: Vec<u64>,
}

/// Result of checking a message that has no kind yet.
pub enum Detection {
    /// No high-cardinality word was found: the message needs a new kind.
    Ordinary,
    /// The message belongs to this kind. The range is its high-cardinality word.
    KnownKind(u32, (usize, usize)),
    /// The word at this range was just found to be a variable. The caller creates the kind and
    /// passes it to `learn` with this signature.
    NewVariable(u64, (usize, usize)),
}

impl HighCardinalityWords {
    /// Checks the words of a message. `cuts` are its words with a digit, and `rest` is a hash of
    /// the text around the message.
    pub fn find(&mut self, message: &[u8], cuts: &[(u32, u32)], rest: u64) -> Detection {
        if self.seen.len() > MAX_SIGNATURES {
            return Detection::Ordinary;
        }
        self.split(message, cuts, rest);
        let n = self.words.len();
        let signature = |i: usize, w: &HighCardinalityWords| {
            w.before[i].rotate_left(21) ^ w.after[2 * i].wrapping_mul(0x9E37_79B9_7F4A_7C15)
        };
        let first = usize::from(n < 4);
        for i in first..n {
            if let Some(kind) = self.kinds.get(&signature(i, self)) {
                return Detection::KnownKind(*kind, self.words[i]);
            }
        }
        for i in first..n {
            let key = signature(i, self);
            let seen = self.seen.entry(key).or_default();
            *seen += 1;
            if *seen >= MIN_KINDS {
                return Detection::NewVariable(key, self.words[i]);
            }
        }
        Detection::Ordinary
    }

    /// Records the kind of a signature after `Detection::NewVariable`.
    pub fn learn(&mut self, signature: u64, kind: u32) {
        self.kinds.insert(signature, kind);
    }

    fn split(&mut self, message: &[u8], cuts: &[(u32, u32)], rest: u64) {
        self.words.clear();
        let words = &mut self.words;
        for_each_word(message, |a, b| {
            let digits = message[a..b].iter().any(u8::is_ascii_digit);
            if !digits && b - a > 1 && words.len() < MAX_WORDS {
                words.push((a, b));
            }
        });
        // Hash of the text from `from` to `to` without the words with digits.
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
            // The hashes of what follows each word are computed backward below. Until then, store
            // their parts.
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

/// Replaces a high-cardinality word in the decoded message with the mark of a variable. `range` is
/// the byte range of the word in the raw message.
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

/// Represents a high-cardinality word in a constant text. Not `CUT`, because the first values of
/// cut words are compared.
const NAME_MARK: u8 = 2;

/// Returns the constant text of a message without its high-cardinality word, whose byte range is
/// `name`.
pub fn constant(message: &[u8], cuts: &[(u32, u32)], name: (usize, usize)) -> Vec<u8> {
    let before = cuts.partition_point(|c| (c.0 as usize) < name.0);
    let mut out = Vec::new();
    constant_text(&message[..name.0], &cuts[..before], &mut out);
    out.push(NAME_MARK);
    let after: Vec<(u32, u32)> = cuts[before..]
        .iter()
        .map(|(x, y)| (x - name.1 as u32, y - name.1 as u32))
        .collect();
    constant_text(&message[name.1..], &after, &mut out);
    out
}

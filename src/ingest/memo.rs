//! Remembers the lines of a chunk by their constant part, which excludes words with digits. If a
//! later line has the same constant part, only its timestamp is parsed. Knows nothing about log
//! formats.

use crate::text::time::clock::{Clock, Stamp};
use crate::text::time::style::Spec;
use crate::text::words::{self, Cuts};
use rustc_hash::FxHashMap;

/// Maximum number of different lines that are remembered per chunk.
const MAX_LINES: usize = 20_000;

/// After this many misses in a row, only every `SAMPLE_INTERVAL`th line is looked up. If nearly
/// every line is different, most lookups are wasted.
const MAX_MISSES: u32 = 512;
const SAMPLE_INTERVAL: u32 = 16;

/// Whether a line with the same constant part was parsed before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Repeat {
    /// Unknown: the timestamp has another style than the line before, or the line is not
    /// remembered.
    #[default]
    None,
    /// First line with its constant part, remembered under this id.
    First(u32),
    /// Differs from the first line with this id only in words with digits.
    Again(u32),
}

#[derive(Clone, Copy, Debug)]
struct Known {
    id: u32,
    /// Number of words with digits in the header, after the timestamp.
    header: usize,
    /// Their classes, see `classes`.
    classes: u64,
}

/// Remembers lines by their constant part after the timestamp.
#[derive(Clone, Debug, Default)]
pub struct Memo {
    known: FxHashMap<u64, Known>,
    /// Style and start of the timestamp in the line parsed last.
    style: Option<(&'static Spec, usize)>,
    /// Words with digits in the line looked up last. Ranges are relative to the end of its
    /// timestamp.
    pub cuts: Cuts,
    /// End of the timestamp in that line.
    pub clock_end: usize,
    /// Hash of the constant part of that line; taken when it is remembered.
    key: Option<u64>,
    /// Which word with digits is the line number of the call site, in the line with a call site
    /// that was remembered last. Lines of different call sites are different.
    caller: Option<usize>,
    /// Lookups in a row that found nothing.
    misses: u32,
}

/// Classes of the first `n` words with digits, packed into bits: only digits or not, long or short.
/// Words of different classes may be parsed differently in a header.
fn classes(text: &[u8], cuts: &Cuts, n: usize) -> u64 {
    cuts.ranges[..n].iter().fold(1, |all, (a, b)| {
        let word = &text[*a as usize..*b as usize];
        all << 2 | u64::from(word.iter().all(u8::is_ascii_digit)) << 1 | u64::from(word.len() > 8)
    })
}

impl Memo {
    /// Looks up a line. Returns its timestamp and id if a similar line is remembered.
    pub fn find(&mut self, raw: &[u8], clock: &mut Clock) -> Option<(Stamp, u32)> {
        self.key = None;
        let (spec, at) = self.style?;
        self.misses += 1;
        if self.misses > MAX_MISSES && !self.misses.is_multiple_of(SAMPLE_INTERVAL) {
            return None;
        }
        let (stamp, n) = clock.parse_as(spec, raw.get(at..)?)?;
        let end = at + n;
        if raw.get(end).is_some_and(|b| *b == b'_' || *b >= 0x80) {
            return None;
        }
        self.cuts.clear();
        self.clock_end = end;
        let start = words::hash_bytes(words::seed(), u64::from(stamp.precision), &raw[..at]);
        let key = words::scan(&raw[end..], start, &mut self.cuts);
        self.key = Some(key);
        let with_caller = self
            .caller
            .and_then(|n| self.known.get(&self.caller_key(key, n)));
        let known = *with_caller.or_else(|| self.known.get(&key))?;
        if classes(&raw[end..], &self.cuts, known.header) != known.classes {
            return None;
        }
        self.misses = 0;
        Some((stamp, known.id))
    }

    fn caller_key(&self, key: u64, word: usize) -> u64 {
        let hash = self.cuts.hashes.get(word).copied().unwrap_or(0);
        words::hash_bytes(words::seed(), key, &hash.to_le_bytes())
    }

    /// Remembers the line looked up last, after it was parsed. `message` is the offset at which its
    /// header ends, and `caller` the one at which its call site ends, 0 if it has none. Returns its
    /// id, or `None` if it is not remembered.
    pub fn learn(&mut self, raw: &[u8], message: usize, caller: usize) -> Option<u32> {
        let mut key = self.key.take()?;
        if caller > 0 {
            let ends_caller = |(_, end): &(u32, u32)| *end as usize + self.clock_end == caller;
            let word = self.cuts.ranges.iter().position(ends_caller)?;
            self.caller = Some(word);
            key = self.caller_key(key, word);
        }
        let header = self
            .cuts
            .ranges
            .iter()
            .take_while(|(a, _)| (*a as usize) + self.clock_end < message)
            .count();
        if self.known.len() >= MAX_LINES || header > 30 || self.known.contains_key(&key) {
            return None;
        }
        let id = self.known.len() as u32;
        let classes = classes(&raw[self.clock_end..], &self.cuts, header);
        self.known.insert(
            key,
            Known {
                id,
                header,
                classes,
            },
        );
        Some(id)
    }

    /// Sets the style and start of the timestamp in the line parsed last.
    pub fn set_style(&mut self, style: Option<(&'static Spec, usize)>) {
        self.style = style.or(self.style);
    }
}

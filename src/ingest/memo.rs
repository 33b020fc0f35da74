//! Lines whose constant part was seen before need no parsing: only their time is read. A chunk's memory of such lines.
//! Knows words and clocks, no formats.

use super::clock::{Clock, Spec, Stamp};
use crate::text::words::{self, Cuts};
use rustc_hash::FxHashMap;

/// So many different lines are remembered per chunk.
const MOST: usize = 20_000;

/// After so many lines in a row that were like none before, only every `SAMPLE`th is looked up: where names differ in
/// nearly every line, looking up is work for nothing.
const HOPELESS: u32 = 512;
const SAMPLE: u32 = 16;

/// What is known of a line before it is parsed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Repeat {
    /// Nothing: it does not start with a time as the line before did, or must not be remembered.
    #[default]
    None,
    /// The first of its sort, under this number.
    First(u32),
    /// Like the first line of this number, but for words with digits.
    Again(u32),
}

#[derive(Clone, Copy, Debug)]
struct Known {
    id: u32,
    /// Words with digits that stand in the header.
    header: usize,
    classes: u64,
}

/// Remembers lines by their constant part behind the time.
#[derive(Clone, Debug, Default)]
pub struct Memo {
    known: FxHashMap<u64, Known>,
    /// Style of the time and where it starts, in the line parsed last.
    style: Option<(&'static Spec, usize)>,
    /// Words with digits behind the time of the line looked up last; ranges start behind the time.
    pub cuts: Cuts,
    /// End of the time in that line.
    pub clock_end: usize,
    key: Option<u64>,
    /// Lines in a row that were like none before.
    misses: u32,
}

/// Sorts of words that a header may treat differently: only digits or not, long or short.
fn classes(text: &[u8], cuts: &Cuts, n: usize) -> u64 {
    cuts.ranges[..n].iter().fold(1, |all, (a, b)| {
        let word = &text[*a as usize..*b as usize];
        all << 2 | u64::from(word.iter().all(u8::is_ascii_digit)) << 1 | u64::from(word.len() > 8)
    })
}

impl Memo {
    /// Looks a line up; on success its time and number.
    pub fn find(&mut self, raw: &[u8], clock: &mut Clock) -> Option<(Stamp, u32)> {
        self.key = None;
        let (spec, at) = self.style?;
        self.misses += 1;
        if self.misses > HOPELESS && !self.misses.is_multiple_of(SAMPLE) {
            return None;
        }
        let (stamp, n) = clock.exactly(spec, raw.get(at..)?)?;
        let end = at + n;
        if raw.get(end).is_some_and(|b| *b == b'_' || *b >= 0x80) {
            return None;
        }
        self.cuts.clear();
        self.clock_end = end;
        let start = words::hash_bytes(words::seed(), u64::from(stamp.precision), &raw[..at]);
        let key = words::scan(&raw[end..], start, &mut self.cuts);
        self.key = Some(key);
        let known = self.known.get(&key)?;
        if classes(&raw[end..], &self.cuts, known.header) != known.classes {
            return None;
        }
        self.misses = 0;
        Some((stamp, known.id))
    }

    /// Remembers the line looked up last, now that it was parsed: `message` is where its header ends. Returns its number.
    pub fn learn(&mut self, raw: &[u8], message: usize) -> Option<u32> {
        let key = self.key.take()?;
        let header = self
            .cuts
            .ranges
            .iter()
            .take_while(|(a, _)| (*a as usize) + self.clock_end < message)
            .count();
        if self.known.len() >= MOST || header > 30 || self.known.contains_key(&key) {
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

    /// Notes where and how the line parsed last had its time.
    pub fn style(&mut self, style: Option<(&'static Spec, usize)>) {
        self.style = style.or(self.style);
    }
}

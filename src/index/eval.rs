//! Runs a prepared query over a chunk, block by block. Checks columns and filters first and reads
//! the raw text only when they cannot decide. Results are exact, because filter hits are verified
//! against the text. Does not access files directly; the caller provides the bytes.

use super::chunk::{Block, Chunk};
use super::filter::Filter;
use super::search_text::{Leaf, Need, Pattern, Plan};
use crate::model::NO_TIME;
use regex::bytes::Regex;

/// Data that the evaluation reads from a corpus.
pub trait Corpus: Sync {
    /// Raw bytes of a source. Returns `None` if they cannot be read.
    fn text(&self, source: u32, offset: u64, len: usize) -> Option<Vec<u8>>;
    /// Fills `out` from offset `at` of a chunk's word filter. Returns false on failure.
    fn filter(&self, chunk: &Chunk, at: usize, out: &mut [u8]) -> bool;
    /// Host named in an event's header.
    fn host(&self, source: u32, raw: &[u8]) -> String;
}

/// The unit in which matches are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Event,
    Line,
}

/// A bit set over the units of a block. A set bit is a match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bits {
    words: Vec<u64>,
    len: usize,
}

impl Bits {
    pub fn none(len: usize) -> Bits {
        Bits {
            words: vec![0; len.div_ceil(64)],
            len,
        }
    }

    pub fn all(len: usize) -> Bits {
        let mut bits = Bits {
            words: vec![u64::MAX; len.div_ceil(64)],
            len,
        };
        bits.trim();
        bits
    }

    fn trim(&mut self) {
        if !self.len.is_multiple_of(64)
            && let Some(last) = self.words.last_mut()
        {
            *last &= (1 << (self.len % 64)) - 1;
        }
    }

    pub fn set(&mut self, i: usize) {
        self.words[i / 64] |= 1 << (i % 64);
    }

    pub fn has(&self, i: usize) -> bool {
        self.words[i / 64] >> (i % 64) & 1 == 1
    }

    pub fn is_none(&self) -> bool {
        self.words.iter().all(|w| *w == 0)
    }

    pub fn count(&self) -> u64 {
        self.words.iter().map(|w| u64::from(w.count_ones())).sum()
    }

    fn and(&mut self, other: &Bits) {
        self.words
            .iter_mut()
            .zip(&other.words)
            .for_each(|(a, b)| *a &= b);
    }

    fn or(&mut self, other: &Bits) {
        self.words
            .iter_mut()
            .zip(&other.words)
            .for_each(|(a, b)| *a |= b);
    }

    fn not(mut self) -> Bits {
        self.words.iter_mut().for_each(|w| *w = !*w);
        self.trim();
        self
    }

    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.len).filter(|i| self.has(*i))
    }
}

/// A chunk with the corpus that it belongs to.
pub struct ChunkView<'a> {
    pub chunk: &'a Chunk,
    pub corpus: &'a dyn Corpus,
}

/// Callback for blocks with matches: the block, the bits over its units, and its scope.
pub type Report<'r> = dyn FnMut(&Block, &Bits, &Scope<'_>) + 'r;

/// Evaluates a plan over all blocks of a chunk and reports the blocks with matches. Bytes of text
/// that cannot be read are added to `unread`.
pub fn evaluate(
    plan: &Plan,
    view: &ChunkView<'_>,
    unit: Unit,
    unread: &mut u64,
    report: &mut Report<'_>,
) {
    let mut probes = Probes::default();
    for (i, block) in view.chunk.blocks.iter().enumerate() {
        let mut scope = Scope::new(view, block, i, unit);
        let bits = run(plan, &mut scope, &mut probes);
        if scope.unread {
            *unread += block.bytes;
        }
        if !bits.is_none() {
            report(block, &bits, &scope);
        }
    }
}

/// Cached filter results per word hash, as bits over all blocks of the chunk.
#[derive(Default)]
struct Probes(Vec<(u64, u64)>);

impl Probes {
    fn blocks(&mut self, view: &ChunkView<'_>, hash: u64) -> u64 {
        if let Some((_, bits)) = self.0.iter().find(|(h, _)| *h == hash) {
            return *bits;
        }
        let c = view.chunk;
        let bits = Filter::probe(c.filter_rows, c.filter_width, hash, |at, out| {
            view.corpus.filter(c, at, out)
        });
        self.0.push((hash, bits));
        bits
    }
}

/// A block during evaluation. Its text is read at most once.
pub struct Scope<'a> {
    view: &'a ChunkView<'a>,
    block: &'a Block,
    number: usize,
    unit: Unit,
    text: Option<Vec<u8>>,
    /// Byte offset of each line in the block. Empty if the unit is an event.
    starts: Vec<u64>,
    unread: bool,
}

impl<'a> Scope<'a> {
    fn new(view: &'a ChunkView<'a>, block: &'a Block, number: usize, unit: Unit) -> Scope<'a> {
        // If every event is one line, both units are equal. Events do not need the text.
        let unit = if block.single_lines() && !block.is_empty() {
            Unit::Event
        } else {
            unit
        };
        let mut scope = Scope {
            view,
            block,
            number,
            unit,
            text: None,
            starts: Vec::new(),
            unread: false,
        };
        if scope.unit == Unit::Line {
            let text = scope.text().to_vec();
            scope.starts = std::iter::once(0)
                .chain(memchr::memchr_iter(b'\n', &text).map(|i| i as u64 + 1))
                .collect();
            if scope
                .starts
                .last()
                .is_some_and(|s| *s as usize >= text.len())
            {
                scope.starts.pop();
            }
        }
        scope
    }

    fn len(&self) -> usize {
        match self.unit {
            Unit::Line => self.starts.len(),
            // A block inside a very long line has no event of its own. It counts as one unit.
            Unit::Event => self.block.len().max(1),
        }
    }

    /// The block's text, read on first use. Empty if it cannot be read.
    pub fn text(&mut self) -> &[u8] {
        if self.text.is_none() {
            let read = self.view.corpus.text(
                self.view.chunk.source,
                self.block.offset,
                self.block.bytes as usize,
            );
            self.unread |= read.is_none();
            self.text = Some(read.unwrap_or_default());
        }
        self.text.as_deref().unwrap_or_default()
    }

    /// Byte range of unit `i` in the block's text.
    pub fn range(&self, i: usize) -> std::ops::Range<usize> {
        let start = |i: usize| match self.unit {
            Unit::Line => self.starts.get(i).copied(),
            Unit::Event => (i < self.block.len()).then(|| self.block.starts.get(i)),
        };
        let end = start(i + 1).unwrap_or(self.block.bytes);
        start(i).unwrap_or(0) as usize..end as usize
    }

    /// Index in the block of the event that contains unit `i`.
    pub fn event_of(&self, i: usize) -> usize {
        match self.unit {
            Unit::Event => i,
            Unit::Line => (0..self.block.len())
                .collect::<Vec<_>>()
                .partition_point(|e| self.block.starts.get(*e) <= self.starts[i])
                .saturating_sub(1),
        }
    }

    /// 0-based line of the start of unit `i` in the block.
    pub fn line_of(&self, i: usize) -> u64 {
        match self.unit {
            Unit::Line => i as u64,
            Unit::Event => {
                i as u64
                    + (0..i.min(self.block.len()))
                        .map(|e| u64::from(self.block.extra(e)))
                        .sum::<u64>()
            }
        }
    }

    fn by_event(&self, is: impl Fn(usize) -> bool) -> Bits {
        let mut bits = Bits::none(self.len());
        for e in (0..self.block.len()).filter(|e| is(*e)) {
            match self.unit {
                Unit::Event => bits.set(e),
                Unit::Line => {
                    let from = self.block.starts.get(e);
                    let first = self.starts.partition_point(|s| *s < from);
                    for n in 0..=self.block.extra(e) as usize {
                        if first + n < bits.len {
                            bits.set(first + n);
                        }
                    }
                }
            }
        }
        bits
    }

    fn by_kind(&self, has: impl Fn(u32) -> bool) -> Bits {
        let yes: Vec<bool> = self.block.dictionary.iter().map(|k| has(*k)).collect();
        if !yes.contains(&true) {
            return Bits::none(self.len());
        }
        if !yes.contains(&false) && !self.block.is_empty() {
            return Bits::all(self.len());
        }
        self.by_event(|e| yes[self.block.kinds.get(e) as usize])
    }

    fn by_text(&mut self, regex: &Regex) -> Bits {
        self.text();
        let mut bits = Bits::none(self.len());
        let text = self.text.take().unwrap_or_default();
        let mut from = 0;
        // One match per unit is enough. Continue after the end of the unit.
        while let Some(m) = text.get(from..).and_then(|_| regex.find_at(&text, from)) {
            let unit = self.unit_at(m.start() as u64);
            bits.set(unit);
            from = self.range(unit).end.max(m.start() + 1);
        }
        self.text = Some(text);
        bits
    }

    /// The units with a line that matches a pattern. A search over the whole block finds the lines
    /// in which a match starts. From the first match on that ends in another line, each line is
    /// tested on its own: such matches could be as long as the block.
    fn by_line(&mut self, pattern: &Pattern) -> Bits {
        self.text();
        let mut bits = Bits::none(self.len());
        let text = self.text.take().unwrap_or_default();
        let mut from = 0;
        let mut single = pattern.needs_lines;
        while from < text.len() {
            let at = match single {
                true => from,
                false => match pattern.regex.find_at(&text, from) {
                    Some(m) => {
                        let line_end = memchr::memchr(b'\n', &text[m.start()..]);
                        single = line_end.is_some_and(|n| m.end() > m.start() + n);
                        m.start()
                    }
                    None => break,
                },
            };
            let start = memchr::memrchr(b'\n', &text[..at]).map_or(0, |n| n + 1);
            if start == text.len() {
                break;
            }
            let line = &text[start..];
            let line = &line[..memchr::memchr(b'\n', line).unwrap_or(line.len())];
            from = start + line.len() + 1;
            if !single || pattern.regex.is_match(line) {
                let unit = self.unit_at(start as u64);
                bits.set(unit);
                from = from.max(self.range(unit).end);
            }
        }
        self.text = Some(text);
        bits
    }

    /// The units in which a match of a pattern starts that lies within one event.
    fn by_event_text(&mut self, regex: &Regex) -> Bits {
        let mut bits = Bits::none(self.len());
        let text = self.text().to_vec();
        for event in 0..self.block.len() {
            let from = self.block.starts.get(event) as usize;
            let is_last = event + 1 == self.block.len();
            let to = if is_last {
                text.len()
            } else {
                self.block.starts.get(event + 1) as usize
            };
            let Some(raw) = text.get(from..to) else {
                continue;
            };
            for m in regex.find_iter(raw.strip_suffix(b"\n").unwrap_or(raw)) {
                bits.set(self.unit_at((from + m.start()) as u64));
            }
        }
        bits
    }

    fn by_pattern(&mut self, pattern: &Pattern) -> Bits {
        if pattern.crosses_lines {
            self.by_event_text(&pattern.regex)
        } else {
            self.by_line(pattern)
        }
    }

    fn unit_at(&self, offset: u64) -> usize {
        let found = match self.unit {
            Unit::Line => self.starts.partition_point(|s| *s <= offset),
            Unit::Event => {
                let (mut a, mut b) = (0, self.block.len());
                while a < b {
                    let mid = (a + b) / 2;
                    if self.block.starts.get(mid) <= offset {
                        a = mid + 1
                    } else {
                        b = mid
                    }
                }
                a
            }
        };
        found.saturating_sub(1)
    }
}

fn run(plan: &Plan, scope: &mut Scope<'_>, probes: &mut Probes) -> Bits {
    let len = scope.len();
    match plan {
        Plan::All => Bits::all(len),
        Plan::Not(inner) => run(inner, scope, probes).not(),
        Plan::And(parts) => {
            let mut bits = Bits::all(len);
            for part in parts {
                if bits.is_none() {
                    break;
                }
                bits.and(&run(part, scope, probes));
            }
            bits
        }
        Plan::Or(parts) => {
            let mut bits = Bits::none(len);
            for part in parts {
                bits.or(&run(part, scope, probes));
            }
            bits
        }
        Plan::Leaf(leaf) => run_leaf(leaf, scope, probes),
    }
}

fn run_leaf(leaf: &Leaf, scope: &mut Scope<'_>, probes: &mut Probes) -> Bits {
    let source = scope.view.chunk.source as usize;
    let whole = |yes: bool, scope: &Scope<'_>| {
        if yes {
            Bits::all(scope.len())
        } else {
            Bits::none(scope.len())
        }
    };
    match leaf {
        Leaf::Text {
            regex,
            needs,
            by_kind,
        } => text_leaf(regex, needs, *by_kind, scope, probes),
        Leaf::Pattern(pattern) => scope.by_pattern(pattern),
        Leaf::Kinds(set) => scope.by_kind(|k| set.has(k)),
        Leaf::Source(yes) => whole(yes.get(source) == Some(&true), scope),
        Leaf::Service {
            by_source,
            named,
            unnamed,
            default,
        } => match by_source.get(source) {
            Some(Some(yes)) => whole(*yes, scope),
            _ => {
                let by_default = default.get(source) == Some(&true);
                scope.by_kind(|k| named.has(k) && !unnamed.has(k) || by_default && unnamed.has(k))
            }
        },
        Leaf::Time(range) => {
            let block = scope.block;
            scope.by_event(|e| {
                let at = block.time(e);
                at != NO_TIME && range.contains(at)
            })
        }
        Leaf::Host(regex) => {
            let text = scope.text().to_vec();
            let (block, view) = (scope.block, scope.view);
            scope.by_event(|e| {
                let from = block.starts.get(e) as usize;
                let to = if e + 1 < block.len() {
                    block.starts.get(e + 1) as usize
                } else {
                    text.len()
                };
                text.get(from..to).is_some_and(|raw| {
                    regex.is_match(view.corpus.host(view.chunk.source, raw).as_bytes())
                })
            })
        }
    }
}

fn text_leaf(
    regex: &Regex,
    needs: &[Need],
    by_kind: bool,
    scope: &mut Scope<'_>,
    probes: &mut Probes,
) -> Bits {
    let indexed = scope.block.is_fully_indexed();
    if by_kind && indexed {
        return match &needs[0].kinds {
            Some(set) => scope.by_kind(|k| set.has(k)),
            None => Bits::none(scope.len()),
        };
    }
    for need in needs {
        let constant = need
            .kinds
            .as_ref()
            .is_some_and(|set| scope.block.dictionary.iter().any(|k| set.has(*k)));
        // The filter contains a word without a digit only if the word is not in the kind's text,
        // for example in a later line of an event.
        let possible = constant
            || (need.kinds.is_none() || !indexed)
                && probes.blocks(scope.view, need.hash) >> scope.number & 1 == 1;
        if !possible {
            return Bits::none(scope.len());
        }
    }
    scope.by_text(regex)
}

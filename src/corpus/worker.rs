//! Converts one chunk of text to columns, kinds and a word filter. Runs on every core. Knows
//! nothing about other chunks.

use super::store::Store;
use super::timeline::Timeline;
use crate::index::{BlockBuilder, Chunk, Filter, FilterBuilder};
use crate::ingest::frame::{self, MAX_PARSE, Sink};
use crate::ingest::line::{Line, LineParser};
use crate::ingest::memo::Repeat;
use crate::mine::{LocalKind, LocalKinds, Noted};
use crate::model::{Moment, NO_TIME};
use crate::text::civil::MINUTE;
use crate::text::level;
use crate::text::words::{filter_hash, for_each_word};

/// One chunk of text to process.
pub struct Job {
    pub seq: u64,
    pub source: u32,
    pub parser: LineParser,
    pub offset: u64,
    pub bytes: Vec<u8>,
    /// True if the text must be kept because it does not come from a plain file.
    pub keep: bool,
    /// True if the text starts in the middle of a line that began in the previous chunk.
    pub continues_line: bool,
    /// True if the result replaces the last chunk of the source.
    pub replaces: bool,
    /// True if the word filter must be built.
    pub filter: bool,
}

/// Result of a job. Kinds have the chunk's own numbers.
pub struct Done {
    pub seq: u64,
    pub chunk: Chunk,
    pub kinds: Vec<LocalKind>,
    pub filter: Filter,
    pub timeline: Timeline,
    pub timed: u64,
    pub unparsed: u64,
    pub clock_jumps: u64,
    pub packed: Vec<(u32, Vec<u8>)>,
    pub replaces: bool,
    pub bytes: Vec<u8>,
}

#[derive(Default)]
pub struct Worker {
    blocks: BlockBuilder,
    filter: FilterBuilder,
}

pub fn work(worker: &mut Worker, mut job: Job) -> Done {
    worker.blocks.start(job.offset);
    worker.filter.clear();
    let mut sink = Indexing {
        blocks: &mut worker.blocks,
        filter: &mut worker.filter,
        filtering: job.filter,
        kinds: LocalKinds::default(),
        last_time: NO_TIME,
        line: 0,
        timed: 0,
        unparsed: 0,
        clock_jumps: 0,
        repeats: Vec::new(),
        clock: Vec::new(),
    };
    if job.continues_line {
        sink.rest_of_line(&job.bytes);
    } else {
        frame::frame(&job.bytes, &mut job.parser, &mut sink);
    }
    let (kinds, timed, unparsed, clock_jumps) = (
        sink.kinds.kinds,
        sink.timed,
        sink.unparsed,
        sink.clock_jumps,
    );
    let chunk = worker.blocks.finish(job.source, job.bytes.len() as u64);
    let filter = if job.filter {
        worker.filter.finish(chunk.blocks.len())
    } else {
        Filter::default()
    };
    let timeline = Timeline::of_chunk(&chunk, |k| kinds[k as usize].header.level);
    let packed = if job.keep {
        Store::pack(&job.bytes)
    } else {
        Vec::new()
    };
    Done {
        seq: job.seq,
        chunk,
        kinds,
        filter,
        timeline,
        timed,
        unparsed,
        clock_jumps,
        packed,
        replaces: job.replaces,
        bytes: job.bytes,
    }
}

struct Indexing<'w> {
    blocks: &'w mut BlockBuilder,
    filter: &'w mut FilterBuilder,
    filtering: bool,
    kinds: LocalKinds,
    last_time: Moment,
    line: u64,
    timed: u64,
    unparsed: u64,
    clock_jumps: u64,
    /// For each id of a repeated line: its kind, the index range of the message's words with digits
    /// (two numbers), and the hash of a word that is not part of the kind.
    repeats: Vec<(u32, usize, usize, Option<u64>)>,
    /// Start of the last repeated line, up to the end of its timestamp.
    clock: Vec<u8>,
}

impl Indexing<'_> {
    fn all_words(&mut self, text: &[u8]) {
        if self.filtering {
            let block = self.blocks.block();
            let filter = &mut *self.filter;
            for_each_word(text, |a, b| filter.add(filter_hash(&text[a..b]), block));
        }
    }

    fn rest_of_line(&mut self, text: &[u8]) {
        self.blocks.add_unindexed_words();
        self.all_words(text);
    }
}

impl Indexing<'_> {
    /// Handles an event that differs from all earlier events of the chunk, or that must be parsed
    /// completely.
    fn first(&mut self, at: usize, head: &[u8], line: &Line, parser: &LineParser) {
        let parsed = &line.parsed;
        let span = (
            line.raw_message.start as usize,
            line.raw_message.end as usize,
        );
        let clock_end = whole_clock(head, line.clock_end as usize);
        let noted = Noted {
            raw: head,
            message: whole_words(head, span),
            clock_end,
            service: parser.service(head, line),
            caller: parser.caller(head, line),
            level: parsed.level,
            timed: line.time.is_some(),
            known: line.known,
            time: self.last_time,
            precision: line.time.map_or(0, |t| t.precision),
            line: self.line,
        };
        let kind = self
            .kinds
            .note(&noted, || parser.message(head, line), level::inferred);
        if let Repeat::First(id) = line.repeat {
            let (from, to) = if clock_end > 0 {
                self.kinds.values()
            } else {
                (0, 0)
            };
            debug_assert_eq!(self.repeats.len(), id as usize);
            self.repeats.push((kind, from, to, self.kinds.name()));
        }
        let new_block = self.blocks.event(at as u64, self.last_time, kind);
        let block = self.blocks.block();
        if self.filtering {
            for h in self.kinds.word_hashes(new_block) {
                self.filter.add(*h, block);
            }
        }
        self.name(self.kinds.name());
    }

    /// Adds a word that is not part of the event's kind to the filter. Marks the block, because a
    /// search for the word must read the text of the block.
    fn name(&mut self, hash: Option<u64>) {
        if let Some(hash) = hash {
            self.blocks.add_unindexed_words();
            if self.filtering {
                self.filter.add(hash, self.blocks.block());
            }
        }
    }

    /// Handles an event that is similar to an earlier one. Its kind and its words with digits are
    /// already known.
    #[inline]
    fn again(&mut self, at: usize, head: &[u8], id: u32, line: &Line, parser: &LineParser) {
        let (kind, from, to, name) = self.repeats[id as usize];
        let hashes = &parser.cuts().hashes;
        self.kinds.kinds[kind as usize].add(&hashes[from..to], self.last_time);
        let new_block = self.blocks.event(at as u64, self.last_time, kind);
        self.name(name);
        if self.filtering {
            let block = self.blocks.block();
            hashes.iter().for_each(|h| self.filter.add(*h, block));
            let clock = &head[..line.clock_end as usize];
            if new_block || clock != &self.clock[..] {
                self.clock.clear();
                self.clock.extend_from_slice(clock);
                self.all_words(clock);
            }
        }
    }
}

/// Returns the span of the message if it does not split a word. Otherwise returns the whole line.
fn whole_words(raw: &[u8], (a, b): (usize, usize)) -> (usize, usize) {
    let word = |i: usize| {
        raw.get(i)
            .is_some_and(|c| c.is_ascii_alphanumeric() || *c == b'_' || *c >= 0x80)
    };
    let cuts = |at: usize| at > 0 && at < raw.len() && word(at - 1) && word(at);
    if a > b || b > raw.len() || cuts(a) || cuts(b) {
        (0, raw.len())
    } else {
        (a, b)
    }
}

/// Returns the end of the timestamp, or 0 if a word continues past it.
fn whole_clock(raw: &[u8], end: usize) -> usize {
    let goes_on = raw
        .get(end)
        .is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_' || *b >= 0x80);
    if goes_on || end > raw.len() { 0 } else { end }
}

impl Sink for Indexing<'_> {
    fn begin(&mut self, at: usize, raw: &[u8], line: &Line, parser: &LineParser) {
        let timed = line.time.is_some();
        if let Some(stamp) = line.time {
            self.clock_jumps +=
                u64::from(self.last_time != NO_TIME && stamp.ns < self.last_time - MINUTE);
            self.last_time = stamp.ns;
        }
        self.timed += u64::from(timed);
        self.unparsed += u64::from(!line.known);
        let head = &raw[..raw.len().min(MAX_PARSE)];
        match line.repeat {
            Repeat::Again(id) => self.again(at, head, id, line, parser),
            _ => self.first(at, head, line, parser),
        }
        if raw.len() > head.len() {
            self.rest_of_line(&raw[head.len()..]);
            // Adds the word that was split at the end of the head.
            let from = head
                .iter()
                .rposition(|b| b.is_ascii_whitespace())
                .unwrap_or(0);
            let to = raw.len().min(head.len() + 4096);
            self.all_words(&raw[from..to]);
        }
        self.line += 1;
    }

    fn more(&mut self, _at: usize, raw: &[u8]) {
        self.blocks.more_lines();
        self.all_words(raw);
        self.line += 1;
    }
}

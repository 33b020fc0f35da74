//! One chunk of text -> columns, kinds and word filter. Runs on every core; knows nothing of other chunks.

use super::store::Store;
use super::timeline::Timeline;
use crate::index::{BlockBuilder, Chunk, Filter, FilterBuilder};
use crate::ingest::frame::{self, MAX_PARSE, Sink};
use crate::ingest::level;
use crate::ingest::line::{Line, LineParser};
use crate::ingest::memo::Repeat;
use crate::mine::{LocalKind, LocalKinds, Noted};
use crate::model::{Moment, NO_TIME};
use crate::text::civil::MINUTE;
use crate::text::words::{filter_hash, for_each_word};

/// Text to be worked on.
pub struct Job {
    pub seq: u64,
    pub source: u32,
    pub parser: LineParser,
    pub offset: u64,
    pub bytes: Vec<u8>,
    /// The text must be kept: it cannot be read again from where it came.
    pub keep: bool,
    /// Goes on in the midst of a line that the chunk before began.
    pub continues_line: bool,
    /// Takes the place of the source's last chunk.
    pub replaces: bool,
    /// Build the word filter.
    pub filter: bool,
}

/// What became of it; numbers of kinds are the chunk's own.
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
    /// By number of a repeated line: its kind, which of its words with digits are the message's, and a name that
    /// the kind does not tell.
    repeats: Vec<(u32, usize, usize, Option<u64>)>,
    /// Beginning of the line before, up to the end of its time.
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
    /// An event like none before it in the chunk, or one that must be looked at whole.
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

    /// A word that the event's kind does not tell stands in the filter, and the block is read where it is asked for.
    fn name(&mut self, hash: Option<u64>) {
        if let Some(hash) = hash {
            self.blocks.add_unindexed_words();
            if self.filtering {
                self.filter.add(hash, self.blocks.block());
            }
        }
    }

    /// An event like one before it: its kind is known, its words with digits are at hand.
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

/// A span that cuts no word in two; else the whole line is the message.
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

/// End of the time if no word goes on over it.
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
            // The word that was cut in two at the end of the head.
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

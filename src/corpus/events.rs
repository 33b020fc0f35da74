//! Iterates over the events of a snapshot, block by block. Each event has its ids, its time, its
//! template and, on demand, its raw text. Does not parse text and keeps no results.

use super::corpus::Corpus;
use super::parallel;
use super::snapshot::Snapshot;
use crate::index::{Block, Chunk};
use crate::model::{EventId, KindId, Moment, SourceId, TemplateIx};
use std::cell::OnceCell;

/// Consecutive events of one source. A part is the unit of parallel work and has about 4 MB of
/// text.
#[derive(Clone, Copy)]
pub struct Part<'s> {
    snapshot: &'s Snapshot,
    chunk: &'s Chunk,
}

/// The events in about 64 KB of text. The text is read at most once, when it is first needed.
pub struct Events<'s> {
    corpus: &'s Corpus,
    snapshot: &'s Snapshot,
    chunk: &'s Chunk,
    block: &'s Block,
    text: OnceCell<Vec<u8>>,
}

/// One event of a block.
#[derive(Clone, Copy)]
pub struct EventRef<'e> {
    events: &'e Events<'e>,
    index: usize,
}

impl Snapshot {
    /// All parts of the snapshot, in corpus order.
    pub fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        self.chunks.iter().map(|chunk| Part {
            snapshot: self,
            chunk,
        })
    }

    /// All blocks of events, in corpus order.
    pub fn blocks<'s>(&'s self, corpus: &'s Corpus) -> impl Iterator<Item = Events<'s>> {
        self.parts().flat_map(move |part| part.blocks(corpus))
    }

    /// Runs `each` over all parts on the corpus's threads, and passes the results to `take` in
    /// corpus order.
    pub fn each_part<T: Send>(
        &self,
        corpus: &Corpus,
        each: &(dyn Fn(Part<'_>) -> T + Sync),
        take: impl FnMut(T),
    ) {
        let run = |chunk: &Chunk| {
            each(Part {
                snapshot: self,
                chunk,
            })
        };
        let stop = || corpus.is_cancelled();
        parallel::over_chunks(&self.chunks, corpus.options.threads, &stop, &run, take);
    }
}

impl<'s> Part<'s> {
    pub fn source(&self) -> SourceId {
        SourceId(self.chunk.source)
    }

    /// Number of events.
    pub fn len(&self) -> usize {
        self.chunk.events as usize
    }

    pub fn is_empty(&self) -> bool {
        self.chunk.events == 0
    }

    /// Earliest and latest time. `NO_TIME` if no event has a time.
    pub fn times(&self) -> (Moment, Moment) {
        (self.chunk.min_time, self.chunk.max_time)
    }

    /// Position in the source: byte offset and length.
    pub fn bytes(&self) -> (u64, u64) {
        (self.chunk.offset, self.chunk.bytes)
    }

    pub fn blocks(self, corpus: &'s Corpus) -> impl Iterator<Item = Events<'s>> {
        self.chunk.blocks.iter().map(move |block| Events {
            corpus,
            snapshot: self.snapshot,
            chunk: self.chunk,
            block,
            text: OnceCell::new(),
        })
    }

    /// The kinds that occur in this part. They have no particular order, and a kind can be listed
    /// more than once.
    pub fn kinds(self) -> impl Iterator<Item = KindId> + 's {
        self.chunk
            .blocks
            .iter()
            .flat_map(|b| b.dictionary.iter().map(|k| KindId(*k)))
    }
}

impl<'s> Events<'s> {
    pub fn source(&self) -> SourceId {
        SourceId(self.chunk.source)
    }

    /// Number of events.
    pub fn len(&self) -> usize {
        self.block.len()
    }

    pub fn is_empty(&self) -> bool {
        self.block.is_empty()
    }

    /// Earliest and latest time. `NO_TIME` if no event has a time.
    pub fn times(&self) -> (Moment, Moment) {
        (self.block.min_time, self.block.max_time)
    }

    /// The kinds that occur in the block. `EventRef::slot` is an index into this list. A caller can
    /// therefore compute a value for each kind once per block, instead of once per event.
    pub fn kinds(&self) -> impl ExactSizeIterator<Item = KindId> + 's {
        self.block.dictionary.iter().map(|k| KindId(*k))
    }

    /// The template of each kind in `kinds`.
    pub fn templates(&self) -> impl Iterator<Item = Option<TemplateIx>> + 's {
        let snapshot = self.snapshot;
        self.kinds().map(move |k| snapshot.template_of_kind(k))
    }

    pub fn iter(&self) -> impl Iterator<Item = EventRef<'_>> {
        (0..self.block.len()).map(|index| EventRef {
            events: self,
            index,
        })
    }

    /// The event at an index of the block. `None` if the block has fewer events.
    pub fn get(&self, index: usize) -> Option<EventRef<'_>> {
        (index < self.block.len()).then_some(EventRef {
            events: self,
            index,
        })
    }

    /// Raw text of the whole block. Empty if it can no longer be read.
    pub fn text(&self) -> &[u8] {
        self.text.get_or_init(|| {
            let (offset, len) = (self.block.offset, self.block.bytes as usize);
            self.corpus
                .raw(self.source(), offset, len)
                .unwrap_or_default()
        })
    }
}

impl<'e> EventRef<'e> {
    pub fn id(&self) -> EventId {
        let (chunk, block) = (self.events.chunk, self.events.block);
        EventId(chunk.first_event + block.first_event + self.index as u32)
    }

    pub fn source(&self) -> SourceId {
        self.events.source()
    }

    /// Index of the event in its block.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Index of the event's kind in `Events::kinds`.
    pub fn slot(&self) -> usize {
        self.events.block.kinds.get(self.index) as usize
    }

    pub fn kind(&self) -> KindId {
        KindId(self.events.block.kind(self.index))
    }

    pub fn template(&self) -> Option<TemplateIx> {
        self.events.snapshot.template_of_kind(self.kind())
    }

    /// Time of the event, or the time inherited from the previous event. `NO_TIME` if unknown.
    pub fn time(&self) -> Moment {
        self.events.block.time(self.index)
    }

    /// 0-based number of the event's first physical line in the source.
    pub fn line(&self) -> u64 {
        let (chunk, block) = (self.events.chunk, self.events.block);
        chunk.line(block.first_event + self.index as u32)
    }

    /// Raw text of all lines of the event. Empty if it can no longer be read.
    pub fn text(&self) -> &'e [u8] {
        let (block, text) = (self.events.block, self.events.text());
        let start = |i: usize| (block.starts.get(i) as usize).min(text.len());
        let end = if self.index + 1 < block.len() {
            start(self.index + 1)
        } else {
            text.len()
        };
        text.get(start(self.index)..end).unwrap_or_default()
    }

    /// Raw text of the first line, without its line end.
    pub fn first_line(&self) -> &'e [u8] {
        let text = self.text();
        &text[..memchr::memchr(b'\n', text).unwrap_or(text.len())]
    }
}

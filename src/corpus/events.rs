//! The one way to walk the events of a snapshot: block by block, each event with its identifiers, its time, its template
//! and, on demand, its raw text. Does not parse text and keeps no results.

use super::corpus::Corpus;
use super::parallel;
use super::snapshot::Snapshot;
use crate::index::{Block, Chunk};
use crate::model::{EventId, KindId, Moment, SourceId, TemplateIx};
use std::cell::OnceCell;

/// Consecutive events of one source: the unit of parallel work, about 4 MB of text.
#[derive(Clone, Copy)]
pub struct Part<'s> {
    snapshot: &'s Snapshot,
    chunk: &'s Chunk,
}

/// The events of about 64 KB of text. The text is read at most once, when an event asks for it.
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
    /// The snapshot in parts, in corpus order.
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

    /// Runs `each` over all parts on the corpus's threads and passes the results to `take` in corpus order.
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

    /// Earliest and latest time; `NO_TIME` where no event has one.
    pub fn times(&self) -> (Moment, Moment) {
        (self.chunk.min_time, self.chunk.max_time)
    }

    /// Bytes of the source: offset and length.
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

    /// The kinds that occur, each at least once, in no particular order.
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

    /// Earliest and latest time; `NO_TIME` where no event has one.
    pub fn times(&self) -> (Moment, Moment) {
        (self.block.min_time, self.block.max_time)
    }

    /// The kinds that occur in the block. `EventRef::slot` is a position in this list, so what a caller derives from a
    /// kind is worked out once per block and not once per event.
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

    /// The event at a position of the block, if there are that many.
    pub fn get(&self, index: usize) -> Option<EventRef<'_>> {
        (index < self.block.len()).then_some(EventRef {
            events: self,
            index,
        })
    }

    /// Raw text of the whole block; empty where it can no longer be read.
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

    /// Position of the event in its block.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Position of the event's kind in `Events::kinds`.
    pub fn slot(&self) -> usize {
        self.events.block.kinds.get(self.index) as usize
    }

    pub fn kind(&self) -> KindId {
        KindId(self.events.block.kind(self.index))
    }

    pub fn template(&self) -> Option<TemplateIx> {
        self.events.snapshot.template_of_kind(self.kind())
    }

    /// Its own time or the one inherited from the event before; `NO_TIME` if unknown.
    pub fn time(&self) -> Moment {
        self.events.block.time(self.index)
    }

    /// 0-based number of the first physical line in the source.
    pub fn line(&self) -> u64 {
        let (chunk, block) = (self.events.chunk, self.events.block);
        chunk.line(block.first_event + self.index as u32)
    }

    /// Raw text, with all its lines; empty where it can no longer be read.
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

//! Builds the columns of a chunk while it is read. Handles numbers only; does not access the text.

use super::chunk::{BLOCK_BYTES, Block, Chunk, extent, pack_times, widen};
use super::filter::BLOCKS;
use crate::model::{Moment, NO_TIME};
use crate::text::pack::Packed;

/// Builds the columns of a chunk, block by block.
#[derive(Default)]
pub struct BlockBuilder {
    pub blocks: Vec<Block>,
    starts: Vec<u64>,
    extra: Vec<u64>,
    times: Vec<Moment>,
    kinds: Vec<u32>,
    /// Scratch space: per kind, its index in the dictionary of the current block.
    places: Vec<u32>,
    events: u32,
    lines: u32,
    block_start: u64,
    block_first_line: u32,
    has_unindexed_words: bool,
    /// Offset of the chunk in its source.
    base: u64,
}

impl BlockBuilder {
    /// Resets the builder for a chunk at byte `base` of its source.
    pub fn start(&mut self, base: u64) {
        *self = BlockBuilder {
            base,
            ..BlockBuilder::default()
        };
    }

    /// Index of the current block.
    pub fn block(&self) -> usize {
        self.blocks.len()
    }

    /// Adds an event that starts at byte `at` of the chunk. Returns true if the event starts a new
    /// block.
    pub fn event(&mut self, at: u64, time: Moment, kind: u32) -> bool {
        let new_block = at - self.block_start >= BLOCK_BYTES && self.blocks.len() + 1 < BLOCKS;
        if new_block {
            self.close(at);
        }
        self.starts.push(at - self.block_start);
        self.extra.push(0);
        self.times.push(time);
        self.kinds.push(kind);
        self.lines += 1;
        new_block
    }

    /// Marks the current block as containing words that the event's kind does not list. See
    /// `Block::has_unindexed_words`.
    pub fn add_unindexed_words(&mut self) {
        self.has_unindexed_words = true;
    }

    /// Adds a line to the last event.
    pub fn more_lines(&mut self) {
        if let Some(e) = self.extra.last_mut() {
            *e += 1;
        }
        self.lines += 1;
    }

    /// The kinds of the block in order of first appearance, and per event an index into them.
    fn dictionary(&mut self) -> (Vec<u32>, Vec<u64>) {
        let kind_limit = self
            .kinds
            .iter()
            .copied()
            .max()
            .map_or(0, |k| k as usize + 1);
        self.places.resize(self.places.len().max(kind_limit), 0);
        let mut dictionary: Vec<u32> = Vec::new();
        let mut local = Vec::with_capacity(self.kinds.len());
        for k in &self.kinds {
            let place = &mut self.places[*k as usize];
            // An entry left over from an earlier block does not point at the same kind here.
            if dictionary.get(*place as usize) != Some(k) {
                *place = dictionary.len() as u32;
                dictionary.push(*k);
            }
            local.push(u64::from(*place));
        }
        (dictionary, local)
    }

    /// Ends the current block at byte `end` of the chunk.
    fn close(&mut self, end: u64) {
        let n = self.starts.len() as u32;
        let (dictionary, local) = self.dictionary();
        let (min_time, max_time) = extent(&self.times);
        self.blocks.push(Block {
            offset: self.base + self.block_start,
            bytes: end - self.block_start,
            first_event: self.events,
            first_line: self.block_first_line,
            lines: self.lines - self.block_first_line,
            min_time,
            max_time,
            dictionary,
            has_unindexed_words: std::mem::take(&mut self.has_unindexed_words),
            starts: Packed::new(&self.starts, &[]),
            extra_lines: Packed::new(&self.extra, &[]),
            times: pack_times(&self.times),
            kinds: Packed::new(&local, &[]),
        });
        self.events += n;
        self.block_start = end;
        self.block_first_line = self.lines;
        self.starts.clear();
        self.extra.clear();
        self.times.clear();
        self.kinds.clear();
    }

    /// Ends the chunk of `bytes` bytes. Event, line and kind numbers are still relative to the
    /// chunk.
    pub fn finish(&mut self, source: u32, bytes: u64) -> Chunk {
        if !self.starts.is_empty() || bytes > self.block_start {
            self.close(bytes);
        }
        let blocks = std::mem::take(&mut self.blocks);
        let (min_time, max_time) = blocks
            .iter()
            .fold((NO_TIME, NO_TIME), |e, b| widen(e, b.min_time, b.max_time));
        Chunk {
            source,
            offset: self.base,
            bytes,
            lines: u64::from(self.lines),
            events: self.events,
            min_time,
            max_time,
            blocks,
            ..Chunk::default()
        }
    }
}

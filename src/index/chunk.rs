//! The columns of a chunk of events (about 4 MB of text): per block of about 64 KB, packed starts, times, kinds and line counts.
//! Knows numbers only.

use super::filter::BLOCKS;
use crate::model::{Moment, NO_TIME};
use crate::text::pack::{Packed, read_u32, read_u64};

/// Text per block, as long as a chunk has room for more blocks.
pub const BLOCK_BYTES: u64 = 64 * 1024;

/// Columns of some hundred events that follow each other in a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// Offset of the block's first byte in its source.
    pub offset: u64,
    /// Bytes up to the next block of the chunk or its end.
    pub bytes: u64,
    /// First event, counted from the chunk's first.
    pub first_event: u32,
    /// First line, counted from the chunk's first.
    pub first_line: u32,
    pub lines: u32,
    pub min_time: Moment,
    pub max_time: Moment,
    /// Kinds that occur.
    pub dictionary: Vec<u32>,
    /// The kinds do not tell all words: a line was too long to be parsed whole.
    pub uncovered: bool,
    /// Per event, offset from the block's start.
    pub starts: Packed,
    /// Per event, further lines after its first.
    pub extra_lines: Packed,
    /// Per event, its time as an unsigned number (see `time_key`); events without time take `NO_TIME`.
    pub times: Packed,
    /// Per event, index into the dictionary.
    pub kinds: Packed,
}

/// Moments as unsigned numbers in the same order, for packing.
pub fn time_key(at: Moment) -> u64 {
    (at as u64) ^ (1 << 63)
}

pub fn from_time_key(key: u64) -> Moment {
    (key ^ (1 << 63)) as i64
}

impl Block {
    pub fn len(&self) -> usize {
        self.starts.len as usize
    }

    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    pub fn kind(&self, i: usize) -> u32 {
        self.dictionary[self.kinds.get(i) as usize]
    }

    pub fn time(&self, i: usize) -> Moment {
        from_time_key(self.times.get(i))
    }

    pub fn start(&self, i: usize) -> u64 {
        self.offset + self.starts.get(i)
    }

    pub fn extra(&self, i: usize) -> u32 {
        self.extra_lines.get(i) as u32
    }

    /// Words without a digit are in the block only where its kinds have them.
    pub fn covered(&self) -> bool {
        self.single_lines() && !self.uncovered && !self.is_empty()
    }

    /// Every event is one line.
    pub fn single_lines(&self) -> bool {
        self.extra_lines.width == 0 && self.extra_lines.min == 0
    }

    /// Every event has a time. `NO_TIME` is the smallest, and so the column's minimum where it occurs.
    pub fn all_timed(&self) -> bool {
        self.times.min != time_key(NO_TIME)
    }

    fn write(&self, out: &mut Vec<u8>) {
        for w in [
            self.offset,
            self.bytes,
            self.min_time as u64,
            self.max_time as u64,
        ] {
            out.extend_from_slice(&w.to_le_bytes());
        }
        for w in [
            self.first_event,
            self.first_line,
            self.lines,
            u32::from(self.uncovered),
            self.dictionary.len() as u32,
        ] {
            out.extend_from_slice(&w.to_le_bytes());
        }
        for k in &self.dictionary {
            out.extend_from_slice(&k.to_le_bytes());
        }
        for column in [&self.starts, &self.extra_lines, &self.times, &self.kinds] {
            column.write(out);
        }
    }

    fn read(input: &mut &[u8]) -> Option<Block> {
        let (offset, bytes) = (read_u64(input)?, read_u64(input)?);
        let (min_time, max_time) = (read_u64(input)? as i64, read_u64(input)? as i64);
        let (first_event, first_line, lines) =
            (read_u32(input)?, read_u32(input)?, read_u32(input)?);
        let uncovered = read_u32(input)? != 0;
        let n = read_u32(input)? as usize;
        let dictionary = (0..n)
            .map(|_| read_u32(input))
            .collect::<Option<Vec<u32>>>()?;
        let [starts, extra_lines, times, kinds] = [
            Packed::read(input)?,
            Packed::read(input)?,
            Packed::read(input)?,
            Packed::read(input)?,
        ];
        Some(Block {
            offset,
            bytes,
            first_event,
            first_line,
            lines,
            min_time,
            max_time,
            dictionary,
            uncovered,
            starts,
            extra_lines,
            times,
            kinds,
        })
    }
}

/// A chunk: consecutive events of one source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chunk {
    pub source: u32,
    /// Bytes of the source: offset and length.
    pub offset: u64,
    pub bytes: u64,
    /// First line (0-based) in the source.
    pub first_line: u64,
    pub lines: u64,
    /// Ordinal of the first event in the corpus.
    pub first_event: u32,
    pub events: u32,
    pub min_time: Moment,
    pub max_time: Moment,
    pub blocks: Vec<Block>,
    /// The word filter: offset in the filter file (or number in memory), rows, width. No rows: none.
    pub filter_at: u64,
    pub filter_rows: u32,
    pub filter_width: u8,
}

impl Chunk {
    /// Block and place in it of the event `i` of this chunk.
    pub fn locate(&self, i: u32) -> Option<(&Block, usize)> {
        let b = self
            .blocks
            .partition_point(|b| b.first_event <= i)
            .checked_sub(1)?;
        let block = &self.blocks[b];
        let at = (i - block.first_event) as usize;
        (at < block.len()).then_some((block, at))
    }

    /// Where the event `i` starts, in bytes of its source.
    pub fn start(&self, i: u32) -> Option<u64> {
        self.locate(i).map(|(b, at)| b.start(at))
    }

    /// 0-based first line of event `i` in its source.
    pub fn line(&self, i: u32) -> u64 {
        let Some((block, at)) = self.locate(i) else {
            return self.first_line;
        };
        let extra: u64 = if block.single_lines() {
            0
        } else {
            (0..at).map(|n| u64::from(block.extra(n))).sum()
        };
        self.first_line + u64::from(block.first_line) + at as u64 + extra
    }

    /// Heap bytes of the columns.
    pub fn heap_bytes(&self) -> usize {
        let block = |b: &Block| {
            b.dictionary.len() * 4
                + b.starts.bytes()
                + b.extra_lines.bytes()
                + b.times.bytes()
                + b.kinds.bytes()
        };
        self.blocks
            .iter()
            .map(|b| std::mem::size_of::<Block>() + block(b))
            .sum()
    }

    /// Renumbers kinds from a chunk's own to the corpus's.
    pub fn renumber(&mut self, global: &[u32]) {
        for block in &mut self.blocks {
            for k in &mut block.dictionary {
                *k = global[*k as usize];
            }
        }
    }

    /// Moves all times, as when a year turns out to have been guessed wrong.
    pub fn map_times(&mut self, f: impl Fn(Moment) -> Moment) {
        let (mut min, mut max) = (NO_TIME, NO_TIME);
        for block in &mut self.blocks {
            let times: Vec<Moment> = block
                .times
                .iter()
                .map(from_time_key)
                .map(|t| if t == NO_TIME { t } else { f(t) })
                .collect();
            (block.min_time, block.max_time) = extent(&times);
            block.times = pack_times(&times);
            (min, max) = widen((min, max), block.min_time, block.max_time);
        }
        (self.min_time, self.max_time) = (min, max);
    }

    pub fn write(&self, out: &mut Vec<u8>) {
        for w in [
            self.offset,
            self.bytes,
            self.first_line,
            self.lines,
            self.min_time as u64,
            self.max_time as u64,
            self.filter_at,
        ] {
            out.extend_from_slice(&w.to_le_bytes());
        }
        for w in [
            self.source,
            self.first_event,
            self.events,
            self.filter_rows,
            u32::from(self.filter_width),
            self.blocks.len() as u32,
        ] {
            out.extend_from_slice(&w.to_le_bytes());
        }
        for block in &self.blocks {
            block.write(out);
        }
    }

    /// Reads what `write` wrote; `None` for bytes that are no chunk.
    pub fn read(input: &mut &[u8]) -> Option<Chunk> {
        let [offset, bytes, first_line, lines] = [
            read_u64(input)?,
            read_u64(input)?,
            read_u64(input)?,
            read_u64(input)?,
        ];
        let [min_time, max_time] = [read_u64(input)? as i64, read_u64(input)? as i64];
        let filter_at = read_u64(input)?;
        let [source, first_event, events, filter_rows] = [
            read_u32(input)?,
            read_u32(input)?,
            read_u32(input)?,
            read_u32(input)?,
        ];
        let filter_width = u8::try_from(read_u32(input)?).ok()?;
        let n = read_u32(input)? as usize;
        let blocks = (0..n.min(BLOCKS))
            .map(|_| Block::read(input))
            .collect::<Option<Vec<Block>>>()?;
        (n <= BLOCKS).then_some(Chunk {
            source,
            offset,
            bytes,
            first_line,
            lines,
            first_event,
            events,
            min_time,
            max_time,
            blocks,
            filter_at,
            filter_rows,
            filter_width,
        })
    }
}

pub fn widen((min, max): (Moment, Moment), a: Moment, b: Moment) -> (Moment, Moment) {
    let min = if min == NO_TIME || (a != NO_TIME && a < min) {
        a
    } else {
        min
    };
    (min, max.max(b))
}

fn extent(times: &[Moment]) -> (Moment, Moment) {
    times
        .iter()
        .fold((NO_TIME, NO_TIME), |e, t| widen(e, *t, *t))
}

fn pack_times(times: &[Moment]) -> Packed {
    let keys: Vec<u64> = times.iter().map(|t| time_key(*t)).collect();
    Packed::new(&keys, &[1_000_000_000, 1_000_000, 1_000])
}

/// Collects the columns of a chunk, block by block.
#[derive(Default)]
pub struct BlockBuilder {
    pub blocks: Vec<Block>,
    starts: Vec<u64>,
    extra: Vec<u64>,
    times: Vec<Moment>,
    kinds: Vec<u32>,
    /// Scratch: by kind, its place in the dictionary being made.
    places: Vec<u32>,
    events: u32,
    lines: u32,
    block_start: u64,
    block_first_line: u32,
    uncovered: bool,
    /// Offset of the chunk in its source.
    base: u64,
}

impl BlockBuilder {
    pub fn start(&mut self, base: u64) {
        *self = BlockBuilder {
            base,
            ..BlockBuilder::default()
        };
    }

    /// Number of the block that the next event falls into.
    pub fn block(&self) -> usize {
        self.blocks.len()
    }

    /// Adds an event that starts at byte `at` of the chunk; true when a new block began with it.
    pub fn event(&mut self, at: u64, time: Moment, kind: u32) -> bool {
        let cut = at - self.block_start >= BLOCK_BYTES && self.blocks.len() + 1 < BLOCKS;
        if cut {
            self.close(at);
        }
        self.starts.push(at - self.block_start);
        self.extra.push(0);
        self.times.push(time);
        self.kinds.push(kind);
        self.lines += 1;
        cut
    }

    /// The event holds words that its kind does not tell: its line was too long, or a name is in it.
    pub fn untold(&mut self) {
        self.uncovered = true;
    }

    pub fn more_lines(&mut self) {
        if let Some(e) = self.extra.last_mut() {
            *e += 1;
        }
        self.lines += 1;
    }

    /// The kinds of the block in order of appearance, and each event's place among them.
    fn dictionary(&mut self) -> (Vec<u32>, Vec<u64>) {
        let most = self
            .kinds
            .iter()
            .copied()
            .max()
            .map_or(0, |k| k as usize + 1);
        self.places.resize(self.places.len().max(most), 0);
        let mut dictionary: Vec<u32> = Vec::new();
        let mut local = Vec::with_capacity(self.kinds.len());
        for k in &self.kinds {
            let place = &mut self.places[*k as usize];
            // What an earlier block left behind is told by not pointing back here.
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
            uncovered: std::mem::take(&mut self.uncovered),
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

    /// Ends the chunk of `bytes` bytes; numbers in it are still the chunk's own.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_found_again_and_survive_the_disk() {
        let mut b = BlockBuilder::default();
        b.start(1000);
        for i in 0..3000u64 {
            b.event(i * 100, i as i64 * 1_000_000_000, (i % 7) as u32);
            if i % 10 == 0 {
                b.more_lines();
            }
        }
        let chunk = b.finish(4, 300_000);
        assert!(chunk.blocks.len() > 3);
        let (block, at) = chunk.locate(1234).unwrap();
        assert_eq!(
            (block.start(at), block.time(at), block.kind(at)),
            (1000 + 123_400, 1_234_000_000_000, 1234 % 7)
        );
        assert_eq!(chunk.line(1234), 1234 + 124);
        assert_eq!(chunk.lines, 3300);
        let mut bytes = Vec::new();
        chunk.write(&mut bytes);
        assert_eq!(Chunk::read(&mut bytes.as_slice()).as_ref(), Some(&chunk));
        for cut in (0..bytes.len()).step_by(97) {
            assert_eq!(Chunk::read(&mut &bytes[..cut]), None);
        }
    }
}

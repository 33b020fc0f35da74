//! The columns of a chunk of events (about 4 MB of text). For each block of about 64 KB they store
//! packed offsets, times, kinds and line counts. Handles numbers only; does not access the text.

use super::filter::BLOCKS;
use crate::model::{Moment, NO_TIME};
use crate::text::pack::{Packed, read_u32, read_u64};

/// Target size of a block's text in bytes. The last block of a full chunk can be larger.
pub const BLOCK_BYTES: u64 = 64 * 1024;

/// Columns of a few hundred consecutive events of one source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// Offset of the block's first byte in its source.
    pub offset: u64,
    /// Length in bytes, up to the next block or the end of the chunk.
    pub bytes: u64,
    /// Index of the first event, relative to the chunk.
    pub first_event: u32,
    /// Index of the first line, relative to the chunk.
    pub first_line: u32,
    pub lines: u32,
    /// Earliest and latest event time; `NO_TIME` if no event has a time.
    pub min_time: Moment,
    pub max_time: Moment,
    /// Kinds that occur in the block, in order of first appearance.
    pub dictionary: Vec<u32>,
    /// The block contains words without a digit that its kinds do not list: a line was too long to
    /// be parsed completely, or an event contains a name that changes from event to event.
    pub has_unindexed_words: bool,
    /// Per event: byte offset from the start of the block.
    pub starts: Packed,
    /// Per event: number of lines after its first.
    pub extra_lines: Packed,
    /// Per event: its time as an unsigned number (see `time_key`). Events without a time have
    /// `NO_TIME`.
    pub times: Packed,
    /// Per event: index into the dictionary.
    pub kinds: Packed,
}

/// Maps a moment to an unsigned number with the same ordering, for packing.
pub fn time_key(at: Moment) -> u64 {
    (at as u64) ^ (1 << 63)
}

/// Inverse of `time_key`.
pub fn from_time_key(key: u64) -> Moment {
    (key ^ (1 << 63)) as i64
}

impl Block {
    /// Number of events.
    pub fn len(&self) -> usize {
        self.starts.len as usize
    }

    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// Kind of event `i` of the block.
    pub fn kind(&self, i: usize) -> u32 {
        self.dictionary[self.kinds.get(i) as usize]
    }

    /// Time of event `i` of the block.
    pub fn time(&self, i: usize) -> Moment {
        from_time_key(self.times.get(i))
    }

    /// Byte offset of event `i` in the source.
    pub fn start(&self, i: usize) -> u64 {
        self.offset + self.starts.get(i)
    }

    /// Number of lines after the first of event `i`.
    pub fn extra(&self, i: usize) -> u32 {
        self.extra_lines.get(i) as u32
    }

    /// True if every event is one line and the kinds list all words without a digit of the block.
    pub fn is_fully_indexed(&self) -> bool {
        self.single_lines() && !self.has_unindexed_words && !self.is_empty()
    }

    /// True if every event is one line.
    pub fn single_lines(&self) -> bool {
        self.extra_lines.width == 0 && self.extra_lines.min == 0
    }

    /// True if every event has a time. `NO_TIME` is the smallest key, so if it occurs it is the
    /// minimum of the column.
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
            u32::from(self.has_unindexed_words),
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
        let has_unindexed_words = read_u32(input)? != 0;
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
            has_unindexed_words,
            starts,
            extra_lines,
            times,
            kinds,
        })
    }
}

/// Consecutive events of one source, in up to `BLOCKS` blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chunk {
    pub source: u32,
    /// Offset and length in the source, in bytes.
    pub offset: u64,
    pub bytes: u64,
    /// 0-based number of the first line in the source.
    pub first_line: u64,
    pub lines: u64,
    /// Number of the first event in the corpus.
    pub first_event: u32,
    pub events: u32,
    pub min_time: Moment,
    pub max_time: Moment,
    pub blocks: Vec<Block>,
    /// The word filter: offset in the filter file (or index in memory), rows, width in bytes. With
    /// zero rows there is no filter.
    pub filter_at: u64,
    pub filter_rows: u32,
    pub filter_width: u8,
}

impl Chunk {
    /// The block that contains event `i` of this chunk, and the event's index in that block.
    pub fn locate(&self, i: u32) -> Option<(&Block, usize)> {
        let b = self
            .blocks
            .partition_point(|b| b.first_event <= i)
            .checked_sub(1)?;
        let block = &self.blocks[b];
        let at = (i - block.first_event) as usize;
        (at < block.len()).then_some((block, at))
    }

    /// Byte offset of event `i` in its source.
    pub fn start(&self, i: u32) -> Option<u64> {
        self.locate(i).map(|(b, at)| b.start(at))
    }

    /// 0-based number of the first line of event `i` in its source.
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

    /// Heap size of the columns in bytes.
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

    /// Replaces the chunk's own kind numbers with the corpus's: `global[local]` is the new number.
    pub fn renumber(&mut self, global: &[u32]) {
        for block in &mut self.blocks {
            for k in &mut block.dictionary {
                *k = global[*k as usize];
            }
        }
    }

    /// Applies `f` to all times, for example to correct a wrongly guessed year.
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

    /// Appends the binary form of the chunk (little-endian) to `out`.
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

    /// Reads the output of `write`. Returns `None` if the bytes are not a valid chunk.
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

/// Extends the time range `(min, max)` to include `a..=b`. `NO_TIME` means unknown.
pub fn widen((min, max): (Moment, Moment), a: Moment, b: Moment) -> (Moment, Moment) {
    let min = if min == NO_TIME || (a != NO_TIME && a < min) {
        a
    } else {
        min
    };
    (min, max.max(b))
}

/// Earliest and latest time; `NO_TIME` if no event has a time.
pub fn extent(times: &[Moment]) -> (Moment, Moment) {
    times
        .iter()
        .fold((NO_TIME, NO_TIME), |e, t| widen(e, *t, *t))
}

/// Earliest and latest time; `NO_TIME` if no event has a time.
pub fn pack_times(times: &[Moment]) -> Packed {
    let keys: Vec<u64> = times.iter().map(|t| time_key(*t)).collect();
    Packed::new(&keys, &[1_000_000_000, 1_000_000, 1_000])
}

#[cfg(test)]
mod tests {
    use super::super::block_builder::BlockBuilder;
    use super::*;

    #[test]
    fn events_can_be_located_and_a_chunk_survives_a_write_and_read() {
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

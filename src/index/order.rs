//! Merges the events of all sources by time. The merge is stable and keeps the order within each
//! source. Handles numbers only; does not access the text.

use super::chunk::Chunk;
use crate::model::{Moment, NO_TIME};

/// Maps rows of the merged stream to event numbers. `None` is the identity (a single source).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Order(Option<Vec<u32>>);

impl Order {
    /// Event number of a row.
    pub fn event(&self, row: usize) -> u32 {
        match &self.0 {
            None => row as u32,
            Some(rows) => rows.get(row).copied().unwrap_or(row as u32),
        }
    }

    /// Number of rows, given the number of events in the corpus.
    pub fn rows(&self, events: u64) -> u64 {
        self.0.as_ref().map_or(events, |r| r.len() as u64)
    }

    /// Heap size in bytes.
    pub fn bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |r| r.len() * 4)
    }
}

/// A cursor over the events of one source, in source order.
struct Stream<'a> {
    chunks: Vec<&'a Chunk>,
    chunk: usize,
    block: usize,
    event: usize,
    key: Moment,
}

impl Stream<'_> {
    /// Number of the current event, or `None` at the end. Skips empty blocks.
    fn current(&mut self) -> Option<u32> {
        loop {
            let chunk = self.chunks.get(self.chunk)?;
            match chunk.blocks.get(self.block) {
                Some(block) if self.event < block.len() => {
                    return Some(chunk.first_event + block.first_event + self.event as u32);
                }
                Some(_) => (self.block, self.event) = (self.block + 1, 0),
                None => (self.chunk, self.block, self.event) = (self.chunk + 1, 0, 0),
            }
        }
    }

    /// Merge key of the current event: its time, but never earlier than a previous event's time in
    /// the same source.
    fn refresh(&mut self) -> Option<Moment> {
        self.current()?;
        let at = self.chunks[self.chunk].blocks[self.block].time(self.event);
        if at != NO_TIME {
            self.key = self.key.max(at);
        }
        Some(self.key)
    }
}

/// Merges the chunks, given in corpus order. On equal times, the source with the lower `rank` is
/// first.
pub fn merge<'a>(chunks: impl Iterator<Item = &'a Chunk>, rank: &[u32]) -> Order {
    let mut streams: Vec<Stream<'a>> = Vec::new();
    let mut source = None;
    let mut total = 0usize;
    for chunk in chunks {
        if source != Some(chunk.source) {
            source = Some(chunk.source);
            streams.push(Stream {
                chunks: Vec::new(),
                chunk: 0,
                block: 0,
                event: 0,
                key: NO_TIME,
            });
        }
        total += chunk.events as usize;
        if let Some(s) = streams.last_mut() {
            s.chunks.push(chunk);
        }
    }
    if streams.len() <= 1 {
        return Order(None);
    }
    let source_of = |s: &Stream<'_>| s.chunks[0].source as usize;
    let mut heap = std::collections::BinaryHeap::with_capacity(streams.len());
    for (i, s) in streams.iter_mut().enumerate() {
        if let Some(key) = s.refresh() {
            heap.push(std::cmp::Reverse((
                key,
                rank.get(source_of(s)).copied().unwrap_or(0),
                i,
            )));
        }
    }
    let mut rows = Vec::with_capacity(total);
    while let Some(std::cmp::Reverse((_, r, i))) = heap.pop() {
        let limit = heap.peek().map(|h| h.0);
        let s = &mut streams[i];
        // Take events from this stream until another stream has a smaller key.
        while let Some(event) = s.current() {
            rows.push(event);
            s.event += 1;
            match s.refresh() {
                Some(key) if limit.is_none_or(|l| (key, r, i) < l) => {}
                Some(key) => {
                    heap.push(std::cmp::Reverse((key, r, i)));
                    break;
                }
                None => break,
            }
        }
    }
    Order(Some(rows))
}

#[cfg(test)]
mod tests {
    use super::super::block_builder::BlockBuilder;
    use super::*;

    fn chunk(source: u32, first_event: u32, times: &[i64]) -> Chunk {
        let mut b = BlockBuilder::default();
        b.start(0);
        for (i, t) in times.iter().enumerate() {
            b.event(i as u64 * 10, *t, 0);
        }
        Chunk {
            first_event,
            ..b.finish(source, times.len() as u64 * 10)
        }
    }

    #[test]
    fn sources_are_merged_by_time_and_keep_their_own_order() {
        let chunks = [
            chunk(0, 0, &[10, 30, 20, 40]),
            chunk(1, 4, &[5, 25, NO_TIME, 30]),
        ];
        let order = merge(chunks.iter(), &[0, 1]);
        let rows: Vec<u32> = (0..8).map(|r| order.event(r)).collect();
        assert_eq!(rows, [4, 0, 5, 6, 1, 2, 7, 3]);
    }

    #[test]
    fn equal_times_are_ordered_by_rank() {
        let chunks = [chunk(0, 0, &[10]), chunk(1, 1, &[10])];
        assert_eq!(merge(chunks.iter(), &[1, 0]).event(0), 1);
    }
}

//! Counts events by time bin and level. Bins are aligned, and their width is a power of two in
//! nanoseconds, so histograms of chunks can be added. Does not read text.

use crate::index::Chunk;
use crate::model::{Level, Moment, NO_TIME};

/// Maximum number of bins in the corpus's histogram.
pub const BINS: usize = 2048;
/// Maximum number of bins in a chunk's own histogram.
const CHUNK_BINS: usize = 512;

/// Number of events by level.
pub type Bin = [u32; Level::COUNT];

/// Smallest value of `shift`: a bin width of about one millisecond.
const MIN_SHIFT: u32 = 20;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timeline {
    /// The bin width is `1 << shift` ns.
    pub shift: u32,
    /// Number of the first bin. The bin starts at `first << shift` ns.
    pub first: i64,
    pub bins: Vec<Bin>,
}

impl Timeline {
    /// An empty timeline over a time span, with at most `most` bins.
    pub fn over(min: Moment, max: Moment, most: usize) -> Timeline {
        if min == NO_TIME || max < min {
            return Timeline::default();
        }
        let mut shift = MIN_SHIFT;
        while ((max >> shift) - (min >> shift)) as u64 >= most as u64 {
            shift += 1;
        }
        let n = ((max >> shift) - (min >> shift) + 1) as usize;
        Timeline {
            shift,
            first: min >> shift,
            bins: vec![Bin::default(); n],
        }
    }

    /// Histogram of one chunk. `level` returns the level of a kind, given the number that the chunk
    /// uses for the kind.
    pub fn of_chunk(chunk: &Chunk, level: impl Fn(u32) -> Level) -> Timeline {
        let mut timeline = Timeline::over(chunk.min_time, chunk.max_time, CHUNK_BINS);
        for block in &chunk.blocks {
            let levels: Vec<Level> = block.dictionary.iter().map(|k| level(*k)).collect();
            for i in 0..block.len() {
                let at = block.time(i);
                if at != NO_TIME {
                    timeline.add(at, levels[block.kinds.get(i) as usize]);
                }
            }
        }
        timeline
    }

    pub fn add(&mut self, at: Moment, level: Level) {
        if let Some(bin) = self
            .bins
            .get_mut(((at >> self.shift) - self.first) as usize)
        {
            bin[level.index()] += 1;
        }
    }

    pub fn width(&self) -> i64 {
        1i64 << self.shift
    }

    pub fn start_of(&self, bin: usize) -> Moment {
        (self.first + bin as i64) << self.shift
    }

    /// Index of the bin that contains a moment.
    pub fn bin_of(&self, at: Moment) -> Option<usize> {
        let i = (at >> self.shift) - self.first;
        (i >= 0 && (i as usize) < self.bins.len()).then_some(i as usize)
    }

    fn coarsen(&mut self) {
        let first = self.first >> 1;
        let mut bins = vec![Bin::default(); self.bins.len() / 2 + 1];
        for (i, bin) in self.bins.iter().enumerate() {
            let to = (((self.first + i as i64) >> 1) - first) as usize;
            bins[to].iter_mut().zip(bin).for_each(|(a, b)| *a += b);
        }
        (self.shift, self.first, self.bins) = (self.shift + 1, first, bins);
    }

    /// Adds another histogram. The result has at most `most` bins.
    pub fn merge(&mut self, other: &Timeline, most: usize) {
        if other.bins.is_empty() {
            return;
        }
        if self.bins.is_empty() {
            *self = other.clone();
            return;
        }
        let mut other = other.clone();
        loop {
            while self.shift < other.shift {
                self.coarsen();
            }
            while other.shift < self.shift {
                other.coarsen();
            }
            let first = self.first.min(other.first);
            let end =
                (self.first + self.bins.len() as i64).max(other.first + other.bins.len() as i64);
            if (end - first) as u64 <= most as u64 {
                break;
            }
            self.coarsen();
        }
        let first = self.first.min(other.first);
        let end = (self.first + self.bins.len() as i64).max(other.first + other.bins.len() as i64);
        let mut bins = vec![Bin::default(); (end - first) as usize];
        for side in [&*self, &other] {
            for (i, bin) in side.bins.iter().enumerate() {
                let to = (side.first - first) as usize + i;
                bins[to].iter_mut().zip(bin).for_each(|(a, b)| *a += b);
            }
        }
        (self.first, self.bins) = (first, bins);
    }

    pub fn total(&self) -> u64 {
        self.bins.iter().flatten().map(|n| u64::from(*n)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn merging_loses_no_event(a in proptest::collection::vec(0i64..1 << 45, 1..50), b in proptest::collection::vec(0i64..1 << 45, 1..50)) {
            let fill = |times: &[i64]| {
                let (min, max) = (*times.iter().min().unwrap(), *times.iter().max().unwrap());
                let mut t = Timeline::over(min, max, 64);
                times.iter().for_each(|at| t.add(*at, Level::Info));
                t
            };
            let mut all = Timeline::default();
            all.merge(&fill(&a), 64);
            all.merge(&fill(&b), 64);
            prop_assert_eq!(all.total(), (a.len() + b.len()) as u64);
            prop_assert!(all.bins.len() <= 65);
            for at in a {
                prop_assert!(all.bin_of(at).is_some());
            }
        }
    }
}

//! A word filter per chunk: up to 64 Bloom filters, one per block, stored bit-sliced. A word is
//! looked up in all blocks of a chunk with a few reads (the layout of BitFunnel and COBS). False
//! positives are possible, so the caller must verify hits. Does not access files.

/// Rows before folding. Must be a power of two.
const ROWS: usize = 1 << 15;
/// Bits set per word.
const HASHES: usize = 4;
/// Maximum number of blocks in a chunk, which is the number of bits in a row.
pub const BLOCKS: usize = 64;
/// Folding stops before the fullest block has more than this share of its bits set. The
/// false-positive rate is share^4.
const MAX_FILL: f64 = 0.28;
/// Slots of the cache of recently added words.
const RECENT_SLOTS: usize = 4096;

/// A finished filter: `rows` rows of `width` bytes each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    pub rows: u32,
    pub width: u8,
    pub bytes: Vec<u8>,
}

/// Row of the `k`-th hash function.
fn row(hash: u64, k: usize, rows: usize) -> usize {
    (hash >> (k * 16)) as usize & (rows - 1)
}

impl Filter {
    /// Bits of the blocks that may contain a word. `read` returns row bytes by offset. If there is
    /// no filter or a read fails, all bits are set.
    pub fn probe(
        rows: u32,
        width: u8,
        hash: u64,
        mut read: impl FnMut(usize, &mut [u8]) -> bool,
    ) -> u64 {
        if rows == 0 {
            return u64::MAX;
        }
        let width = usize::from(width);
        let mut found = u64::MAX;
        for k in 0..HASHES {
            let mut word = [0u8; 8];
            if !read(row(hash, k, rows as usize) * width, &mut word[..width]) {
                return u64::MAX;
            }
            found &= u64::from_le_bytes(word);
        }
        found
    }
}

/// Builds a filter while a chunk is scanned. Reused for the next chunk.
pub struct FilterBuilder {
    rows: Vec<u64>,
    recent: Vec<u64>,
    words: u64,
}

impl Default for FilterBuilder {
    fn default() -> Self {
        FilterBuilder {
            rows: vec![0; ROWS],
            recent: vec![0; RECENT_SLOTS],
            words: 0,
        }
    }
}

impl FilterBuilder {
    /// Prepares the builder for the next chunk.
    pub fn clear(&mut self) {
        self.rows.fill(0);
        self.recent.fill(0);
        self.words = 0;
    }

    /// Adds the hash of a word in a block.
    #[inline]
    pub fn add(&mut self, hash: u64, block: usize) {
        // The same words are frequent within a block. Skip words that were just added.
        let tag = hash.wrapping_mul(64).wrapping_add(block as u64 + 1);
        let slot = &mut self.recent[(hash >> 48) as usize & (RECENT_SLOTS - 1)];
        if *slot == tag {
            return;
        }
        *slot = tag;
        self.words += 1;
        let bit = 1u64 << (block & 63);
        for k in 0..HASHES {
            self.rows[row(hash, k, ROWS)] |= bit;
        }
    }

    /// Returns the filter over `blocks` blocks, folded as small as its fullest block allows.
    pub fn finish(&mut self, blocks: usize) -> Filter {
        if self.words == 0 || blocks == 0 {
            return Filter::default();
        }
        let mut rows = ROWS;
        while rows > 64 && self.fullest_after_fold(rows, blocks) <= MAX_FILL {
            let half = rows / 2;
            let (low, high) = self.rows.split_at_mut(half);
            for (l, h) in low.iter_mut().zip(&high[..half]) {
                *l |= h;
            }
            rows = half;
        }
        let width = blocks.div_ceil(8);
        let bytes = self.rows[..rows]
            .iter()
            .flat_map(|r| r.to_le_bytes().into_iter().take(width))
            .collect();
        Filter {
            rows: rows as u32,
            width: width as u8,
            bytes,
        }
    }

    /// Share of set bits in the fullest block after one more fold.
    fn fullest_after_fold(&self, rows: usize, blocks: usize) -> f64 {
        let half = rows / 2;
        // A sample of the rows is accurate enough.
        let stride = (half / 512).max(1);
        let mut counts = [0u32; BLOCKS];
        let mut seen = 0;
        for i in (0..half).step_by(stride) {
            let mut bits = self.rows[i] | self.rows[i + half];
            seen += 1;
            while bits != 0 {
                counts[bits.trailing_zeros() as usize] += 1;
                bits &= bits - 1;
            }
        }
        let most = counts[..blocks.min(BLOCKS)]
            .iter()
            .copied()
            .max()
            .unwrap_or(0);
        f64::from(most) / f64::from(seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::words::filter_hash;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn added_words_are_always_found(words in proptest::collection::vec(("[a-z0-9]{1,8}", 0usize..64), 1..300)) {
            let mut b = FilterBuilder::default();
            for (w, block) in &words {
                b.add(filter_hash(w.as_bytes()), *block);
            }
            let f = b.finish(64);
            for (w, block) in &words {
                let bits = Filter::probe(f.rows, f.width, filter_hash(w.as_bytes()), |at, out| {
                    out.copy_from_slice(&f.bytes[at..at + out.len()]);
                    true
                });
                prop_assert!(bits >> block & 1 == 1);
            }
        }
    }

    #[test]
    fn a_filter_of_few_words_is_small() {
        let mut b = FilterBuilder::default();
        b.add(filter_hash(b"one1"), 0);
        assert!(b.finish(1).bytes.len() <= 64);
    }
}

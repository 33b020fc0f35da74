//! Frame-of-reference bit packing of integer columns: a minimum, a bit width and the packed
//! differences. Knows nothing about what the columns mean.

use serde::{Deserialize, Serialize};

/// A column of `u64`. Each value is `min + step * difference`; only the differences are stored,
/// with `width` bits each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packed {
    pub min: u64,
    pub step: u64,
    pub width: u8,
    pub len: u32,
    words: Vec<u64>,
}

impl Packed {
    /// Packs `values`. `steps` are the candidates for `step`, largest first: the first one that
    /// divides all differences is used, otherwise 1.
    pub fn new(values: &[u64], steps: &[u64]) -> Packed {
        let min = values.iter().copied().min().unwrap_or(0);
        let max = values.iter().copied().max().unwrap_or(0);
        let step = steps
            .iter()
            .copied()
            .find(|s| step_divides_all(values, min, *s))
            .unwrap_or(1);
        let width = (64 - ((max - min) / step).leading_zeros()) as u8;
        let mut packed = Packed {
            min,
            step,
            width,
            len: values.len() as u32,
            words: Vec::new(),
        };
        if width == 0 {
            return packed;
        }
        packed.words = vec![0; (values.len() * usize::from(width)).div_ceil(64)];
        let mut bit = 0usize;
        // Division is slow and neighboring values are often equal, so the last result is reused.
        let (mut last, mut d) = (min, 0);
        for v in values {
            if *v != last {
                d = if step == 1 { v - min } else { (v - min) / step };
                last = *v;
            }
            let (word, shift) = (bit / 64, bit % 64);
            packed.words[word] |= d << shift;
            if shift + usize::from(width) > 64 {
                packed.words[word + 1] |= d >> (64 - shift);
            }
            bit += usize::from(width);
        }
        packed
    }

    /// Value at index `i`, which must be less than `len`.
    pub fn get(&self, i: usize) -> u64 {
        if self.width == 0 {
            return self.min;
        }
        let width = usize::from(self.width);
        let (word, shift) = (i * width / 64, i * width % 64);
        let mut d = self.words[word] >> shift;
        if shift + width > 64 {
            d |= self.words[word + 1] << (64 - shift);
        }
        if width < 64 {
            d &= (1 << width) - 1;
        }
        self.min + d * self.step
    }

    /// All values in order.
    pub fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        (0..self.len as usize).map(|i| self.get(i))
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Heap size in bytes.
    pub fn bytes(&self) -> usize {
        self.words.len() * 8
    }

    /// Appends the column to `out` in little-endian byte order.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.min.to_le_bytes());
        out.extend_from_slice(&self.step.to_le_bytes());
        out.push(self.width);
        out.extend_from_slice(&self.len.to_le_bytes());
        out.extend(self.words.iter().flat_map(|w| w.to_le_bytes()));
    }

    /// Reads a column that `write` wrote, and advances `input` past it. Returns `None` if the input
    /// is too short or invalid.
    pub fn read(input: &mut &[u8]) -> Option<Packed> {
        let min = read_u64(input)?;
        let step = read_u64(input)?;
        let width = read_bytes(input, 1)?[0];
        let len = read_u32(input)?;
        if width > 64 || step == 0 {
            return None;
        }
        let count = (len as usize * usize::from(width)).div_ceil(64);
        let raw = read_bytes(input, count.checked_mul(8)?)?;
        let words = raw
            .chunks_exact(8)
            .map(|c| u64::from_le_bytes([c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7]]));
        Some(Packed {
            min,
            step,
            width,
            len,
            words: words.collect(),
        })
    }
}

/// True if the difference of every value from `min` is a multiple of `step`.
fn step_divides_all(values: &[u64], min: u64, step: u64) -> bool {
    let mut last = min;
    values
        .iter()
        .all(|v| std::mem::replace(&mut last, *v) == *v || (v - min).is_multiple_of(step))
}

/// Takes the first `n` bytes of `input`. Returns `None` if there are fewer.
pub fn read_bytes<'a>(input: &mut &'a [u8], n: usize) -> Option<&'a [u8]> {
    let (head, tail) = input.split_at_checked(n)?;
    *input = tail;
    Some(head)
}

/// Takes a little-endian `u32` from `input`.
pub fn read_u32(input: &mut &[u8]) -> Option<u32> {
    read_bytes(input, 4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
}

/// Takes a little-endian `u64` from `input`.
pub fn read_u64(input: &mut &[u8]) -> Option<u64> {
    read_bytes(input, 8)
        .map(|b| u64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn packed_values_are_read_back_unchanged(values in proptest::collection::vec(any::<u64>(), 0..200), shift in 0u32..64) {
            let values: Vec<u64> = values.iter().map(|v| v >> shift).collect();
            let packed = Packed::new(&values, &[1_000_000_000, 1_000]);
            prop_assert_eq!(packed.iter().collect::<Vec<_>>(), values);
            let mut bytes = Vec::new();
            packed.write(&mut bytes);
            prop_assert_eq!(Packed::read(&mut bytes.as_slice()), Some(packed));
        }
    }

    #[test]
    fn constant_columns_use_no_heap_memory() {
        assert_eq!(Packed::new(&[7; 1000], &[]).bytes(), 0);
    }
}

//! Stops decompression bombs. Knows no archive format.

use std::io::{self, Read};

/// Decompressed bytes below which the ratio is not checked.
const RATIO_FREE: u64 = 64 << 20;

/// Counts the compressed bytes that are read.
pub struct Counted<R> {
    pub input: R,
    pub bytes_in: std::rc::Rc<std::cell::Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.input.read(out)?;
        self.bytes_in.set(self.bytes_in.get() + n as u64);
        Ok(n)
    }
}

/// Stops decompression bombs: fails when the ratio or the total size is over its limit.
pub struct Guarded<'r> {
    pub input: Box<dyn Read + 'r>,
    pub bytes_in: std::rc::Rc<std::cell::Cell<u64>>,
    pub bytes_out: u64,
    pub ratio: u64,
    /// Maximum of `bytes_out`, from the limit of all archives together.
    pub budget: u64,
    /// Maximum of `bytes_out`, from the limit of the file that this is a part of.
    pub allowance: u64,
}

impl Read for Guarded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.input.read(buffer)?;
        self.bytes_out += n as u64;
        if self.bytes_out > RATIO_FREE && self.bytes_out / self.bytes_in.get().max(1) > self.ratio {
            return Err(io::Error::other(format!(
                "expands more than {} times, possibly a decompression bomb (--max-ratio)",
                self.ratio
            )));
        }
        if self.bytes_out > self.allowance {
            return Err(io::Error::other(format!(
                "the file with everything nested in it expands more than {} times, possibly a decompression bomb (--max-ratio)",
                self.ratio
            )));
        }
        if self.bytes_out > self.budget {
            return Err(io::Error::other(
                "decompressed size is over the limit (--max-bytes)",
            ));
        }
        Ok(n)
    }
}

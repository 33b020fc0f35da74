//! Decompresses streams and converts UTF-16 to UTF-8. Detects the content of a stream from its
//! first bytes. Knows nothing about paths or log formats.

use std::io::{self, BufRead, BufReader, Read};

/// What a stream contains, detected from its first bytes, not from its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    Gzip,
    Zstd,
    Xz,
    Bzip2,
    Tar,
    Zip,
    Utf16(Endian),
    Text,
}

/// Byte order of UTF-16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endian {
    Little,
    Big,
}

/// Number of bytes that are needed to detect the content of a stream.
pub const PROBE: usize = 512;

/// Detects the content of a stream from `head`, its first bytes (`PROBE`, or fewer if it is
/// shorter).
pub fn content(head: &[u8]) -> Content {
    match head {
        [0x1f, 0x8b, 8, ..] => Content::Gzip,
        // A frame, or a skippable frame before it.
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Content::Zstd,
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Content::Xz,
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, ..] => Content::Bzip2,
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Content::Zip,
        [0xff, 0xfe, ..] => Content::Utf16(Endian::Little),
        [0xfe, 0xff, ..] => Content::Utf16(Endian::Big),
        _ if is_tar(head) => Content::Tar,
        _ => Content::Text,
    }
}

fn is_tar(head: &[u8]) -> bool {
    let Some(block) = head.get(..512) else {
        return false;
    };
    if &block[257..262] == b"ustar" {
        return true;
    }
    // Old tar archives have no magic bytes, so the header's checksum is verified instead.
    let stored = std::str::from_utf8(&block[148..156])
        .ok()
        .and_then(|t| u32::from_str_radix(t.trim_matches(['\0', ' ']), 8).ok());
    let sum: u32 = block
        .iter()
        .enumerate()
        .map(|(i, b)| {
            if (148..156).contains(&i) {
                32
            } else {
                u32::from(*b)
            }
        })
        .sum();
    stored == Some(sum) && block[0] != 0
}

/// Returns a reader of the decoded content. Archives and text are passed through unchanged.
pub fn plain<'r>(content: Content, input: impl BufRead + 'r) -> io::Result<Box<dyn Read + 'r>> {
    Ok(match content {
        Content::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(input)),
        Content::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(input)?),
        Content::Xz => Box::new(liblzma::bufread::XzDecoder::new_multi_decoder(input)),
        Content::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(input)),
        Content::Utf16(endian) => Box::new(Utf16 {
            input,
            endian,
            out: Vec::new(),
            consumed: 0,
            high: None,
            started: false,
        }),
        Content::Tar | Content::Zip | Content::Text => Box::new(input),
    })
}

/// Reads the first `PROBE` bytes. Returns them and a reader of the whole stream, including them.
/// An error after the first byte is returned by that reader.
pub fn probe<'r>(mut input: impl Read + 'r) -> io::Result<(Vec<u8>, Box<dyn BufRead + 'r>)> {
    let mut head = vec![0; PROBE];
    let mut n = 0;
    let mut error = None;
    while n < head.len() {
        match input.read(&mut head[n..]) {
            Ok(0) => break,
            Ok(k) => n += k,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => {
                error = Some(e);
                break;
            }
        }
    }
    head.truncate(n);
    // The bytes before an error are kept; the reader returns the error after them.
    if n == 0
        && let Some(e) = error
    {
        return Err(e);
    }
    let tail = ErrorFirst(error, input);
    Ok((
        head.clone(),
        Box::new(BufReader::with_capacity(
            128 * 1024,
            io::Cursor::new(head).chain(tail),
        )),
    ))
}

/// A reader that returns the error first, if there is one.
struct ErrorFirst<R>(Option<io::Error>, R);

impl<R: Read> Read for ErrorFirst<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self.0.take() {
            Some(e) => Err(e),
            None => self.1.read(out),
        }
    }
}

/// Converts UTF-16 to UTF-8. Drops the byte order mark; unpaired surrogates become U+FFFD.
struct Utf16<R> {
    input: R,
    endian: Endian,
    /// Decoded bytes, of which the first `consumed` were already returned.
    out: Vec<u8>,
    consumed: usize,
    /// High surrogate that still needs its low surrogate.
    high: Option<u16>,
    /// The first unit, which may be the byte order mark, was read.
    started: bool,
}

impl<R: BufRead> Utf16<R> {
    fn unit(&mut self) -> io::Result<Option<u16>> {
        let mut pair = [0u8; 2];
        let mut n = 0;
        while n < 2 {
            match self.input.read(&mut pair[n..])? {
                0 => break,
                k => n += k,
            }
        }
        Ok(match (n, self.endian) {
            (0, _) => None,
            (1, _) => Some(0xFFFD),
            (_, Endian::Little) => Some(u16::from_le_bytes(pair)),
            (_, Endian::Big) => Some(u16::from_be_bytes(pair)),
        })
    }

    fn fill(&mut self) -> io::Result<()> {
        self.out.clear();
        self.consumed = 0;
        while self.out.len() < 32 * 1024 {
            let Some(unit) = self.unit()? else {
                if self.high.take().is_some() {
                    self.out.extend_from_slice("\u{FFFD}".as_bytes());
                }
                return Ok(());
            };
            if !std::mem::replace(&mut self.started, true) && unit == 0xFEFF {
                continue;
            }
            let units: Vec<u16> = self.high.take().into_iter().chain([unit]).collect();
            if units.len() == 1 && (0xD800..0xDC00).contains(&unit) {
                self.high = Some(unit);
                continue;
            }
            for c in char::decode_utf16(units) {
                self.out
                    .extend_from_slice(c.unwrap_or('\u{FFFD}').encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Utf16<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.consumed == self.out.len() {
            self.fill()?;
        }
        let n = buffer.len().min(self.out.len() - self.consumed);
        buffer[..n].copy_from_slice(&self.out[self.consumed..self.consumed + n]);
        self.consumed += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf16_is_converted_to_utf8() {
        let mut bytes = vec![0xff, 0xfe];
        for u in "häß 😀\n".encode_utf16() {
            bytes.extend(u.to_le_bytes());
        }
        let (head, input) = probe(&bytes[..]).unwrap();
        let mut text = String::new();
        plain(content(&head), input)
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, "häß 😀\n");
    }

    #[test]
    fn content_is_detected_from_the_first_bytes() {
        assert_eq!(content(b"\x1f\x8b\x08\x00"), Content::Gzip);
        assert_eq!(content(b"BZhello"), Content::Text);
        assert_eq!(content(b""), Content::Text);
    }
}

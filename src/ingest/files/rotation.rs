//! Recognizes rotated logs while a folder is followed: a renamed file, a copy that is made before
//! the original is emptied, and a compressed copy. Compares contents; does not read logs into the
//! corpus.

use super::decode::{self, Content};
use crate::config::paths::open_file;
use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Number of bytes at the start of a file that are compared first.
const HEAD: usize = 1024;
/// A shorter file is not recognized as a copy: many logs begin with the same line.
const MIN_HEAD: usize = 64;
/// Number of bytes before the end of what was read that must still be there.
const TAIL: usize = 64;
/// A file that has not changed for this time is complete.
const SETTLED: Duration = Duration::from_secs(10);
/// Size of the pieces in which contents are compared.
const PIECE: usize = 128 * 1024;

/// What a file that appeared is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appeared {
    New,
    /// A copy of what was read from this source. Its text is as long or longer.
    Copy(u32),
    /// A compressed copy of a source that is read already.
    Compressed,
    /// It is still being written.
    Incomplete,
}

/// What is remembered of each source that is a plain file.
#[derive(Clone, Default)]
pub struct Contents {
    of: HashMap<u32, Remembered>,
}

#[derive(Clone, Debug, Default)]
struct Remembered {
    head: Vec<u8>,
    /// The last bytes that were read, and their end.
    tail: Vec<u8>,
    end: u64,
}

impl Contents {
    /// Remembers a source that was read up to `end`, unless it is known already.
    pub fn remember(&mut self, source: u32, file: &File, end: u64) {
        if self.of.contains_key(&source) {
            return;
        }
        let known = Remembered {
            head: read(file, 0, HEAD.min(end as usize)),
            tail: read(file, end - end.min(TAIL as u64), TAIL.min(end as usize)),
            end,
        };
        self.of.insert(source, known);
    }

    /// Remembers text that was read from `offset` on, up to the end of what is read.
    pub fn extend(&mut self, source: u32, offset: u64, bytes: &[u8]) {
        let known = self.of.entry(source).or_default();
        if offset == 0 {
            known.head = bytes[..bytes.len().min(HEAD)].to_vec();
        }
        if bytes.len() < TAIL {
            let earlier = known.end.saturating_sub(offset) as usize;
            known
                .tail
                .extend_from_slice(bytes.get(earlier..).unwrap_or_default());
        } else {
            known.tail = bytes[bytes.len() - TAIL..].to_vec();
        }
        known.tail.drain(..known.tail.len().saturating_sub(TAIL));
        known.end = offset + bytes.len() as u64;
    }

    /// True if a file no longer has what was read from it: it was emptied, and perhaps written
    /// again.
    pub fn was_emptied(&self, source: u32, file: &File) -> bool {
        self.of.get(&source).is_some_and(|known| {
            let length = known.end.min(TAIL as u64);
            read(file, known.end - length, length as usize) != known.tail
                || known.tail.len() < length as usize
        })
    }

    /// True if the last line that was read of a source is complete.
    pub fn ends_with_line(&self, source: u32) -> bool {
        self.of
            .get(&source)
            .is_none_or(|known| known.tail.ends_with(b"\n"))
    }

    /// Compares a file that appeared with the files of the sources.
    pub fn classify(&self, path: &Path, files: &[(u32, Arc<File>)]) -> Appeared {
        let Ok(file) = open_file(path) else {
            return Appeared::New;
        };
        let is_settled = age(&file).is_none_or(|age| age > SETTLED);
        match self.compare(&file, files) {
            // It has not changed for a while: this is all of it.
            Appeared::Incomplete if is_settled => Appeared::New,
            // The original was not emptied: it is a log of its own.
            Appeared::Copy(source) if is_settled && !self.is_emptied(source, files) => {
                Appeared::New
            }
            found => found,
        }
    }

    fn is_emptied(&self, source: u32, files: &[(u32, Arc<File>)]) -> bool {
        let file = files.iter().find(|(n, _)| *n == source);
        file.is_some_and(|(_, file)| self.was_emptied(source, file))
    }

    fn compare(&self, file: &File, files: &[(u32, Arc<File>)]) -> Appeared {
        let head = read(file, 0, decode::PROBE.max(HEAD));
        match decode::content(&head[..head.len().min(decode::PROBE)]) {
            Content::Text => self.classify_plain(file, &head[..head.len().min(HEAD)], files),
            content @ (Content::Gzip | Content::Zstd | Content::Xz | Content::Bzip2) => {
                self.classify_compressed(file, content, files)
            }
            _ => Appeared::New,
        }
    }

    fn classify_plain(&self, file: &File, head: &[u8], files: &[(u32, Arc<File>)]) -> Appeared {
        let len = file.metadata().map_or(0, |m| m.len());
        for (source, known) in self.of.iter().filter(|(_, known)| known.begins_as(head)) {
            if len < known.end {
                return Appeared::Incomplete;
            }
            let tail = read(file, known.end - known.tail.len() as u64, known.tail.len());
            if tail == known.tail && self.may_be_copied(*source, file, len, files) {
                return Appeared::Copy(*source);
            }
        }
        Appeared::New
    }

    /// Whether a file can be a copy of a source as it is now: the source was emptied, or it still
    /// has everything that the file has.
    fn may_be_copied(
        &self,
        source: u32,
        file: &File,
        len: u64,
        files: &[(u32, Arc<File>)],
    ) -> bool {
        let Some((_, original)) = files.iter().find(|(n, _)| *n == source) else {
            return false;
        };
        let length = len.min(TAIL as u64);
        let end = |f: &File| read(f, len - length, length as usize);
        // In this order: the source can be emptied between the two looks.
        end(original) == end(file) || self.was_emptied(source, original)
    }

    fn classify_compressed(
        &self,
        file: &File,
        content: Content,
        files: &[(u32, Arc<File>)],
    ) -> Appeared {
        let plain = || {
            let input = std::io::BufReader::new(At { file, offset: 0 });
            decode::plain(content, input).ok()
        };
        let mut head = Vec::new();
        let begun = plain().map(|p| p.take(HEAD as u64).read_to_end(&mut head));
        if !matches!(begun, Some(Ok(_))) {
            return Appeared::Incomplete;
        }
        for (source, known) in self.of.iter().filter(|(_, known)| known.begins_as(&head)) {
            let Some((_, original)) = files.iter().find(|(n, _)| n == source) else {
                continue;
            };
            let is_emptied = self.was_emptied(*source, original);
            let compared = match is_emptied {
                true => plain().map(|p| known.is_all_of(p)),
                false => plain().map(|p| is_same(p, original)),
            };
            match compared {
                Some(Some(true)) => return Appeared::Compressed,
                // It can have been emptied while it was compared.
                Some(Some(false))
                    if known.end > 0 && !is_emptied && self.was_emptied(*source, original) =>
                {
                    return Appeared::Incomplete;
                }
                Some(Some(false)) => {}
                _ => return Appeared::Incomplete,
            }
        }
        Appeared::New
    }
}

/// Time since a file was last changed.
fn age(file: &File) -> Option<Duration> {
    file.metadata().ok()?.modified().ok()?.elapsed().ok()
}

impl Remembered {
    /// Whether a text with this beginning can be the same text, as far as both reach.
    fn begins_as(&self, head: &[u8]) -> bool {
        let reach = self.head.len().min(head.len());
        reach >= MIN_HEAD && self.head[..reach] == head[..reach]
    }

    /// Whether a decompressed text is what was read of a source whose file is empty now. `None` if it
    /// cannot be decompressed to its end.
    fn is_all_of(&self, mut text: impl Read) -> Option<bool> {
        let (mut piece, mut last, mut at) = (vec![0; PIECE], Vec::new(), 0);
        loop {
            match text.read(&mut piece).ok()? {
                0 => return Some(at == self.end && last == self.tail),
                n => {
                    at += n as u64;
                    last.extend_from_slice(&piece[..n]);
                    last.drain(..last.len().saturating_sub(TAIL));
                }
            }
        }
    }
}

/// Whether a decompressed text equals a file. `None` if it cannot be decompressed to its end.
fn is_same(mut text: impl Read, file: &File) -> Option<bool> {
    let mut piece = vec![0; PIECE];
    let mut at = 0;
    loop {
        let n = text.read(&mut piece).ok()?;
        if n == 0 {
            return Some(file.metadata().is_ok_and(|m| m.len() == at));
        }
        if read(file, at, n) != piece[..n] {
            return Some(false);
        }
        at += n as u64;
    }
}

/// Up to `len` bytes of a file from an offset; fewer at its end.
fn read(file: &File, offset: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    let mut n = 0;
    while n < len {
        match file.read_at(&mut bytes[n..], offset + n as u64) {
            Ok(0) | Err(_) => break,
            Ok(k) => n += k,
        }
    }
    bytes.truncate(n);
    bytes
}

/// Device and inode. They stay the same when a file is renamed.
pub type FileId = (u64, u64);

/// The identity of the file at a path, and its size.
pub fn identity(path: &Path) -> Option<(FileId, u64)> {
    let meta = path.metadata().ok().filter(std::fs::Metadata::is_file)?;
    Some(((meta.dev(), meta.ino()), meta.len()))
}

/// The identity of an open file.
pub fn id_of(file: &File) -> Option<FileId> {
    file.metadata().ok().map(|m| (m.dev(), m.ino()))
}

/// True if a file is neither compressed nor an archive.
pub fn is_plain(path: &Path) -> bool {
    open_file(path)
        .is_ok_and(|file| decode::content(&read(&file, 0, decode::PROBE)) == Content::Text)
}

/// A reader of an open file with its own position.
struct At<'f> {
    file: &'f File,
    offset: u64,
}

impl Read for At<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let n = self.file.read_at(out, self.offset)?;
        self.offset += n as u64;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn lines(from: usize, to: usize) -> String {
        (from..to)
            .map(|n| format!("2026-03-02T10:00:00Z INFO app: request number {n} was served\n"))
            .collect()
    }

    #[test]
    fn copies_are_recognized_and_other_files_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &[u8]| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let text = lines(0, 50);
        let log = write("app.log", text.as_bytes());
        let file = File::open(&log).unwrap();
        let mut contents = Contents::default();
        contents.remember(0, &file, text.len() as u64);
        let files = [(0, Arc::new(File::open(&log).unwrap()))];
        let is = |path: &Path| contents.classify(path, &files);
        assert_eq!(is(&write("copy", text.as_bytes())), Appeared::Copy(0));
        assert_eq!(
            is(&write("longer", lines(0, 60).as_bytes())),
            Appeared::New,
            "the source does not have its last lines"
        );
        assert_eq!(
            is(&write("half", lines(0, 30).as_bytes())),
            Appeared::Incomplete
        );
        assert_eq!(is(&write("other", lines(7, 60).as_bytes())), Appeared::New);
        assert_eq!(is(&write("short", b"x\n")), Appeared::New);
        assert!(!contents.was_emptied(0, &file));
        write("app.log", lines(50, 120).as_bytes());
        assert!(
            contents.was_emptied(0, &file),
            "written again, and longer than before"
        );
        assert_eq!(
            is(&write("before", lines(0, 60).as_bytes())),
            Appeared::Copy(0),
            "a copy with lines that were not read yet"
        );
        let mut grown = Contents::default();
        grown.extend(0, 0, lines(0, 3).as_bytes());
        grown.extend(0, lines(0, 2).len() as u64, lines(2, 9).as_bytes());
        let all = write("grown", lines(0, 9).as_bytes());
        assert!(!grown.was_emptied(0, &File::open(all).unwrap()));
    }

    #[test]
    fn a_compressed_text_is_compared_to_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        std::fs::write(&path, lines(0, 5_000)).unwrap();
        let file = File::open(&path).unwrap();
        let gzip = |text: &str| {
            let mut e = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            e.write_all(text.as_bytes()).unwrap();
            e.finish().unwrap()
        };
        let compare = |bytes: &[u8]| is_same(decode::plain(Content::Gzip, bytes).unwrap(), &file);
        assert_eq!(compare(&gzip(&lines(0, 5_000))), Some(true));
        assert_eq!(compare(&gzip(&lines(0, 4_999))), Some(false));
        assert_eq!(compare(&gzip(&lines(0, 5_001))), Some(false));
        let whole = gzip(&lines(0, 5_000));
        assert_eq!(compare(&whole[..whole.len() / 2]), None);
    }
}

//! Stores decompressed text for random access, compressed again in frames: in a cache file or in
//! bounded memory. Identifies sources by number and text by byte offset. Knows nothing about log
//! formats.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use zstd::bulk::Compressor;

/// Uncompressed bytes per frame.
pub const FRAME: usize = 256 * 1024;
/// Maximum compressed bytes in memory if no cache can be written. The oldest frames are evicted
/// first.
const MAX_MEMORY: usize = 128 << 20;
/// Number of decompressed frames kept for further reads.
const RECENT: usize = 16;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Frame {
    /// Offset of the uncompressed text in the source.
    start: u64,
    /// Length of the uncompressed text.
    raw_len: u32,
    /// Offset in the file, or the id of a frame in memory.
    at: u64,
    /// Compressed length.
    len: u32,
}

#[derive(Default)]
struct Backing {
    /// The file, its path and its length.
    file: Option<(File, PathBuf, u64)>,
    /// Compressed frames in memory, by id.
    frames: HashMap<u64, Vec<u8>>,
    /// Ids of the frames in memory, oldest first.
    order: VecDeque<u64>,
    /// Total size of the frames in memory.
    bytes: usize,
    next: u64,
    disk_full: bool,
}

/// First id of a frame in memory; higher than any offset in a file.
const IN_MEMORY: u64 = 1 << 62;

/// Source of a frame, and offset of its uncompressed text.
type FrameKey = (u32, u64);

#[derive(Default)]
struct State {
    sources: HashMap<u32, Vec<Frame>>,
    recent: VecDeque<(FrameKey, std::sync::Arc<Vec<u8>>)>,
}

/// A thread-safe store of compressed text. Sources only grow at their end.
pub struct Store {
    backing: Mutex<Backing>,
    state: Mutex<State>,
}

fn lock<T>(m: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    m.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Store {
    /// A store without a file.
    pub fn in_memory() -> Store {
        Store {
            backing: Mutex::default(),
            state: Mutex::default(),
        }
    }

    /// Creates a store in the file at `path`, which is overwritten.
    pub fn create(path: &Path) -> io::Result<Store> {
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(path)?;
        let backing = Backing {
            file: Some((file, path.to_path_buf(), 0)),
            ..Backing::default()
        };
        Ok(Store {
            backing: Mutex::new(backing),
            state: Mutex::default(),
        })
    }

    /// Reopens the store in the file at `path`. `None` if the file does not match the `directory`.
    pub fn open(path: &Path, directory: &[u8]) -> Option<Store> {
        let file = File::options().read(true).write(true).open(path).ok()?;
        let end = file.metadata().ok()?.len();
        let mut state = State::default();
        for row in directory.as_chunks::<32>().0 {
            let word = |i: usize| {
                u64::from_le_bytes([
                    row[i],
                    row[i + 1],
                    row[i + 2],
                    row[i + 3],
                    row[i + 4],
                    row[i + 5],
                    row[i + 6],
                    row[i + 7],
                ])
            };
            let (raw_len, len) = ((word(24) >> 32) as u32, word(24) as u32);
            let frame = Frame {
                start: word(8),
                raw_len,
                at: word(16),
                len,
            };
            if frame.at + u64::from(frame.len) > end {
                return None;
            }
            state.sources.entry(word(0) as u32).or_default().push(frame);
        }
        let backing = Backing {
            file: Some((file, path.to_path_buf(), end)),
            ..Backing::default()
        };
        Some(Store {
            backing: Mutex::new(backing),
            state: Mutex::new(state),
        })
    }

    /// Serialized positions of all frames, which `open` needs: 32 bytes per frame, little-endian.
    pub fn directory(&self) -> Vec<u8> {
        let state = lock(&self.state);
        let mut ids: Vec<u32> = state.sources.keys().copied().collect();
        ids.sort_unstable();
        let mut out = Vec::new();
        for id in ids {
            for f in &state.sources[&id] {
                for word in [
                    u64::from(id),
                    f.start,
                    f.at,
                    u64::from(f.raw_len) << 32 | u64::from(f.len),
                ] {
                    out.extend_from_slice(&word.to_le_bytes());
                }
            }
        }
        out
    }

    /// Size of the file in bytes; 0 without a file.
    pub fn disk_bytes(&self) -> u64 {
        lock(&self.backing)
            .file
            .as_ref()
            .map_or(0, |(_, _, end)| *end)
    }

    /// Compresses text into frames of (uncompressed length, compressed bytes). Expensive, so
    /// workers call it in parallel.
    pub fn pack(bytes: &[u8]) -> Vec<(u32, Vec<u8>)> {
        thread_local! {
            // Creating one costs more than compressing a small file.
            static COMPRESSOR: RefCell<Option<Compressor<'static>>> =
                RefCell::new(Compressor::new(1).ok());
        }
        COMPRESSOR.with_borrow_mut(|compressor| {
            let mut frame = |raw: &[u8]| {
                let packed = compressor.as_mut().and_then(|c| c.compress(raw).ok());
                (raw.len() as u32, packed.unwrap_or_default())
            };
            bytes.chunks(FRAME).map(&mut frame).collect()
        })
    }

    /// Appends packed text of a source at the uncompressed offset `start`. If the disk is full,
    /// further frames are kept in memory.
    pub fn append(&self, source: u32, start: u64, packed: &[(u32, Vec<u8>)]) {
        let mut start = start;
        for (raw_len, bytes) in packed {
            let at = self.put(bytes);
            let frame = Frame {
                start,
                raw_len: *raw_len,
                at,
                len: bytes.len() as u32,
            };
            start += u64::from(*raw_len);
            let mut state = lock(&self.state);
            let frames = state.sources.entry(source).or_default();
            // The last frames of a growing source are written again from their start.
            while frames.last().is_some_and(|f| f.start >= frame.start) {
                frames.pop();
            }
            frames.push(frame);
            state.recent.retain(|((s, _), _)| *s != source);
        }
    }

    /// Stores a compressed frame. Returns its offset in the file or its id in memory.
    fn put(&self, packed: &[u8]) -> u64 {
        let mut backing = lock(&self.backing);
        let backing = &mut *backing;
        if let Some((file, _, end)) = &mut backing.file
            && !backing.disk_full
        {
            let at = *end;
            if file.write_all_at(packed, at).is_ok() {
                *end += packed.len() as u64;
                return at;
            }
            // The disk is full: written frames stay readable, further ones are kept in memory.
            backing.disk_full = true;
        }
        let id = IN_MEMORY + backing.next;
        backing.next += 1;
        backing.bytes += packed.len();
        backing.frames.insert(id, packed.to_vec());
        backing.order.push_back(id);
        while backing.bytes > MAX_MEMORY {
            let Some(oldest) = backing.order.pop_front() else {
                break;
            };
            backing.bytes -= backing.frames.remove(&oldest).map_or(0, |f| f.len());
        }
        id
    }

    /// True if all frames are in the file, so that the store can be reopened.
    pub fn is_complete(&self) -> bool {
        let backing = lock(&self.backing);
        backing.file.is_some() && !backing.disk_full
    }

    /// Reads and decompresses a frame.
    fn fetch(&self, frame: &Frame) -> Option<Vec<u8>> {
        let packed = {
            let backing = lock(&self.backing);
            if frame.at >= IN_MEMORY {
                backing.frames.get(&frame.at)?.clone()
            } else {
                let mut packed = vec![0; frame.len as usize];
                backing
                    .file
                    .as_ref()?
                    .0
                    .read_exact_at(&mut packed, frame.at)
                    .ok()?;
                packed
            }
        };
        zstd::bulk::decompress(&packed, frame.raw_len as usize).ok()
    }

    /// `len` uncompressed bytes of a source from offset `start`. `None` if some of them were
    /// evicted.
    pub fn read(&self, source: u32, start: u64, len: usize) -> Option<Vec<u8>> {
        let wanted: Vec<Frame> = {
            let state = lock(&self.state);
            let frames = state.sources.get(&source)?;
            let first = frames.partition_point(|f| f.start + u64::from(f.raw_len) <= start);
            frames[first..]
                .iter()
                .take_while(|f| f.start < start + len as u64)
                .cloned()
                .collect()
        };
        let mut out = Vec::with_capacity(len);
        for frame in wanted {
            let raw = self.frame(source, &frame)?;
            let a = start.saturating_sub(frame.start) as usize;
            let b = ((start + len as u64 - frame.start) as usize).min(raw.len());
            out.extend_from_slice(raw.get(a..b)?);
        }
        (out.len() == len).then_some(out)
    }

    /// The decompressed frame, from the recently used ones if possible.
    fn frame(&self, source: u32, frame: &Frame) -> Option<std::sync::Arc<Vec<u8>>> {
        let key = (source, frame.start);
        if let Some((_, raw)) = lock(&self.state).recent.iter().find(|(k, _)| *k == key) {
            return Some(raw.clone());
        }
        let raw = self.fetch(frame)?;
        let raw = std::sync::Arc::new(raw);
        let mut state = lock(&self.state);
        state.recent.push_back((key, raw.clone()));
        if state.recent.len() > RECENT {
            state.recent.pop_front();
        }
        Some(raw)
    }

    /// Number of uncompressed bytes of a source that were evicted from memory.
    pub fn lost(&self, source: u32) -> u64 {
        let frames = lock(&self.state)
            .sources
            .get(&source)
            .cloned()
            .unwrap_or_default();
        let backing = lock(&self.backing);
        frames
            .iter()
            .filter(|f| f.at >= IN_MEMORY && !backing.frames.contains_key(&f.at))
            .map(|f| u64::from(f.raw_len))
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_across_frames_and_after_reopening() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store");
        let text: Vec<u8> = (0..FRAME * 2 + 100).map(|i| (i % 251) as u8).collect();
        let store = Store::create(&path).unwrap();
        store.append(3, 0, &Store::pack(&text));
        let want = &text[FRAME - 5..FRAME + 5];
        assert_eq!(store.read(3, FRAME as u64 - 5, 10).as_deref(), Some(want));
        let reopened = Store::open(&path, &store.directory()).unwrap();
        assert_eq!(
            reopened.read(3, FRAME as u64 - 5, 10).as_deref(),
            Some(want)
        );
        assert_eq!(reopened.read(3, text.len() as u64, 1), None);
    }
}

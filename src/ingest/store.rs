//! Keeps decompressed text readable at random, compressed again in frames: in a file of the cache, or in bounded memory.
//! Knows sources by number and bytes by offset, nothing else.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Raw bytes in one frame.
pub const FRAME: usize = 256 * 1024;
/// Compressed bytes held in memory where no cache can be written; the oldest frames fall out.
const MEMORY: usize = 128 << 20;
/// Decompressed frames kept for the next look.
const RECENT: usize = 16;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Frame {
    /// Raw offset in the source.
    start: u64,
    raw_len: u32,
    /// In the file, or the number of the frame in memory.
    at: u64,
    len: u32,
}

#[derive(Default)]
struct Backing {
    file: Option<(File, PathBuf, u64)>,
    /// Frames held in memory, by number; numbers start above any offset in a file.
    frames: HashMap<u64, Vec<u8>>,
    order: VecDeque<u64>,
    bytes: usize,
    next: u64,
    full: bool,
}

/// Numbers of frames in memory.
const IN_MEMORY: u64 = 1 << 62;

/// Source and raw offset of a frame.
type FrameKey = (u32, u64);

#[derive(Default)]
struct State {
    sources: HashMap<u32, Vec<Frame>>,
    recent: VecDeque<(FrameKey, std::sync::Arc<Vec<u8>>)>,
}

pub struct Store {
    backing: Mutex<Backing>,
    state: Mutex<State>,
}

fn lock<T>(m: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    m.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Store {
    pub fn in_memory() -> Store {
        Store {
            backing: Mutex::default(),
            state: Mutex::default(),
        }
    }

    /// A new store in the file at `path`.
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

    /// Opens what `create` and `directory` left behind; `None` when it does not fit together.
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

    /// Where every frame is: to be kept beside the file.
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

    /// Bytes on disk.
    pub fn disk_bytes(&self) -> u64 {
        lock(&self.backing)
            .file
            .as_ref()
            .map_or(0, |(_, _, end)| *end)
    }

    /// Compresses text into frames; costly, so done by whoever has a thread to spare.
    pub fn pack(bytes: &[u8]) -> Vec<(u32, Vec<u8>)> {
        let frame = |raw: &[u8]| {
            (
                raw.len() as u32,
                zstd::bulk::compress(raw, 1).unwrap_or_default(),
            )
        };
        bytes.chunks(FRAME).map(frame).collect()
    }

    /// Appends packed text of a source at raw offset `start`. On a full disk the store goes on in memory.
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
            // A growing tail is written anew from where it began.
            while frames.last().is_some_and(|f| f.start >= frame.start) {
                frames.pop();
            }
            frames.push(frame);
            state.recent.retain(|((s, _), _)| *s != source);
        }
    }

    fn put(&self, packed: &[u8]) -> u64 {
        let mut held = lock(&self.backing);
        let held = &mut *held;
        if let Some((file, _, end)) = &mut held.file
            && !held.full
        {
            let at = *end;
            if file.write_all_at(packed, at).is_ok() {
                *end += packed.len() as u64;
                return at;
            }
            // The disk is full: what was written stays readable, the rest is held in memory.
            held.full = true;
        }
        let id = IN_MEMORY + held.next;
        held.next += 1;
        held.bytes += packed.len();
        held.frames.insert(id, packed.to_vec());
        held.order.push_back(id);
        while held.bytes > MEMORY {
            let Some(oldest) = held.order.pop_front() else {
                break;
            };
            held.bytes -= held.frames.remove(&oldest).map_or(0, |f| f.len());
        }
        id
    }

    /// All frames are in the file: the store can be reopened.
    pub fn is_whole(&self) -> bool {
        let held = lock(&self.backing);
        held.file.is_some() && !held.full
    }

    fn fetch(&self, frame: &Frame) -> Option<Vec<u8>> {
        let packed = {
            let held = lock(&self.backing);
            if frame.at >= IN_MEMORY {
                held.frames.get(&frame.at)?.clone()
            } else {
                let mut packed = vec![0; frame.len as usize];
                held.file
                    .as_ref()?
                    .0
                    .read_exact_at(&mut packed, frame.at)
                    .ok()?;
                packed
            }
        };
        zstd::bulk::decompress(&packed, frame.raw_len as usize).ok()
    }

    /// Raw bytes of a source; `None` when some of them are no longer held.
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

    /// Raw bytes of a source that fell out of memory.
    pub fn lost(&self, source: u32) -> u64 {
        let frames = lock(&self.state)
            .sources
            .get(&source)
            .cloned()
            .unwrap_or_default();
        let held = lock(&self.backing);
        frames
            .iter()
            .filter(|f| f.at >= IN_MEMORY && !held.frames.contains_key(&f.at))
            .map(|f| u64::from(f.raw_len))
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_comes_back_across_frames_and_after_reopening() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store");
        let text: Vec<u8> = (0..FRAME * 2 + 100).map(|i| (i % 251) as u8).collect();
        let store = Store::create(&path).unwrap();
        store.append(3, 0, &Store::pack(&text));
        let want = &text[FRAME - 5..FRAME + 5];
        assert_eq!(store.read(3, FRAME as u64 - 5, 10).as_deref(), Some(want));
        let again = Store::open(&path, &store.directory()).unwrap();
        assert_eq!(again.read(3, FRAME as u64 - 5, 10).as_deref(), Some(want));
        assert_eq!(again.read(3, text.len() as u64, 1), None);
    }
}

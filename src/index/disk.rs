//! The index of a corpus on disk: a folder with a manifest that lists every file with its length
//! and hash. An index that does not match its manifest is not used. Only one process writes at a
//! time. Handles bytes and file names; does not know what the files contain.

use super::chunk::Chunk;
use crate::config::paths::{open_file, private_folder};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Format version. Increase it whenever the format or meaning of the stored data changes.
pub const VERSION: u32 = 5;
const MANIFEST: &str = "manifest.json";
/// File name of the word filters of all chunks, in order.
pub const FILTERS: &str = "filters";
/// File name of the event columns of all chunks, in order.
pub const COLUMNS: &str = "columns";

/// State of one input file when the index was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    pub path: String,
    pub size: u64,
    pub mtime_ns: i128,
    pub inode: u64,
    /// Hash of the first and last 64 KB.
    pub probe: u64,
}

/// One file of the index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    name: String,
    bytes: u64,
    hash: u64,
}

/// Content of `manifest.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    version: u32,
    program: String,
    pub inputs: Vec<Input>,
    /// Paths as the user entered them, for the list of recent corpora.
    pub given: Vec<String>,
    files: Vec<Entry>,
}

/// Prefix of a stored path that is not valid UTF-8; its bytes follow in hexadecimal. Other stored
/// paths are absolute and start with `/`.
const BYTES: &str = "bytes:";

/// A path as text, without loss.
pub fn stored_path(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    match path.to_str() {
        Some(text) => text.to_string(),
        None => path
            .as_os_str()
            .as_bytes()
            .iter()
            .fold(BYTES.to_string(), |mut text, byte| {
                text.push_str(&format!("{byte:02x}"));
                text
            }),
    }
}

/// The path that `stored_path` wrote.
pub fn read_path(text: &str) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    let Some(hex) = text.strip_prefix(BYTES) else {
        return PathBuf::from(text);
    };
    let digits = hex
        .as_bytes()
        .chunks(2)
        .map(|d| std::str::from_utf8(d).unwrap_or_default());
    let bytes = digits
        .map(|d| u8::from_str_radix(d, 16).unwrap_or(b'?'))
        .collect();
    PathBuf::from(std::ffi::OsString::from_vec(bytes))
}

/// Bytes hashed at each end of an input.
const PROBE: u64 = 64 * 1024;

impl Input {
    /// Reads the current state of a file. Fails if it is not a regular file or cannot be read.
    pub fn of(path: &Path) -> io::Result<Input> {
        use std::os::unix::fs::MetadataExt;
        let file = open_file(path)?;
        let meta = file.metadata()?;
        let size = meta.len();
        let probe = Input::probe_file(&file, size)?;
        Ok(Input {
            path: stored_path(path),
            size,
            mtime_ns: i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec()),
            inode: meta.ino(),
            probe,
        })
    }

    /// Hash of the first and last 64 KB of the first `size` bytes.
    fn probe_at(path: &Path, size: u64) -> io::Result<u64> {
        Input::probe_file(&open_file(path)?, size)
    }

    fn probe_file(file: &File, size: u64) -> io::Result<u64> {
        let mut hash = xxhash_rust::xxh3::Xxh3::new();
        for at in [0, size.saturating_sub(PROBE)] {
            let mut part = vec![0; PROBE.min(size - at) as usize];
            file.read_exact_at(&mut part, at)?;
            hash.update(&part);
        }
        Ok(hash.digest())
    }

    /// Path of the file.
    pub fn path(&self) -> PathBuf {
        read_path(&self.path)
    }

    /// True if the file has not changed.
    pub fn is_current(&self) -> bool {
        Input::of(&self.path()).is_ok_and(|now| now == *self)
    }

    /// True if data was appended to the file and the old part is unchanged.
    pub fn has_grown(&self) -> bool {
        let path = &self.path();
        Input::of(path).is_ok_and(|now| {
            now.inode == self.inode
                && now.size > self.size
                && Input::probe_at(path, self.size).is_ok_and(|p| p == self.probe)
        })
    }
}

/// A cache folder opened by this process, as its only writer or as a reader.
pub struct Folder {
    pub path: PathBuf,
    _lock: Option<File>,
    pub writable: bool,
    growing: Mutex<Vec<(&'static str, Growing)>>,
}

/// A file that is written in pieces while the corpus is read. This avoids a long write at the end.
struct Growing {
    file: File,
    end: u64,
    hash: xxhash_rust::xxh3::Xxh3,
}

impl Folder {
    /// Opens or creates the folder. If another faultline process holds the lock, the folder is
    /// read-only.
    pub fn open(path: &Path) -> io::Result<Folder> {
        private_folder(path)?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join("lock"))?;
        let writable = lock.try_lock().is_ok();
        Ok(Folder {
            path: path.to_path_buf(),
            _lock: Some(lock),
            writable,
            growing: Mutex::default(),
        })
    }

    fn growing(&self) -> std::sync::MutexGuard<'_, Vec<(&'static str, Growing)>> {
        self.growing
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Starts a new index. This invalidates the old one.
    pub fn begin(&self) -> io::Result<()> {
        fs::remove_file(self.path.join(MANIFEST)).ok();
        self.growing().clear();
        self.grow(FILTERS)?;
        self.grow(COLUMNS)
    }

    /// Creates or truncates a file that is written in pieces.
    pub fn grow(&self, name: &'static str) -> io::Result<()> {
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(self.path.join(name))?;
        let mut growing = self.growing();
        growing.retain(|g| g.0 != name);
        growing.push((
            name,
            Growing {
                file,
                end: 0,
                hash: xxhash_rust::xxh3::Xxh3::new(),
            },
        ));
        Ok(())
    }

    /// Appends a piece to a file opened with `grow` and returns its offset.
    pub fn append(&self, name: &str, bytes: &[u8]) -> io::Result<u64> {
        let mut growing = self.growing();
        let Some((_, g)) = growing.iter_mut().find(|g| g.0 == name) else {
            return Err(io::Error::other(format!(
                "{name} is not open for appending"
            )));
        };
        g.file.write_all_at(bytes, g.end)?;
        g.hash.update(bytes);
        g.end += bytes.len() as u64;
        Ok(g.end - bytes.len() as u64)
    }

    /// Adds the columns of one chunk, numbered by the corpus, to the file of columns.
    pub fn append_chunk(&self, chunk: &Chunk) -> io::Result<()> {
        let mut columns = Vec::with_capacity(chunk.heap_bytes() + chunk.blocks.len() * 200);
        chunk.write(&mut columns);
        self.append(COLUMNS, &columns).map(|_| ())
    }

    /// Fills `out` from offset `at` of a file opened with `grow`. Returns false on failure.
    pub fn read_at(&self, name: &str, at: u64, out: &mut [u8]) -> bool {
        self.growing()
            .iter()
            .find(|g| g.0 == name)
            .is_some_and(|(_, g)| g.file.read_exact_at(out, at).is_ok())
    }

    /// Writes a complete file of the index.
    pub fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut file = File::create(self.path.join(name))?;
        file.write_all(bytes)
    }

    /// Reads a complete file of the index. Returns `None` if it cannot be read.
    pub fn read(&self, name: &str) -> Option<Vec<u8>> {
        fs::read(self.path.join(name)).ok()
    }

    /// Writes the manifest with the files `names`. After this, the index can be reused.
    pub fn seal(&self, inputs: Vec<Input>, given: Vec<String>, names: &[&str]) -> io::Result<()> {
        let files = names
            .iter()
            .map(|n| self.entry(n))
            .collect::<io::Result<Vec<Entry>>>()?;
        let manifest = Manifest {
            version: VERSION,
            program: env!("CARGO_PKG_VERSION").into(),
            inputs,
            given,
            files,
        };
        let temporary = self.path.join("manifest.new");
        fs::write(&temporary, serde_json::to_vec(&manifest)?)?;
        fs::rename(temporary, self.path.join(MANIFEST))
    }

    /// Manifest entry for a file. A file written in pieces is not read again.
    fn entry(&self, name: &str) -> io::Result<Entry> {
        if let Some((_, g)) = self.growing().iter().find(|g| g.0 == name) {
            return Ok(Entry {
                name: name.into(),
                bytes: g.end,
                hash: g.hash.digest(),
            });
        }
        let bytes = fs::read(self.path.join(name))?;
        Ok(Entry {
            name: name.into(),
            bytes: bytes.len() as u64,
            hash: xxhash_rust::xxh3::xxh3_64(&bytes),
        })
    }

    /// The manifest, if the index is complete, undamaged and written by this version.
    pub fn sealed(&self) -> Option<Manifest> {
        let manifest = read_manifest(&self.path)?;
        self.reopen(FILTERS).ok()?;
        let intact = manifest
            .files
            .iter()
            .all(|f| self.entry(&f.name).is_ok_and(|now| now == *f));
        if !intact {
            return None;
        }
        // Eviction uses the modification time of the lock file as the time of last use.
        if let Ok(file) = File::options().append(true).open(self.path.join("lock")) {
            file.set_modified(std::time::SystemTime::now()).ok();
        }
        Some(manifest)
    }

    /// Opens an existing file for appending at its end.
    fn reopen(&self, name: &'static str) -> io::Result<()> {
        let mut file = File::options()
            .read(true)
            .write(self.writable)
            .open(self.path.join(name))?;
        let mut hash = xxhash_rust::xxh3::Xxh3::new();
        let mut part = vec![0; 1 << 20];
        let mut end = 0;
        loop {
            match io::Read::read(&mut file, &mut part)? {
                0 => break,
                n => {
                    hash.update(&part[..n]);
                    end += n as u64;
                }
            }
        }
        let mut growing = self.growing();
        growing.retain(|g| g.0 != name);
        growing.push((name, Growing { file, end, hash }));
        Ok(())
    }

    /// Size of the folder in bytes.
    pub fn disk_bytes(&self) -> u64 {
        folder_bytes(&self.path)
    }
}

/// Reads the manifest of a folder. Returns `None` if it is missing, invalid or of another version.
pub fn read_manifest(folder: &Path) -> Option<Manifest> {
    let manifest: Manifest = serde_json::from_slice(&fs::read(folder.join(MANIFEST)).ok()?).ok()?;
    (manifest.version == VERSION && manifest.program == env!("CARGO_PKG_VERSION"))
        .then_some(manifest)
}

fn folder_bytes(path: &Path) -> u64 {
    walkdir::WalkDir::new(path)
        .into_iter()
        .flatten()
        .filter_map(|e| e.metadata().ok())
        .filter(fs::Metadata::is_file)
        .map(|m| m.len())
        .sum()
}

/// Deletes the least recently used corpora until the cache is no larger than `limit` bytes. `keep`
/// is in use and is not deleted.
pub fn evict(cache: &Path, limit: u64, keep: &Path) {
    let mut corpora: Vec<(std::time::SystemTime, PathBuf, u64)> = fs::read_dir(cache)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|e| e.path() != keep)
        .filter_map(|e| {
            let used = fs::metadata(e.path().join("lock")).ok()?.modified().ok()?;
            Some((used, e.path(), folder_bytes(&e.path())))
        })
        .collect();
    corpora.sort();
    let mut total: u64 = corpora.iter().map(|c| c.2).sum::<u64>() + folder_bytes(keep);
    for (_, path, bytes) in corpora {
        if total <= limit {
            break;
        }
        let free = File::options()
            .write(true)
            .open(path.join("lock"))
            .is_ok_and(|f| f.try_lock().is_ok());
        if free && fs::remove_dir_all(&path).is_ok() {
            total -= bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_index_is_rejected() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        folder.begin().unwrap();
        assert_eq!(folder.append(FILTERS, b"filter").unwrap(), 0);
        assert_eq!(folder.append(FILTERS, b"more").unwrap(), 6);
        folder.append(COLUMNS, b"columns").unwrap();
        folder.write("tables", b"tables").unwrap();
        folder
            .seal(Vec::new(), Vec::new(), &["tables", COLUMNS, FILTERS])
            .unwrap();
        drop(folder);
        for (name, damaged) in [
            (COLUMNS, "colUmns"),
            (FILTERS, "filtermorE"),
            ("tables", ""),
        ] {
            let whole = fs::read(dir.path().join(name)).unwrap();
            assert!(Folder::open(dir.path()).unwrap().sealed().is_some());
            fs::write(dir.path().join(name), damaged).unwrap();
            assert!(Folder::open(dir.path()).unwrap().sealed().is_none());
            fs::write(dir.path().join(name), whole).unwrap();
        }
    }

    #[test]
    fn a_second_process_cannot_write() {
        let dir = tempfile::tempdir().unwrap();
        let first = Folder::open(dir.path()).unwrap();
        assert!(first.writable && !Folder::open(dir.path()).unwrap().writable);
    }

    #[test]
    fn appended_data_is_distinguished_from_changed_data() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        fs::write(&path, "one\n").unwrap();
        let input = Input::of(&path).unwrap();
        assert!(input.is_current());
        File::options()
            .append(true)
            .open(&path)
            .unwrap()
            .write_all(b"two\n")
            .unwrap();
        assert!(!input.is_current() && input.has_grown());
        fs::write(&path, "ONE\ntwo\nthree\n").unwrap();
        assert!(!input.has_grown());
    }

    #[test]
    fn the_least_recently_used_corpus_is_evicted_first() {
        let dir = tempfile::tempdir().unwrap();
        for (i, name) in ["old", "new", "keep"].iter().enumerate() {
            let folder = Folder::open(&dir.path().join(name)).unwrap();
            folder.write("data", &[0; 1000]).unwrap();
            let at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(i as u64 * 1000);
            File::options()
                .append(true)
                .open(folder.path.join("lock"))
                .unwrap()
                .set_modified(at)
                .unwrap();
        }
        evict(dir.path(), 2500, &dir.path().join("keep"));
        assert!(!dir.path().join("old").exists() && dir.path().join("new").exists());
    }
}

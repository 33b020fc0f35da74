//! Continues to read a corpus after its end: files that have grown since they were indexed, files
//! that grow now, and new files. If the last chunk of a source is short, it is read again, so that
//! events that were still being written become complete. Does not decide which paths are followed.

use super::assembler::Assembler;
use super::corpus::Corpus;
use super::pipeline;
use super::slice::{CHUNK, cut};
use super::state::Body;
use super::worker::{Job, Worker, work};
use std::collections::HashSet;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long to wait before growing files are checked again.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// Shortest time between two searches for new files.
const SCAN_INTERVAL: Duration = Duration::from_secs(1);

/// Reads the text that was added to plain files since they were last read. Returns true if there
/// was any.
pub fn catch_up(corpus: &Corpus, assembler: &mut Assembler<'_>) -> bool {
    let sources = corpus.read().sources.len() as u32;
    let mut worker = Worker::default();
    let mut any = false;
    for source in 0..sources {
        while !corpus.is_cancelled() && step(corpus, assembler, &mut worker, source) {
            any = true;
        }
    }
    any
}

/// Reads up to one chunk of new text from a source. Returns false if nothing was read.
fn step(corpus: &Corpus, assembler: &mut Assembler<'_>, worker: &mut Worker, source: u32) -> bool {
    let (file, parser, had, last) = {
        let state = corpus.read();
        let s = &state.sources[source as usize];
        let Body::File(file) = &s.body else {
            return false;
        };
        let last = state
            .chunks
            .iter()
            .rfind(|c| c.source == source)
            .map(|c| (c.offset, c.bytes));
        (file.clone(), s.parser.clone(), s.info.bytes, last)
    };
    let len = file.metadata().map_or(0, |m| m.len());
    if len < had {
        let mut state = corpus.write();
        let info = &mut state.sources[source as usize].info;
        info.failure.get_or_insert_with(|| {
            "the file became shorter while it was followed; what was read before is kept".into()
        });
        return false;
    }
    if len == had {
        return false;
    }
    // A short last chunk is read again, together with the new text.
    let (offset, replaces) = match last {
        Some((offset, bytes)) if bytes < CHUNK as u64 => (offset, true),
        _ => (had, false),
    };
    let mut bytes = vec![0; (len - offset).min(CHUNK as u64 * 2) as usize];
    if file.read_exact_at(&mut bytes, offset).is_err() {
        return false;
    }
    if bytes.len() > CHUNK {
        bytes.truncate(cut(&bytes, &parser));
    }
    let job = Job {
        seq: 0,
        source,
        parser,
        offset,
        bytes,
        keep: false,
        continues_line: false,
        replaces,
        filter: corpus.folder.as_ref().is_some_and(|f| f.writable),
    };
    assembler.take(work(worker, job));
    true
}

/// Finds files that appear in a followed folder: new files, and files that take the name of a
/// rotated file. Known files are identified by device and inode, so a renamed file is not read
/// twice.
pub struct NewFiles {
    known: HashSet<(u64, u64)>,
    next: Instant,
}

impl NewFiles {
    pub fn new(found: &[PathBuf]) -> NewFiles {
        NewFiles {
            known: found
                .iter()
                .filter_map(|p| identity(p))
                .map(|i| i.0)
                .collect(),
            next: Instant::now(),
        }
    }

    /// Returns the files that appeared since the last search. If a search takes long, the next one
    /// is done later.
    fn new_files(&mut self, corpus: &Corpus) -> Vec<PathBuf> {
        let started = Instant::now();
        if started < self.next {
            return Vec::new();
        }
        let mut out = corpus.options.files(&mut |_| ());
        // An empty file has no format yet, so it is ignored for now.
        out.retain(|p| identity(p).is_some_and(|(id, bytes)| bytes > 0 && self.known.insert(id)));
        self.next = Instant::now() + SCAN_INTERVAL.max(started.elapsed() * 20);
        out
    }
}

/// Device and inode of a file, and its size.
fn identity(path: &Path) -> Option<((u64, u64), u64)> {
    let meta = path.metadata().ok().filter(std::fs::Metadata::is_file)?;
    Some(((meta.dev(), meta.ino()), meta.len()))
}

/// Watches the files until the corpus is closed.
pub fn follow(corpus: &Corpus, assembler: &mut Assembler<'_>, arrivals: &mut NewFiles) {
    // While many lines arrive, the tables may be out of date. They are updated when no more lines
    // arrive.
    let mut stale = false;
    while !corpus.is_cancelled() {
        let new = arrivals.new_files(corpus);
        if !new.is_empty() {
            pipeline::read_all(corpus, &new, false, assembler);
        }
        if catch_up(corpus, assembler) || !new.is_empty() {
            let due = assembler.table_due();
            assembler.publish(due, due);
            stale = !due;
        } else if stale && assembler.table_due() {
            assembler.publish(true, true);
            stale = false;
        } else {
            std::thread::park_timeout(POLL_INTERVAL);
        }
    }
}

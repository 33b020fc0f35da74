//! Goes on reading where a corpus ended: files that grew since they were indexed, files that grow now, and pipes.
//! The last chunk of a source is worked on again as long as it is short, so that events still being written are whole.

use super::assembler::Assembler;
use super::corpus::Corpus;
use super::pipeline;
use super::slice::{CHUNK, cut};
use super::state::Body;
use super::worker::{Job, Worker, work};
use crate::ingest::inputs::files;
use std::collections::HashSet;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often growing files are looked at, and how often new ones are looked for.
const EVERY: Duration = Duration::from_millis(100);
const LOOK: Duration = Duration::from_secs(1);

/// Reads what plain files gained since they were last read. True when there was anything.
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

/// Reads up to one chunk's worth of new text of a source.
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
    // A short last chunk is read again together with what is new.
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

/// Files that come into a followed folder: new ones, and those that take a rotated file's name. Known by device and inode, so
/// that a renamed file is not read twice.
pub struct Arrivals {
    known: HashSet<(u64, u64)>,
    next: Instant,
}

impl Arrivals {
    pub fn new(found: &[PathBuf]) -> Arrivals {
        Arrivals {
            known: found
                .iter()
                .filter_map(|p| identity(p))
                .map(|i| i.0)
                .collect(),
            next: Instant::now(),
        }
    }

    /// What has come since it was asked before; seldom where looking takes long.
    fn new_files(&mut self, corpus: &Corpus) -> Vec<PathBuf> {
        let started = Instant::now();
        if started < self.next {
            return Vec::new();
        }
        let inputs: Vec<PathBuf> = corpus
            .options
            .paths
            .iter()
            .filter(|p| p.as_os_str() != "-")
            .cloned()
            .collect();
        let mut out = files(&inputs, &mut |_| ());
        // What is still empty has no format yet.
        out.retain(|p| identity(p).is_some_and(|(id, bytes)| bytes > 0 && self.known.insert(id)));
        self.next = Instant::now() + LOOK.max(started.elapsed() * 20);
        out
    }
}

/// Device and inode, and the size.
fn identity(path: &Path) -> Option<((u64, u64), u64)> {
    let meta = path.metadata().ok().filter(std::fs::Metadata::is_file)?;
    Some(((meta.dev(), meta.ino()), meta.len()))
}

/// Watches the files until the corpus is closed.
pub fn follow(corpus: &Corpus, assembler: &mut Assembler<'_>, arrivals: &mut Arrivals) {
    // The tables may lag behind the lines while many come; when it is quiet they are brought up to date.
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
            std::thread::park_timeout(EVERY);
        }
    }
}

//! Opens a corpus: from its cache, resumed where it grew, or by reading everything. All on threads of its own.

use super::cache;
use super::corpus::{Corpus, Options, Snapshot, lock};
use super::follow;
use super::slice::Slicer;
use super::stitch::Stitcher;
use super::worker::{Done, Job, Worker, work};
use crate::index::disk::Folder;
use crate::ingest::format::Catalogue;
use crate::ingest::store::Store;
use crate::ingest::walk::{Walk, files};
use crate::model::Failure;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};

/// An open corpus and the thread that fills it.
pub struct Session {
    pub corpus: Arc<Corpus>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// Starts to open a corpus; snapshots come as it is read.
pub fn open(options: Options) -> Result<Session, String> {
    let catalogue = Catalogue::new(&options.formats)?;
    if let Some(name) = &options.format_as
        && catalogue.by_name(name).is_none()
    {
        return Err(format!(
            "unknown log format '{name}'; known are: {}",
            catalogue.names().join(", ")
        ));
    }
    // Nothing to open, as before the picker: nothing to keep.
    let folder = options
        .cache
        .as_ref()
        .filter(|_| !options.paths.is_empty())
        .and_then(|cache| {
            let folder = cache.join(cache::key(&options));
            Folder::open(&folder).ok()
        });
    let unwritable = options.cache.is_some() && !options.paths.is_empty() && folder.is_none();
    let corpus = Arc::new(Corpus::new(options, catalogue, folder));
    if unwritable {
        corpus
            .write()
            .notices
            .push("the cache folder cannot be written; nothing is kept for the next time".into());
    }
    if let Some(data) = &corpus.options.data {
        match super::templates::load(data) {
            Ok(edits) => corpus.write().edits = edits,
            Err(e) => corpus.write().notices.push(e),
        }
        corpus
            .write()
            .notices
            .extend(super::recovery::unfinished(data));
        match super::memory::Memory::load(data) {
            Ok(memory) => *lock(&corpus.memory) = memory,
            Err(e) => corpus.write().notices.push(e),
        }
    }
    let shared = corpus.clone();
    let thread = std::thread::Builder::new()
        .name("corpus".into())
        .spawn(move || run(&shared))
        .map_err(|e| format!("no thread can be started: {e}"))?;
    Ok(Session {
        corpus,
        thread: Some(thread),
    })
}

impl Session {
    /// Waits until everything is read and written.
    pub fn wait(&mut self) -> Arc<Snapshot> {
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            self.corpus
                .write()
                .notices
                .push("the reader stopped by an internal error; what was read is shown".into());
        }
        self.corpus.snapshot()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.corpus.cancel();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

fn run(corpus: &Corpus) {
    let mut failures = Vec::new();
    let paths: Vec<_> = corpus
        .options
        .paths
        .iter()
        .filter(|p| p.as_os_str() != "-")
        .cloned()
        .collect();
    let found = files(&paths, &mut |f| failures.push(f));
    let mut arrivals = follow::Arrivals::new(&found);
    let total: u64 = found
        .iter()
        .filter_map(|p| std::fs::metadata(p).ok())
        .map(|m| m.len())
        .sum();
    corpus.total_bytes.store(total, Ordering::Relaxed);
    corpus.write().failures = failures;
    let stdin = corpus.options.paths.iter().any(|p| p.as_os_str() == "-");
    let mut stitcher = Stitcher::new(corpus);
    let resumed = if stdin {
        None
    } else {
        cache::load(corpus, &found)
    };
    match resumed {
        Some(cache::Loaded::Current) => stitcher.from_cache = true,
        Some(cache::Loaded::Grown) => {
            stitcher.from_cache = true;
            follow::catch_up(corpus, &mut stitcher);
        }
        None => {
            stitcher.columns_written = begin_index(corpus);
            read_all(corpus, &found, stdin, &mut stitcher);
        }
    }
    stitcher.stage = "indexing";
    stitcher.publish(true, false);
    let unchanged = matches!(resumed, Some(cache::Loaded::Current));
    if !corpus.is_cancelled() && !unchanged {
        cache::save(
            corpus,
            if stdin { None } else { Some(&found) },
            stitcher.columns_written,
        );
        // The file is sealed: what is followed from here on is not written behind the seal.
        stitcher.columns_written = false;
    }
    stitcher.publish(true, true);
    if corpus.options.follow && !stdin {
        follow::follow(corpus, &mut stitcher, &mut arrivals);
    }
}

/// Empties the cache folder for a new index, and makes the store for text that cannot be read again. Returns whether
/// the index can be written as the corpus is read.
fn begin_index(corpus: &Corpus) -> bool {
    let Some(folder) = corpus.folder.as_ref().filter(|f| f.writable) else {
        return false;
    };
    let begun = folder.begin();
    if let Err(e) = &begun {
        corpus.write().notices.push(format!(
            "the cache cannot be written ({e}); searches read the text instead"
        ));
    }
    match Store::create(&folder.path.join(cache::STORE)) {
        Ok(store) => *lock(&corpus.store) = Arc::new(store),
        Err(e) => corpus
            .write()
            .notices
            .push(format!("text of archives is kept in memory only ({e})")),
    }
    begun.is_ok()
}

/// Reader, workers and stitcher, each on its thread, with bounded queues between them.
pub fn read_all(
    corpus: &Corpus,
    paths: &[std::path::PathBuf],
    stdin: bool,
    stitcher: &mut Stitcher<'_>,
) {
    let threads = corpus.options.threads.max(1);
    let (jobs, job_queue) = sync_channel::<Job>(threads * 2);
    let (done, done_queue) = sync_channel::<Done>(threads * 2);
    let job_queue = Mutex::new(job_queue);
    let spare: Mutex<Vec<Vec<u8>>> = Mutex::default();
    std::thread::scope(|scope| {
        let spare = &spare;
        let queue = &job_queue;
        scope.spawn(move || {
            let mut slicer = Slicer {
                corpus,
                jobs,
                seq: 0,
                spare,
                live: false,
            };
            let mut walk = Walk::new(corpus.options.limits, &mut slicer);
            for path in paths {
                if corpus.is_cancelled() {
                    break;
                }
                *lock(&corpus.reading) = path.display().to_string();
                visit(&mut walk, path);
            }
            if stdin {
                follow::stdin(corpus, &mut slicer);
            }
        });
        for _ in 0..threads {
            let done = done.clone();
            scope.spawn(move || {
                let mut worker = Worker::default();
                while let Some(job) = next(queue) {
                    if done.send(work(&mut worker, job)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(done);
        stitch(done_queue, stitcher, spare);
    });
    for source in &mut corpus.write().sources {
        source.info.complete = true;
    }
}

fn visit(walk: &mut Walk<'_>, path: &Path) {
    walk.file(path);
}

fn next(queue: &Mutex<Receiver<Job>>) -> Option<Job> {
    lock(queue).recv().ok()
}

/// Takes chunks in the order in which they were cut, whoever finishes first.
fn stitch(queue: Receiver<Done>, stitcher: &mut Stitcher<'_>, spare: &Mutex<Vec<Vec<u8>>>) {
    let mut waiting: BTreeMap<u64, Done> = BTreeMap::new();
    let mut next = 0;
    while let Ok(done) = queue.recv() {
        waiting.insert(done.seq, done);
        while let Some(done) = waiting.remove(&next) {
            let buffer = stitcher.take(done);
            let mut spare = lock(spare);
            if spare.len() < 4 {
                spare.push(buffer);
            }
            next += 1;
        }
    }
}

impl Corpus {
    /// Notes something that could not be opened at all.
    pub fn unreadable(&self, name: &str, reason: &str) {
        self.fail(Failure {
            name: name.into(),
            reason: reason.into(),
        });
    }
}

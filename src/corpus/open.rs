//! Opens a corpus: loads it from the cache, reads only what was added since, or reads everything.
//! All of this runs on separate threads. Does not parse text.

use super::assembler::Assembler;
use super::cache;
use super::corpus::{Corpus, lock};
use super::edits;
use super::error::Error;
use super::follow;
use super::options::Options;
use super::pipeline;
use super::snapshot::Snapshot;
use super::store::Store;
use crate::index::disk::Folder;
use crate::ingest::format::FormatCatalog;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// An open corpus and the thread that reads it.
pub struct Session {
    pub corpus: Arc<Corpus>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// Starts to open a corpus. Snapshots are published while it is read.
pub fn open(options: Options) -> Result<Session, Error> {
    let catalog = FormatCatalog::new(&options.formats)?;
    if let Some(name) = &options.format_as
        && catalog.by_name(name).is_none()
    {
        let known = catalog.names().into_iter().map(String::from).collect();
        return Err(Error::UnknownFormat {
            name: name.clone(),
            known,
        });
    }
    // Without paths (before the user picks a corpus), there is nothing to cache.
    let folder = options
        .cache
        .as_ref()
        .filter(|_| !options.paths.is_empty())
        .and_then(|cache| {
            let folder = cache.join(cache::key(&options));
            Folder::open(&folder).ok()
        });
    let unwritable = options.cache.is_some() && !options.paths.is_empty() && folder.is_none();
    let corpus = Arc::new(Corpus::new(options, catalog, folder));
    if unwritable {
        corpus
            .notice("the cache folder cannot be written; nothing is kept for the next time".into());
    }
    if let Some(data) = &corpus.options.data {
        match edits::load(data) {
            Ok(edits) => corpus.write().edits = edits,
            Err(e) => corpus.notice(format!("{e}; template edits are not applied")),
        }
    }
    let shared = corpus.clone();
    let thread = std::thread::Builder::new()
        .name("corpus".into())
        .spawn(move || run(&shared))
        .map_err(Error::Thread)?;
    Ok(Session {
        corpus,
        thread: Some(thread),
    })
}

/// Names of the log formats that `--format-as` accepts.
pub fn format_names() -> Vec<String> {
    let catalog = FormatCatalog::new(&[]);
    catalog
        .map(|c| c.names().into_iter().map(String::from).collect())
        .unwrap_or_default()
}

impl Session {
    /// Waits until everything is read and written. Returns the latest snapshot.
    pub fn wait(&mut self) -> Arc<Snapshot> {
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            self.corpus
                .notice("the reader stopped by an internal error; what was read is shown".into());
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
    let found = corpus.options.files(&mut |f| failures.push(f));
    let mut files = follow::Files::new(&found);
    let total: u64 = found
        .iter()
        .filter_map(|p| std::fs::metadata(p).ok())
        .map(|m| m.len())
        .sum();
    corpus.total_bytes.store(total, Ordering::Relaxed);
    {
        let mut state = corpus.write();
        state.input_failures = failures.len();
        state.failures = failures;
    }
    // Taken before reading: a file that changes from here on does not fit the index.
    let inputs = cache::inputs(&found);
    let stdin = corpus.options.reads_stdin();
    let mut assembler = Assembler::new(corpus);
    let resumed = if stdin {
        None
    } else {
        cache::load(corpus, &inputs)
    };
    match resumed {
        Some(cache::Loaded::Current) => assembler.from_cache = true,
        Some(cache::Loaded::Grown) => {
            assembler.from_cache = true;
            follow::remember_all(corpus);
            follow::catch_up(corpus, &mut assembler);
        }
        None => {
            assembler.columns_written = begin_index(corpus);
            pipeline::read_all(corpus, &found, stdin, &mut assembler);
            if corpus.options.follow {
                files.correct(corpus, 0);
            }
        }
    }
    assembler.stage = "indexing";
    assembler.publish(true, false);
    let unchanged = matches!(resumed, Some(cache::Loaded::Current));
    if !corpus.is_cancelled() && !unchanged {
        let changed = cache::changed(&inputs);
        for path in &changed {
            let name = path.display();
            corpus.notice(format!(
                "{name} changed while it was read, so what is shown can be a mixture; open it again to read it as it is now"
            ));
        }
        let is_certain = !stdin && changed.is_empty();
        let columns_written = assembler.columns_written;
        cache::save(corpus, is_certain.then_some(inputs), columns_written);
        // The index is sealed now. Chunks that are read from here on are not appended to it.
        assembler.columns_written = false;
    }
    assembler.publish(true, true);
    if corpus.options.follow && !stdin {
        follow::follow(corpus, &mut assembler, &mut files);
    }
}

/// Empties the cache folder for a new index, and creates the store for text that cannot be read
/// again. Returns true if the index can be written while the corpus is read.
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

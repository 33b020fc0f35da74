//! Continues to read a corpus after its end: files that have grown since they were indexed, files
//! that grow now, and new files. If the last chunk of a source is short, it is read again, so that
//! events that were still being written become complete. Does not decide which paths are followed.

use super::assembler::Assembler;
use super::corpus::{Corpus, lock};
use super::pipeline;
use super::slice::{CHUNK, cut};
use super::state::Body;
use super::worker::{Job, Worker, work};
use crate::config::paths::open_file;
use crate::ingest::files::rotation::{self, Appeared, FileId, id_of, identity};
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
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
    if len <= had {
        return false;
    }
    // A short last chunk, or one that ends within a line, is read again, together with the new text.
    let ends_line = lock(&corpus.contents).ends_with_line(source);
    let (offset, replaces) = match last {
        Some((offset, bytes)) if bytes < CHUNK as u64 || !ends_line => (offset, true),
        _ => (had, false),
    };
    let known = (had - offset) as usize;
    let mut bytes = vec![0; (len - offset).min((known + CHUNK) as u64) as usize];
    // Checked after reading, so that a file which is emptied meanwhile is noticed.
    let is_read = file.read_exact_at(&mut bytes, offset).is_ok();
    if !is_read || lock(&corpus.contents).was_emptied(source, &file) {
        return false;
    }
    if bytes.len() > CHUNK {
        // Less than what is known already would not be progress.
        let end = cut(&bytes, &parser);
        bytes.truncate(if end > known { end } else { bytes.len() });
    }
    lock(&corpus.contents).extend(source, offset, &bytes);
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

/// The files of a followed folder: those that are known, and how rotated ones belong together.
/// Known files are identified by device and inode, so a renamed file is not read twice.
pub struct Files {
    known: HashSet<FileId>,
    /// Copies that were made of sources, in case the original is emptied.
    copies: HashMap<u32, (PathBuf, File)>,
    /// Sources whose file was emptied. They grow no more.
    ended: HashSet<u32>,
    next: Instant,
}

impl Files {
    pub fn new(found: &[PathBuf]) -> Files {
        Files {
            known: found
                .iter()
                .filter_map(|p| identity(p))
                .map(|i| i.0)
                .collect(),
            copies: HashMap::new(),
            ended: HashSet::new(),
            next: Instant::now(),
        }
    }

    /// Returns the files that appeared since the last search, without copies of what is read
    /// already. If a search takes long, the next one is done later.
    fn new_files(&mut self, corpus: &Corpus) -> Vec<NewFile> {
        let started = Instant::now();
        if started < self.next {
            return Vec::new();
        }
        let out = self.search(corpus);
        self.next = Instant::now() + SCAN_INTERVAL.max(started.elapsed() * 20);
        out
    }

    fn search(&mut self, corpus: &Corpus) -> Vec<NewFile> {
        // An empty file has no format yet, so it is ignored for now.
        let paths = corpus.options.files(&mut |_| ()).into_iter();
        let found = paths.filter_map(|path| match identity(&path) {
            Some((id, 1..)) => Some(NewFile { path, id }),
            _ => None,
        });
        let found: Vec<NewFile> = found.collect();
        let present: HashSet<FileId> = found.iter().map(|f| f.id).collect();
        let unknown = found.into_iter().filter(|f| !self.known.contains(&f.id));
        let mut new: Vec<NewFile> = unknown.collect();
        // Usually there is none, and nothing is compared.
        if !new.is_empty() {
            let files = files_of(corpus);
            let contents = lock(&corpus.contents).clone();
            new.retain(|f| self.is_new(f, contents.classify(&f.path, &files)));
        }
        self.forget_deleted(corpus, &present);
        new
    }

    /// Takes note of a file that appeared. Returns true if it is to be read.
    fn is_new(&mut self, file: &NewFile, appeared: Appeared) -> bool {
        match appeared {
            Appeared::New | Appeared::Compressed => drop(self.known.insert(file.id)),
            // Opened now: a copy can be renamed or compressed before it is needed. It is not known
            // yet, because it can turn out to be a log of its own.
            Appeared::Copy(source) => {
                if let Ok(open) = open_file(&file.path) {
                    self.copies.insert(source, (file.path.clone(), open));
                }
            }
            // It is looked at again in the next search.
            Appeared::Incomplete => {}
        }
        appeared == Appeared::New
    }

    /// Forgets files that are gone: the system gives their numbers to new files.
    fn forget_deleted(&mut self, corpus: &Corpus, present: &HashSet<FileId>) {
        if self.known.iter().all(|id| present.contains(id)) {
            return;
        }
        let open = open_ids(corpus);
        self.known
            .retain(|id| present.contains(id) || open.contains(id));
    }

    /// Handles files that were emptied, as `copytruncate` does. The source goes on with the copy
    /// that was made before, if there is one. The emptied file is a new file from now on. Returns new
    /// files that were found on the way.
    fn emptied(&mut self, corpus: &Corpus) -> Vec<NewFile> {
        let mut files = files_of(corpus);
        files.retain(|(n, _)| !self.ended.contains(n));
        let mut out = Vec::new();
        for (source, file) in files {
            if !lock(&corpus.contents).was_emptied(source, &file) {
                continue;
            }
            // The copy can be newer than the last search.
            out.extend(self.search(corpus));
            self.ended.insert(source);
            let copy = self.copies.remove(&source);
            let mut state = corpus.write();
            let known = &mut state.sources[source as usize];
            match copy {
                Some((path, file)) => {
                    self.known.extend(id_of(&file));
                    known.body = Body::File(Arc::new(file));
                    known.path = Some(path);
                }
                None => {
                    known.info.failure.get_or_insert_with(|| {
                        "the file was emptied while it was followed; its lines are counted, but their text is gone".into()
                    });
                }
            }
            if let Some(id) = id_of(&file) {
                self.known.remove(&id);
                self.next = Instant::now();
            }
        }
        out
    }

    /// Reads new files. A file can be renamed before it is opened, so that another one is read under
    /// its name: then this one is known, and the renamed one is searched for again.
    fn read(&mut self, corpus: &Corpus, new: Vec<NewFile>, assembler: &mut Assembler<'_>) {
        let first = corpus.read().sources.len();
        let paths: Vec<PathBuf> = new.iter().map(|f| f.path.clone()).collect();
        pipeline::read_all(corpus, &paths, false, assembler);
        let open = open_ids(corpus);
        for file in new {
            let is_moved = identity(&file.path).is_none_or(|(id, _)| id != file.id);
            if is_moved && !open.contains(&file.id) {
                self.known.remove(&file.id);
                self.next = Instant::now();
            }
        }
        self.correct(corpus, first);
    }

    /// Corrects what is known after files were read: a file that was renamed before it was opened
    /// is searched for again, and one that was read under its name is known. `first` is the first
    /// source that was read.
    pub fn correct(&mut self, corpus: &Corpus, first: usize) {
        let files = files_of(corpus);
        let mut read = files.iter().filter(|(n, _)| *n as usize >= first);
        let unknown = |f: &Arc<File>| id_of(f).is_some_and(|id| !self.known.contains(&id));
        if read.any(|(_, f)| unknown(f)) {
            let paths = corpus.options.files(&mut |_| ());
            let open = open_ids(corpus);
            // Plain files that are known but not open were not read.
            for path in paths.iter().filter(|p| rotation::is_plain(p)) {
                if let Some((id, _)) = identity(path).filter(|(id, _)| !open.contains(id)) {
                    self.known.remove(&id);
                }
            }
            self.known.extend(open);
            self.next = Instant::now();
        }
    }
}

/// The sources that are plain files, with their open files.
fn files_of(corpus: &Corpus) -> Vec<(u32, Arc<File>)> {
    let state = corpus.read();
    let numbered = state.sources.iter().enumerate();
    let files = numbered.filter_map(|(n, s)| match &s.body {
        Body::File(file) => Some((n as u32, file.clone())),
        Body::Store => None,
    });
    files.collect()
}

/// The identities of the open files of all sources.
fn open_ids(corpus: &Corpus) -> HashSet<FileId> {
    let files = files_of(corpus);
    files.iter().filter_map(|(_, f)| id_of(f)).collect()
}

/// A file that appeared in a followed folder.
struct NewFile {
    path: PathBuf,
    id: FileId,
}

/// Remembers the files that were read in an earlier run.
pub fn remember_all(corpus: &Corpus) {
    let state = corpus.read();
    let mut contents = lock(&corpus.contents);
    for (n, source) in state.sources.iter().enumerate() {
        if let Body::File(file) = &source.body {
            contents.remember(n as u32, file, source.info.bytes);
        }
    }
}

/// Watches the files until the corpus is closed.
pub fn follow(corpus: &Corpus, assembler: &mut Assembler<'_>, files: &mut Files) {
    // While many lines arrive, the tables may be out of date. They are updated when no more lines
    // arrive.
    let mut stale = false;
    remember_all(corpus);
    while !corpus.is_cancelled() {
        // Before anything new is read: what a file holds now may not continue what was read.
        let mut new = files.emptied(corpus);
        new.extend(files.new_files(corpus));
        let any_new = !new.is_empty();
        if any_new {
            files.read(corpus, new, assembler);
        }
        let has_grown = catch_up(corpus, assembler);
        if has_grown || any_new {
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

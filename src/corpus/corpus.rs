//! An open corpus: its tables behind a lock that is only held briefly, the text store, and the
//! latest snapshot. Does not analyze events.

use super::options::Options;
use super::snapshot::Snapshot;
use super::state::{Body, State};
use super::store::Store;
use crate::index::disk::Folder;
use crate::index::terms::Terms;
use crate::ingest::files::reread::read_again;
use crate::ingest::files::rotation::Contents;
use crate::ingest::format::FormatCatalog;
use crate::model::{Failure, Moment, SourceId, SourceInfo, Stats};
use crate::text::civil::SECOND;
use crate::text::time::clock::{Clock, now};
use crate::text::time::zone::Zone;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, RwLock};

/// Source name of standard input.
pub const STDIN: &str = "stdin";

pub struct Corpus {
    pub options: Options,
    pub(super) catalog: FormatCatalog,
    pub(super) state: RwLock<State>,
    pub(super) store: Mutex<Arc<Store>>,
    pub(super) folder: Option<Folder>,
    pub(super) terms: RwLock<Option<Arc<Terms>>>,
    /// Number of chunks that `terms` covers, or 0 if a chunk was added after `terms` was built.
    pub(super) covered: AtomicUsize,
    pub(super) latest: Mutex<Arc<Snapshot>>,
    pub(super) cancelled: AtomicBool,
    pub(super) total_bytes: AtomicU64,
    pub(super) started: std::time::Instant,
    /// The file that is being read now.
    pub(super) reading: Mutex<String>,
    /// What was read of each plain file, to recognize rotated ones.
    pub(super) contents: Mutex<Contents>,
}

pub fn lock<T>(m: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    m.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Corpus {
    pub(super) fn new(options: Options, catalog: FormatCatalog, folder: Option<Folder>) -> Corpus {
        Corpus {
            options,
            catalog,
            state: RwLock::default(),
            store: Mutex::new(Arc::new(Store::in_memory())),
            folder,
            terms: RwLock::default(),
            covered: AtomicUsize::new(0),
            latest: Mutex::default(),
            cancelled: AtomicBool::new(false),
            total_bytes: AtomicU64::new(0),
            started: std::time::Instant::now(),
            reading: Mutex::default(),
            contents: Mutex::default(),
        }
    }

    pub fn read(&self) -> std::sync::RwLockReadGuard<'_, State> {
        self.state
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> std::sync::RwLockWriteGuard<'_, State> {
        self.state
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub fn snapshot(&self) -> Arc<Snapshot> {
        lock(&self.latest).clone()
    }

    pub(super) fn store(&self) -> Arc<Store> {
        lock(&self.store).clone()
    }

    pub(super) fn terms(&self) -> Option<Arc<Terms>> {
        self.terms
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }

    pub(super) fn set_terms(&self, terms: Terms) {
        *self
            .terms
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(Arc::new(terms));
        self.covered
            .store(self.read().chunks.len(), Ordering::SeqCst);
    }

    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Creates a clock for a source that was last modified at `mtime` (seconds since 1970). Without
    /// `mtime`, the current time is used.
    pub(super) fn clock(&self, mtime: Option<u64>) -> Clock {
        let newest = mtime.map_or_else(now, |s| (s as Moment).saturating_mul(SECOND));
        Clock::new(newest, Zone::new(self.options.zone.clone()))
    }

    /// Messages for the user, in order.
    pub fn notices(&self) -> Vec<String> {
        self.read().notices.clone()
    }

    /// Adds a message for the user. The same message is added only once.
    pub fn notice(&self, text: String) {
        let mut state = self.write();
        if !state.notices.contains(&text) {
            state.notices.push(text);
        }
    }

    pub(super) fn fail(&self, failure: Failure) {
        let mut state = self.write();
        if let Some(source) = state
            .sources
            .iter_mut()
            .rev()
            .find(|s| s.info.name == failure.name)
        {
            source.info.failure = Some(failure.reason.clone());
        }
        if state.failures.len() < 10_000 {
            state.failures.push(failure);
        }
    }

    /// Reads original bytes of a source. `None` if they can no longer be read.
    pub fn raw(&self, source: SourceId, offset: u64, len: usize) -> Option<Vec<u8>> {
        let (body, name) = {
            let state = self.read();
            let source = state.sources.get(source.index())?;
            (source.body.clone(), source.info.name.clone())
        };
        match body {
            Body::File(file) => {
                use std::os::unix::fs::FileExt;
                let mut bytes = vec![0; len];
                file.read_exact_at(&mut bytes, offset).ok()?;
                Some(bytes)
            }
            Body::Store => self.store().read(source.0, offset, len).or_else(|| {
                let (paths, limits) = (&self.options.paths, self.options.limits);
                read_again(paths, limits, &name, offset, len)
            }),
        }
    }

    /// Statistics about the run so far.
    pub fn stats(&self) -> Stats {
        let state = self.read();
        let sum = |f: fn(&SourceInfo) -> u64| state.sources.iter().map(|s| f(&s.info)).sum::<u64>();
        let (peak_rss_bytes, peak_anon_bytes) = memory();
        Stats {
            bytes: state.bytes,
            lines: state.lines,
            events: state.events,
            templates: state.templates.len() as u64,
            elapsed_s: self.started.elapsed().as_secs_f64(),
            peak_rss_bytes,
            peak_anon_bytes,
            index_bytes: state.index_bytes,
            timed_events: sum(|i| i.timed),
            unparsed_events: sum(|i| i.unparsed),
            sources: state.sources.len() as u64,
            sources_failed: state.failures.len() as u64,
        }
    }
}

/// Peak resident and anonymous memory of this process, in bytes. The kernel does not record the
/// peak of anonymous memory, so it is sampled.
fn memory() -> (u64, u64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find(|l| l.starts_with(name))?;
        line.split_whitespace()
            .nth(1)?
            .parse::<u64>()
            .ok()
            .map(|kb| kb * 1024)
    };
    let anon = field("RssAnon:").unwrap_or(0);
    let peak = PEAK_ANON.fetch_max(anon, Ordering::Relaxed).max(anon);
    (field("VmHWM:").unwrap_or(0), peak)
}

static PEAK_ANON: AtomicU64 = AtomicU64::new(0);

/// Samples the anonymous memory that is in use now.
pub fn sample_memory() {
    memory();
}

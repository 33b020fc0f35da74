//! What is open: sources, chunks, kinds, templates, behind one lock that is held briefly, and the snapshots made of them.

use super::timeline::Timeline;
use crate::config::settings::Health;
use crate::index::disk::Folder;
use crate::index::terms::Terms;
use crate::index::{Chunk, Order};
use crate::ingest::clock::Clock;
use crate::ingest::format::Catalogue;
use crate::ingest::line::LineParser;
use crate::ingest::store::Store;
use crate::ingest::walk::Limits;
use crate::mine::{Edits, Kinds, Resolved};
use crate::model::{Diagnosis, Failure, Findings, Level, Moment, SourceInfo, Stats, Template};
use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, RwLock};

/// Name of standard input as a source.
pub const STDIN: &str = "stdin";

/// Events and templates of which something was worked out.
type Made = (u64, usize);

/// How a corpus is to be opened.
#[derive(Clone, Debug)]
pub struct Options {
    pub paths: Vec<PathBuf>,
    /// A folder whose place is of no interest, and what it is called instead.
    pub called: Option<(PathBuf, String)>,
    /// The cluster that live logs come from, where the user named it.
    pub context: Option<String>,
    pub limits: Limits,
    /// Offset of stamps without a zone, in ns.
    pub offset: i64,
    /// Format that every source is read as.
    pub format_as: Option<String>,
    /// Files of further formats: name and text.
    pub formats: Vec<(String, String)>,
    /// Folder of all cached corpora; `None` keeps nothing.
    pub cache: Option<PathBuf>,
    pub cache_max_bytes: u64,
    /// Folder of what the user made: edits of templates, verdicts, incidents. `None` keeps nothing.
    pub data: Option<PathBuf>,
    /// Go on reading as files grow.
    pub follow: bool,
    /// Keep the merged order ready for a screen.
    pub interactive: bool,
    /// When a service counts as unhealthy.
    pub health: Health,
    /// No action may be applied.
    pub read_only: bool,
    /// Threads that parse.
    pub threads: usize,
}

impl Options {
    pub fn new(paths: Vec<PathBuf>) -> Options {
        Options {
            paths,
            called: None,
            context: None,
            limits: Limits::default(),
            offset: 0,
            format_as: None,
            formats: Vec::new(),
            cache: None,
            cache_max_bytes: 8 << 30,
            data: None,
            follow: false,
            interactive: false,
            health: Health::default(),
            read_only: false,
            threads: std::thread::available_parallelism().map_or(2, usize::from),
        }
    }
}

/// Where a source's text is read again.
#[derive(Clone, Debug)]
pub enum Body {
    File(Arc<File>),
    Store,
}

#[derive(Clone, Debug)]
pub struct Source {
    pub info: SourceInfo,
    pub parser: LineParser,
    pub body: Body,
    /// All events are of this service, whatever they say (the pod's workload).
    pub fixed_service: Option<String>,
    pub path: Option<PathBuf>,
}

/// How far a long job is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    pub stage: &'static str,
    pub bytes: u64,
    /// 0 when not known beforehand.
    pub total_bytes: u64,
    pub lines: u64,
    pub elapsed_s: f64,
    pub finished: bool,
    pub followed: bool,
    pub from_cache: bool,
}

/// An immutable view of the corpus, cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    pub revision: u64,
    pub chunks: Arc<Vec<Arc<Chunk>>>,
    pub order: Arc<Order>,
    /// Rows of the merged stream.
    pub rows: u64,
    pub events: u64,
    pub lines: u64,
    pub bytes: u64,
    pub sources: Arc<Vec<SourceInfo>>,
    pub failures: Arc<Vec<Failure>>,
    pub templates: Arc<Vec<Template>>,
    /// Per kind, the index of its template in `templates`.
    pub template_of: Arc<Vec<u32>>,
    pub timeline: Arc<Timeline>,
    pub progress: Progress,
    pub notices: Arc<Vec<String>>,
}

#[derive(Default)]
pub struct State {
    pub sources: Vec<Source>,
    pub chunks: Vec<Arc<Chunk>>,
    pub kinds: Kinds,
    pub failures: Vec<Failure>,
    pub timelines: Vec<Timeline>,
    pub timeline: Timeline,
    pub resolved: Arc<Resolved>,
    /// Shapes and events of which `resolved` was made.
    pub resolved_at: (usize, u32),
    pub edits: Edits,
    pub templates: Arc<Vec<Template>>,
    pub template_of: Arc<Vec<u32>>,
    pub order: Arc<Order>,
    pub notices: Vec<String>,
    pub next_event: u32,
    pub events: u64,
    pub lines: u64,
    pub bytes: u64,
    pub index_bytes: u64,
    pub revision: u64,
}

impl State {
    /// Level of the events of a kind.
    pub fn headers_level(&self, kind: u32) -> Level {
        self.kinds
            .kinds
            .get(kind as usize)
            .map_or(Level::Unknown, |k| {
                self.kinds.headers[k.header as usize].level
            })
    }
}

pub struct Corpus {
    pub options: Options,
    pub catalogue: Catalogue,
    pub state: RwLock<State>,
    pub store: Mutex<Arc<Store>>,
    pub folder: Option<Folder>,
    pub terms: RwLock<Option<Arc<Terms>>>,
    /// Chunks that `terms` covers; 0 once anything was added behind them.
    pub covered: AtomicUsize,
    pub latest: Mutex<Arc<Snapshot>>,
    pub cancelled: AtomicBool,
    pub total_bytes: AtomicU64,
    pub started: std::time::Instant,
    /// The file being read now.
    pub reading: Mutex<String>,
    /// What the user taught.
    pub memory: Mutex<super::memory::Memory>,
    pub diagnosed: Mutex<Option<(Made, Arc<Diagnosis>)>>,
    /// Findings, and the events and templates of which they were made.
    pub found: Mutex<Option<(Made, Arc<Findings>)>>,
}

pub fn lock<T>(m: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    m.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Corpus {
    pub fn new(options: Options, catalogue: Catalogue, folder: Option<Folder>) -> Corpus {
        Corpus {
            options,
            catalogue,
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
            memory: Mutex::default(),
            diagnosed: Mutex::default(),
            found: Mutex::default(),
        }
    }

    pub fn read(&self) -> std::sync::RwLockReadGuard<'_, State> {
        self.state
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub fn write(&self) -> std::sync::RwLockWriteGuard<'_, State> {
        self.state
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub fn snapshot(&self) -> Arc<Snapshot> {
        lock(&self.latest).clone()
    }

    pub fn store(&self) -> Arc<Store> {
        lock(&self.store).clone()
    }

    pub fn terms(&self) -> Option<Arc<Terms>> {
        self.terms
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }

    pub fn set_terms(&self, terms: Terms) {
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

    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// A clock for a source whose newest moment is `mtime` (seconds since 1970), or now.
    pub fn clock(&self, mtime: Option<u64>) -> Clock {
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |d| d.as_secs());
        Clock::new(
            mtime.unwrap_or(now) as Moment * crate::text::civil::SECOND,
            self.options.offset,
        )
    }

    pub fn fail(&self, failure: Failure) {
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

    /// Raw bytes of a source, from where they can be read.
    pub fn raw(&self, source: u32, offset: u64, len: usize) -> Option<Vec<u8>> {
        let body = self.read().sources.get(source as usize)?.body.clone();
        match body {
            Body::File(file) => {
                use std::os::unix::fs::FileExt;
                let mut bytes = vec![0; len];
                file.read_exact_at(&mut bytes, offset).ok()?;
                Some(bytes)
            }
            Body::Store => self
                .store()
                .read(source, offset, len)
                .or_else(|| super::slice::read_again(self, source, offset, len)),
        }
    }

    /// Figures about the run so far.
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

/// Peak resident and anonymous bytes of this process; the kernel keeps no peak of the latter, so it is sampled.
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

/// Notes how much anonymous memory is in use now.
pub fn sample_memory() {
    memory();
}

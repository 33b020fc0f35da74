//! The analysis of an open corpus: the current baseline, the user's feedback, and the latest
//! findings and diagnosis. The screen, the plan, the chat and the watch mode share one analysis.
//! Does not connect to a cluster.

use super::baseline::Baseline;
use super::memory::Memory;
use crate::corpus::{Corpus, Snapshot, lock};
use crate::model::{Diagnosis, Findings};
use crate::text::redact::Redactor;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// The state that a result was computed from. A result is valid only for this state of the corpus,
/// the baseline and the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    corpus: u64,
    baseline: u64,
    memory: u64,
}

/// The latest result, and the state that it was computed from.
type Cached<T> = Mutex<Option<(Key, Arc<T>)>>;

pub struct Analysis {
    pub corpus: Arc<Corpus>,
    baseline: Mutex<Baseline>,
    memory: Mutex<Memory>,
    baseline_generation: AtomicU64,
    memory_generation: AtomicU64,
    findings: Cached<Findings>,
    diagnosis: Cached<Diagnosis>,
    redactor: Cached<Redactor>,
}

impl Analysis {
    /// Creates the analysis of a corpus, with the automatic baseline and the user's feedback from
    /// earlier sessions.
    pub fn new(corpus: Arc<Corpus>) -> Analysis {
        let memory = match corpus.options.data.as_deref().map(Memory::load) {
            Some(Ok(memory)) => memory,
            Some(Err(e)) => {
                corpus.notice(format!(
                    "{e}; your saved incidents and feedback are not used"
                ));
                Memory::default()
            }
            None => Memory::default(),
        };
        Analysis {
            corpus,
            baseline: Mutex::default(),
            memory: Mutex::new(memory),
            baseline_generation: AtomicU64::new(0),
            memory_generation: AtomicU64::new(0),
            findings: Mutex::default(),
            diagnosis: Mutex::default(),
            redactor: Mutex::default(),
        }
    }

    /// Returns the latest snapshot of the corpus.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.corpus.snapshot()
    }

    pub fn baseline(&self) -> Baseline {
        lock(&self.baseline).clone()
    }

    /// Sets the baseline. All later results use it.
    pub fn set_baseline(&self, baseline: Baseline) {
        *lock(&self.baseline) = baseline;
        self.baseline_generation.fetch_add(1, Ordering::SeqCst);
    }

    pub fn memory(&self) -> Memory {
        lock(&self.memory).clone()
    }

    /// Changes the memory and saves it. The change applies to this session even if it cannot be
    /// saved.
    pub fn remember(&self, change: impl FnOnce(&mut Memory)) -> Result<(), super::Error> {
        let mut memory = lock(&self.memory);
        change(&mut memory);
        self.memory_generation.fetch_add(1, Ordering::SeqCst);
        match &self.corpus.options.data {
            Some(data) => Ok(memory.save(data)?),
            None => Ok(()),
        }
    }

    /// Returns the findings of a snapshot against the current baseline. Computed once for each
    /// state.
    pub fn findings(&self, snapshot: &Snapshot) -> Arc<Findings> {
        let key = Key {
            memory: 0,
            ..self.key(snapshot)
        };
        self.cached(&self.findings, key, || {
            self.find(snapshot, &self.baseline())
        })
    }

    /// Returns the diagnosis of a snapshot. Computed once for each state.
    pub fn diagnosis(&self, snapshot: &Snapshot) -> Arc<Diagnosis> {
        let findings = self.findings(snapshot);
        let diagnose = || self.diagnose(snapshot, &findings, None, &|_| true);
        self.cached(&self.diagnosis, self.key(snapshot), diagnose)
    }

    /// Returns the redactor that `learn` made for this state.
    pub(super) fn cached_redactor(
        &self,
        snapshot: &Snapshot,
        learn: impl FnOnce() -> Redactor,
    ) -> Arc<Redactor> {
        self.cached(&self.redactor, self.key(snapshot), learn)
    }

    fn key(&self, snapshot: &Snapshot) -> Key {
        Key {
            corpus: snapshot.generation,
            baseline: self.baseline_generation.load(Ordering::SeqCst),
            memory: self.memory_generation.load(Ordering::SeqCst),
        }
    }

    /// Returns the cached result if its key matches. Otherwise computes the result. Holds the lock
    /// during the computation, so that two callers do not compute the same result.
    fn cached<T>(&self, cache: &Cached<T>, key: Key, make: impl FnOnce() -> T) -> Arc<T> {
        let mut cached = lock(cache);
        match &*cached {
            Some((k, found)) if *k == key => found.clone(),
            _ => {
                let made = Arc::new(make());
                *cached = Some((key, made.clone()));
                made
            }
        }
    }
}

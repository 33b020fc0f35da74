//! The tables of an open corpus, which grow while it is read: sources, chunks, kinds, templates.
//! Plain data behind the lock of `Corpus`.

use super::timeline::Timeline;
use crate::index::{Chunk, Order};
use crate::ingest::line::LineParser;
use crate::mine::{Edits, Kinds, Resolved};
use crate::model::{
    Failure, KindId, Level, Moment, NO_TIME, SourceId, SourceInfo, Template, TemplateIx,
};
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

/// Where the text of a source can be read again.
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
    /// If set, all events belong to this service, even if their text names another. It is the
    /// workload of the pod.
    pub fixed_service: Option<String>,
    pub path: Option<PathBuf>,
}

/// Progress of a long operation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    pub stage: &'static str,
    pub bytes: u64,
    /// 0 if not known in advance.
    pub total_bytes: u64,
    pub lines: u64,
    pub elapsed_s: f64,
    pub finished: bool,
    pub followed: bool,
    pub from_cache: bool,
}

#[derive(Default)]
pub struct State {
    pub sources: Vec<Source>,
    pub chunks: Vec<Arc<Chunk>>,
    pub kinds: Kinds,
    pub failures: Vec<Failure>,
    /// Number of `failures` about the paths that the user named. They come first. They are not
    /// stored in the cache, because each run finds them again.
    pub input_failures: usize,
    pub timelines: Vec<Timeline>,
    pub timeline: Timeline,
    pub resolved: Arc<Resolved>,
    /// Number of shapes, and next event number, when `resolved` was computed.
    pub resolved_at: (usize, u32),
    pub edits: Edits,
    pub templates: Arc<Vec<Template>>,
    pub template_of: Arc<Vec<Option<TemplateIx>>>,
    pub order: Arc<Order>,
    pub notices: Vec<String>,
    pub next_event: u32,
    pub events: u64,
    pub lines: u64,
    pub bytes: u64,
    pub index_bytes: u64,
    pub revision: u64,
    /// See `Snapshot::generation`.
    pub generation: u64,
}

impl State {
    /// Level of the events of a kind.
    pub fn level(&self, kind: KindId) -> Level {
        self.kinds
            .kinds
            .get(kind.index())
            .map_or(Level::Unknown, |k| {
                self.kinds.headers[k.header as usize].level
            })
    }

    /// One message of a kind.
    pub fn example(&self, kind: KindId) -> &str {
        let kind = self.kinds.kinds.get(kind.index());
        let shape = kind.and_then(|k| self.kinds.shapes.get(k.shape as usize));
        shape.map_or("", |s| s.example.as_str())
    }

    /// True if the level of a kind is inferred from the words of its messages.
    pub fn is_level_inferred(&self, kind: KindId) -> bool {
        let kind = self.kinds.kinds.get(kind.index());
        kind.is_some_and(|k| self.kinds.headers[k.header as usize].level_inferred)
    }

    /// Service of the events of a kind in a source.
    pub fn service(&self, source: SourceId, kind: KindId) -> &str {
        let source = &self.sources[source.index()];
        if let Some(fixed) = &source.fixed_service {
            return fixed;
        }
        let named = self.kinds.kinds.get(kind.index()).map_or("", |k| {
            self.kinds.headers[k.header as usize].service.as_str()
        });
        if named.is_empty() {
            &source.info.service
        } else {
            named
        }
    }

    /// Earliest and latest time. `NO_TIME` if no event has a time.
    pub fn span(&self) -> (Moment, Moment) {
        self.chunks.iter().fold((NO_TIME, NO_TIME), |e, c| {
            crate::index::widen(e, c.min_time, c.max_time)
        })
    }

    /// Histogram of a chunk whose kinds already have the corpus's numbers.
    pub fn chunk_timeline(&self, chunk: &Chunk) -> Timeline {
        Timeline::of_chunk(chunk, |k| self.level(KindId(k)))
    }
}

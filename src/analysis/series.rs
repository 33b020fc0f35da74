//! Series of a corpus as the detection takes them, with the names that their numbers stand for. Plain data.

use crate::corpus::Snapshot;
use crate::detect::{Deviation, FeatureKind, Input};
use crate::model::{KindId, Level, Moment, SourceId, TemplateIx};
use rustc_hash::FxHashMap;

/// With fewer bins there is too little data for a baseline.
pub const MIN_BINS: u32 = 100;

/// The input of the detection, with the names that its numbers stand for.
pub struct Series {
    pub input: Input,
    /// The order of events takes the place of time.
    pub by_order: bool,
    /// Share of the events whose values were read.
    pub sampled: f64,
    /// Values of categories, by source, template, variable and number.
    pub categories: FxHashMap<(usize, TemplateIx, u16, u16), f64>,
}

/// What a kind in a source is.
#[derive(Clone, Copy)]
pub struct Role {
    /// Index into the sources of the input.
    pub service: usize,
    pub template: Option<TemplateIx>,
    pub level: Level,
}

pub type Roles = FxHashMap<(SourceId, KindId), Role>;

impl Series {
    /// Start of a bin.
    pub fn at(&self, bin: usize) -> Moment {
        self.input.start + bin as i64 * self.input.width
    }

    /// What the series of a deviation counts; `None` for a series of values.
    pub fn kind_of(&self, d: &Deviation) -> Option<FeatureKind> {
        self.input.sources[d.source]
            .features
            .get(d.series)
            .map(|x| x.kind)
    }

    /// Template of the series of a deviation; `None` for a series about all events of a service.
    pub fn template_of(&self, d: &Deviation) -> Option<TemplateIx> {
        let source = &self.input.sources[d.source];
        match self.kind_of(d) {
            Some(
                FeatureKind::Template(t) | FeatureKind::Category(t, ..) | FeatureKind::Tail(t, _),
            ) => Some(t),
            Some(_) => None,
            None => source
                .values
                .get(d.series - source.features.len())
                .map(|v| v.template),
        }
    }
}

/// Adds up the counts of a bin.
pub fn merged(mut counts: Vec<(u32, u32)>) -> Vec<(u32, u32)> {
    counts.sort_unstable();
    let mut out: Vec<(u32, u32)> = Vec::with_capacity(counts.len());
    for (b, n) in counts {
        match out.last_mut() {
            Some(last) if last.0 == b => last.1 += n,
            _ => out.push((b, n)),
        }
    }
    out
}

/// Whether a template mostly reports problems: warnings or worse.
pub fn is_problem(snapshot: &Snapshot, template: TemplateIx) -> bool {
    let Some(t) = snapshot.template(template) else {
        return false;
    };
    let problems: u64 = t.levels[Level::Warn.index()..].iter().sum();
    problems * 2 > t.count
}

//! The input of the detection: time series of a corpus, with the values behind their category
//! numbers. Detects nothing.

use crate::corpus::Snapshot;
use crate::detect::{Deviation, FeatureKind, Input};
use crate::diagnose::Prior;
use crate::model::{KindId, Level, Moment, SourceId, TemplateIx};
use rustc_hash::FxHashMap;

/// Minimum number of bins for an automatic baseline.
pub const MIN_BINS: u32 = 100;

/// The input of the detection, with the values behind its category numbers.
#[derive(Default)]
pub struct Series {
    pub input: Input,
    /// True if the order of events is used instead of their times.
    pub by_order: bool,
    /// Share of events whose values were read.
    pub sampled: f64,
    /// Category values, by source, template, variable and category number.
    pub categories: FxHashMap<(usize, TemplateIx, u16, u16), String>,
    /// Names of the fields that values were read from, sorted.
    pub fields: Vec<String>,
}

/// The service, template and level of one kind of events in a source.
#[derive(Clone)]
pub struct Role {
    /// Index into the sources of the input.
    pub service: usize,
    pub template: Option<TemplateIx>,
    pub level: Level,
    /// What general knowledge says about a message of this kind.
    pub prior: Prior,
    /// One message of this kind, if it reports a problem.
    pub example: Option<String>,
    /// The level that the prior was computed with: unknown if it was inferred from the words, which
    /// are already counted.
    pub stated_level: Level,
}

/// Minimum number of values for a variable to be tested in bins, and by single values.
pub const MIN_VALUES: usize = 40;
pub const MIN_NUMBERS: usize = 12;

/// Service, template and number of a variable.
pub type Variable = (usize, TemplateIx, u16);

pub type Roles = FxHashMap<(SourceId, KindId), Role>;

impl Series {
    /// Returns the start of a bin.
    pub fn at(&self, bin: usize) -> Moment {
        self.input.start + bin as i64 * self.input.width
    }

    /// Returns what the series of a deviation counts, or `None` for a series of values.
    pub fn kind_of(&self, d: &Deviation) -> Option<FeatureKind> {
        self.input.sources[d.source]
            .features
            .get(d.series)
            .map(|x| x.kind)
    }

    /// Returns the template of the series of a deviation, or `None` if the series is not about a
    /// single template.
    pub fn template_of(&self, d: &Deviation) -> Option<TemplateIx> {
        let source = &self.input.sources[d.source];
        match self.kind_of(d) {
            Some(kind) => kind.template(),
            None => source
                .values
                .get(d.series - source.features.len())
                .map(|v| v.template),
        }
    }
}

/// Adds up the counts of each bin. Returns them in bin order.
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

/// Returns true if most events of a template are warnings or worse.
pub fn is_problem(snapshot: &Snapshot, template: TemplateIx) -> bool {
    let Some(t) = snapshot.template(template) else {
        return false;
    };
    let problems: u64 = t.levels[Level::Warn.index()..].iter().sum();
    problems * 2 > t.count
}

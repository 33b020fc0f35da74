//! A template: what millions of lines collapse into. Plain data.

use super::{Level, Moment};
use serde::{Deserialize, Serialize};

/// A hash (53 bits) of the template's text: the same in every corpus.
pub type TemplateKey = u64;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Template {
    pub id: TemplateKey,
    /// `<*>` stands for one variable.
    pub text: String,
    pub count: u64,
    /// The most frequent level.
    pub level: Level,
    pub levels: [u64; Level::COUNT],
    pub services: Vec<String>,
    pub first: Option<Moment>,
    pub last: Option<Moment>,
    pub first_precision: u8,
    pub last_precision: u8,
    /// Source and first line of the earliest event.
    pub example_source: u32,
    pub example_line: u64,
    /// Events per time bin over the corpus, for the sparkline.
    pub trend: Vec<u32>,
    /// Rate in the last quarter of its trend against the rest: 1 is steady.
    pub change: f32,
    /// What the user calls it.
    pub name: Option<String>,
    pub pinned: bool,
    /// Ids that this template had before it was refined or merged.
    pub aliases: Vec<TemplateKey>,
}

/// Values seen at one variable of a template.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct VariableStats {
    pub seen: u64,
    pub distinct: u64,
    pub top: Vec<(String, u64)>,
    pub numeric: Option<ValueStats>,
}

/// Distribution of a numeric variable, in the unit the log writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ValueStats {
    pub min: f64,
    pub median: f64,
    pub p99: f64,
    pub max: f64,
}

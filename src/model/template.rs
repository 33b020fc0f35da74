//! A log template: the constant text that many lines share, with placeholders for the variables.
//! Plain data: does not search for templates.

use super::{Level, Moment, SourceId};
use serde::{Deserialize, Serialize};

/// A 53-bit hash of the template's text. The same text has the same key in every corpus.
pub type TemplateKey = u64;

/// A template with its counts and times.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Template {
    pub id: TemplateKey,
    /// Each `<*>` is the placeholder of one variable.
    pub text: String,
    /// Number of events.
    pub count: u64,
    /// The most frequent level.
    pub level: Level,
    /// Number of events per level, indexed by `Level::index`.
    pub levels: [u64; Level::COUNT],
    pub services: Vec<String>,
    /// Call sites of the log statements that print it, if the log tells them.
    pub callers: Vec<String>,
    pub first: Option<Moment>,
    pub last: Option<Moment>,
    /// Number of digits of the fractional second of `first`.
    pub first_precision: u8,
    /// The same for `last`.
    pub last_precision: u8,
    /// Index of the source of the earliest event.
    pub example_source: SourceId,
    /// First line of the earliest event, 1-based.
    pub example_line: u64,
    /// Number of events per time bin over the whole corpus, for the sparkline.
    pub trend: Vec<u32>,
    /// Event rate in the last quarter of `trend`, divided by the rate in the rest. A value of 1
    /// means no change.
    pub change: f32,
    /// Name given by the user.
    pub name: Option<String>,
    /// Pinned to the top of the list by the user.
    pub pinned: bool,
    /// Earlier ids of this template, from before it was refined or merged.
    pub aliases: Vec<TemplateKey>,
}

/// Values of one variable of a template.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct VariableStats {
    /// Number of values.
    pub seen: u64,
    /// Number of distinct values.
    pub distinct: u64,
    /// Most frequent values with their counts.
    pub top: Vec<(String, u64)>,
    /// Distribution, if nearly all values are numbers.
    pub numeric: Option<ValueStats>,
}

/// Distribution of a numeric variable, in the unit that the log uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ValueStats {
    pub min: f64,
    pub median: f64,
    pub p99: f64,
    pub max: f64,
}

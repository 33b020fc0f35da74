//! Figures about a whole run, and time ranges. Plain data.

use super::Moment;
use serde::{Deserialize, Serialize};

/// The contract of `--stats`: one JSON object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    pub bytes: u64,
    pub lines: u64,
    pub events: u64,
    pub templates: u64,
    pub elapsed_s: f64,
    pub peak_rss_bytes: u64,
    pub peak_anon_bytes: u64,
    pub index_bytes: u64,
    pub timed_events: u64,
    pub unparsed_events: u64,
    pub sources: u64,
    pub sources_failed: u64,
}

/// Half-open: `start <= t < end`; an open end is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeRange {
    pub start: Option<Moment>,
    pub end: Option<Moment>,
}

impl TimeRange {
    pub fn contains(&self, at: Moment) -> bool {
        self.start.is_none_or(|s| at >= s) && self.end.is_none_or(|e| at < e)
    }

    pub fn is_unbounded(&self) -> bool {
        self.start.is_none() && self.end.is_none()
    }
}

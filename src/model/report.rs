//! Statistics of a run, and time ranges. Plain data: measures nothing.

use super::Moment;
use serde::{Deserialize, Serialize};

/// The JSON object that `--stats` prints. Its field names are a stable interface.
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

/// A half-open time range: `start <= t < end`. `None` means unbounded on that side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeRange {
    pub start: Option<Moment>,
    pub end: Option<Moment>,
}

impl TimeRange {
    /// True if `at` is in the range.
    pub fn contains(&self, at: Moment) -> bool {
        self.start.is_none_or(|s| at >= s) && self.end.is_none_or(|e| at < e)
    }

    /// True if the range contains every time.
    pub fn is_unbounded(&self) -> bool {
        self.start.is_none() && self.end.is_none()
    }
}

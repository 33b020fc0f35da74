//! An event: one log record, possibly of several physical lines. Plain data; knows nothing of parsing.

use serde::{Deserialize, Serialize};

/// Nanoseconds since 1970-01-01T00:00:00Z.
pub type Moment = i64;

/// Stands for "no time known" wherever a `Moment` is stored in a column.
pub const NO_TIME: Moment = i64::MIN;

/// Severity as the log states it, lowest first, so that `>=` reads as "at least as bad".
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    #[default]
    Unknown,
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Fatal,
}

impl Level {
    pub const COUNT: usize = 7;
    pub const ALL: [Level; Level::COUNT] = [
        Level::Unknown,
        Level::Trace,
        Level::Debug,
        Level::Info,
        Level::Warn,
        Level::Error,
        Level::Fatal,
    ];

    pub fn index(self) -> usize {
        self as usize
    }

    pub fn from_index(index: usize) -> Level {
        Level::ALL.get(index).copied().unwrap_or_default()
    }

    pub fn name(self) -> &'static str {
        match self {
            Level::Unknown => "unknown",
            Level::Trace => "trace",
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
            Level::Fatal => "fatal",
        }
    }
}

/// One record as shown to a person or a program. Text fields are decoded, not yet escaped for a terminal.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    /// Ordinal in the corpus: by source, then by place in the source.
    pub id: u32,
    pub source: u32,
    /// 1-based number of the first physical line in its source.
    pub line: u64,
    pub time: Option<Moment>,
    /// Digits of the second's fraction that the source wrote (0, 3, 6, 9).
    pub precision: u8,
    /// The event has a time of its own, not one taken over from the line above.
    pub timed: bool,
    /// Year, date or zone were not in the text.
    pub inferred: bool,
    pub level: Level,
    /// The level was read out of the message, for want of a stated one.
    pub level_inferred: bool,
    pub service: String,
    pub host: String,
    /// Further fields that the format recognised, in order of appearance.
    pub fields: Vec<(String, String)>,
    /// Message without header, peeled and decoded.
    pub message: String,
    /// The whole event as it stands in the source.
    pub raw: String,
    pub lines: u32,
}

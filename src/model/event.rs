//! An event: one log record of one or more physical lines. Plain data: does not parse.

use super::{EventId, SourceId};
use serde::{Deserialize, Serialize};

/// Nanoseconds since 1970-01-01T00:00:00Z.
pub type Moment = i64;

/// The value of a stored `Moment` when the time is unknown.
pub const NO_TIME: Moment = i64::MIN;

/// Log level. The lowest level is first, so that `>=` means "at least as severe".
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

    /// Position in `Level::ALL`.
    pub fn index(self) -> usize {
        self as usize
    }

    /// Inverse of `index`. Returns `Unknown` for an index that is out of range.
    pub fn from_index(index: usize) -> Level {
        Level::ALL.get(index).copied().unwrap_or_default()
    }

    /// Lowercase name, as serde writes it.
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

/// What a message says about a step of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Step {
    Start,
    End,
    #[default]
    Other,
}

/// One record, as shown to the user or written as JSON. Text fields are decoded, but not escaped
/// for a terminal.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    /// Number in the corpus. Events are ordered by source, then by position in the source.
    pub id: EventId,
    /// Index of the source.
    pub source: SourceId,
    /// 1-based number of the first physical line of the event in the source.
    pub line: u64,
    pub time: Option<Moment>,
    /// Number of digits of the fractional second in the source (0, 3, 6, 9).
    pub precision: u8,
    /// False if the time is taken from the line above.
    pub timed: bool,
    /// True if the source omits the year, date or time zone, or if the event has no time of its
    /// own.
    pub inferred: bool,
    pub level: Level,
    /// True if the event does not state its level, so that the level is inferred from the message.
    pub level_inferred: bool,
    pub service: String,
    pub host: String,
    /// Other fields that the format recognized, in order of appearance.
    pub fields: Vec<(String, String)>,
    /// Decoded message, without header and envelope.
    pub message: String,
    /// The whole event, unchanged, as in the source.
    pub raw: String,
    /// Number of physical lines.
    pub lines: u32,
}

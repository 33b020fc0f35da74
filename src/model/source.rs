//! Where events come from: a file, a member of an archive, a pipe. Plain data.

use super::{Moment, NO_TIME};
use serde::{Deserialize, Serialize};

/// What a bundle's layout says about a source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    pub namespace: Option<String>,
    pub pod: Option<String>,
    pub container: Option<String>,
    pub node: Option<String>,
    pub restart: Option<u32>,
    /// Workload name: the pod's name without hash, suffix or ordinal.
    pub workload: Option<String>,
    /// Sources with the same stream are one log, cut by rotation or restart.
    pub stream: Option<String>,
    pub layout: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceInfo {
    /// Path as given, or path inside the archive.
    pub name: String,
    /// The PATH argument (or the file found under it) that it was read from.
    pub input: String,
    pub origin: Origin,
    /// Formats recognised, outermost first ("cri > json").
    pub format: String,
    /// What is missing from the time stamps and was inferred ("year", "date", "zone").
    pub inferred: String,
    /// Service for lines that name none.
    pub service: String,
    pub bytes: u64,
    pub lines: u64,
    pub events: u64,
    pub timed: u64,
    pub unparsed: u64,
    pub first: Moment,
    pub last: Moment,
    /// How often the clock went back by more than a minute.
    pub clock_jumps: u64,
    /// What went wrong while reading, if anything; what came before it is kept.
    pub failure: Option<String>,
    /// Bytes that fell out of the ring of a pipe without a cache.
    pub lost_bytes: u64,
    pub complete: bool,
}

impl Default for SourceInfo {
    fn default() -> Self {
        SourceInfo {
            name: String::new(),
            input: String::new(),
            origin: Origin::default(),
            format: String::new(),
            inferred: String::new(),
            service: String::new(),
            bytes: 0,
            lines: 0,
            events: 0,
            timed: 0,
            unparsed: 0,
            first: NO_TIME,
            last: NO_TIME,
            clock_jumps: 0,
            failure: None,
            lost_bytes: 0,
            complete: false,
        }
    }
}

/// Something that could not be opened at all, with the reason in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub name: String,
    pub reason: String,
}

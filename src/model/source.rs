//! Where events come from: a file, an archive member or a pipe. Plain data: opens nothing.

use super::{Moment, NO_TIME};
use serde::{Deserialize, Serialize};

/// What the directory layout of a bundle says about a source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    pub namespace: Option<String>,
    pub pod: Option<String>,
    pub container: Option<String>,
    pub node: Option<String>,
    /// Restart count of the container.
    pub restart: Option<u32>,
    /// Workload name: the pod name without its hash, random suffix or ordinal.
    pub workload: Option<String>,
    /// Sources with the same stream name are one log that was split by rotation or restart.
    pub stream: Option<String>,
    /// Name of the layout that was recognized.
    pub layout: Option<String>,
}

/// The container name that live logs use for the states and events of a pod.
pub const POD_STATES: &str = "kubernetes";

/// The parts of a time that are missing from the time stamps of a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inferred {
    pub year: bool,
    pub date: bool,
    pub zone: bool,
}

impl Inferred {
    pub fn any(self) -> bool {
        self.year || self.date || self.zone
    }
}

/// Lists the missing parts, such as "year, zone". Empty if nothing is missing.
impl std::fmt::Display for Inferred {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts = [
            (self.year, "year"),
            (self.date, "date"),
            (self.zone, "zone"),
        ];
        let missing: Vec<&str> = parts.iter().filter(|p| p.0).map(|p| p.1).collect();
        f.write_str(&missing.join(", "))
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceInfo {
    /// Path as given on the command line, or path inside the archive.
    pub name: String,
    /// The file that the source was read from: the PATH argument or a file below it.
    pub input: String,
    pub origin: Origin,
    /// Recognized formats, outermost first ("cri > json").
    pub format: String,
    /// The parts that are missing from the time stamps and were inferred.
    pub inferred: Inferred,
    /// Service of the lines that do not name a service.
    pub service: String,
    pub bytes: u64,
    pub lines: u64,
    pub events: u64,
    /// Number of events with their own time stamp.
    pub timed: u64,
    /// Number of events that match no known format.
    pub unparsed: u64,
    pub first: Moment,
    pub last: Moment,
    /// How many times the clock went backward by more than one minute.
    pub clock_jumps: u64,
    /// The error that ended reading, if any. Events before the error are kept.
    pub failure: Option<String>,
    /// Bytes of a pipe that were dropped from the in-memory ring buffer because there is no cache.
    pub lost_bytes: u64,
    /// True if the source was read to its end.
    pub complete: bool,
}

impl SourceInfo {
    /// True if the time stamps of the source have no year.
    pub fn lacks_year(&self) -> bool {
        self.inferred.year
    }
}

impl Default for SourceInfo {
    fn default() -> Self {
        SourceInfo {
            name: String::new(),
            input: String::new(),
            origin: Origin::default(),
            format: String::new(),
            inferred: Inferred::default(),
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

/// An input that could not be opened, with the error message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub name: String,
    pub reason: String,
}

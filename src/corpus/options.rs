//! How a corpus is opened: paths, limits, formats, folders. Plain data.

use crate::config::settings::Health;
use crate::ingest::walk::Limits;
use jiff::tz::TimeZone;
use std::path::PathBuf;

/// How a corpus is to be opened.
#[derive(Clone, Debug)]
pub struct Options {
    pub paths: Vec<PathBuf>,
    /// A folder whose place is of no interest, and what it is called instead.
    pub called: Option<(PathBuf, String)>,
    /// The cluster that live logs come from, where the user named it.
    pub context: Option<String>,
    pub limits: Limits,
    /// Zone of time stamps that have none.
    pub zone: TimeZone,
    /// Format that every source is read as.
    pub format_as: Option<String>,
    /// Files of further formats: name and text.
    pub formats: Vec<(String, String)>,
    /// Folder of all cached corpora; `None` keeps nothing.
    pub cache: Option<PathBuf>,
    pub cache_max_bytes: u64,
    /// Folder of what the user made: edits of templates, verdicts, incidents. `None` keeps nothing.
    pub data: Option<PathBuf>,
    /// Go on reading as files grow.
    pub follow: bool,
    /// Keep the merged order ready for a screen.
    pub interactive: bool,
    /// When a service counts as unhealthy.
    pub health: Health,
    /// No action may be applied.
    pub read_only: bool,
    /// Threads that parse.
    pub threads: usize,
}

impl Options {
    pub fn new(paths: Vec<PathBuf>) -> Options {
        Options {
            paths,
            called: None,
            context: None,
            limits: Limits::default(),
            zone: TimeZone::UTC,
            format_as: None,
            formats: Vec::new(),
            cache: None,
            cache_max_bytes: 8 << 30,
            data: None,
            follow: false,
            interactive: false,
            health: Health::default(),
            read_only: false,
            threads: std::thread::available_parallelism().map_or(2, usize::from),
        }
    }
}

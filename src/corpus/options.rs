//! Options for opening a corpus: paths, limits, formats, folders. Plain data.

use crate::config::settings::{Apply, Health};
use crate::ingest::files::inputs;
use crate::ingest::files::walk::Limits;
use crate::model::Failure;
use jiff::tz::TimeZone;
use std::path::PathBuf;

/// Options for opening a corpus.
#[derive(Clone, Debug)]
pub struct Options {
    pub paths: Vec<PathBuf>,
    /// A folder whose path is not shown, and the name that is shown instead.
    pub called: Option<(PathBuf, String)>,
    /// The cluster that live logs come from, if the user named it.
    pub context: Option<String>,
    pub limits: Limits,
    /// Time zone of timestamps that have no zone.
    pub zone: TimeZone,
    /// Format that is used to read every source.
    pub format_as: Option<String>,
    /// Additional format files: name and text.
    pub formats: Vec<(String, String)>,
    /// Folder of all cached corpora. `None` means that nothing is cached.
    pub cache: Option<PathBuf>,
    pub cache_max_bytes: u64,
    /// Folder for user data: template edits, verdicts, incidents. `None` means that nothing is
    /// saved.
    pub data: Option<PathBuf>,
    /// Continue to read while files grow.
    pub follow: bool,
    /// Keep the merged order ready for display on a screen.
    pub interactive: bool,
    /// Limits at which a service is unhealthy.
    pub health: Health,
    /// Settings of actions on a cluster.
    pub apply: Apply,
    /// True if no action may be applied.
    pub read_only: bool,
    /// Number of threads that parse.
    pub threads: usize,
}

impl Options {
    /// Standard input is one of the inputs.
    pub fn reads_stdin(&self) -> bool {
        self.paths.iter().any(|p| p.as_os_str() == "-")
    }

    /// The files that the paths name. Standard input is not among them.
    pub(super) fn files(&self, failed: &mut dyn FnMut(Failure)) -> Vec<PathBuf> {
        let paths = self.paths.iter().filter(|p| p.as_os_str() != "-");
        inputs::files(&paths.cloned().collect::<Vec<_>>(), failed)
    }

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
            apply: Apply::default(),
            read_only: false,
            threads: std::thread::available_parallelism().map_or(2, usize::from),
        }
    }
}

//! Errors of operations on a cluster. Plain data.

use crate::analysis;
use crate::kube;
use std::io;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Kubectl(#[from] kube::Error),
    #[error("context {0} has no server")]
    NoServer(String),
    #[error(transparent)]
    ContextMoved(Box<Moved>),
    #[error("{0} has no command")]
    NoCommand(String),
    #[error("another action is being applied; wait until it ends")]
    Busy,
    /// A check of the preflight failed. Contains the text of the check.
    #[error("{0}")]
    CheckFailed(String),
    #[error("there is no data folder for the audit log, so no action is run")]
    NoDataFolder,
    #[error("{file}: {source}; the audit log cannot be written, and no action is run without it", file = file.display())]
    Audit { file: PathBuf, source: io::Error },
    /// Contains why the record could not be written.
    #[error("the command was run, but its end could not be recorded: {0}")]
    NotRecorded(String),
    #[error("{0} changed after it was checked; check it again")]
    Modified(String),
    #[error(transparent)]
    Memory(#[from] analysis::Error),
    #[error("no pod is selected in namespace {0}")]
    NoPods(String),
    #[error("{folder}: {source}", folder = folder.display())]
    LiveFolder { folder: PathBuf, source: io::Error },
}

/// What a context led to when the user chose it, and what it leads to now.
#[derive(Debug, thiserror::Error)]
#[error(
    "context {context} has changed ({changed}): it was {server} as {user} when you chose it, and is now {new_server} as {new_user}"
)]
pub struct Moved {
    pub context: String,
    /// Names of the settings that differ.
    pub changed: String,
    pub server: String,
    pub user: String,
    pub new_server: String,
    pub new_user: String,
}

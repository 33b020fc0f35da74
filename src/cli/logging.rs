//! The log of faultline itself: off by default, written to a file and never to the terminal.

use super::error::Error;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use tracing_subscriber::EnvFilter;

/// Environment variable that names the file.
const FILE: &str = "FAULTLINE_LOG";
/// Environment variable with the filter, such as `faultline::kube=trace`.
const FILTER: &str = "FAULTLINE_LOG_FILTER";
/// Everything that faultline does, and only the problems of the libraries that it uses.
const DEFAULT_FILTER: &str = "warn,faultline=debug";

/// Starts the log, if the user named a file. Lines are added to an existing file.
pub fn start(file: Option<&Path>) -> Result<(), Error> {
    let named = || {
        std::env::var_os(FILE)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    };
    let Some(path) = file.map(PathBuf::from).or_else(named) else {
        return Ok(());
    };
    let file = File::options()
        .create(true)
        .append(true)
        .open(&path)
        .map_err(|e| format!("--log {}: {e}", path.display()))?;
    let filter = EnvFilter::try_from_env(FILTER).unwrap_or_else(|_| DEFAULT_FILTER.into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(Mutex::new(file))
        .try_init()
        .map_err(|e| format!("cannot start the log: {e}"))?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "start");
    Ok(())
}

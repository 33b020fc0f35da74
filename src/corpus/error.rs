//! Errors that affect a whole corpus. Problems with single sources are `model::Failure`s and do not
//! stop the other sources.

use super::data_file;
use crate::ingest::FormatError;
use std::io;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Formats(#[from] FormatError),
    #[error("unknown log format '{name}'; known are: {known}", known = known.join(", "))]
    UnknownFormat { name: String, known: Vec<String> },
    #[error(transparent)]
    Edits(#[from] data_file::Error),
    #[error("no thread can be started: {0}")]
    Thread(io::Error),
}

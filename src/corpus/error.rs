//! What can go wrong with a corpus as a whole. Problems of single sources are `model::Failure`s and do not stop the rest.

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

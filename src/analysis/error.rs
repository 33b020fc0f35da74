//! The errors of an analysis.

use crate::corpus::data_file;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The user's feedback could not be saved. It applies to this session only.
    #[error("{0}; your change applies to this session only")]
    Memory(#[from] data_file::Error),
    #[error("'{0}': N in lines:N must be a number above 0")]
    SessionLines(String),
    #[error(
        "'{text}' is neither an identifier type ({known}), lines:N, nor a regular expression: {source}",
        known = known.join(", ")
    )]
    SessionPattern {
        text: String,
        known: Vec<&'static str>,
        source: regex::Error,
    },
}

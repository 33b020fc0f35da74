//! What can go wrong in an analysis.

use crate::corpus::data_file;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What the user taught could not be kept; it holds for this session.
    #[error("{0}; it is kept for this session only")]
    Memory(#[from] data_file::Error),
    #[error("'{0}': lines:N needs a number above 0")]
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

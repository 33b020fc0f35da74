//! Why the terminal UI could not start or had to end.

use std::io;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Config(#[from] crate::config::Error),
    #[error(transparent)]
    Corpus(#[from] crate::corpus::Error),
    /// The journal of these logs.
    #[error(transparent)]
    Journal(#[from] crate::corpus::data_file::Error),
    #[error("cannot start the async runtime: {0}")]
    Runtime(io::Error),
    #[error("terminal error: {0}")]
    Terminal(io::Error),
}

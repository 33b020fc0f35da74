//! The error of a command: one sentence for the user. Made from the errors of the rooms.

/// What went wrong, to which file or line, and what to do.
#[derive(Debug)]
pub struct Error(pub String);

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<String> for Error {
    fn from(text: String) -> Error {
        Error(text)
    }
}

impl From<&str> for Error {
    fn from(text: &str) -> Error {
        Error(text.to_string())
    }
}

macro_rules! from {
    ($($error:ty),+ $(,)?) => {
        $(impl From<$error> for Error {
            fn from(e: $error) -> Error {
                Error(e.to_string())
            }
        })+
    };
}

from! {
    crate::config::Error,
    crate::corpus::Error,
    crate::corpus::QueryError,
    crate::corpus::data_file::Error,
    crate::analysis::Error,
    crate::cluster::Error,
    crate::tui::Error,
    serde_json::Error,
}

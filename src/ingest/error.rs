//! Why a log format cannot be used.

/// A pattern that cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    #[error("unclosed '{0}'")]
    Unclosed(&'static str),
    #[error("'\\' at the end of the pattern")]
    TrailingBackslash,
    #[error("unknown timestamp style '{0}'")]
    TimeStyle(String),
    #[error("unknown field class '{0}'")]
    FieldClass(String),
}

/// A file of formats that cannot be loaded. `file` is its name or path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    #[error("{file}: {source}")]
    Toml {
        file: String,
        source: Box<toml::de::Error>,
    },
    #[error("{file}: format '{format}': {source}")]
    Pattern {
        file: String,
        format: String,
        source: PatternError,
    },
    #[error("{file}: format '{format}' has no pattern")]
    NoPattern { file: String, format: String },
}

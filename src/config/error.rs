//! What can be wrong with what the user configured.

use std::io;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{file}: {source}", file = file.display())]
    Io { file: PathBuf, source: io::Error },
    #[error("{file}: {message}", file = file.display(), message = source.message())]
    Settings {
        file: PathBuf,
        source: Box<toml::de::Error>,
    },
    #[error("{file}: must contain {{{{nonce}}}}, the marker that encloses log lines", file = .0.display())]
    PromptWithoutNonce(PathBuf),
    #[error("{file}: must contain one line per task, such as 'cause: ...'", file = .0.display())]
    PromptsWithoutTasks(PathBuf),
    #[error("settings, keys: unknown command '{0}' (press `?` in faultline for a list)")]
    UnknownCommand(String),
    #[error("unknown theme '{name}'; known themes: {known}", known = known.join(", "))]
    UnknownTheme {
        name: String,
        known: Vec<&'static str>,
    },
    #[error("theme '{0}': circular inheritance")]
    CircularTheme(String),
    #[error("theme '{theme}': {message}", message = source.message())]
    Theme {
        theme: String,
        source: Box<toml::de::Error>,
    },
    #[error("theme '{theme}', {role}: '{word}' is not a color")]
    Color {
        theme: String,
        role: String,
        word: String,
    },
}

//! User configuration: arguments, settings file, directories, keys and themes. Validates it, but
//! does not act on it.

pub mod args;
pub mod built_in;
mod error;
pub mod keymap;
pub mod paths;
pub mod settings;
pub mod theme;

pub use error::Error;

//! Turns raw bytes into events: finds sources, opens archives, detects formats and frames lines.
//! A line that cannot be parsed becomes an event whose body is the raw line; no line is dropped.
//! Knows nothing about templates.

mod ansi;
mod brackets;
mod call_site;
mod columns;
pub mod detect;
mod error;
pub mod files;
pub mod format;
pub mod frame;
mod generic;
mod header;
mod headers;
mod json;
mod key_roles;
mod keyed;
pub mod line;
pub mod memo;
pub mod parsed;
mod pattern;
mod pattern_match;
mod record_time;
mod xml;

pub use error::FormatError;
pub use keyed::EXPORT;

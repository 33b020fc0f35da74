//! Turns raw bytes into events: finds sources, opens archives, detects formats and frames lines.
//! A line that cannot be parsed becomes an event whose body is the raw line; no line is dropped.
//! Knows nothing about templates.

pub mod clock;
pub mod decode;
pub mod detect;
mod error;
pub mod format;
pub mod frame;
mod generic;
mod guard;
pub mod inputs;
mod keyed;
pub mod layout;
pub mod line;
pub mod memo;
pub mod parsed;
mod pattern;
pub mod reread;
pub mod rotation;
mod time_style;
pub mod walk;
pub mod zone;

pub use error::FormatError;
pub use keyed::EXPORT;

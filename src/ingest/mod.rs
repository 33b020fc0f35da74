//! Bytes -> events: sources, archives, formats, framing. Total: a line that cannot be read is an event with a raw body.
//! Knows nothing of templates.

pub mod clock;
pub mod detect;
pub mod format;
mod generic;
mod keyed;
pub mod level;
pub mod line;
pub mod parsed;
mod pattern;
pub mod frame;
pub mod layout;
pub mod decode;
pub mod store;
pub mod walk;

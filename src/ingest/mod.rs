//! Bytes -> events: sources, archives, formats, framing. Total: a line that cannot be read is an event with a raw body.
//! Knows nothing of templates.

pub mod clock;
pub mod decode;
pub mod detect;
pub mod format;
pub mod frame;
mod generic;
mod keyed;
pub mod layout;
pub mod level;
pub mod line;
pub mod memo;
pub mod parsed;
mod pattern;
pub mod store;
pub mod walk;

pub use keyed::EXPORT;

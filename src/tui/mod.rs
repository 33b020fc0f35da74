//! The terminal UI: one message type, `update` without I/O, effects run by a driver. Analyses nothing.

mod applying;
mod conversation;
mod driver;
mod effects;
mod graph;
mod guide;
mod highlight;
mod journal;
mod keys;
pub mod msg;
pub mod overlay;
pub mod recovery;
mod report;
pub mod state;
mod terminal;
pub mod update;
pub mod view;

pub use driver::run;
pub use effects::Effects;

//! The conversation: evidence pack, tools, prompts, the Ollama wire, the built-in analyst, citations. Draws nothing, applies nothing.

mod analyst;
mod cite;
mod pack;
mod structured;
mod tools;
mod turn;
mod wire;

pub use analyst::answer as analyst;
pub use cite::{Cited, check};
pub use pack::{Pack, pack};
pub use turn::{Answer, Asked, Event, ask, meter, preview};
pub use wire::{Failure, Listed, Server, models};

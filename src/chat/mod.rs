//! The chat: answers questions about a corpus with a language model (Ollama) or with the built-in
//! analyst, and checks the citations of the answer. Does not draw and does not apply actions.

mod analyst;
mod answer;
mod assess;
mod cite;
mod error;
mod pack;
mod preview;
mod question;
mod request;
mod server;
mod structured;
mod tools;
mod turn;
mod wire;

pub use analyst::answer as analyst;
pub use answer::{Answer, AnsweredBy, Progress};
pub use cite::{Cited, check};
pub use error::Error;
pub use pack::{Pack, pack};
pub use preview::{estimate_tokens, preview};
pub use question::Question;
pub use server::Server;
pub use turn::ask;
pub use wire::{ModelInfo, models};

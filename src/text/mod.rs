//! Pure functions on text, time and integers that many modules share: words, escaping, calendar,
//! redaction, severity words, bit packing, embeddings. Does no I/O.

pub mod addressed;
pub mod civil;
pub mod cycles;
pub mod embed;
pub mod escape;
pub mod level;
pub mod pack;
pub mod redact;
pub mod secrets;
pub mod time;
pub mod words;

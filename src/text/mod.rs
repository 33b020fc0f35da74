//! Pure functions over text and time that many rooms need: words, escaping, clocks, bit packing.
//! Holds no state and does no I/O.

pub mod addressed;
pub mod civil;
pub mod embed;
pub mod escape;
pub mod pack;
pub mod redact;
pub mod words;

//! The only module that runs kubectl: typed commands, checked against a grammar of what is allowed. Makes no decisions.

mod gate;
mod patch;
mod run;

pub use gate::{Refused, check, is_name};
pub use run::{Error, Finished, json, run, start};

//! The only module that runs kubectl. It accepts typed commands and checks them against a grammar
//! of allowed commands. Does not decide which command to run.

mod gate;
mod patch;
mod run;

pub use gate::{Refused, check, is_name};
pub use run::{Error, Finished, json, run, start};

//! The only module that runs kubectl. It accepts typed commands and checks them against a grammar
//! of allowed commands, and reaches a cluster by a private copy of one context. Does not decide
//! which command to run.

mod access;
mod copies;
mod freeze;
mod gate;
mod patch;
mod run;

pub use access::Access;
pub use copies::remove_all as remove_copies;
pub use freeze::{freeze, moved};
pub use gate::{Refused, check, is_name};
pub use run::{Error, Finished, Pipe, json, kill_group, run, start};

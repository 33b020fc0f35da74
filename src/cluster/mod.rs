//! Everything that faultline does with a cluster: connects to it, checks and applies actions,
//! watches their effect, and follows live logs. Does not search for causes and does not draw.

mod apply;
mod audit;
mod connection;
mod error;
mod impact;
mod live;
mod object;
mod preflight;
mod query;
mod watch;

pub use crate::kube::remove_copies;
pub use apply::{Applied, apply, record_outcome, rollback_action};
pub use audit::unfinished;
pub use connection::{Connection, connect};
pub use error::Error;
pub use live::{Live, LiveLogs, follow_pods};
pub use preflight::{Check, Preflight, Suggestion, preflight};
pub use query::read_cluster;
pub use watch::{PATIENCE, Watch, WatchState};

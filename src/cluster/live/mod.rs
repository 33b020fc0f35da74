//! Live logs of pods. One `kubectl logs` runs per container, and its lines are written to a file in
//! kubelet's directory layout. Faultline opens and follows these files like all other files. Events
//! and pod states are written next to the logs. Does not analyze anything.

mod follow;
mod shared;
mod states;
mod stream;

pub use follow::{Live, follow_pods};
pub use shared::LiveLogs;

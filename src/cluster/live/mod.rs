//! Live logs of pods: one `kubectl logs` per container, each written to a file in kubelet's layout, which is then opened and
//! followed like any other file. Events and pod states are written next to them. Analyzes nothing.

mod follow;
mod shared;
mod states;
mod stream;

pub use follow::{Live, follow_pods};
pub use shared::LiveLogs;

//! From a diagnosis to a plan, and through the gate: arm a cluster, look before the leap, apply, watch what comes of it.
//! Stitches the catalogue with the only door to the cluster.

mod apply;
mod arm;
mod object;
mod plan;
mod preflight;
mod watch;

pub use apply::{Applied, apply, back, remember, unfinished};
pub use arm::{Armed, arm, look};
pub use plan::PlanFor;
pub use preflight::{Preflight, Suggestion, preflight};
pub use watch::{PATIENCE, Watch, Watched};

use crate::kube;
use serde_json::Value;
use std::time::Duration;

/// A look may take so long, a change so long.
const QUICK: Duration = Duration::from_secs(15);
const SLOW: Duration = Duration::from_secs(120);

fn kubectl(context: &str, namespace: &str, rest: &[&str]) -> Vec<String> {
    ["kubectl", "--context", context, "-n", namespace]
        .iter()
        .chain(rest)
        .map(|s| (*s).to_string())
        .collect()
}

/// What the cluster says of objects.
fn ask(context: &str, namespace: &str, rest: &[&str]) -> Result<Value, String> {
    kube::json(&kubectl(context, namespace, rest), QUICK)
}

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

use crate::kube::{self, Ran};
use serde_json::Value;
use std::time::Duration;

/// A look may take so long, a change so long.
const QUICK: Duration = Duration::from_secs(15);
const SLOW: Duration = Duration::from_secs(120);

fn kubectl(context: &str, namespace: &str, rest: &[&str]) -> Vec<String> {
    ["kubectl", "--context", context, "-n", namespace].iter().chain(rest).map(|s| (*s).to_string()).collect()
}

/// What kubectl says of objects, as JSON; or why not, in words.
fn ask(context: &str, namespace: &str, rest: &[&str]) -> Result<Value, String> {
    let ran = kube::run(&kubectl(context, namespace, rest), QUICK)?;
    if ran.status != 0 {
        return Err(said(&ran));
    }
    serde_json::from_str(&ran.stdout).map_err(|e| format!("kubectl's answer cannot be read: {e}"))
}

fn said(ran: &Ran) -> String {
    if ran.timed_out {
        return "no answer in time".into();
    }
    ran.stderr.lines().chain(ran.stdout.lines()).next().unwrap_or("it failed without a word").to_string()
}

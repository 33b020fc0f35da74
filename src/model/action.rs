//! Remediation actions: typed, with argv, risk, rollback, evidence. Plain data.

use super::Place;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Risk {
    #[default]
    None,
    Low,
    Medium,
    High,
}

impl Risk {
    pub fn name(self) -> &'static str {
        match self {
            Risk::None => "none",
            Risk::Low => "low",
            Risk::Medium => "medium",
            Risk::High => "high",
        }
    }
}

/// What an action is about: a workload in a namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    pub namespace: String,
    /// `deployment`, `statefulset`, `daemonset`, `pod`, `node`.
    pub kind: String,
    pub name: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Action {
    pub id: String,
    pub title: String,
    pub verb: String,
    /// Empty for doing nothing, looking further, escalating.
    pub argv: Vec<String>,
    pub risk: Risk,
    pub reversible: bool,
    pub rollback: Option<Vec<String>>,
    /// 0..1.
    pub confidence: f64,
    pub why: String,
    pub evidence: Vec<Place>,
    pub verify: String,
    #[serde(skip)]
    pub target: Target,
    /// Fault class that it is proposed for.
    #[serde(skip)]
    pub class: String,
}

/// An argv as one would type it.
pub fn shown(argv: &[String]) -> String {
    let quoted =
        |a: &String| if a.chars().all(|c| c.is_ascii_alphanumeric() || "-_=./:<>".contains(c)) { a.clone() } else { format!("'{a}'") };
    argv.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

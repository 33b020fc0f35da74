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
    /// What of the object it changes, in words; empty for a look.
    #[serde(skip)]
    pub changes: String,
    /// What must be so: `unpaused`, `paused`, `revision` (an earlier one), `schedulable`, `cordoned`, `probe` (it has one).
    #[serde(skip)]
    pub needs: Vec<String>,
    /// Model and prompts that recommended it, where one did.
    #[serde(skip)]
    pub advised_by: Option<String>,
    #[serde(skip)]
    pub asks: Vec<Parameter>,
    /// The service whose fault it is to mend.
    #[serde(skip)]
    pub service: String,
    #[serde(skip)]
    pub target: Target,
    /// Fault class that it is proposed for.
    #[serde(skip)]
    pub class: String,
}

/// A value of an action that the user sets, or confirms.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parameter {
    pub name: String,
    /// In words.
    pub what: String,
    /// Given by the user, or what is usual; empty: it must be given.
    pub value: String,
    /// Not yet given by the user.
    pub open: bool,
    /// Where the object holds it now, and whether more of it is wanted.
    pub now: String,
    pub grow: bool,
}

/// An argv as one would type it.
pub fn shown(argv: &[String]) -> String {
    let quoted = |a: &String| {
        if a.chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_=./:<>".contains(c))
        {
            a.clone()
        } else {
            format!("'{a}'")
        }
    };
    argv.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

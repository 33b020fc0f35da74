//! Remediation actions with command line, risk, rollback and evidence. Plain data: runs nothing.

use super::{Category, Command, ObjectKind, ObjectName, Place};
use serde::{Deserialize, Serialize, Serializer};

/// Risk of applying an action, lowest first.
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
    /// Lowercase name, as serde writes it.
    pub fn name(self) -> &'static str {
        match self {
            Risk::None => "none",
            Risk::Low => "low",
            Risk::Medium => "medium",
            Risk::High => "high",
        }
    }
}

/// The Kubernetes object that an action works on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    pub namespace: String,
    pub kind: ObjectKind,
    pub name: String,
}

impl Target {
    pub fn object(&self) -> ObjectName {
        ObjectName::new(self.kind, &self.name)
    }
}

/// A precondition of an action, checked on the live object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Need {
    /// The workload is not paused.
    Unpaused,
    Paused,
    /// There is an earlier revision.
    Revision,
    /// The node accepts new pods.
    Schedulable,
    Cordoned,
    /// A liveness probe exists.
    Probe,
}

/// A proposed remediation step.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Action {
    pub id: String,
    pub title: String,
    pub verb: String,
    /// `None` for advice without a command, such as "no action needed".
    #[serde(rename = "argv", serialize_with = "argv_or_empty")]
    pub command: Option<Command>,
    pub risk: Risk,
    pub reversible: bool,
    /// The command that undoes the action.
    pub rollback: Option<Command>,
    /// True if this action undoes another one.
    #[serde(skip)]
    pub undoes: bool,
    /// Probability that the action is the right one, 0..1.
    pub confidence: f64,
    pub why: String,
    pub evidence: Vec<Place>,
    /// The condition that shows that the action worked.
    pub verify: String,
    /// Description of what the action changes in the object. Empty for a read-only action.
    #[serde(skip)]
    pub changes: String,
    /// Preconditions.
    #[serde(skip)]
    pub needs: Vec<Need>,
    /// Language model and prompt version that recommended it, if any.
    #[serde(skip)]
    pub advised_by: Option<String>,
    /// Values that the user must set or confirm before the action is applied.
    #[serde(skip)]
    pub parameters: Vec<Parameter>,
    /// The faulty service that the action should repair.
    #[serde(skip)]
    pub service: String,
    #[serde(skip)]
    pub target: Target,
    /// The category of the problem that the action should solve.
    #[serde(skip)]
    pub category: Category,
}

fn argv_or_empty<S: Serializer>(command: &Option<Command>, out: S) -> Result<S::Ok, S::Error> {
    command
        .as_ref()
        .map_or_else(Vec::new, Command::argv)
        .serialize(out)
}

impl Action {
    /// True if the action changes something in the cluster.
    pub fn changes_cluster(&self) -> bool {
        self.risk > Risk::None
    }
}

/// A value of an action that the user sets or confirms.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parameter {
    pub name: String,
    /// Description shown to the user.
    pub description: String,
    /// The user's value, otherwise the default. Empty if there is no default: the user must set it.
    pub value: String,
    /// False until the user sets the value.
    pub is_set: bool,
    /// Path of the current value in the object: a JSON pointer, or `container/...` for a path
    /// inside the container.
    pub current: String,
    /// True if the suggested value should be larger than the current one.
    pub increase: bool,
}

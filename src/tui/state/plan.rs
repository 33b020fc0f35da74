//! State of the plan pane: the actions, the chosen cluster, the checks and the applied action.
//! Plain data.

use crate::analysis::PlanFor;
use crate::cluster::{Connection, Preflight};
use crate::model::{Action, Command};
use std::collections::BTreeMap;

/// The checks of an action, or why they could not run.
pub type Checked = Result<Preflight, String>;

/// State of the plan pane.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    pub actions: Vec<Action>,
    /// The cluster that the user chose for this run.
    pub cluster: Option<Connection>,
    /// The context of the live logs: the default when the user chooses a cluster.
    pub proposed_context: Option<String>,
    /// Values that the user entered for actions, by name.
    pub given: BTreeMap<String, String>,
    /// Name of the value that the prompt asks for.
    pub asks_for: String,
    /// The command of the last action checked, and the result.
    pub checked: Option<(Command, Checked)>,
    /// The command of the action whose checks are running.
    pub checking: Option<Command>,
    /// An action is running.
    pub applying: bool,
    /// The effect of the last applied action, from the followed logs.
    pub watched: Option<String>,
    /// The action that undoes the last applied one.
    pub undo: Option<Action>,
    /// The models that recommended actions, by action id.
    pub advised: BTreeMap<String, String>,
}

impl Plan {
    /// What a new plan depends on: the context, the entered values, the node.
    pub fn plan_for(&self) -> PlanFor {
        let cluster = self.cluster.as_ref();
        PlanFor {
            context: cluster.map(|c| c.context.clone()),
            given: self.given.clone(),
            node: cluster.and_then(|c| c.node.clone()),
        }
    }

    /// The result of the checks of an action, if it was the last one checked.
    pub fn checked(&self, action: &Action) -> Option<&Checked> {
        let command = action.command.as_ref()?;
        self.checked
            .as_ref()
            .filter(|c| c.0 == *command)
            .map(|c| &c.1)
    }

    /// The checks of an action are running.
    pub fn is_checking(&self, action: &Action) -> bool {
        action.command.is_some() && self.checking == action.command
    }
}

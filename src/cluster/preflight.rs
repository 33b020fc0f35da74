//! Checks an action against the live cluster before it runs: identity, permissions, preconditions
//! and a dry run on the server. Computes the rollback from the current state of the object. Changes
//! nothing.

use super::connection::{Connection, QUICK};
use super::error::Error;
use super::impact;
use super::object::{self, differences};
use crate::kube;
use crate::model::{Action, Command, Need, ObjectKind, Operation, Target};
use crate::remediate::double_amount;
use serde_json::{Value, json};

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    pub passed: bool,
    /// Description of the check, shown to the user.
    pub text: String,
}

/// The results of a preflight.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Preflight {
    pub checks: Vec<Check>,
    /// UID and version of the object at the time of the check.
    pub uid: String,
    pub resource_version: String,
    /// The command to run. A patch contains the UID and version of the checked object. A rollout
    /// undo contains the revision number.
    pub command: Option<Command>,
    pub rollback: Option<Command>,
    /// What the action would change, one line per difference.
    pub diff: Vec<String>,
    /// Current and proposed values of the action's parameters.
    pub suggestions: Vec<Suggestion>,
}

/// The current value of a parameter, and the value to propose.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Suggestion {
    pub name: String,
    pub current: String,
    pub value: String,
}

impl Preflight {
    pub fn passed(&self) -> bool {
        self.checks.iter().all(|c| c.passed)
    }

    pub fn check(&mut self, passed: bool, text: impl Into<String>) {
        self.checks.push(Check {
            passed,
            text: text.into(),
        });
    }
}

/// Runs all checks of an action. If the cluster does not answer, a check fails.
pub fn preflight(action: &Action, connection: &Connection) -> Result<Preflight, Error> {
    let mut out = Preflight {
        command: action.command.clone(),
        rollback: action.rollback.clone(),
        ..Preflight::default()
    };
    let Some(command) = action.command.clone() else {
        out.check(false, "this action has no command");
        return Ok(out);
    };
    if command.context != connection.context() {
        out.check(
            false,
            format!(
                "the command is for another context, not {}",
                connection.context
            ),
        );
        return Ok(out);
    }
    if let Err(refused) = kube::check(&command.argv()) {
        out.check(
            false,
            format!("faultline may not run this command: {refused}"),
        );
        return Ok(out);
    }
    if let Err(moved) = connection.check() {
        out.check(false, moved.to_string());
        return Ok(out);
    }
    let t = &action.target;
    let object = match connection.get(&t.namespace, t.object()) {
        Ok(object) => object,
        // If the object cannot be read, no other check is possible. More queries would only time
        // out.
        Err(e) => {
            out.check(false, e.to_string());
            return Ok(out);
        }
    };
    out.check(true, format!("{} {} exists", t.kind, t.name));
    let text = |v: &Value| v.as_str().unwrap_or_default().to_string();
    out.uid = text(&object["metadata"]["uid"]);
    out.resource_version = text(&object["metadata"]["resourceVersion"]);
    out.suggestions = suggestions(action, &object);
    check_permissions(action, connection, &command, &mut out)?;
    if action.changes_cluster() {
        check_needs(&action.needs, &object, &mut out);
        if action.parameters.iter().any(|p| p.value.is_empty()) {
            out.check(
                false,
                "a value is missing; press A (or use --set) to give it",
            );
            return Ok(out);
        }
        dry_run(action, connection, &object, &mut out)?;
        set_rollback(&object, &mut out);
        impact::check(connection, t, &object, &mut out);
    }
    Ok(out)
}

/// Reads the current values of the parameters from the object, and computes the values to propose.
fn suggestions(action: &Action, object: &Value) -> Vec<Suggestion> {
    let container = object.pointer("/spec/template/spec/containers/0/name");
    let container = container.and_then(Value::as_str).unwrap_or_default();
    let with_path = action.parameters.iter().filter(|p| !p.current.is_empty());
    with_path
        .filter_map(|p| {
            let current = object::value(object, &p.current, container)?;
            let larger = Some(&current)
                .filter(|_| p.increase)
                .and_then(|c| double_amount(c));
            let value = larger.unwrap_or_else(|| current.clone());
            Some(Suggestion {
                name: p.name.clone(),
                current,
                value,
            })
        })
        .collect()
}

/// Asks the server whether each API call of the action is allowed.
fn check_permissions(
    action: &Action,
    connection: &Connection,
    command: &Command,
    out: &mut Preflight,
) -> Result<(), kube::Error> {
    for (verb, kind, subresource) in api_calls(&command.operation, action.target.kind) {
        let can_i = Operation::CanI {
            verb,
            kind,
            subresource,
        };
        let finished = connection.run(&command.with(can_i), QUICK)?;
        let answer = match finished.stdout.trim() {
            "" => "no answer",
            answer => answer,
        };
        let what = match subresource {
            Some(part) => format!("{part} of {kind}"),
            None => kind.to_string(),
        };
        out.check(
            answer == "yes",
            format!("allowed to {verb} {what}: {answer}"),
        );
    }
    Ok(())
}

/// An API verb, a kind, and an optional subresource.
type ApiCall = (&'static str, ObjectKind, Option<&'static str>);

/// The API calls that a command makes.
fn api_calls(operation: &Operation, kind: ObjectKind) -> Vec<ApiCall> {
    match operation {
        Operation::DeletePod { .. } => vec![("delete", ObjectKind::Pod, None)],
        Operation::Logs { .. } => vec![("get", ObjectKind::Pod, Some("log"))],
        Operation::List { kind, .. } => vec![("list", *kind, None)],
        Operation::Get { .. }
        | Operation::Describe { .. }
        | Operation::Top { .. }
        | Operation::RolloutStatus { .. }
        | Operation::RolloutHistory { .. } => vec![("get", kind, None)],
        Operation::RolloutUndo { .. } => {
            vec![
                ("list", ObjectKind::ReplicaSet, None),
                ("patch", kind, None),
            ]
        }
        Operation::Patch { .. } => vec![("patch", kind, None)],
        Operation::ViewConfig | Operation::CanI { .. } => vec![],
    }
}

/// Checks the preconditions of an action.
fn check_needs(needs: &[Need], object: &Value, out: &mut Preflight) {
    let is_paused = object["spec"]["paused"] == true;
    let is_cordoned = object["spec"]["unschedulable"] == true;
    let containers = object
        .pointer("/spec/template/spec/containers")
        .and_then(Value::as_array);
    let has_no_probe = containers.is_some_and(|c| c.iter().all(|c| c["livenessProbe"].is_null()));
    let is_first = object::revision(object).is_some_and(|r| r < 2);
    for need in needs {
        let missing = match need {
            Need::Unpaused if is_paused => "it is paused: nothing rolls out until it is resumed",
            Need::Paused if !is_paused => "it is not paused: there is nothing to resume",
            Need::Revision if is_first => "there is no earlier revision to roll back to",
            Need::Schedulable if is_cordoned => "the node is already cordoned",
            Need::Cordoned if !is_cordoned => "the node already accepts pods",
            Need::Probe if has_no_probe => "it has no liveness probe",
            _ => continue,
        };
        out.check(false, missing);
    }
}

/// Runs the command as a dry run on the server, and lists the differences.
fn dry_run(
    action: &Action,
    connection: &Connection,
    object: &Value,
    out: &mut Preflight,
) -> Result<(), kube::Error> {
    pin(action, connection, object, out);
    let Some(command) = &out.command else {
        return Ok(());
    };
    let Some(dry) = command.operation.as_dry_run() else {
        return Ok(());
    };
    let finished = connection.run(&command.with(dry), QUICK)?;
    let accepted = finished.status == 0;
    let text = match accepted {
        true => "the server accepts it (dry run)".to_string(),
        false => finished.message(),
    };
    out.check(accepted, text);
    if let Ok(after) = serde_json::from_str::<Value>(&finished.stdout) {
        out.diff = differences(object, &after);
    }
    Ok(())
}

/// Ties the command to the object that was checked. A patch gets the UID and version of the object,
/// so that the server refuses the patch if the object was changed or replaced. The deletion of a pod
/// gets its UID. A rollout undo gets a revision number; the API has no precondition for it.
fn pin(action: &Action, connection: &Connection, object: &Value, out: &mut Preflight) {
    let (uid, version) = (out.uid.clone(), out.resource_version.clone());
    match out.command.as_mut().map(|c| &mut c.operation) {
        Some(Operation::Patch { body, .. }) => {
            if let Ok(mut patch) = serde_json::from_str::<Value>(body) {
                patch["metadata"]["resourceVersion"] = json!(version);
                patch["metadata"]["uid"] = json!(uid);
                *body = patch.to_string();
            }
        }
        Some(Operation::DeletePod { uid: expected, .. }) => *expected = Some(uid),
        Some(Operation::RolloutUndo {
            to_revision: None, ..
        }) => {
            pin_earlier_revision(connection, &action.target, object, out);
        }
        _ => {}
    }
}

/// Sets the revision of a rollout undo to the one before the current revision. Lists the
/// differences between the two revisions.
fn pin_earlier_revision(connection: &Connection, t: &Target, object: &Value, out: &mut Preflight) {
    let Some(current) = object::revision(object) else {
        return;
    };
    let sets = connection.list(&t.namespace, ObjectKind::ReplicaSet);
    let sets = sets.unwrap_or_default();
    let is_own = |s: &&Value| {
        let owners = s["metadata"]["ownerReferences"].as_array();
        owners.is_some_and(|o| o.iter().any(|o| o["uid"] == out.uid.as_str()))
    };
    let earlier = sets
        .iter()
        .filter(is_own)
        .filter_map(|s| Some((object::revision(s)?, s)))
        .filter(|(n, _)| *n < current)
        .max_by_key(|(n, _)| *n);
    let Some((n, set)) = earlier else {
        out.check(false, "there is no earlier revision to roll back to");
        return;
    };
    let pods = |o: &Value| json!({"spec": o["spec"]["template"]["spec"]});
    out.diff = differences(&pods(object), &pods(set));
    out.diff
        .insert(0, format!("revision {current} -> the pods of revision {n}"));
    // The API has no precondition for a rollback.
    out.check(
        true,
        "the object is compared once more right before the rollback; a change in that last moment is not noticed",
    );
    if let Some(Operation::RolloutUndo { to_revision, .. }) =
        out.command.as_mut().map(|c| &mut c.operation)
    {
        *to_revision = Some(n);
    }
}

/// Sets the rollback so that it restores the state of the object at the time of the check.
fn set_rollback(object: &Value, out: &mut Preflight) {
    let patch = match out.command.as_ref().map(|c| &c.operation) {
        Some(Operation::Patch { body, .. }) => serde_json::from_str::<Value>(body).ok(),
        _ => None,
    };
    match out.rollback.as_mut().map(|c| &mut c.operation) {
        Some(Operation::RolloutUndo { to_revision, .. }) => *to_revision = object::revision(object),
        Some(Operation::Patch { body, .. }) => {
            if let Some(patch) = patch {
                *body = object::inverse(&without_pin(patch), object).to_string();
            }
        }
        _ => {}
    }
}

/// Removes the UID and version that `pin` added to a patch.
fn without_pin(mut patch: Value) -> Value {
    if let Some(metadata) = patch["metadata"].as_object_mut() {
        metadata.retain(|k, _| k != "resourceVersion" && k != "uid");
    }
    if patch["metadata"]
        .as_object()
        .is_some_and(serde_json::Map::is_empty)
    {
        patch.as_object_mut().map(|p| p.remove("metadata"));
    }
    patch
}

//! Applies an action that passed its preflight: records it, runs it, waits for the rollout, and
//! records the outcome. Decides nothing.

use super::audit::{self, Stage};
use super::connection::Connection;
use super::error::Error;
use super::preflight::Preflight;
use crate::analysis::Analysis;
use crate::corpus::now;
use crate::kube;
use crate::model::{Action, ObjectKind, Operation};
use crate::remediate::Outcome;
use crate::text::civil::rfc3339;
use serde_json::{Value, json};
use std::sync::{Mutex, TryLockError};
use std::time::Duration;

/// Locked while an action is applied, so that only one action runs at a time.
static RUNNING: Mutex<()> = Mutex::new(());
/// Timeout of a command that changes the cluster or waits for a rollout.
const SLOW: Duration = Duration::from_secs(120);
/// How long kubectl waits for a rollout, in seconds.
const ROLLOUT_S: u32 = 60;

/// Exit code in the audit log of an action that was refused at the last moment.
const REFUSED: i32 = -2;

/// The result of an action that was applied.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Applied {
    /// Output of kubectl and of the rollout.
    pub output: String,
    /// Id of this run. It is in all audit records of the run.
    pub run: String,
    /// True if the rollout did not complete.
    pub is_stuck: bool,
}

/// The action that undoes `action` and restores the state that the preflight found. `None` if there
/// is no rollback command or the command is not allowed.
pub fn rollback_action(action: &Action, checked: &Preflight) -> Option<Action> {
    let command = checked
        .rollback
        .clone()
        .filter(|c| kube::check(&c.argv()).is_ok())?;
    Some(Action {
        id: format!("undo-{}", action.id),
        title: format!("undo: {}", action.title),
        command: Some(command),
        rollback: None,
        undoes: true,
        needs: vec![],
        parameters: vec![],
        ..action.clone()
    })
}

/// Applies an action that passed its preflight. Writes an audit record before and after it.
pub fn apply(
    analysis: &Analysis,
    action: &Action,
    connection: &Connection,
    checked: &Preflight,
) -> Result<Applied, Error> {
    let _running = match RUNNING.try_lock() {
        Err(TryLockError::WouldBlock) => return Err(Error::Busy),
        held => held,
    };
    if let Some(failed) = checked.checks.iter().find(|c| !c.passed) {
        return Err(Error::CheckFailed(failed.text.clone()));
    }
    let command = checked
        .command
        .as_ref()
        .ok_or_else(|| Error::NoCommand(action.title.clone()))?;
    let data = analysis
        .corpus
        .options
        .data
        .as_deref()
        .ok_or(Error::NoDataFolder)?;
    connection.check()?;
    let run = format!("{}-{}", rfc3339(now(), 3), std::process::id());
    audit::append(
        data,
        &audit::record(Stage::Intent, &run, action, connection, checked),
    )?;
    let finish = |exit: i32, timed_out: bool, message: &str| {
        let mut done = audit::record(Stage::Done, &run, action, connection, checked);
        done["exit"] = json!(exit);
        done["timed_out"] = json!(timed_out);
        done["message"] = json!(message);
        audit::append(data, &done)
    };
    // As late as possible: what changes after this look is not noticed.
    let unmodified = check_unmodified(action, connection, checked);
    let ran = unmodified.and_then(|()| Ok(connection.run(command, SLOW)?));
    let finished = match ran {
        Ok(finished) => finished,
        Err(why) => {
            finish(REFUSED, false, &why.to_string())?;
            return Err(why);
        }
    };
    finish(finished.status, finished.timed_out, &finished.message())
        .map_err(|e| Error::NotRecorded(e.to_string()))?;
    let by_uid = command.operation.input().is_some();
    let output = match finished.succeeded()? {
        // The API answers with the whole object.
        _ if by_uid => format!("{} {} deleted", action.target.kind, action.target.name),
        output => output.trim().to_string(),
    };
    let mut out = Applied {
        output,
        run,
        is_stuck: false,
    };
    if rolls_out(action) {
        wait_for_rollout(action, connection, &mut out)?;
    }
    Ok(out)
}

fn wait_for_rollout(
    action: &Action,
    connection: &Connection,
    out: &mut Applied,
) -> Result<(), Error> {
    let t = &action.target;
    let status = Operation::RolloutStatus {
        object: t.object(),
        timeout_s: Some(ROLLOUT_S),
    };
    let finished = connection.run(&connection.command(&t.namespace, status), SLOW)?;
    out.is_stuck = finished.status != 0;
    // Use the last line. The lines before it only show the progress.
    let last = match finished.stdout.lines().last() {
        Some(line) if !out.is_stuck => line.to_string(),
        _ => finished.message(),
    };
    out.output.push_str(&format!("\n{last}"));
    Ok(())
}

/// Checks that the object has not changed since the preflight. A patch needs no check here: it
/// contains the version of the object, so the server refuses it if the object has changed. For
/// other changes, the object is read again just before the command runs.
fn check_unmodified(
    action: &Action,
    connection: &Connection,
    checked: &Preflight,
) -> Result<(), Error> {
    let operation = checked.command.as_ref().map(|c| &c.operation);
    if !action.changes_cluster() || matches!(operation, Some(Operation::Patch { .. })) {
        return Ok(());
    }
    let t = &action.target;
    let now = connection.get(&t.namespace, t.object())?;
    let same = |key: &str, seen: &str| now["metadata"][key].as_str() == Some(seen);
    // The status of a pod changes often, so for a pod only the UID is compared.
    let is_same_version =
        t.kind == ObjectKind::Pod || same("resourceVersion", &checked.resource_version);
    if same("uid", &checked.uid) && is_same_version {
        return Ok(());
    }
    Err(Error::Modified(format!("{} {}", t.kind, t.name)))
}

/// True if the action starts or stops pods, so that there is a rollout to wait for.
fn rolls_out(action: &Action) -> bool {
    let changes_pods = match action.command.as_ref().map(|c| &c.operation) {
        Some(Operation::RolloutUndo { .. }) => true,
        Some(Operation::Patch { body, .. }) => {
            let patch: Value = serde_json::from_str(body).unwrap_or_default();
            !patch["spec"]["template"].is_null() || !patch["spec"]["replicas"].is_null()
        }
        _ => false,
    };
    changes_pods && action.target.kind.rolls_out()
}

/// Records the outcome of an action in the audit log and for later plans.
pub fn record_outcome(
    analysis: &Analysis,
    action: &Action,
    connection: &Connection,
    run: &str,
    (outcome, message): (Option<Outcome>, &str),
) -> Result<(), Error> {
    if let Some(data) = analysis.corpus.options.data.as_deref() {
        let checked = Preflight {
            command: action.command.clone(),
            ..Preflight::default()
        };
        let mut verified = audit::record(Stage::Verified, run, action, connection, &checked);
        (verified["outcome"], verified["message"]) = (json!(outcome), json!(message));
        audit::append(data, &verified)?;
    }
    // The outcome of a rollback does not show how well the action works, so later plans do not use
    // it.
    match outcome.filter(|_| !action.undoes) {
        Some(outcome) => Ok(analysis.record_outcome(action, outcome)?),
        None => Ok(()),
    }
}

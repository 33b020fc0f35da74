//! Applies an action that passed its preflight: records it, runs it, waits for the rollout, and records the outcome. Decides
//! nothing.

use super::audit::{self, Stage};
use super::connection::Connection;
use super::error::Error;
use super::preflight::Preflight;
use super::query;
use crate::analysis::Analysis;
use crate::corpus::now;
use crate::kube;
use crate::model::{Action, ObjectKind, Operation};
use crate::remediate::Outcome;
use crate::text::civil::rfc3339;
use serde_json::{Value, json};
use std::sync::{Mutex, TryLockError};
use std::time::Duration;

/// Only one action at a time, whoever applies it.
static RUNNING: Mutex<()> = Mutex::new(());
/// Timeout of a change, including its rollout.
const SLOW: Duration = Duration::from_secs(120);
/// Time that kubectl waits for a rollout, in seconds.
const ROLLOUT_S: u32 = 60;

/// An action that was applied.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Applied {
    /// Output of kubectl and of the rollout.
    pub output: String,
    /// Ties the audit records of one action together.
    pub run: String,
    /// The rollout did not complete.
    pub is_stuck: bool,
}

/// The action that undoes another one, from the state that was seen before it.
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

/// Applies an action that passed its preflight, with audit records before and after it.
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
    check_unmodified(action, connection, checked)?;
    let run = format!("{}-{}", rfc3339(now(), 3), std::process::id());
    audit::append(
        data,
        &audit::record(Stage::Intent, &run, action, connection, checked),
    )?;
    let finished = kube::run(command, SLOW)?;
    let mut done = audit::record(Stage::Done, &run, action, connection, checked);
    done["exit"] = json!(finished.status);
    done["timed_out"] = json!(finished.timed_out);
    done["message"] = json!(finished.message());
    audit::append(data, &done)?;
    let output = finished.succeeded()?.trim().to_string();
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
    let finished = kube::run(&connection.command(&t.namespace, status), SLOW)?;
    out.is_stuck = finished.status != 0;
    // Only the last line counts: the lines before it are the progress.
    let last = match finished.stdout.lines().last() {
        Some(line) if !out.is_stuck => line.to_string(),
        _ => finished.message(),
    };
    out.output.push_str(&format!("\n{last}"));
    Ok(())
}

/// A patch carries the version that was checked, so the server refuses it for a changed object. Other changes are compared
/// with the object right before they run.
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
    let now = query::get(&connection.context(), &t.namespace, t.object())?;
    let same = |key: &str, seen: &str| now["metadata"][key].as_str() == Some(seen);
    // The status of a pod changes all the time, so for a pod only its identity counts.
    let is_same_version =
        t.kind == ObjectKind::Pod || same("resourceVersion", &checked.resource_version);
    if same("uid", &checked.uid) && is_same_version {
        return Ok(());
    }
    Err(Error::Modified(format!("{} {}", t.kind, t.name)))
}

/// Whether the action starts or stops pods, so that there is a rollout to wait for.
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

/// Records the outcome of an action, for the audit and for later plans.
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
    // Undoing an action says nothing about how well the action works.
    match outcome.filter(|_| !action.undoes) {
        Some(outcome) => Ok(analysis.record_outcome(action, outcome)?),
        None => Ok(()),
    }
}

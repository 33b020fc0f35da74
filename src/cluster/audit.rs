//! The audit log: one JSON record per stage of an action, appended before and after the action
//! runs. Decides nothing.

use super::connection::Connection;
use super::error::Error;
use super::preflight::Preflight;
use crate::corpus::now;
use crate::model::{Action, Command};
use crate::text::civil::rfc3339;
use crate::text::redact::Redactor;
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;

const FILE: &str = "audit.jsonl";

/// Stages of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Intent,
    Done,
    Verified,
}

impl Stage {
    fn name(self) -> &'static str {
        match self {
            Stage::Intent => "intent",
            Stage::Done => "done",
            Stage::Verified => "verified",
        }
    }
}

/// Creates the record of one stage. All records of one action have the same `run` id.
pub fn record(
    stage: Stage,
    run: &str,
    action: &Action,
    connection: &Connection,
    checked: &Preflight,
) -> Value {
    let argv = checked.command.as_ref().map(without_values);
    json!({
        "stage": stage.name(),
        "run": run,
        "at": rfc3339(now(), 3),
        "who": std::env::var("USER").unwrap_or_default(),
        "context": connection.context,
        "user": connection.user,
        "server": connection.server,
        "action": action.id,
        "argv": argv,
        "evidence": action.evidence,
        "uid": checked.uid,
        "advised_by": action.advised_by,
        "rollback": checked.rollback,
        "preflight": checked.checks.iter().map(|c| &c.text).collect::<Vec<_>>(),
    })
}

/// Appends a record to the audit log. If the first record of an action cannot be written, the
/// action does not run.
pub fn append(data: &Path, record: &Value) -> Result<(), Error> {
    let file = data.join(FILE);
    let write = || {
        std::fs::create_dir_all(data)?;
        let mut out = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&file)?;
        let line = Redactor::default().redact(&record.to_string());
        out.write_all(format!("{line}\n").as_bytes())?;
        out.sync_data()
    };
    write().map_err(|source| Error::Audit {
        file: file.clone(),
        source,
    })
}

/// One message for each action whose end or outcome is not recorded, for example because faultline
/// was killed.
pub fn unfinished(data: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(data.join(FILE)).unwrap_or_default();
    let records: Vec<Value> = text
        .lines()
        .filter_map(|l| serde_json::from_str(l).ok())
        .collect();
    let reached = |run: &Value, stage: Stage| {
        records
            .iter()
            .find(|r| r["run"] == *run && r["stage"] == stage.name())
    };
    let describe = |r: &Value| {
        let word = |key: &str| r[key].as_str().unwrap_or_default();
        let (action, context, at) = (word("action"), word("context"), word("at"));
        match reached(&r["run"], Stage::Done) {
            None => Some(format!(
                "{action} was started on {context} at {at} and its end is not recorded: check the cluster"
            )),
            Some(done) if done["exit"] == 0 => Some(format!(
                "{action} was applied on {context} at {at}, but its outcome is not recorded"
            )),
            Some(_) => None,
        }
    };
    let is_open = |r: &&Value| {
        r["stage"] == Stage::Intent.name() && reached(&r["run"], Stage::Verified).is_none()
    };
    records
        .iter()
        .filter(is_open)
        .filter_map(describe)
        .collect()
}

/// The arguments of a command without the values of environment variables. Such a value can be a
/// secret that no redaction pattern recognizes.
fn without_values(command: &Command) -> Vec<String> {
    let hide = |arg: &String| {
        let mut patch: Value = serde_json::from_str(arg).ok()?;
        let containers = patch
            .pointer_mut("/spec/template/spec/containers")?
            .as_array_mut()?;
        let variables = containers
            .iter_mut()
            .filter_map(|c| c["env"].as_array_mut())
            .flatten();
        variables.for_each(|v| v["value"] = json!("(not recorded)"));
        Some(patch.to_string())
    };
    let argv = command.argv();
    let has_variables = |arg: &&String| arg.contains("\"env\"");
    argv.iter()
        .map(|arg| match Some(arg).filter(has_variables) {
            Some(arg) => hide(arg).unwrap_or_default(),
            None => arg.clone(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Context, ObjectKind, ObjectName, Operation, PatchType};

    fn patch(body: &str) -> Command {
        let operation = Operation::Patch {
            object: ObjectName::new(ObjectKind::Deployment, "a"),
            patch_type: PatchType::Strategic,
            body: body.into(),
            dry_run: false,
        };
        Command::new(&Context::Placeholder, "shop", operation)
    }

    #[test]
    fn values_of_environment_variables_are_not_kept() {
        let secret = r#"{"spec":{"template":{"spec":{"containers":[{"name":"a","env":[{"name":"PASSWORD","value":"hunter2"}]}]}}}}"#;
        let kept = without_values(&patch(secret)).join(" ");
        assert!(
            !kept.contains("hunter2") && kept.contains("PASSWORD"),
            "{kept}"
        );
        let scale = patch(r#"{"spec":{"replicas":2}}"#);
        assert_eq!(without_values(&scale), scale.argv());
    }
}

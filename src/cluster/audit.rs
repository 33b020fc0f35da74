//! The audit log: one JSON record per stage of an action, appended before and after the action
//! runs. Decides nothing.

use super::connection::Connection;
use super::error::Error;
use super::preflight::Preflight;
use crate::config::paths::private_folder;
use crate::corpus::now;
use crate::model::{Action, Command};
use crate::text::civil::rfc3339;
use crate::text::redact::Redactor;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, PermissionsExt};
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
        private_folder(data)?;
        let mut out = std::fs::OpenOptions::new()
            .create(true)
            .read(true)
            .append(true)
            .open(&file)?;
        out.set_permissions(PermissionsExt::from_mode(0o600))?;
        // A record that was cut, for example by a full disk, must not spoil the next one.
        let mut line = if ends_with_line(&out)? {
            String::new()
        } else {
            "\n".into()
        };
        line.push_str(&redacted(record).to_string());
        line.push('\n');
        out.write_all(line.as_bytes())?;
        out.sync_data()
    };
    write().map_err(|source| Error::Audit {
        file: file.clone(),
        source,
    })
}

/// The record without secrets. Its values are redacted before they become JSON, so that a secret
/// cannot reach across fields. The cluster and the ids stay as they are.
fn redacted(record: &Value) -> Value {
    let mut record = record.clone();
    let mut redactor = Redactor::default();
    for key in ["argv", "rollback", "preflight", "message"] {
        if let Some(value) = record.get_mut(key) {
            redactor.redact_json(value);
        }
    }
    record
}

/// True if a file is empty or ends with a newline.
fn ends_with_line(file: &File) -> io::Result<bool> {
    let mut last = [b'\n'];
    if let Some(at) = file.metadata()?.len().checked_sub(1) {
        file.read_exact_at(&mut last, at)?;
    }
    Ok(last == [b'\n'])
}

/// One message for each action whose end or outcome is not recorded, for example because faultline
/// was killed, and one if records cannot be read.
pub fn unfinished(data: &Path) -> Vec<String> {
    let file = data.join(FILE);
    let bytes = match std::fs::read(&file) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Vec::new(),
        Err(e) => {
            let name = file.display();
            return vec![format!(
                "{name}: {e}; it is unknown whether an action is unfinished"
            )];
        }
    };
    let mut records: Vec<Value> = Vec::new();
    let mut unreadable: Vec<usize> = Vec::new();
    for (n, line) in bytes.split(|b| *b == b'\n').enumerate() {
        match serde_json::from_slice(line) {
            Ok(record) => records.push(record),
            Err(_) if line.trim_ascii().is_empty() => {}
            Err(_) => unreadable.push(n + 1),
        }
    }
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
            Some(done) if done["timed_out"] == true => Some(format!(
                "{action} was started on {context} at {at} and timed out, so its end is not recorded: check the cluster"
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
    let mut out = Vec::new();
    if let Some(first) = unreadable.first() {
        let (name, count) = (file.display(), unreadable.len());
        out.push(format!(
            "{name}: unreadable records: {count}, the first in line {first}; an action may be unfinished: check the cluster"
        ));
    }
    // Last, because the screen shows the last one.
    out.extend(records.iter().filter(is_open).filter_map(describe));
    out
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
    use proptest::prelude::*;

    fn patch(body: &str) -> Command {
        let operation = Operation::Patch {
            object: ObjectName::new(ObjectKind::Deployment, "a"),
            patch_type: PatchType::Strategic,
            body: body.into(),
            dry_run: false,
        };
        Command::new(&Context::Placeholder, "shop", operation)
    }

    proptest! {
        #[test]
        fn every_record_is_one_line_of_json(text in any::<String>(), context in "[ -~]{0,40}") {
            let dir = tempfile::tempdir().unwrap();
            let record = json!({"stage": "intent", "run": "1", "context": context, "message": text,
                "argv": [text, context], "server": "https://a:1", "user": text});
            append(dir.path(), &record).unwrap();
            append(dir.path(), &record).unwrap();
            let file = std::fs::read_to_string(dir.path().join(FILE)).unwrap();
            let lines: Vec<&str> = file.lines().collect();
            prop_assert_eq!(lines.len(), 2);
            for line in lines {
                let read: Value = serde_json::from_str(line).unwrap();
                prop_assert_eq!(&read["context"], &record["context"]);
            }
            prop_assert_eq!(unfinished(dir.path()).len(), 2);
        }
    }

    #[test]
    fn a_record_of_the_default_kubeadm_context_can_be_read_and_hides_secrets() {
        let dir = tempfile::tempdir().unwrap();
        let record = json!({"stage": "intent", "run": "1", "context": "kubernetes-admin@kubernetes",
            "server": "https://10.0.0.1:6443", "action": "restart-a", "message": "password=hunter22"});
        append(dir.path(), &record).unwrap();
        let file = std::fs::read_to_string(dir.path().join(FILE)).unwrap();
        assert!(!file.contains("hunter22"), "{file}");
        let read: Value = serde_json::from_str(&file).unwrap();
        assert_eq!(read["context"], "kubernetes-admin@kubernetes");
        assert_eq!(read["server"], "https://10.0.0.1:6443");
    }

    #[test]
    fn an_unreadable_record_is_reported_and_does_not_spoil_the_next() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(FILE), b"{\"stage\":\"intent\xff").unwrap();
        append(
            dir.path(),
            &json!({"stage": "intent", "run": "2", "action": "b"}),
        )
        .unwrap();
        let messages = unfinished(dir.path());
        assert_eq!(messages.len(), 2, "{messages:?}");
        assert!(messages[0].contains("line 1"), "{messages:?}");
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

//! Applies an action that passed its look: records it, runs it, watches the rollout, records what came of it.

use super::{Armed, Preflight, SLOW, ask, kubectl};
use crate::engine::corpus::Corpus;
use crate::kube;
use crate::model::{Action, Risk};
use crate::remediate::Outcome;
use crate::text::civil::rfc3339;
use crate::text::redact::Redactor;
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, TryLockError};

/// One at a time, whoever asks.
static UNDER_WAY: Mutex<()> = Mutex::new(());

/// What was done, for the watch that follows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Applied {
    /// What kubectl and the rollout said.
    pub told: String,
    /// Ties the records of one action together.
    pub run: String,
    /// The rollout did not end well.
    pub stuck: bool,
}

/// The action that takes another one back, with the state that was seen before it.
pub fn back(action: &Action, checked: &Preflight) -> Option<Action> {
    let argv = checked
        .rollback
        .clone()
        .filter(|argv| kube::check(argv).is_ok())?;
    Some(Action {
        id: format!("back-{}", action.id),
        title: format!("take back: {}", action.title),
        verb: format!("back-{}", action.verb),
        argv,
        rollback: None,
        needs: vec![],
        asks: vec![],
        ..action.clone()
    })
}

/// One line of the audit file; without it nothing is run.
pub fn audit(data: &Path, record: &Value) -> Result<(), String> {
    let file = data.join("audit.jsonl");
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
    write().map_err(|e: std::io::Error| {
        format!(
            "{}: {e}; without its record no action is run",
            file.display()
        )
    })
}

/// Actions of which the audit does not say how they ended, or what came of them: faultline was killed in between.
pub fn unfinished(data: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(data.join("audit.jsonl")).unwrap_or_default();
    let records: Vec<Value> = text
        .lines()
        .filter_map(|l| serde_json::from_str(l).ok())
        .collect();
    let reached = |run: &Value, stage: &str| {
        records
            .iter()
            .find(|r| r["run"] == *run && r["stage"] == stage)
    };
    let word = |r: &Value, key: &str| r[key].as_str().unwrap_or_default().to_string();
    records
        .iter()
        .filter(|r| r["stage"] == "intent" && reached(&r["run"], "verified").is_none())
        .filter_map(|r| {
            let open = match reached(&r["run"], "done") {
                None => "was begun on {} at {} and its end is not recorded: look at the cluster",
                Some(done) if done["exit"] == 0 => {
                    "was applied on {} at {}, but what came of it is not recorded"
                }
                Some(_) => return None,
            };
            Some(format!(
                "{} {}",
                word(r, "action"),
                open.replacen("{}", &word(r, "context"), 1)
                    .replacen("{}", &word(r, "at"), 1)
            ))
        })
        .collect()
}

/// A record of one stage of an action.
fn record(stage: &str, run: &str, action: &Action, armed: &Armed, checked: &Preflight) -> Value {
    json!({"stage": stage, "run": run, "at": rfc3339(crate::engine::now(), 3), "who": std::env::var("USER").unwrap_or_default(),
           "context": armed.context, "user": armed.user, "server": armed.server, "action": action.id, "argv": without_values(&checked.argv),
           "evidence": action.evidence, "uid": checked.uid, "advised_by": action.advised_by, "rollback": checked.rollback,
           "preflight": checked.checks.iter().map(|c| &c.1).collect::<Vec<_>>()})
}

/// An argv without the values of variables, which may be secrets that no pattern knows.
fn without_values(argv: &[String]) -> Vec<String> {
    let hidden = |arg: &String| {
        let mut patch: Value = serde_json::from_str(arg).ok()?;
        let containers = patch
            .pointer_mut("/spec/template/spec/containers")?
            .as_array_mut()?;
        let variables = containers
            .iter_mut()
            .filter_map(|c| c["env"].as_array_mut())
            .flatten();
        variables.for_each(|v| v["value"] = json!("(not kept)"));
        Some(patch.to_string())
    };
    argv.iter()
        .map(|arg| {
            if arg.contains("\"env\"") {
                hidden(arg).unwrap_or_default()
            } else {
                arg.clone()
            }
        })
        .collect()
}

/// Applies an action that passed its look, under one lock and with its record before and after.
pub fn apply(
    corpus: &Corpus,
    action: &Action,
    armed: &Armed,
    checked: &Preflight,
) -> Result<Applied, String> {
    let _alone = match UNDER_WAY.try_lock() {
        Err(TryLockError::WouldBlock) => {
            return Err("another action is being applied; wait for its end".into());
        }
        held => held,
    };
    if let Some((_, failed)) = checked.checks.iter().find(|c| !c.0) {
        return Err(failed.clone());
    }
    let data = corpus
        .options
        .data
        .as_deref()
        .ok_or("there is no data folder to keep the audit in, so no action is run")?;
    armed.still()?;
    unchanged(action, armed, checked)?;
    let run = format!(
        "{}-{}",
        rfc3339(crate::engine::now(), 3),
        std::process::id()
    );
    audit(data, &record("intent", &run, action, armed, checked))?;
    let ran = kube::run(&checked.argv, SLOW)?;
    let mut done = record("done", &run, action, armed, checked);
    done["exit"] = json!(ran.status);
    done["timed_out"] = json!(ran.timed_out);
    done["said"] = json!(ran.said());
    audit(data, &done)?;
    if ran.status != 0 {
        return Err(format!("kubectl says: {}", ran.said()));
    }
    let mut out = Applied {
        told: ran.stdout.trim().to_string(),
        run,
        stuck: false,
    };
    if rolls_out(action) {
        let t = &action.target;
        let watched = [
            "rollout",
            "status",
            &format!("{}/{}", t.kind, t.name),
            "--timeout=60s",
        ];
        let status = kube::run(&kubectl(&armed.context, &t.namespace, &watched), SLOW)?;
        out.stuck = status.status != 0;
        // What it waited for on the way does not matter any more.
        let end = status
            .stdout
            .lines()
            .last()
            .filter(|_| !out.stuck)
            .map_or_else(|| status.said(), String::from);
        out.told.push_str(&format!("\n{end}"));
    }
    Ok(out)
}

/// A patch carries the version that was looked at; anything else is compared with it right before it is run.
fn unchanged(action: &Action, armed: &Armed, checked: &Preflight) -> Result<(), String> {
    if action.risk == Risk::None || checked.argv.iter().any(|a| a == "patch") {
        return Ok(());
    }
    let t = &action.target;
    let now = ask(
        &armed.context,
        &t.namespace,
        &["get", &t.kind, &t.name, "-o", "json"],
    )?;
    let same = |key: &str, seen: &str| now["metadata"][key].as_str() == Some(seen);
    // The status of a pod changes all the time: that it is the same pod is what counts.
    if same("uid", &checked.uid)
        && (t.kind == "pod" || same("resourceVersion", &checked.resource_version))
    {
        return Ok(());
    }
    Err(format!(
        "{} {} has been modified since it was looked at: look again",
        t.kind, t.name
    ))
}

/// Whether the action makes pods anew.
fn rolls_out(action: &Action) -> bool {
    let kind = ["deployment", "statefulset", "daemonset"].contains(&action.target.kind.as_str());
    let verb = action.verb.trim_start_matches("back-");
    action.risk > Risk::None && kind && !matches!(verb, "annotate" | "label" | "pause" | "resume")
}

/// Records what came of an action, for the audit and for the next plan.
pub fn remember(
    corpus: &Corpus,
    action: &Action,
    armed: &Armed,
    run: &str,
    outcome: Option<Outcome>,
    told: &str,
) -> Result<(), String> {
    if let Some(data) = corpus.options.data.as_deref() {
        let mut verified = record(
            "verified",
            run,
            action,
            armed,
            &Preflight {
                argv: action.argv.clone(),
                ..Preflight::default()
            },
        );
        (verified["outcome"], verified["told"]) = (json!(outcome), json!(told));
        audit(data, &verified)?;
    }
    match outcome.filter(|_| !action.verb.starts_with("back-")) {
        Some(outcome) => corpus.remember(|m| m.priors.note(&action.class, &action.verb, outcome)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_variables_are_not_kept() {
        let patch = r#"{"spec":{"template":{"spec":{"containers":[{"name":"a","env":[{"name":"PASSWORD","value":"hunter2"}]}]}}}}"#;
        let kept = without_values(&["kubectl", "-p", patch].map(String::from)).join(" ");
        assert!(
            !kept.contains("hunter2") && kept.contains("PASSWORD"),
            "{kept}"
        );
        let restart = ["kubectl", "-p", r#"{"spec":{"replicas":2}}"#].map(String::from);
        assert_eq!(without_values(&restart), restart);
    }
}

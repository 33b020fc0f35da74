//! The look before the leap: identity, permission, a dry run on the server, who else is touched, the way back from the state
//! that is seen. Changes nothing.

use super::object::{self, differences};
use super::{Armed, QUICK, ask, kubectl};
use crate::kube;
use crate::model::{Action, Risk, Target};
use crate::remediate::doubled;
use serde_json::{Value, json};

/// What a look before the leap found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Preflight {
    /// Checks in words, with whether each passed.
    pub checks: Vec<(bool, String)>,
    /// The object's identity, pinned.
    pub uid: String,
    pub resource_version: String,
    /// Argv with the observed version in the patch where it is a patch.
    pub argv: Vec<String>,
    pub rollback: Option<Vec<String>>,
    /// What would change, in words.
    pub diff: Vec<String>,
    /// What the object holds of the values that the action asks for.
    pub suggestions: Vec<Suggestion>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Suggestion {
    pub name: String,
    pub now: String,
    pub value: String,
}

impl Preflight {
    pub fn green(&self) -> bool {
        self.checks.iter().all(|c| c.0)
    }

    fn check(&mut self, holds: bool, told: impl Into<String>) {
        self.checks.push((holds, told.into()));
    }
}

/// Looks before anything is changed.
pub fn preflight(action: &Action, armed: &Armed) -> Result<Preflight, String> {
    let t = &action.target;
    let context = armed.context.as_str();
    let mut out = Preflight {
        argv: action.argv.clone(),
        rollback: action.rollback.clone(),
        ..Preflight::default()
    };
    if let Err(refused) = kube::check(&action.argv) {
        out.check(false, format!("not to be applied from here: {refused}"));
        return Ok(out);
    }
    if action.argv.get(2).map(String::as_str) != Some(context) {
        out.check(
            false,
            format!("it was planned for another context than {context}"),
        );
        return Ok(out);
    }
    if let Err(elsewhere) = armed.still() {
        out.check(false, elsewhere);
        return Ok(out);
    }
    let object = match ask(
        context,
        &t.namespace,
        &["get", &t.kind, &t.name, "-o", "json"],
    ) {
        Ok(object) => object,
        // What cannot be seen cannot be judged; asking on would only wait for the same answer.
        Err(why) => {
            out.check(false, why);
            return Ok(out);
        }
    };
    out.check(true, format!("{} {} exists", t.kind, t.name));
    let text = |v: &Value| v.as_str().unwrap_or_default().to_string();
    (out.uid, out.resource_version) = (
        text(&object["metadata"]["uid"]),
        text(&object["metadata"]["resourceVersion"]),
    );
    suggest(action, &object, &mut out);
    permissions(action, context, &mut out)?;
    if action.risk > Risk::None {
        needs(action, &object, &mut out);
        if action.asks.iter().any(|a| a.value.is_empty()) {
            out.check(false, "a value is not given yet: A asks for it");
            return Ok(out);
        }
        dry_run(action, context, &object, &mut out)?;
        way_back(&object, &mut out);
        touched(context, t, &object, &mut out);
        neighbours(context, t, &object, &mut out);
    }
    Ok(out)
}

/// What the object holds of the values that are asked for, and what to propose.
fn suggest(action: &Action, object: &Value, out: &mut Preflight) {
    let container = object
        .pointer("/spec/template/spec/containers/0/name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    for a in action.asks.iter().filter(|a| !a.now.is_empty()) {
        let Some(now) = object::value(object, &a.now, container) else {
            continue;
        };
        let value = Some(&now)
            .filter(|_| a.grow)
            .and_then(|n| doubled(n))
            .unwrap_or_else(|| now.clone());
        out.suggestions.push(Suggestion {
            name: a.name.clone(),
            now,
            value,
        });
    }
}

/// Asks the server of every call that the action makes.
fn permissions(action: &Action, context: &str, out: &mut Preflight) -> Result<(), String> {
    let t = &action.target;
    for (verb, resource, part) in calls(action) {
        let mut rest = vec!["auth", "can-i", verb, resource];
        let subresource = format!("--subresource={part}");
        if !part.is_empty() {
            rest.push(&subresource);
        }
        let may = kube::run(&kubectl(context, &t.namespace, &rest), QUICK)?;
        let answer = may.stdout.trim();
        let what = if part.is_empty() {
            resource.to_string()
        } else {
            format!("{part} of {resource}")
        };
        out.check(
            answer == "yes",
            format!(
                "allowed to {verb} {what}: {}",
                if answer.is_empty() {
                    "no answer"
                } else {
                    answer
                }
            ),
        );
    }
    Ok(())
}

/// Verb, resource and part of it behind an argv, whose verb stands behind context and namespace.
fn calls(action: &Action) -> Vec<(&'static str, &str, &'static str)> {
    let kind = action.target.kind.as_str();
    let word = |n: usize| action.argv.get(n).map_or("", String::as_str);
    match (word(5), word(6)) {
        ("delete", _) => vec![("delete", "pod", "")],
        ("logs", _) => vec![("get", "pod", "log")],
        ("get", "events") => vec![("list", "events", "")],
        ("get" | "describe" | "top", _) | ("rollout", "status" | "history") => {
            vec![("get", kind, "")]
        }
        ("rollout", "undo") => vec![("list", "replicaset", ""), ("patch", kind, "")],
        _ => vec![("patch", kind, "")],
    }
}

/// What must be so before it is applied.
fn needs(action: &Action, object: &Value, out: &mut Preflight) {
    let paused = object["spec"]["paused"] == true;
    let cordoned = object["spec"]["unschedulable"] == true;
    let containers = object
        .pointer("/spec/template/spec/containers")
        .and_then(Value::as_array);
    for need in &action.needs {
        let missing = match need.as_str() {
            "unpaused" if paused => "it is paused: nothing rolls out until it is resumed",
            "paused" if !paused => "it is not paused: there is nothing to resume",
            "revision" if object::revision(object).is_some_and(|r| r < 2) => {
                "there is no earlier revision to go back to"
            }
            "schedulable" if cordoned => "the node is cordoned already",
            "cordoned" if !cordoned => "the node takes pods already",
            "probe"
                if containers.is_some_and(|c| c.iter().all(|c| c["livenessProbe"].is_null())) =>
            {
                "it has no liveness probe"
            }
            _ => continue,
        };
        out.check(false, missing);
    }
}

/// Lets the server do everything but keep it, and tells what would differ.
fn dry_run(
    action: &Action,
    context: &str,
    object: &Value,
    out: &mut Preflight,
) -> Result<(), String> {
    if let Some(patch) = patch_of(&out.argv) {
        // A changed object, or another of the same name, refuses the patch instead of being surprised by it.
        let mut pinned = patch;
        pinned["metadata"]["resourceVersion"] = json!(out.resource_version);
        pinned["metadata"]["uid"] = json!(out.uid);
        set_patch(&mut out.argv, &pinned);
    } else if action.argv.get(6).is_some_and(|w| w == "undo")
        && !out.argv.iter().any(|a| a.starts_with("--to-revision"))
    {
        earlier(context, &action.target, object, out);
    }
    let mut dry = out.argv.clone();
    dry.push("--dry-run=server".to_string());
    if patch_of(&dry).is_some() {
        dry.extend(["-o".to_string(), "json".to_string()]);
    }
    let ran = kube::run(&dry, QUICK)?;
    out.check(
        ran.status == 0,
        if ran.status == 0 {
            "the server accepts it (dry run)".into()
        } else {
            ran.said()
        },
    );
    if let Ok(after) = serde_json::from_str::<Value>(&ran.stdout) {
        out.diff = differences(object, &after);
    }
    Ok(())
}

/// The patch in an argv.
fn patch_of(argv: &[String]) -> Option<Value> {
    let at = argv.iter().position(|a| a == "-p")?;
    serde_json::from_str(argv.get(at + 1)?).ok()
}

fn set_patch(argv: &mut [String], patch: &Value) {
    if let Some(at) = argv
        .iter()
        .position(|a| a == "-p")
        .filter(|at| at + 1 < argv.len())
    {
        argv[at + 1] = patch.to_string();
    }
}

/// The revision before the one that runs: named in the argv, and compared with it.
fn earlier(context: &str, t: &Target, object: &Value, out: &mut Preflight) {
    let Some(now) = object::revision(object) else {
        return;
    };
    let sets = ask(context, &t.namespace, &["get", "replicaset", "-o", "json"]).unwrap_or_default();
    let own = sets["items"].as_array().into_iter().flatten();
    let own = own.filter(|s| {
        s["metadata"]["ownerReferences"]
            .as_array()
            .is_some_and(|o| o.iter().any(|o| o["uid"] == out.uid.as_str()))
    });
    let before = own
        .filter_map(|s| Some((object::revision(s)?, s)))
        .filter(|(n, _)| *n < now)
        .max_by_key(|(n, _)| *n);
    let Some((n, set)) = before else {
        out.check(false, "there is no earlier revision to go back to");
        return;
    };
    out.argv.push(format!("--to-revision={n}"));
    let spec = |o: &Value| json!({"spec": o["spec"]["template"]["spec"]});
    out.diff = differences(&spec(object), &spec(set));
    out.diff
        .insert(0, format!("revision {now} -> the pods of revision {n}"));
}

/// The way back, by the state that is seen now and not by one guessed.
fn way_back(object: &Value, out: &mut Preflight) {
    let Some(mut back) = out.rollback.take() else {
        return;
    };
    match (patch_of(&out.argv), back.iter().any(|a| a == "undo")) {
        (_, true) => {
            if let Some(now) = object::revision(object) {
                back.push(format!("--to-revision={now}"));
            }
        }
        (Some(mut patch), _) => {
            if let Some(metadata) = patch["metadata"].as_object_mut() {
                metadata.retain(|k, _| k != "resourceVersion" && k != "uid");
            }
            if patch["metadata"]
                .as_object()
                .is_some_and(serde_json::Map::is_empty)
            {
                patch.as_object_mut().map(|p| p.remove("metadata"));
            }
            let inverse = object::inverse(&patch, object);
            // The text of an open rollback (`<BEFORE>`) is no JSON, so it is set by its place.
            set_patch(&mut back, &inverse);
        }
        _ => {}
    }
    out.rollback = Some(back);
}

/// Pods that are touched, owners, and those who set the object right by their own lights.
fn touched(context: &str, t: &Target, object: &Value, out: &mut Preflight) {
    let pods = ask(context, &t.namespace, &["get", "pods", "-o", "json"]).unwrap_or_default();
    let selected = |p: &&Value| match t.kind.as_str() {
        "node" => p["spec"]["nodeName"] == t.name.as_str(),
        _ => object::selects(&object["spec"]["selector"], &p["metadata"]["labels"]),
    };
    let pods: Vec<&Value> = pods["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(selected)
        .collect();
    let ready = |p: &&&Value| {
        p["status"]["conditions"].as_array().is_some_and(|c| {
            c.iter()
                .any(|c| c["type"] == "Ready" && c["status"] == "True")
        })
    };
    if t.kind == "node" {
        out.check(
            true,
            format!("{} pods of namespace {} are on it", pods.len(), t.namespace),
        );
    } else if object["spec"]["selector"].is_object() {
        out.check(
            true,
            format!(
                "{} pods would be touched, {} of them ready",
                pods.len(),
                pods.iter().filter(ready).count()
            ),
        );
    }
    for owner in object["metadata"]["ownerReferences"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let of = |k: &str| owner[k].as_str().unwrap_or_default().to_lowercase();
        out.check(
            true,
            format!("owned by {} {}: it may set it back", of("kind"), of("name")),
        );
    }
    let labels = &object["metadata"]["labels"];
    for label in [
        "argocd.argoproj.io/instance",
        "kustomize.toolkit.fluxcd.io/name",
        "app.kubernetes.io/managed-by",
    ] {
        if let Some(by) = labels[label].as_str() {
            out.check(
                true,
                format!("managed elsewhere ({label}={by}): the change may be undone"),
            );
        }
    }
}

/// Budgets and autoscalers that act on the same pods: they hold a change up, or take it back.
fn neighbours(context: &str, t: &Target, object: &Value, out: &mut Preflight) {
    let listed = |kind: &str| -> Vec<Value> {
        let list = ask(context, &t.namespace, &["get", kind, "-o", "json"]).unwrap_or_default();
        list["items"].as_array().cloned().unwrap_or_default()
    };
    let name = |o: &Value| {
        o["metadata"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_string()
    };
    let labels = if t.kind == "pod" {
        &object["metadata"]["labels"]
    } else {
        &object["spec"]["template"]["metadata"]["labels"]
    };
    if labels.is_object() {
        for budget in listed("pdb")
            .iter()
            .filter(|b| object::selects(&b["spec"]["selector"], labels))
        {
            let allowed = budget["status"]["disruptionsAllowed"].as_u64().unwrap_or(0);
            out.check(
                true,
                format!(
                    "the disruption budget {} allows {allowed} of its pods to be away now",
                    name(budget)
                ),
            );
        }
    }
    for scaler in listed("hpa")
        .iter()
        .filter(|h| h["spec"]["scaleTargetRef"]["name"] == t.name.as_str())
    {
        out.check(
            true,
            format!(
                "the autoscaler {} sets its number of pods: a change of it does not last",
                name(scaler)
            ),
        );
    }
}

//! Diagnosis -> plan, and the gate through which one action is applied: preflight, audit, run, verify. Stitches the catalogue
//! with the only door to the cluster.

use super::corpus::{Corpus, Snapshot, lock};
use crate::kube::{self, Ran};
use crate::model::{Action, Diagnosis, NO_TIME, Risk, Target};
use crate::remediate::{self, Outcome, Scene};
use crate::text::civil::rfc3339;
use crate::text::redact::Redactor;
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

const QUICK: Duration = Duration::from_secs(15);
const SLOW: Duration = Duration::from_secs(120);

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
}

impl Preflight {
    pub fn green(&self) -> bool {
        self.checks.iter().all(|c| c.0)
    }
}

impl Corpus {
    /// The plan: a runbook on an archive, argv with a context when one is connected.
    pub fn plan(&self, snapshot: &Snapshot, d: &Diagnosis, context: Option<&str>) -> Vec<Action> {
        let service = d.causes.first().map_or("", |c| c.service.as_str());
        let end = snapshot.chunks.iter().map(|c| c.max_time).max().filter(|t| *t != NO_TIME).unwrap_or(0);
        let [pod, node, container] = place(snapshot, service);
        let context = context.map(String::from);
        let scene = Scene { target: target(snapshot, service), pod, node, container, context, at: rfc3339(end, 0) };
        remediate::plan(d, &scene, &lock(&self.memory).priors)
    }
}

/// The workload behind a service, where the bundle's layout tells it.
fn target(snapshot: &Snapshot, service: &str) -> Option<Target> {
    let source = snapshot
        .sources
        .iter()
        .find(|s| s.origin.workload.as_deref() == Some(service) || s.service == service && s.origin.pod.is_some())?;
    let (namespace, pod) = (source.origin.namespace.clone()?, source.origin.pod.clone().unwrap_or_default());
    // `name-0` is of a StatefulSet, `name-<hash>-<id>` of a Deployment.
    let ordinal = pod.rsplit_once('-').is_some_and(|(_, n)| n.len() <= 3 && n.bytes().all(|b| b.is_ascii_digit()));
    let kind = if ordinal { "statefulset" } else { "deployment" };
    let target = Target { namespace, kind: kind.into(), name: service.to_string() };
    (kube::is_name(&target.namespace) && kube::is_name(&target.name)).then_some(target)
}

/// The pod of a service that said most, its node, its container.
fn place(snapshot: &Snapshot, service: &str) -> [Option<String>; 3] {
    let own = snapshot.sources.iter().filter(|s| s.origin.workload.as_deref() == Some(service) || s.service == service);
    let Some(source) = own.filter(|s| s.origin.pod.is_some()).max_by_key(|s| s.events) else { return [None, None, None] };
    let o = &source.origin;
    [&o.pod, &o.node, &o.container].map(|n| n.clone().filter(|n| kube::is_name(n)))
}

fn kubectl(context: &str, namespace: &str, rest: &[&str]) -> Vec<String> {
    ["kubectl", "--context", context, "-n", namespace].iter().chain(rest).map(|s| (*s).to_string()).collect()
}

/// Looks before anything is changed: identity, permission, a dry run on the server, who else is touched.
pub fn preflight(action: &Action, context: &str) -> Result<Preflight, String> {
    let t = &action.target;
    let mut out = Preflight { argv: action.argv.clone(), rollback: action.rollback.clone(), ..Preflight::default() };
    if let Err(refused) = kube::check(&action.argv) {
        // What is left for the user to fill in is text to copy.
        out.checks.push((false, format!("not to be applied from here: {refused}")));
        return Ok(out);
    }
    let live = kube::run(&kubectl(context, &t.namespace, &["get", &t.kind, &t.name, "-o", "json"]), QUICK)?;
    let object: Value = serde_json::from_str(&live.stdout).unwrap_or_default();
    out.checks.push((live.status == 0, if live.status == 0 { format!("{} {} exists", t.kind, t.name) } else { said(&live) }));
    if live.status != 0 {
        // What cannot be seen cannot be judged; asking on would only wait for the same answer.
        return Ok(out);
    }
    out.uid = object["metadata"]["uid"].as_str().unwrap_or_default().to_string();
    out.resource_version = object["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_string();
    let verb = permission(&action.argv);
    let may = kube::run(&kubectl(context, &t.namespace, &["auth", "can-i", verb, &format!("{}s", t.kind)]), QUICK)?;
    out.checks.push((may.stdout.trim() == "yes", format!("allowed to {verb} {}s: {}", t.kind, may.stdout.trim())));
    if let Some(at) = out.argv.iter().position(|a| a == "-p").filter(|_| out.argv.iter().any(|a| a == "patch"))
        && let Ok(mut patch) = serde_json::from_str::<Value>(&out.argv[at + 1])
    {
        // A changed object refuses the patch instead of being surprised by it.
        patch["metadata"] = json!({"resourceVersion": out.resource_version});
        out.argv[at + 1] = patch.to_string();
        let mut dry = out.argv.clone();
        dry.extend(["--dry-run=server".to_string(), "-o".to_string(), "json".to_string()]);
        let ran = kube::run(&dry, QUICK)?;
        out.checks.push((ran.status == 0, if ran.status == 0 { "the server accepts it (dry run)".into() } else { said(&ran) }));
        let after: Value = serde_json::from_str(&ran.stdout).unwrap_or_default();
        differences("", &object["spec"], &after["spec"], &mut out.diff);
    }
    let rolls = !matches!(action.verb.as_str(), "resume" | "back-pause" | "pause" | "scale" | "back-scale" | "annotate" | "label");
    if object["spec"]["paused"] == true && rolls && action.risk > Risk::None {
        out.checks.push((false, "it is paused: nothing rolls out until it is resumed".into()));
    }
    if let Some(n) = object["spec"]["replicas"].as_u64() {
        out.checks.push((true, format!("{n} pods would be touched")));
        // The way back is the number seen now, not one guessed.
        if let Some(rollback) = out.rollback.as_mut().and_then(|r| r.iter_mut().find(|a| a.starts_with("--replicas="))) {
            *rollback = format!("--replicas={n}");
        }
    }
    neighbours(context, t, &object, &mut out);
    let owned = ["argocd.argoproj.io/instance", "kustomize.toolkit.fluxcd.io/name", "app.kubernetes.io/managed-by"];
    for label in owned.iter().filter(|l| object["metadata"]["labels"][**l].is_string()) {
        out.checks.push((
            true,
            format!(
                "managed elsewhere ({label}={}): the change may be undone",
                object["metadata"]["labels"][*label].as_str().unwrap_or_default()
            ),
        ));
    }
    Ok(out)
}

/// Budgets and autoscalers that act on the same pods: they hold a change up, or take it back.
fn neighbours(context: &str, t: &Target, object: &Value, out: &mut Preflight) {
    let listed = |kind: &str| -> Vec<Value> {
        let ran = kube::run(&kubectl(context, &t.namespace, &["get", kind, "-o", "json"]), QUICK).unwrap_or_default();
        serde_json::from_str::<Value>(&ran.stdout).ok().and_then(|v| v["items"].as_array().cloned()).unwrap_or_default()
    };
    let name = |o: &Value| o["metadata"]["name"].as_str().unwrap_or_default().to_string();
    let labels = &object["spec"]["template"]["metadata"]["labels"];
    if labels.is_object() {
        let covers = |budget: &Value| {
            let wanted = budget["spec"]["selector"]["matchLabels"].as_object();
            wanted.is_some_and(|w| !w.is_empty() && w.iter().all(|(k, v)| labels[k.as_str()] == *v))
        };
        for budget in listed("pdb").iter().filter(|b| covers(b)) {
            let allowed = budget["status"]["disruptionsAllowed"].as_u64().unwrap_or(0);
            out.checks.push((true, format!("the disruption budget {} allows {allowed} of its pods to be away now", name(budget))));
        }
    }
    for scaler in listed("hpa").iter().filter(|h| h["spec"]["scaleTargetRef"]["name"] == t.name.as_str()) {
        out.checks.push((true, format!("the autoscaler {} sets its number of pods: a change of it does not last", name(scaler))));
    }
}

/// The API's verb behind an argv, whose verb stands behind context and namespace.
fn permission(argv: &[String]) -> &'static str {
    match argv.get(5).map(String::as_str) {
        Some("delete") => "delete",
        Some("get" | "describe" | "logs" | "top") => "get",
        Some("rollout") if argv.get(6).is_some_and(|w| w == "status" || w == "history") => "get",
        _ => "patch",
    }
}

fn said(ran: &Ran) -> String {
    if ran.timed_out {
        return "no answer in time".into();
    }
    ran.stderr.lines().chain(ran.stdout.lines()).next().unwrap_or("it failed without a word").to_string()
}

/// The action that takes another one back, with the state that was seen before it.
pub fn back(action: &Action, checked: &Preflight) -> Option<Action> {
    let argv = checked.rollback.clone()?;
    Some(Action {
        id: format!("back-{}", action.id),
        title: format!("take back: {}", action.title),
        verb: format!("back-{}", action.verb),
        argv,
        rollback: None,
        ..action.clone()
    })
}

fn differences(path: &str, a: &Value, b: &Value, out: &mut Vec<String>) {
    match (a, b) {
        (Value::Object(x), Value::Object(y)) => {
            let mut keys: Vec<&String> = x.keys().chain(y.keys()).collect();
            keys.sort();
            keys.dedup();
            keys.iter().for_each(|k| differences(&format!("{path}.{k}"), &a[k.as_str()], &b[k.as_str()], out));
        }
        (a, b) if a != b => out.push(format!("{path}: {a} -> {b}")),
        _ => {}
    }
}

/// One line of the audit file; without it nothing is run.
pub fn audit(data: &Path, record: &Value) -> Result<(), String> {
    let file = data.join("audit.jsonl");
    let write = || {
        std::fs::create_dir_all(data)?;
        let mut out = std::fs::OpenOptions::new().create(true).append(true).open(&file)?;
        let line = Redactor::default().redact(&record.to_string());
        out.write_all(format!("{line}\n").as_bytes())?;
        out.sync_data()
    };
    write().map_err(|e: std::io::Error| format!("{}: {e}; without its record no action is run", file.display()))
}

/// Actions that were begun, and of which the audit does not say how they ended: faultline was killed in between.
pub fn unfinished(data: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(data.join("audit.jsonl")).unwrap_or_default();
    let records: Vec<Value> = text.lines().filter_map(|l| serde_json::from_str(l).ok()).collect();
    let ended: Vec<&Value> = records.iter().filter(|r| r["stage"] != "intent").map(|r| &r["run"]).collect();
    let begun = records.iter().filter(|r| r["stage"] == "intent" && !ended.contains(&&r["run"]));
    begun
        .map(|r| {
            let word = |key: &str| r[key].as_str().unwrap_or_default().to_string();
            format!(
                "{} was begun on {} at {} and its end is not recorded: look at the cluster",
                word("action"),
                word("context"),
                word("at")
            )
        })
        .collect()
}

/// Applies an action that passed its preflight: records it, runs it, watches the rollout, records what came of it.
pub fn apply(corpus: &Corpus, action: &Action, context: &str, checked: &Preflight) -> Result<String, String> {
    let data = corpus.options.data.as_deref().ok_or("there is no data folder to keep the audit in, so no action is run")?;
    let now = || rfc3339(super::now(), 3);
    let who = std::env::var("USER").unwrap_or_default();
    let run = format!("{}-{}", now(), std::process::id());
    let base = |stage: &str| {
        json!({"stage": stage, "run": run, "at": now(), "who": who, "context": context, "action": action.id, "argv": checked.argv,
               "evidence": action.evidence, "uid": checked.uid, "preflight": checked.checks.iter().map(|c| &c.1).collect::<Vec<_>>()})
    };
    audit(data, &base("intent"))?;
    let ran = kube::run(&checked.argv, SLOW)?;
    let mut done = base("done");
    done["exit"] = json!(ran.status);
    done["timed_out"] = json!(ran.timed_out);
    audit(data, &done)?;
    if ran.status != 0 {
        return Err(format!("kubectl says: {}", said(&ran)));
    }
    let mut told = ran.stdout.trim().to_string();
    let rolls = ["deployment", "statefulset", "daemonset"].contains(&action.target.kind.as_str());
    if action.risk >= Risk::Low && rolls && !matches!(action.verb.as_str(), "annotate" | "label") {
        let t = &action.target;
        let status =
            kube::run(&kubectl(context, &t.namespace, &["rollout", "status", &format!("{}/{}", t.kind, t.name), "--timeout=60s"]), SLOW)?;
        let outcome = if status.status == 0 { Outcome::Recovered } else { Outcome::NoEffect };
        // What it waited for on the way does not matter any more.
        let end = status.stdout.lines().last().filter(|_| status.status == 0).map_or_else(|| said(&status), String::from);
        told.push_str(&format!("\n{end}"));
        let mut verified = base("verified");
        verified["outcome"] = json!(outcome);
        audit(data, &verified)?;
        corpus.remember(|m| m.priors.note(&action.class, &action.verb, outcome))?;
    }
    Ok(told)
}

/// A read-only look at a cluster, as a text: `get`, `describe`, `events` or `logs` of an object. Through the same gate as
/// everything else; what the gate refuses is answered, not run.
pub fn look(context: &str, verb: &str, (kind, name, namespace): (&str, &str, &str)) -> String {
    let mut argv: Vec<&str> = vec!["kubectl", "--context", context];
    if !namespace.is_empty() {
        argv.extend(["-n", namespace]);
    }
    match verb {
        "get" | "describe" => argv.extend([verb, kind]),
        "events" => argv.extend(["get", "events"]),
        "logs" => argv.extend(["logs", "--tail", "200"]),
        other => return format!("'{other}' is no look: get, describe, events and logs are"),
    }
    if !name.is_empty() && verb != "events" {
        argv.push(name);
    }
    let argv: Vec<String> = argv.into_iter().map(String::from).collect();
    match kube::run(&argv, QUICK) {
        Ok(ran) if ran.status == 0 => ran.stdout,
        Ok(ran) => format!("kubectl says: {}", ran.stderr.trim()),
        Err(e) => e,
    }
}

//! What the cluster itself says, beside the logs: events, and every change of a pod's state, as lines with a level.

use super::{STATES, Shared};
use crate::engine::{moment, now};
use crate::ingest::layout::workload;
use crate::kube;
use crate::model::Moment;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

pub struct States {
    /// Events before this are of no interest.
    from: Moment,
    /// Events that were noted, with how often each had happened by then.
    noted: BTreeSet<(String, u64)>,
    /// State of a pod, by its uid.
    last: BTreeMap<String, String>,
    /// That events cannot be read was said.
    complained: bool,
}

impl States {
    pub fn new(from: Moment) -> States {
        States {
            from,
            noted: BTreeSet::new(),
            last: BTreeMap::new(),
            complained: false,
        }
    }

    /// Writes what is new of the pods, of their events, and of those of other objects in the namespace.
    pub fn note(&mut self, shared: &Shared, pods: &[Value]) -> Result<(), String> {
        for pod in pods {
            let text = |key: &str| {
                pod["metadata"][key]
                    .as_str()
                    .unwrap_or_default()
                    .to_string()
            };
            let (name, uid, state) = (text("name"), text("uid"), state(pod));
            if kube::is_name(&name) && self.last.get(&uid) != Some(&state) {
                let line = (now(), format!("{} pod {name}: {state}", level(&state)));
                shared
                    .write(&shared.place(&name, &uid, STATES), &[line])
                    .map_err(|e| e.to_string())?;
                self.last.insert(uid, state);
            }
        }
        let listed = match shared.ask.ask(&["get", "events", "-o", "json"]) {
            Ok(listed) => listed,
            // Not everyone may read events; the logs are worth as much without them.
            Err(why) => {
                let line = format!(
                    "WARN events of namespace {} are missing here: {why}",
                    shared.ask.namespace
                );
                let told = if self.complained {
                    Ok(())
                } else {
                    shared.write(&events(shared, "kubernetes"), &[(now(), line)])
                };
                self.complained = true;
                return told.map_err(|e| e.to_string());
            }
        };
        let mut new: BTreeMap<PathBuf, Vec<(Moment, String)>> = BTreeMap::new();
        for event in listed["items"].as_array().into_iter().flatten() {
            let Some((at, line)) = told(event).filter(|t| t.0 >= self.from) else {
                continue;
            };
            let times = event["count"]
                .as_u64()
                .or(event["series"]["count"].as_u64())
                .unwrap_or(1);
            let uid = event["metadata"]["uid"]
                .as_str()
                .unwrap_or_default()
                .to_string();
            if let Some(file) = self
                .place(shared, event)
                .filter(|_| self.noted.insert((uid, times)))
            {
                new.entry(file).or_default().push((at, line));
            }
        }
        for (file, mut lines) in new {
            lines.sort_by_key(|l| l.0);
            shared.write(&file, &lines).map_err(|e| e.to_string())?;
        }
        Ok(())
    }

    /// Events of a pod stand with its states; those of other objects with others of the name.
    fn place(&self, shared: &Shared, event: &Value) -> Option<PathBuf> {
        let about = |key: &str| {
            event["involvedObject"][key]
                .as_str()
                .filter(|t| !t.is_empty())
        };
        let (name, uid) = (
            about("name").filter(|n| kube::is_name(n))?,
            about("uid").unwrap_or_default(),
        );
        let kind = about("kind")?.to_lowercase();
        match kind.as_str() {
            "pod" if self.last.contains_key(uid) => Some(shared.place(name, uid, STATES)),
            // With a selector, others' pods are others' business.
            "pod" if shared.ask.selector.is_some() => None,
            // A file is called as its service: what happens to a workload happens to the service.
            "deployment" | "statefulset" | "daemonset" => Some(events(shared, name)),
            "replicaset" => Some(events(shared, &workload(&format!("{name}-x7k2p")))),
            kind if kind.bytes().all(|b| b.is_ascii_lowercase()) => {
                Some(events(shared, &format!("{kind}-{name}")))
            }
            _ => None,
        }
    }
}

fn events(shared: &Shared, of: &str) -> PathBuf {
    shared.folder.join("events").join(format!("{of}.log"))
}

/// An event as a moment and a line.
fn told(event: &Value) -> Option<(Moment, String)> {
    let text = |v: &Value| v.as_str().unwrap_or_default().replace(['\n', '\r'], " ");
    let stamps = [
        &event["series"]["lastObservedTime"],
        &event["lastTimestamp"],
        &event["eventTime"],
        &event["metadata"]["creationTimestamp"],
    ];
    let at = stamps.into_iter().find_map(|s| moment(s.as_str()?))?;
    let level = if event["type"] == "Warning" {
        "WARN"
    } else {
        "INFO"
    };
    let about = &event["involvedObject"];
    let (kind, name) = (text(&about["kind"]).to_lowercase(), text(&about["name"]));
    Some((
        at,
        format!(
            "{level} event {} {kind} {name}: {}",
            text(&event["reason"]),
            text(&event["message"])
        ),
    ))
}

/// What a pod is in, in words.
fn state(pod: &Value) -> String {
    let status = &pod["status"];
    let text = |v: &Value| v.as_str().unwrap_or_default().to_string();
    let containers: Vec<&Value> = status["containerStatuses"]
        .as_array()
        .into_iter()
        .flatten()
        .collect();
    let ready = containers.iter().filter(|c| c["ready"] == true).count();
    let restarts: u64 = containers
        .iter()
        .filter_map(|c| c["restartCount"].as_u64())
        .sum();
    let phase = if pod["metadata"]["deletionTimestamp"].is_string() {
        "Terminating".into()
    } else {
        text(&status["phase"])
    };
    let mut out = format!(
        "{phase}, {ready} of {} containers ready, {restarts} restarts",
        containers.len()
    );
    if let Some(node) = pod["spec"]["nodeName"].as_str() {
        out.push_str(&format!(", on {node}"));
    }
    for c in containers {
        let name = text(&c["name"]);
        if let Some(why) = c["state"]["waiting"]["reason"].as_str() {
            out.push_str(&format!(", {name} waits: {why}"));
        }
        for ended in [&c["state"]["terminated"], &c["lastState"]["terminated"]] {
            if let Some(code) = ended["exitCode"].as_i64() {
                out.push_str(&format!(
                    ", {name} ended: {} (exit {code})",
                    text(&ended["reason"])
                ));
            }
        }
    }
    out
}

fn level(state: &str) -> &'static str {
    let any = |words: &[&str]| words.iter().any(|w| state.contains(w));
    if any(&[
        "BackOff",
        "OOMKilled",
        "ErrImage",
        "Failed",
        "ContainerCannotRun",
    ]) {
        "ERROR"
    } else if any(&["ended: Error", "Unknown", "Terminating"]) {
        "WARN"
    } else {
        "INFO"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pod_that_is_killed_for_its_memory_is_an_error() {
        let pod = json!({"metadata": {"name": "a"}, "spec": {"nodeName": "n1"}, "status": {"phase": "Running", "containerStatuses": [
            {"name": "app", "ready": false, "restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
             "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137}}}]}});
        let told = state(&pod);
        assert_eq!(
            told,
            "Running, 0 of 1 containers ready, 3 restarts, on n1, app waits: CrashLoopBackOff, app ended: OOMKilled (exit 137)"
        );
        assert_eq!(
            (
                level(&told),
                level("Running, 1 of 1 containers ready, 0 restarts")
            ),
            ("ERROR", "INFO")
        );
    }

    #[test]
    fn an_event_is_one_line_whatever_its_message_holds() {
        let event = json!({"type": "Warning", "reason": "BackOff", "message": "Back-off\nrestarting", "lastTimestamp": "2026-03-02T09:00:00Z",
            "involvedObject": {"kind": "Pod", "name": "payment-x"}});
        let (at, line) = told(&event).unwrap();
        assert_eq!(at, moment("2026-03-02T09:00:00Z").unwrap());
        assert_eq!(
            line,
            "WARN event BackOff pod payment-x: Back-off restarting"
        );
    }
}

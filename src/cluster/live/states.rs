//! Writes the cluster's events and every change of a pod's state as log lines with a level, next to
//! the live logs. Does not analyze them.

use super::shared::Shared;
use crate::corpus::{moment, now};
use crate::ingest::files::layout::workload;
use crate::kube;
use crate::model::{Moment, POD_STATES};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;

pub struct States {
    /// Events before this time are not written.
    from: Moment,
    /// UIDs of the events that were written, each with its count at that time.
    written: BTreeSet<(String, u64)>,
    /// Last state that was written for each pod, by UID.
    last: BTreeMap<String, String>,
    /// True if a line already reports that events cannot be read.
    reported: bool,
}

impl States {
    pub fn new(from: Moment) -> States {
        States {
            from,
            written: BTreeSet::new(),
            last: BTreeMap::new(),
            reported: false,
        }
    }

    /// Writes the changed states of the pods, and the new events of the namespace.
    pub fn write_new(&mut self, shared: &Shared, pods: &[Value]) -> io::Result<()> {
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
                shared.write(&shared.file(&name, &uid, POD_STATES), &[line])?;
                self.last.insert(uid, state);
            }
        }
        match shared.logs.events() {
            Ok(events) => self.write_events(shared, &events),
            // Some users may not read events. The logs are useful without them.
            Err(e) if !self.reported => {
                self.reported = true;
                let namespace = &shared.logs.namespace;
                let line = format!("WARN events of namespace {namespace} are missing: {e}");
                shared.write(&event_file(shared, POD_STATES), &[(now(), line)])
            }
            Err(_) => Ok(()),
        }
    }

    fn write_events(&mut self, shared: &Shared, events: &[Value]) -> io::Result<()> {
        let mut new: BTreeMap<PathBuf, Vec<(Moment, String)>> = BTreeMap::new();
        for event in events {
            let Some((at, line)) = line_of(event).filter(|l| l.0 >= self.from) else {
                continue;
            };
            let count = event["count"]
                .as_u64()
                .or(event["series"]["count"].as_u64())
                .unwrap_or(1);
            let uid = event["metadata"]["uid"]
                .as_str()
                .unwrap_or_default()
                .to_string();
            let Some(file) = self.file_of(shared, event) else {
                continue;
            };
            if self.written.insert((uid, count)) {
                new.entry(file).or_default().push((at, line));
            }
        }
        for (file, mut lines) in new {
            lines.sort_by_key(|l| l.0);
            shared.write(&file, &lines)?;
        }
        Ok(())
    }

    /// The file for an event. Events of a pod go to the file with the pod's states. Other events go
    /// to a file that is named after the object.
    fn file_of(&self, shared: &Shared, event: &Value) -> Option<PathBuf> {
        let object = |key: &str| {
            event["involvedObject"][key]
                .as_str()
                .filter(|t| !t.is_empty())
        };
        let (name, uid) = (
            object("name").filter(|n| kube::is_name(n))?,
            object("uid").unwrap_or_default(),
        );
        match object("kind")?.to_lowercase().as_str() {
            "pod" if self.last.contains_key(uid) => Some(shared.file(name, uid, POD_STATES)),
            // Events of pods that are not selected are not written.
            "pod" if shared.logs.selector.is_some() => None,
            // The file name gives the service of its lines, so the event of a workload goes to a
            // file that is named after the workload.
            "deployment" | "statefulset" | "daemonset" => Some(event_file(shared, name)),
            "replicaset" => Some(event_file(shared, &workload(&format!("{name}-x7k2p")))),
            kind if kind.bytes().all(|b| b.is_ascii_lowercase()) => {
                Some(event_file(shared, &format!("{kind}-{name}")))
            }
            _ => None,
        }
    }
}

fn event_file(shared: &Shared, object: &str) -> PathBuf {
    shared.folder.join("events").join(format!("{object}.log"))
}

/// Time and log line of an event.
fn line_of(event: &Value) -> Option<(Moment, String)> {
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
    let object = &event["involvedObject"];
    let (kind, name) = (text(&object["kind"]).to_lowercase(), text(&object["name"]));
    let (reason, message) = (text(&event["reason"]), text(&event["message"]));
    Some((
        at,
        format!("{level} event {reason} {kind} {name}: {message}"),
    ))
}

/// The state of a pod, as text for the user.
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
            out.push_str(&format!(", {name} is waiting: {why}"));
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
    fn a_pod_that_was_killed_for_memory_is_an_error() {
        let pod = json!({"metadata": {"name": "a"}, "spec": {"nodeName": "n1"}, "status": {"phase": "Running", "containerStatuses": [
            {"name": "app", "ready": false, "restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
             "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137}}}]}});
        let text = state(&pod);
        assert_eq!(
            text,
            "Running, 0 of 1 containers ready, 3 restarts, on n1, app is waiting: CrashLoopBackOff, app ended: OOMKilled (exit 137)"
        );
        assert_eq!(
            (
                level(&text),
                level("Running, 1 of 1 containers ready, 0 restarts")
            ),
            ("ERROR", "INFO")
        );
    }

    #[test]
    fn an_event_is_one_line_even_if_its_message_has_several() {
        let event = json!({"type": "Warning", "reason": "BackOff", "message": "Back-off\nrestarting", "lastTimestamp": "2026-03-02T09:00:00Z",
            "involvedObject": {"kind": "Pod", "name": "payment-x"}});
        let (at, line) = line_of(&event).unwrap();
        assert_eq!(at, moment("2026-03-02T09:00:00Z").unwrap());
        assert_eq!(
            line,
            "WARN event BackOff pod payment-x: Back-off restarting"
        );
    }
}

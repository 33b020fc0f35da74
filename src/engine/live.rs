//! Live logs of pods: one `kubectl logs -f` per container, each written to a file of the layout that kubelet uses, which is then
//! opened and followed like any other. New pods are picked up; a broken stream goes on where it stopped.

use crate::kube;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(5);

#[derive(Clone, Debug, Default)]
pub struct LiveLogs {
    pub namespace: String,
    pub selector: Option<String>,
    pub context: Option<String>,
    pub all_containers: bool,
    pub previous: bool,
    pub since: String,
}

/// The folder that fills while this lives; it goes with it.
pub struct Live {
    folder: PathBuf,
    stop: Arc<AtomicBool>,
}

impl Live {
    pub fn path(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

impl LiveLogs {
    fn argv(&self, rest: &[&str]) -> Vec<String> {
        let mut out = vec!["kubectl".to_string()];
        if let Some(context) = &self.context {
            out.extend(["--context".to_string(), context.clone()]);
        }
        out.extend(["-n".to_string(), self.namespace.clone()]);
        out.extend(rest.iter().map(|s| (*s).to_string()));
        out
    }

    /// Pod, uid and containers of what is selected.
    fn pods(&self) -> Result<Vec<(String, String, Vec<String>)>, String> {
        let mut rest = vec!["get", "pods", "-o", "json"];
        if let Some(selector) = &self.selector {
            rest.extend(["-l", selector]);
        }
        let ran = kube::run(&self.argv(&rest), Duration::from_secs(20))?;
        if ran.status != 0 {
            return Err(format!("kubectl: {}", ran.stderr.lines().next().unwrap_or("it failed without a word")));
        }
        let list: Value = serde_json::from_str(&ran.stdout).map_err(|e| format!("kubectl's list of pods cannot be read: {e}"))?;
        let text = |v: &Value| v.as_str().unwrap_or_default().to_string();
        Ok(list["items"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|p| {
                let containers = p["spec"]["containers"].as_array().into_iter().flatten().map(|c| text(&c["name"]));
                let containers: Vec<String> = if self.all_containers { containers.collect() } else { containers.take(1).collect() };
                (text(&p["metadata"]["name"]), text(&p["metadata"]["uid"]), containers)
            })
            .collect())
    }
}

/// Starts to follow; the pods found first are there at once.
pub fn follow_pods(ask: &LiveLogs) -> Result<Live, String> {
    let pods = ask.pods()?;
    if pods.is_empty() {
        return Err(format!("no pod is selected in namespace {}", ask.namespace));
    }
    let folder = std::env::temp_dir().join(format!("faultline-live-{}", std::process::id()));
    let live = Live { folder, stop: Arc::default() };
    let mut running: BTreeMap<(String, String), ()> = BTreeMap::new();
    start_new(ask, &live.folder, &live.stop, &pods, &mut running)?;
    let (ask, folder, stop) = (ask.clone(), live.folder.clone(), live.stop.clone());
    std::thread::spawn(move || {
        while !stop.load(Ordering::Relaxed) {
            std::thread::sleep(EVERY);
            if let Ok(pods) = ask.pods() {
                start_new(&ask, &folder, &stop, &pods, &mut running).ok();
            }
        }
    });
    Ok(live)
}

fn start_new(
    ask: &LiveLogs,
    folder: &Path,
    stop: &Arc<AtomicBool>,
    pods: &[(String, String, Vec<String>)],
    running: &mut BTreeMap<(String, String), ()>,
) -> Result<(), String> {
    for (pod, uid, containers) in pods {
        for container in containers {
            if running.insert((uid.clone(), container.clone()), ()).is_some() || !kube::is_name(pod) || !kube::is_name(container) {
                continue;
            }
            let place = folder.join("var/log/pods").join(format!("{}_{pod}_{uid}", ask.namespace)).join(container);
            std::fs::create_dir_all(&place).map_err(|e| format!("{}: {e}", place.display()))?;
            let (ask, pod, container, stop) = (ask.clone(), pod.clone(), container.clone(), stop.clone());
            std::thread::spawn(move || stream(&ask, &pod, &container, &place.join("0.log"), &stop));
        }
    }
    Ok(())
}

/// Follows one container; after a break it goes on behind the last line that was written.
fn stream(ask: &LiveLogs, pod: &str, container: &str, file: &Path, stop: &AtomicBool) {
    let mut last = String::new();
    while !stop.load(Ordering::Relaxed) {
        let since = if last.is_empty() { format!("--since={}", ask.since) } else { format!("--since-time={last}") };
        let mut rest = vec!["logs", pod, "-c", container, "--timestamps", &since];
        rest.push(if ask.previous { "--previous" } else { "-f" });
        let argv = ask.argv(&rest);
        if kube::check(&argv).is_err() {
            return;
        }
        let spawned = Command::new(&argv[0]).args(&argv[1..]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let Ok(mut child) = spawned else { return };
        if let (Some(out), Ok(mut to)) = (child.stdout.take(), std::fs::OpenOptions::new().create(true).append(true).open(file)) {
            for line in std::io::BufRead::lines(std::io::BufReader::new(out)).map_while(Result::ok) {
                let (stamp, text) = line.split_once(' ').unwrap_or((&line, ""));
                // A stream that goes on repeats the lines of its last second.
                if !last.is_empty() && stamp <= last.as_str() {
                    continue;
                }
                last = stamp.to_string();
                if writeln!(to, "{stamp} stdout F {text}").is_err() || stop.load(Ordering::Relaxed) {
                    break;
                }
            }
        }
        child.kill().ok();
        child.wait().ok();
        if ask.previous {
            return;
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}

//! Live logs of pods: one `kubectl logs` per container, each written to a file of the layout that kubelet uses, which is then
//! opened and followed like any other; the cluster's events and the states of the pods stand beside them. New pods are picked
//! up, restarts are stitched, a broken stream goes on where it stopped.

mod states;
mod stream;

use crate::kube;
use crate::model::Moment;
use crate::text::civil::{parse_duration, rfc3339};
use serde_json::Value;
use states::States;
use std::collections::BTreeSet;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often pods and events are asked for.
const EVERY: Duration = Duration::from_secs(3);
/// Where the states of a pod stand beside its containers.
pub const STATES: &str = "kubernetes";

#[derive(Clone, Debug, Default)]
pub struct LiveLogs {
    pub namespace: String,
    pub selector: Option<String>,
    pub context: Option<String>,
    pub all_containers: bool,
    pub previous: bool,
    pub since: String,
    /// Go on as lines come; else what there is, once.
    pub follow: bool,
}

/// A container of a pod.
#[derive(Clone, Debug)]
struct Container {
    pod: String,
    uid: String,
    name: String,
    restarts: u64,
}

/// What the threads share.
struct Shared {
    ask: LiveLogs,
    folder: PathBuf,
    stop: AtomicBool,
    /// What runs now, to be ended with the rest.
    children: Mutex<Vec<Arc<Mutex<Child>>>>,
}

/// The folder that fills while this lives; it goes with it.
pub struct Live(Arc<Shared>);

impl Live {
    pub fn path(&self) -> &Path {
        &self.0.folder
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::Relaxed);
        for child in self
            .0
            .children
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
        {
            child
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .kill()
                .ok();
        }
        std::fs::remove_dir_all(&self.0.folder).ok();
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

    fn ask(&self, rest: &[&str]) -> Result<Value, String> {
        kube::json(&self.argv(rest), Duration::from_secs(20)).map_err(|e| format!("kubectl: {e}"))
    }

    /// The selected pods, as the cluster has them.
    fn pods(&self) -> Result<Vec<Value>, String> {
        let mut rest = vec!["get", "pods", "-o", "json"];
        if let Some(selector) = &self.selector {
            rest.extend(["-l", selector]);
        }
        Ok(self.ask(&rest)?["items"]
            .as_array()
            .cloned()
            .unwrap_or_default())
    }

    /// Containers of a pod that have begun.
    fn containers(&self, pod: &Value) -> Vec<Container> {
        let text = |v: &Value| v.as_str().unwrap_or_default().to_string();
        let (name, uid) = (
            text(&pod["metadata"]["name"]),
            text(&pod["metadata"]["uid"]),
        );
        let all = pod["spec"]["containers"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|c| text(&c["name"]));
        let wanted: Vec<String> = if self.all_containers {
            all.collect()
        } else {
            all.take(1).collect()
        };
        wanted
            .into_iter()
            .filter(|c| {
                kube::is_name(&name) && kube::is_name(c) && pod["status"]["phase"] != "Pending"
            })
            .map(|c| Container {
                restarts: restarts(pod, &c),
                pod: name.clone(),
                uid: uid.clone(),
                name: c,
            })
            .collect()
    }
}

/// How often a container was restarted.
fn restarts(pod: &Value, container: &str) -> u64 {
    let all = pod["status"]["containerStatuses"]
        .as_array()
        .into_iter()
        .flatten();
    all.filter(|c| c["name"] == container)
        .find_map(|c| c["restartCount"].as_u64())
        .unwrap_or(0)
}

impl Shared {
    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn place(&self, pod: &str, uid: &str, part: &str) -> PathBuf {
        self.folder
            .join("var/log/pods")
            .join(format!("{}_{pod}_{uid}", self.ask.namespace))
            .join(part)
            .join("0.log")
    }

    /// Adds lines to a file of the folder, in the form that kubelet writes.
    fn write(&self, file: &Path, lines: &[(Moment, String)]) -> std::io::Result<()> {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let text: String = lines
            .iter()
            .map(|(at, text)| format!("{} stdout F {text}\n", rfc3339(*at, 9)))
            .collect();
        std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(file)?
            .write_all(text.as_bytes())
    }

    /// Sleeps in short steps, so that the end is not held up.
    fn rest(&self, time: Duration) {
        let until = Instant::now() + time;
        while !self.stopped() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Starts to follow (or gathers once); what is there is there at once.
pub fn follow_pods(ask: &LiveLogs) -> Result<Live, String> {
    let pods = ask.pods()?;
    if pods.is_empty() {
        return Err(format!("no pod is selected in namespace {}", ask.namespace));
    }
    let folder = std::env::temp_dir().join(format!(
        "faultline-live-{}-{}",
        std::process::id(),
        super::now()
    ));
    // Logs are nobody else's business, and the name may not be somebody else's trap.
    std::fs::DirBuilder::new()
        .mode(0o700)
        .create(&folder)
        .map_err(|e| format!("{}: {e}", folder.display()))?;
    let shared = Arc::new(Shared {
        ask: ask.clone(),
        folder,
        stop: AtomicBool::new(false),
        children: Mutex::default(),
    });
    let live = Live(shared.clone());
    let from = parse_duration(&ask.since).map_or(Moment::MIN, |since| super::now() - since);
    let (mut states, mut known) = (States::new(from), BTreeSet::new());
    states.note(&shared, &pods)?;
    let streams = start_new(&shared, &pods, &mut known);
    if !ask.follow {
        streams.into_iter().for_each(|s| drop(s.join()));
        return Ok(live);
    }
    std::thread::spawn(move || {
        while !shared.stopped() {
            shared.rest(EVERY);
            // A cluster that does not answer now is asked again; what it noted meanwhile is not lost.
            if let Ok(pods) = shared.ask.pods() {
                states.note(&shared, &pods).ok();
                start_new(&shared, &pods, &mut known);
            }
        }
    });
    Ok(live)
}

fn start_new(
    shared: &Arc<Shared>,
    pods: &[Value],
    known: &mut BTreeSet<(String, String)>,
) -> Vec<std::thread::JoinHandle<()>> {
    let containers = pods.iter().flat_map(|p| shared.ask.containers(p));
    let new: Vec<Container> = containers
        .filter(|c| known.insert((c.uid.clone(), c.name.clone())))
        .collect();
    new.into_iter()
        .map(|c| {
            let shared = shared.clone();
            std::thread::spawn(move || stream::stream(&shared, &c))
        })
        .collect()
}

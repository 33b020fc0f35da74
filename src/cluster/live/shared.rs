//! Data that the threads of live logs share: the selected pods, the folder for the logs, and the
//! running commands. Does not analyze anything.

use crate::corpus::lock;
use crate::kube::{self, Access};
use crate::model::{
    Command, Context, LogMode, LogStart, Moment, ObjectKind, ObjectName, Operation, Output,
};
use crate::text::civil::rfc3339;
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Timeout of a query.
const QUICK: Duration = Duration::from_secs(20);
/// How often `pause` checks whether the live logs have ended.
const STEP: Duration = Duration::from_millis(50);

/// Which logs to read.
#[derive(Clone, Debug, Default)]
pub struct LiveLogs {
    pub namespace: String,
    pub selector: Option<String>,
    /// `None` means the current context.
    pub context: Option<String>,
    pub all_containers: bool,
    pub previous: bool,
    /// How far back to read, as a duration such as `15m`.
    pub since: String,
    /// True to follow the logs. False to read the existing lines once.
    pub follow: bool,
    /// The copy of the context that all commands use. Set when the live logs start.
    pub access: Access,
}

/// A container of a pod.
#[derive(Clone, Debug)]
pub struct Container {
    pub pod: String,
    pub uid: String,
    pub name: String,
    pub restarts: u64,
}

pub struct Shared {
    pub logs: LiveLogs,
    pub folder: PathBuf,
    pub stop: AtomicBool,
    /// Running kubectl processes. They are killed when the live logs end.
    pub children: Mutex<Vec<Arc<Mutex<Child>>>>,
}

impl LiveLogs {
    fn command(&self, operation: Operation) -> Command {
        let context = self
            .context
            .clone()
            .map_or(Context::Current, Context::Named);
        Command::new(&context, &self.namespace, operation)
    }

    fn list(&self, kind: ObjectKind, selector: Option<String>) -> Result<Vec<Value>, kube::Error> {
        let list = Operation::List {
            kind,
            selector,
            output: Some(Output::Json),
        };
        let mut answer = kube::json(&self.access, &self.command(list), QUICK)?;
        Ok(match answer["items"].take() {
            Value::Array(items) => items,
            _ => Vec::new(),
        })
    }

    /// Reads the selected pods.
    pub fn pods(&self) -> Result<Vec<Value>, kube::Error> {
        self.list(ObjectKind::Pod, self.selector.clone())
    }

    /// Reads one pod. Returns `Null` if there is no pod with that name.
    pub fn pod(&self, name: &str) -> Result<Value, kube::Error> {
        let object = ObjectName::new(ObjectKind::Pod, name);
        let get = Operation::Get {
            object,
            output: Output::Json,
            missing_is_ok: true,
        };
        let finished = kube::run(&self.access, &self.command(get), QUICK)?;
        match finished.succeeded()?.trim() {
            "" => Ok(Value::Null),
            json => Ok(serde_json::from_str(json)?),
        }
    }

    /// Reads all events of the namespace.
    pub fn events(&self) -> Result<Vec<Value>, kube::Error> {
        self.list(ObjectKind::Event, None)
    }

    /// Starts `kubectl logs` for a container.
    pub fn start(
        &self,
        container: &Container,
        mode: LogMode,
        start: LogStart,
    ) -> Result<Child, kube::Error> {
        let logs = self.command(Operation::Logs {
            object: ObjectName::new(ObjectKind::Pod, &container.pod),
            container: Some(container.name.clone()),
            mode,
            start,
            timestamps: true,
        });
        kube::start(&self.access, &logs)
    }

    /// The containers of a pod whose logs are read: all of them, or only the first one. Empty if
    /// the pod is pending.
    pub fn containers(&self, pod: &Value) -> Vec<Container> {
        let text = |v: &Value| v.as_str().unwrap_or_default().to_string();
        let (name, uid) = (
            text(&pod["metadata"]["name"]),
            text(&pod["metadata"]["uid"]),
        );
        if !kube::is_name(&name) || pod["status"]["phase"] == "Pending" {
            return Vec::new();
        }
        let all = pod["spec"]["containers"].as_array().into_iter().flatten();
        let wanted = if self.all_containers { usize::MAX } else { 1 };
        all.take(wanted)
            .map(|c| text(&c["name"]))
            .filter(|c| kube::is_name(c))
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
pub fn restarts(pod: &Value, container: &str) -> u64 {
    let all = pod["status"]["containerStatuses"]
        .as_array()
        .into_iter()
        .flatten();
    all.filter(|c| c["name"] == container)
        .find_map(|c| c["restartCount"].as_u64())
        .unwrap_or(0)
}

impl Shared {
    pub fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Path of a log file of a pod. `part` is the name of a container, or `POD_STATES` for the
    /// states of the pod.
    pub fn file(&self, pod: &str, uid: &str, part: &str) -> PathBuf {
        let pod = format!("{}_{pod}_{uid}", self.logs.namespace);
        self.folder
            .join("var/log/pods")
            .join(pod)
            .join(part)
            .join("0.log")
    }

    /// Appends lines to a file, in the format that kubelet writes.
    pub fn write(&self, file: &Path, lines: &[(Moment, String)]) -> std::io::Result<()> {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let line = |(at, text): &(Moment, String)| format!("{} stdout F {text}\n", rfc3339(*at, 9));
        let text: String = lines.iter().map(line).collect();
        let mut out = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(file)?;
        out.write_all(text.as_bytes())
    }

    /// Waits for this time. Returns earlier if the live logs end.
    pub fn pause(&self, time: Duration) {
        let until = Instant::now() + time;
        while !self.stopped() && Instant::now() < until {
            std::thread::sleep(STEP);
        }
    }

    pub fn end(&self) {
        self.stop.store(true, Ordering::Relaxed);
        for child in lock(&self.children).iter() {
            kube::kill_group(&lock(child));
        }
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

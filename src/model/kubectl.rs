//! A kubectl command as typed data, and its conversion to a list of arguments. Does not decide
//! whether a command is allowed, and runs nothing.

use serde::{Deserialize, Serialize, Serializer};

/// Placeholder for the context in a plan that was made without a cluster.
pub const CONTEXT_PLACEHOLDER: &str = "<CONTEXT>";

/// Kinds of objects that faultline can read or change. Secrets and roles are deliberately not
/// included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ObjectKind {
    Pod,
    #[default]
    Deployment,
    StatefulSet,
    DaemonSet,
    ReplicaSet,
    Service,
    Endpoints,
    Node,
    Event,
    Hpa,
    Pdb,
    Ingress,
    Pvc,
    Job,
    CronJob,
    Namespace,
}

impl ObjectKind {
    /// All kinds with their singular and plural names.
    pub const ALL: [(ObjectKind, &str, &str); 16] = [
        (ObjectKind::Pod, "pod", "pods"),
        (ObjectKind::Deployment, "deployment", "deployments"),
        (ObjectKind::StatefulSet, "statefulset", "statefulsets"),
        (ObjectKind::DaemonSet, "daemonset", "daemonsets"),
        (ObjectKind::ReplicaSet, "replicaset", "replicasets"),
        (ObjectKind::Service, "service", "services"),
        (ObjectKind::Endpoints, "endpoints", "endpoints"),
        (ObjectKind::Node, "node", "nodes"),
        (ObjectKind::Event, "event", "events"),
        (ObjectKind::Hpa, "hpa", "hpa"),
        (ObjectKind::Pdb, "pdb", "pdb"),
        (ObjectKind::Ingress, "ingress", "ingress"),
        (ObjectKind::Pvc, "pvc", "pvc"),
        (ObjectKind::Job, "job", "jobs"),
        (ObjectKind::CronJob, "cronjob", "cronjobs"),
        (ObjectKind::Namespace, "namespace", "namespace"),
    ];

    fn row(self) -> (ObjectKind, &'static str, &'static str) {
        ObjectKind::ALL
            .into_iter()
            .find(|r| r.0 == self)
            .unwrap_or(ObjectKind::ALL[0])
    }

    /// Singular name, as kubectl accepts it.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    pub fn plural(self) -> &'static str {
        self.row().2
    }

    /// The kind with this singular or plural name.
    pub fn parse(name: &str) -> Option<ObjectKind> {
        ObjectKind::ALL
            .into_iter()
            .find(|r| r.1 == name || r.2 == name)
            .map(|r| r.0)
    }

    /// True for controllers that replace their pods in a rollout.
    pub fn rolls_out(self) -> bool {
        matches!(
            self,
            ObjectKind::Deployment | ObjectKind::StatefulSet | ObjectKind::DaemonSet
        )
    }
}

impl std::fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// The context that a command is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Context {
    Named(String),
    /// Written as `<CONTEXT>`, so that a pasted command cannot reach a cluster by accident.
    #[default]
    Placeholder,
    /// The current context of the user's configuration.
    Current,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    Json,
    Wide,
    Name,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PatchType {
    Merge,
    Strategic,
}

/// Which part of a container's log is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogMode {
    /// Reads the existing lines, then stops.
    Once,
    Follow,
    /// The log of the container's previous instance.
    Previous,
}

/// Where to start reading the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogStart {
    /// A duration such as `15m` before now.
    Ago(String),
    /// A time in RFC 3339 format.
    At(String),
    /// This number of lines at the end.
    Tail(u32),
}

/// An object by kind and name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectName {
    pub kind: ObjectKind,
    pub name: String,
}

impl ObjectName {
    pub fn new(kind: ObjectKind, name: &str) -> ObjectName {
        ObjectName {
            kind,
            name: name.to_string(),
        }
    }
}

impl std::fmt::Display for ObjectName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

/// What a command does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    Get {
        object: ObjectName,
        output: Output,
        missing_is_ok: bool,
    },
    List {
        kind: ObjectKind,
        selector: Option<String>,
        output: Option<Output>,
    },
    Describe {
        object: ObjectName,
    },
    Logs {
        object: ObjectName,
        container: Option<String>,
        mode: LogMode,
        start: LogStart,
        timestamps: bool,
    },
    Top {
        object: ObjectName,
    },
    ViewConfig,
    CanI {
        verb: &'static str,
        kind: ObjectKind,
        subresource: Option<&'static str>,
    },
    /// `body` is JSON. In a plan, it can contain placeholders such as `<NAME>` for values that are
    /// not known yet.
    Patch {
        object: ObjectName,
        patch_type: PatchType,
        body: String,
        dry_run: bool,
    },
    RolloutStatus {
        object: ObjectName,
        timeout_s: Option<u32>,
    },
    RolloutHistory {
        object: ObjectName,
    },
    RolloutUndo {
        object: ObjectName,
        to_revision: Option<u64>,
        dry_run: bool,
    },
    DeletePod {
        name: String,
        dry_run: bool,
        /// The pod must still have this UID when the server deletes it.
        uid: Option<String>,
    },
}

impl Operation {
    /// The object that the command reads or changes.
    pub fn object(&self) -> Option<ObjectName> {
        match self {
            Operation::Get { object, .. }
            | Operation::Describe { object }
            | Operation::Logs { object, .. }
            | Operation::Top { object }
            | Operation::Patch { object, .. }
            | Operation::RolloutStatus { object, .. }
            | Operation::RolloutHistory { object }
            | Operation::RolloutUndo { object, .. } => Some(object.clone()),
            Operation::DeletePod { name, .. } => Some(ObjectName::new(ObjectKind::Pod, name)),
            Operation::List { .. } | Operation::ViewConfig | Operation::CanI { .. } => None,
        }
    }

    /// The text that the command reads from its standard input.
    pub fn input(&self) -> Option<String> {
        match self {
            Operation::DeletePod {
                uid: Some(uid),
                dry_run: false,
                ..
            } => Some(
                serde_json::json!({"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": uid}})
                    .to_string(),
            ),
            _ => None,
        }
    }

    /// The same operation as a dry run: the server checks it but does not carry it out. `None` if
    /// the operation has no dry run.
    pub fn as_dry_run(&self) -> Option<Operation> {
        let mut dry = self.clone();
        match &mut dry {
            Operation::Patch { dry_run, .. }
            | Operation::RolloutUndo { dry_run, .. }
            | Operation::DeletePod { dry_run, .. } => *dry_run = true,
            _ => return None,
        }
        Some(dry)
    }
}

/// A complete kubectl command. Serialized as its list of arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    pub context: Context,
    /// If empty, kubectl uses the namespace of the context.
    pub namespace: String,
    pub operation: Operation,
}

impl Command {
    pub fn new(context: &Context, namespace: &str, operation: Operation) -> Command {
        Command {
            context: context.clone(),
            namespace: namespace.to_string(),
            operation,
        }
    }

    /// The same command with another operation.
    pub fn with(&self, operation: Operation) -> Command {
        Command {
            operation,
            ..self.clone()
        }
    }

    /// The arguments: `kubectl --context C -n NS ...`, one per item.
    pub fn argv(&self) -> Vec<String> {
        let mut out = vec!["kubectl".to_string()];
        match &self.context {
            Context::Named(name) => out.extend(["--context".to_string(), name.clone()]),
            Context::Placeholder => {
                out.extend(["--context", CONTEXT_PLACEHOLDER].map(String::from));
            }
            Context::Current => {}
        }
        if !self.namespace.is_empty() {
            out.extend(["-n".to_string(), self.namespace.clone()]);
        }
        out.extend(self.operation.arguments(&self.namespace));
        out
    }
}

impl Serialize for Command {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        self.argv().serialize(out)
    }
}

/// Writes the command as in a shell. Arguments with special characters are quoted.
impl std::fmt::Display for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let plain = |a: &str| {
            a.chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_=./:<>".contains(c))
        };
        for (i, a) in self.argv().iter().enumerate() {
            let blank = if i > 0 { " " } else { "" };
            match plain(a) {
                true => write!(f, "{blank}{a}")?,
                false => write!(f, "{blank}'{a}'")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_rendered_with_its_context_and_namespace_first() {
        let object = ObjectName::new(ObjectKind::Deployment, "payment");
        let undo = Operation::RolloutUndo {
            object,
            to_revision: Some(3),
            dry_run: true,
        };
        let command = Command::new(&Context::Placeholder, "shop", undo);
        assert_eq!(
            command.to_string(),
            "kubectl --context <CONTEXT> -n shop rollout undo deployment/payment --to-revision=3 --dry-run=server"
        );
        let pods = Operation::List {
            kind: ObjectKind::Pod,
            selector: Some("app=web".into()),
            output: Some(Output::Json),
        };
        let command = Command::new(&Context::Current, "shop", pods);
        assert_eq!(
            command.to_string(),
            "kubectl -n shop get pods -o json -l app=web"
        );
    }

    #[test]
    fn every_kind_has_a_name_of_its_own() {
        for (kind, name, plural) in ObjectKind::ALL {
            assert_eq!((kind.name(), kind.plural()), (name, plural));
            assert_eq!(
                (ObjectKind::parse(name), ObjectKind::parse(plural)),
                (Some(kind), Some(kind))
            );
        }
        assert_eq!(ObjectKind::parse("secret"), None);
    }
}

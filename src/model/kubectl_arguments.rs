//! Converts the operation of a kubectl command to arguments. Decides nothing.

use super::kubectl::{LogMode, LogStart, ObjectKind, ObjectName, Operation, Output, PatchType};

/// A list of arguments that is being built. Each call appends to it.
#[derive(Default)]
struct Arguments(Vec<String>);

impl Arguments {
    fn push(&mut self, words: &[impl AsRef<str>]) -> &mut Self {
        self.0.extend(words.iter().map(|w| w.as_ref().to_string()));
        self
    }

    /// Appends the words if the condition holds.
    fn push_if(&mut self, condition: bool, words: &[&str]) -> &mut Self {
        if condition { self.push(words) } else { self }
    }

    /// Appends a flag and its value, if there is a value.
    fn option(&mut self, flag: &str, value: Option<&String>) -> &mut Self {
        match value {
            Some(value) => self.push(&[flag, value]),
            None => self,
        }
    }
}

const DRY_RUN: &str = "--dry-run=server";

impl Operation {
    /// The arguments after the context and the namespace.
    pub(super) fn arguments(&self, namespace: &str) -> Vec<String> {
        let mut out = Arguments::default();
        match self {
            Operation::Get {
                object,
                output,
                missing_is_ok,
            } => out
                .push(&["get", object.kind.name(), &object.name])
                .push_if(*missing_is_ok, &["--ignore-not-found"])
                .push(output.flags()),
            Operation::List {
                kind,
                selector,
                output,
            } => out
                .push(&["get", kind.plural()])
                .push(output.map_or(&[], Output::flags))
                .option("-l", selector.as_ref()),
            Operation::Describe { object } => {
                out.push(&["describe", object.kind.name(), &object.name])
            }
            Operation::Top { object } => out.push(&["top", object.kind.name(), &object.name]),
            Operation::ViewConfig => out
                .push(&["config", "view", "--minify", "--flatten", "--raw"])
                .push(Output::Json.flags()),
            Operation::CanI {
                verb,
                kind,
                subresource,
            } => out.push(&can_i_arguments(verb, *kind, *subresource)),
            Operation::DeletePod { name, dry_run, uid } => out
                .push(&delete_arguments(
                    namespace,
                    name,
                    uid.is_some() && !dry_run,
                ))
                .push_if(*dry_run, &[DRY_RUN]),
            Operation::Logs {
                object,
                container,
                mode,
                start,
                timestamps,
            } => out
                .push(&["logs", &pod_or_owner(object)])
                .option("-c", container.as_ref())
                .push_if(*timestamps, &["--timestamps"])
                .push(&[&start.flag()])
                .push(mode.flags()),
            Operation::Patch {
                object,
                patch_type,
                body,
                dry_run,
            } => out
                .push(&["patch", object.kind.name(), &object.name])
                .push(&[patch_type.flag(), "-p", body])
                .push_if(*dry_run, &[DRY_RUN])
                .push_if(*dry_run, Output::Json.flags()),
            Operation::RolloutStatus { object, timeout_s } => {
                let timeout =
                    timeout_s.map_or("--watch=false".into(), |s| format!("--timeout={s}s"));
                out.push(&["rollout", "status", &object.to_string(), &timeout])
            }
            Operation::RolloutHistory { object } => {
                out.push(&["rollout", "history", &object.to_string()])
            }
            Operation::RolloutUndo {
                object,
                to_revision,
                dry_run,
            } => {
                let revision = to_revision.map(|n| format!("--to-revision={n}"));
                out.push(&["rollout", "undo", &object.to_string()])
                    .push(&revision.iter().map(String::as_str).collect::<Vec<_>>())
                    .push_if(*dry_run, &[DRY_RUN])
            }
        };
        out.0
    }
}

/// Asks whether the user may do something.
fn can_i_arguments(verb: &str, kind: ObjectKind, subresource: Option<&str>) -> Vec<String> {
    let subresource = subresource.map(|part| format!("--subresource={part}"));
    let words = ["auth", "can-i", verb, kind.name()].map(String::from);
    words.into_iter().chain(subresource).collect()
}

/// Deletes a pod. `kubectl delete` has no option for the UID of the pod; the API has one.
fn delete_arguments(namespace: &str, name: &str, by_uid: bool) -> Vec<String> {
    let path = format!("/api/v1/namespaces/{namespace}/pods/{name}");
    let words: &[&str] = match by_uid {
        true => &["delete", "--raw", &path, "-f", "-"],
        false => &["delete", "pod", name],
    };
    words.iter().map(|w| (*w).to_string()).collect()
}

/// A pod is named alone, and what owns pods with its kind.
fn pod_or_owner(object: &ObjectName) -> String {
    match object.kind {
        ObjectKind::Pod => object.name.clone(),
        _ => object.to_string(),
    }
}

impl LogStart {
    fn flag(&self) -> String {
        match self {
            LogStart::Ago(d) => format!("--since={d}"),
            LogStart::At(t) => format!("--since-time={t}"),
            LogStart::Tail(n) => format!("--tail={n}"),
        }
    }
}

impl LogMode {
    fn flags(&self) -> &'static [&'static str] {
        match self {
            LogMode::Once => &[],
            LogMode::Follow => &["-f"],
            LogMode::Previous => &["--previous"],
        }
    }
}

impl PatchType {
    fn flag(&self) -> &'static str {
        match self {
            PatchType::Merge => "--type=merge",
            PatchType::Strategic => "--type=strategic",
        }
    }
}

impl Output {
    fn flags(self) -> &'static [&'static str] {
        match self {
            Output::Json => &["-o", "json"],
            Output::Wide => &["-o", "wide"],
            Output::Name => &["-o", "name"],
        }
    }
}

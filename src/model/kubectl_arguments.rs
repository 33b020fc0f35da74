//! Converts the operation of a kubectl command to arguments. Decides nothing.

use super::kubectl::{LogMode, LogStart, ObjectKind, ObjectName, Operation, Output, PatchType};

/// A list of arguments that is being built. Each call appends to it.
#[derive(Default)]
struct Arguments(Vec<String>);

impl Arguments {
    fn push(&mut self, words: &[&str]) -> &mut Self {
        self.0.extend(words.iter().map(|w| (*w).to_string()));
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
    pub(super) fn arguments(&self) -> Vec<String> {
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
            Operation::ViewConfig => out.push(&["config", "view", "--minify", "-o", "json"]),
            Operation::CanI {
                verb,
                kind,
                subresource,
            } => {
                let subresource = subresource.map(|part| format!("--subresource={part}"));
                out.push(&["auth", "can-i", verb, kind.name()])
                    .push(&subresource.iter().map(String::as_str).collect::<Vec<_>>())
            }
            Operation::DeletePod { name, dry_run } => out
                .push(&["delete", "pod", name])
                .push_if(*dry_run, &[DRY_RUN]),
            Operation::Logs { object, .. } => self.logs(object, &mut out),
            Operation::Patch { object, .. } => self.patch(object, &mut out),
            Operation::RolloutStatus { object, .. }
            | Operation::RolloutHistory { object }
            | Operation::RolloutUndo { object, .. } => self.rollout(object, &mut out),
        };
        out.0
    }

    fn logs<'a>(&self, object: &ObjectName, out: &'a mut Arguments) -> &'a mut Arguments {
        let Operation::Logs {
            container,
            mode,
            start,
            timestamps,
            ..
        } = self
        else {
            return out;
        };
        let name = match object.kind {
            ObjectKind::Pod => object.name.clone(),
            _ => object.to_string(),
        };
        let start = match start {
            LogStart::Ago(d) => format!("--since={d}"),
            LogStart::At(t) => format!("--since-time={t}"),
            LogStart::Tail(n) => format!("--tail={n}"),
        };
        let mode: &[&str] = match mode {
            LogMode::Once => &[],
            LogMode::Follow => &["-f"],
            LogMode::Previous => &["--previous"],
        };
        out.push(&["logs", &name])
            .option("-c", container.as_ref())
            .push_if(*timestamps, &["--timestamps"])
            .push(&[&start])
            .push(mode)
    }

    fn patch<'a>(&self, object: &ObjectName, out: &'a mut Arguments) -> &'a mut Arguments {
        let Operation::Patch {
            patch_type,
            body,
            dry_run,
            ..
        } = self
        else {
            return out;
        };
        let patch_type = match patch_type {
            PatchType::Merge => "--type=merge",
            PatchType::Strategic => "--type=strategic",
        };
        out.push(&["patch", object.kind.name(), &object.name, patch_type])
            .push(&["-p", body])
            .push_if(*dry_run, &[DRY_RUN])
            .push_if(*dry_run, Output::Json.flags())
    }

    fn rollout<'a>(&self, object: &ObjectName, out: &'a mut Arguments) -> &'a mut Arguments {
        let object = object.to_string();
        match self {
            Operation::RolloutStatus { timeout_s, .. } => {
                let timeout =
                    timeout_s.map_or("--watch=false".into(), |s| format!("--timeout={s}s"));
                out.push(&["rollout", "status", &object, &timeout])
            }
            Operation::RolloutUndo {
                to_revision,
                dry_run,
                ..
            } => {
                let revision = to_revision.map(|n| format!("--to-revision={n}"));
                out.push(&["rollout", "undo", &object])
                    .push(&revision.iter().map(String::as_str).collect::<Vec<_>>())
                    .push_if(*dry_run, &[DRY_RUN])
            }
            _ => out.push(&["rollout", "history", &object]),
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

//! Reads objects from a cluster. Changes nothing.

use crate::kube::{self, Error};
use crate::model::{
    Command, Context, LogMode, LogStart, ObjectKind, ObjectName, Operation, Output,
};
use serde_json::Value;
use std::time::Duration;

/// Timeout of a query.
pub const QUICK: Duration = Duration::from_secs(15);
/// Maximum number of log lines to read for one question.
const LOG_LINES: u32 = 200;

/// Reads an object as JSON.
pub fn get(context: &Context, namespace: &str, object: ObjectName) -> Result<Value, Error> {
    let operation = Operation::Get {
        object,
        output: Output::Json,
        missing_is_ok: false,
    };
    kube::json(&Command::new(context, namespace, operation), QUICK)
}

/// Reads all objects of a kind in a namespace.
pub fn list(context: &Context, namespace: &str, kind: ObjectKind) -> Result<Vec<Value>, Error> {
    let operation = Operation::List {
        kind,
        selector: None,
        output: Some(Output::Json),
    };
    let mut list = kube::json(&Command::new(context, namespace, operation), QUICK)?;
    Ok(match list["items"].take() {
        Value::Array(items) => items,
        _ => Vec::new(),
    })
}

/// What to read from the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClusterQuery {
    Get,
    Describe,
    Events,
    Logs,
}

impl ClusterQuery {
    pub fn parse(text: &str) -> Option<ClusterQuery> {
        Some(match text {
            "get" => ClusterQuery::Get,
            "describe" => ClusterQuery::Describe,
            "events" => ClusterQuery::Events,
            "logs" => ClusterQuery::Logs,
            _ => return None,
        })
    }
}

/// Reads from a cluster and returns the output of kubectl. If this fails, returns the error message
/// instead. If `name` is empty, `get` lists all objects of the kind.
pub fn read_cluster(
    context: &str,
    question: ClusterQuery,
    (kind, name, namespace): (&str, &str, &str),
) -> String {
    let kind = match (question, ObjectKind::parse(kind)) {
        (ClusterQuery::Get | ClusterQuery::Describe, None) => {
            return format!("unknown kind '{kind}'");
        }
        (_, kind) => kind.unwrap_or(ObjectKind::Pod),
    };
    let object = ObjectName::new(kind, name);
    let operation = match question {
        ClusterQuery::Get if name.is_empty() => Operation::List {
            kind,
            selector: None,
            output: None,
        },
        ClusterQuery::Get => Operation::Get {
            object,
            output: Output::Wide,
            missing_is_ok: false,
        },
        ClusterQuery::Describe => Operation::Describe { object },
        ClusterQuery::Events => Operation::List {
            kind: ObjectKind::Event,
            selector: None,
            output: None,
        },
        ClusterQuery::Logs => Operation::Logs {
            object: ObjectName::new(ObjectKind::Pod, name),
            container: None,
            mode: LogMode::Once,
            start: LogStart::Tail(LOG_LINES),
            timestamps: false,
        },
    };
    let command = Command::new(&Context::Named(context.to_string()), namespace, operation);
    match kube::run(&command, QUICK).and_then(kube::Finished::succeeded) {
        Ok(output) => output,
        Err(e) => format!("kubectl: {e}"),
    }
}

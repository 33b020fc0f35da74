//! The cluster that the user chose: its context, user, server and namespace, fixed for the session.
//! Changes nothing.

use super::error::{Error, Moved};
use crate::kube::{self, Access, Finished};
use crate::model::{Action, Command, Context, ObjectKind, ObjectName, Operation, Output, Target};
use serde_json::Value;
use std::time::Duration;

/// Timeout of a query.
pub const QUICK: Duration = Duration::from_secs(15);
/// Maximum number of objects from the logs to look up in the cluster.
const MAX_CHECKED: usize = 3;

/// The cluster that the user chose. If its context points elsewhere later, actions are refused.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Connection {
    pub context: String,
    pub user: String,
    pub server: String,
    /// Namespace of the first object in the plan. If the plan has none, the namespace of the
    /// context.
    pub namespace: String,
    /// The node of the first pod in the plan.
    pub node: Option<String>,
    /// Warnings about objects that are in the logs but not in the cluster.
    pub warnings: Vec<String>,
    /// The copy of the context that all commands use.
    pub access: Access,
}

impl Connection {
    pub fn context(&self) -> Context {
        Context::Named(self.context.clone())
    }

    /// Builds a command for this cluster.
    pub fn command(&self, namespace: &str, operation: Operation) -> Command {
        Command::new(&self.context(), namespace, operation)
    }

    /// Runs a command on this cluster.
    pub fn run(&self, command: &Command, timeout: Duration) -> Result<Finished, kube::Error> {
        kube::run(&self.access, command, timeout)
    }

    /// Runs a command on this cluster and parses its output as JSON.
    pub fn json(&self, command: &Command) -> Result<Value, kube::Error> {
        kube::json(&self.access, command, QUICK)
    }

    /// Reads an object as JSON.
    pub fn get(&self, namespace: &str, object: ObjectName) -> Result<Value, kube::Error> {
        let operation = Operation::Get {
            object,
            output: Output::Json,
            missing_is_ok: false,
        };
        self.json(&self.command(namespace, operation))
    }

    /// Reads all objects of a kind in a namespace.
    pub fn list(&self, namespace: &str, kind: ObjectKind) -> Result<Vec<Value>, kube::Error> {
        let operation = Operation::List {
            kind,
            selector: None,
            output: Some(Output::Json),
        };
        let mut list = self.json(&self.command(namespace, operation))?;
        Ok(match list["items"].take() {
            Value::Array(items) => items,
            _ => Vec::new(),
        })
    }

    /// The connection as text for the user, one line per field and warning.
    pub fn lines(&self) -> Vec<String> {
        let fields = [
            ("context", &self.context),
            ("user", &self.user),
            ("server", &self.server),
            ("namespace", &self.namespace),
        ];
        let mut out: Vec<String> = fields
            .map(|(name, value)| format!("{name:<10} {value}"))
            .to_vec();
        let proxy = self.access.proxy();
        out.extend(proxy.map(|p| format!("proxy      {p}")));
        let login = self.access.login_program();
        out.extend(login.map(|p| format!("login      by the program {p}")));
        out.extend(self.warnings.iter().map(|w| format!("warning    {w}")));
        out
    }

    /// Fails if the context no longer leads to the cluster that the user chose: another server,
    /// certificate authority, proxy, user or login program.
    pub fn check(&self) -> Result<(), Error> {
        match kube::moved(&self.access)? {
            None => Ok(()),
            Some((changed, now)) => Err(Error::ContextMoved(Box::new(Moved {
                context: self.context.clone(),
                changed: changed.join(", "),
                server: self.server.clone(),
                user: self.user.clone(),
                new_server: now.server(),
                new_user: now.user(),
            }))),
        }
    }
}

/// Reads which cluster a context points to, and looks up the objects of the plan in it. Changes
/// nothing.
pub fn connect(context: &str, plan: &[Action]) -> Result<Connection, Error> {
    let access = kube::freeze(Some(context))?;
    if access.server().is_empty() {
        return Err(Error::NoServer(context.to_string()));
    }
    let mut targets: Vec<&Target> = plan
        .iter()
        .filter(|a| a.command.is_some())
        .map(|a| &a.target)
        .collect();
    targets.retain(|t| t.kind.rolls_out());
    targets.dedup();
    let in_plan = targets
        .first()
        .map(|t| t.namespace.clone())
        .filter(|n| !n.is_empty());
    let mut out = Connection {
        context: context.into(),
        user: access.user(),
        server: access.server(),
        namespace: in_plan.unwrap_or_else(|| match access.namespace() {
            none if none.is_empty() => "default".to_string(),
            namespace => namespace,
        }),
        node: None,
        warnings: Vec::new(),
        access,
    };
    for t in targets.iter().take(MAX_CHECKED) {
        let exists = Operation::Get {
            object: t.object(),
            output: Output::Name,
            missing_is_ok: false,
        };
        let found = out.run(&out.command(&t.namespace, exists), QUICK);
        if let Err(e) = found.and_then(Finished::succeeded) {
            let object = format!("{} {}", t.kind, t.name);
            out.warnings.push(format!(
                "{object} is in the logs but not in this cluster ({e})"
            ));
        }
    }
    out.node = node_of_pod(&out, plan);
    Ok(out)
}

fn node_of_pod(connection: &Connection, plan: &[Action]) -> Option<String> {
    let pod = plan.iter().find(|a| a.target.kind == ObjectKind::Pod)?;
    let object = ObjectName::new(ObjectKind::Pod, &pod.target.name);
    let pod = connection.get(&connection.namespace, object).ok()?;
    pod["spec"]["nodeName"]
        .as_str()
        .filter(|n| kube::is_name(n))
        .map(String::from)
}

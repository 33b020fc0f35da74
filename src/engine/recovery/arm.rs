//! A cluster that the user armed: context, user, server and namespace, pinned for the run. Also read-only looks at it.

use super::{QUICK, ask, kubectl};
use crate::kube;
use crate::model::{Action, Target};

/// What is pinned when a context is armed; an action is refused once the context leads elsewhere.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Armed {
    pub context: String,
    pub user: String,
    pub server: String,
    /// Of the objects that the plan is about; the context's own where the plan names none.
    pub namespace: String,
    /// The node that the suspected pod runs on, where the cluster holds it.
    pub node: Option<String>,
    /// What the user should know first: objects of the logs that the cluster does not hold.
    pub warnings: Vec<String>,
}

impl Armed {
    pub fn lines(&self) -> Vec<String> {
        let mut out: Vec<String> = [
            ("context", &self.context),
            ("user", &self.user),
            ("server", &self.server),
            ("namespace", &self.namespace),
        ]
        .iter()
        .map(|(what, value)| format!("{what:<10} {value}"))
        .collect();
        out.extend(self.warnings.iter().map(|w| format!("warning    {w}")));
        out
    }

    /// Whether the context still leads where it led when it was armed.
    pub fn still(&self) -> Result<(), String> {
        let (user, server, _) = whom(&self.context)?;
        if (&user, &server) == (&self.user, &self.server) {
            return Ok(());
        }
        Err(format!(
            "context {} led to {} as {} when it was armed and now leads to {server} as {user}",
            self.context, self.server, self.user
        ))
    }
}

/// User, server and namespace behind a context, as kubectl's settings say.
fn whom(context: &str) -> Result<(String, String, String), String> {
    let config = ask(
        context,
        "default",
        &["config", "view", "--minify", "-o", "json"],
    )?;
    let text = |pointer: &str| {
        config
            .pointer(pointer)
            .and_then(|v| v.as_str())
            .unwrap_or_default()
            .to_string()
    };
    let server = text("/clusters/0/cluster/server");
    if server.is_empty() {
        return Err(format!("context {context} names no server"));
    }
    Ok((
        text("/contexts/0/context/user"),
        server,
        text("/contexts/0/context/namespace"),
    ))
}

/// Arms a context: nothing is changed by it.
pub fn arm(context: &str, plan: &[Action]) -> Result<Armed, String> {
    let (user, server, own) = whom(context)?;
    let mut targets: Vec<&Target> = plan
        .iter()
        .filter(|a| !a.argv.is_empty())
        .map(|a| &a.target)
        .collect();
    targets.retain(|t| matches!(t.kind.as_str(), "deployment" | "statefulset" | "daemonset"));
    targets.dedup();
    let namespace = targets
        .first()
        .map(|t| t.namespace.clone())
        .filter(|n| !n.is_empty())
        .unwrap_or(own);
    let mut warnings = Vec::new();
    for t in targets.iter().take(3) {
        match kube::run(
            &kubectl(
                context,
                &t.namespace,
                &["get", &t.kind, &t.name, "-o", "name"],
            ),
            QUICK,
        ) {
            Ok(ran) if ran.status == 0 => {}
            Ok(ran) => warnings.push(format!(
                "{} {} of the logs is not to be seen there ({})",
                t.kind,
                t.name,
                ran.said()
            )),
            Err(e) => warnings.push(e),
        }
    }
    let pod = plan
        .iter()
        .find(|a| a.target.kind == "pod")
        .map(|a| a.target.name.clone());
    let pod = pod
        .and_then(|p| ask(context, &namespace, &["get", "pod", &p, "-o", "json"]).ok())
        .unwrap_or_default();
    let node = pod["spec"]["nodeName"]
        .as_str()
        .filter(|n| kube::is_name(n))
        .map(String::from);
    Ok(Armed {
        context: context.into(),
        user,
        server,
        namespace,
        node,
        warnings,
    })
}

/// A read-only look at a cluster, as a text: `get`, `describe`, `events` or `logs` of an object. Through the same gate as
/// everything else; what the gate refuses is answered, not run.
pub fn look(context: &str, verb: &str, (kind, name, namespace): (&str, &str, &str)) -> String {
    let mut argv: Vec<&str> = vec!["kubectl", "--context", context];
    if !namespace.is_empty() {
        argv.extend(["-n", namespace]);
    }
    match verb {
        "get" | "describe" => argv.extend([verb, kind]),
        "events" => argv.extend(["get", "events"]),
        "logs" => argv.extend(["logs", "--tail", "200"]),
        other => return format!("'{other}' is no look: get, describe, events and logs are"),
    }
    if !name.is_empty() && verb != "events" {
        argv.push(name);
    }
    let argv: Vec<String> = argv.into_iter().map(String::from).collect();
    match kube::run(&argv, QUICK) {
        Ok(ran) if ran.status == 0 => ran.stdout,
        Ok(ran) => format!("kubectl says: {}", ran.stderr.trim()),
        Err(e) => e,
    }
}

//! Reads from a cluster for a model, and checks the words of its query. Changes nothing.

use super::connection::{Connection, QUICK};
use crate::kube;
use crate::model::{Command, LogMode, LogStart, ObjectKind, ObjectName, Operation, Output};

/// Maximum number of log lines to read for one question.
const LOG_LINES: u32 = 200;

/// What a model may read from the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClusterQuery {
    Get,
    Describe,
    Events,
    Logs,
}

/// Why a query of a model is refused. The text goes to the model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryRefused {
    #[error("the verb must be get, describe, events or logs")]
    Verb,
    #[error("unknown kind; use one of: {}", ObjectKind::ALL.map(|k| k.1).join(", "))]
    Kind,
    #[error("the name must be a Kubernetes name: lower-case letters, digits, '-' and '.'")]
    Name,
    #[error("only the namespace {0} can be read")]
    Namespace(String),
    #[error("this shows objects of other namespaces; only the namespace {0} can be read")]
    ClusterWide(String),
}

/// Builds the command for a query from the words of a model. All of them are checked: they cannot
/// become a flag, and cannot name another cluster or namespace than the connected ones. Without a
/// name, `get` lists all objects of the kind.
pub fn query_command(
    connection: &Connection,
    (verb, kind, name, namespace): (&str, &str, &str, &str),
) -> Result<Command, QueryRefused> {
    let query = match verb {
        "get" => ClusterQuery::Get,
        "describe" => ClusterQuery::Describe,
        "events" => ClusterQuery::Events,
        "logs" => ClusterQuery::Logs,
        _ => return Err(QueryRefused::Verb),
    };
    if !namespace.is_empty() && namespace != connection.namespace {
        return Err(QueryRefused::Namespace(connection.namespace.clone()));
    }
    let is_list = query == ClusterQuery::Events || query == ClusterQuery::Get && name.is_empty();
    if !is_list && !kube::is_name(name) {
        return Err(QueryRefused::Name);
    }
    let kind = match query {
        ClusterQuery::Get | ClusterQuery::Describe => {
            ObjectKind::parse(kind).ok_or(QueryRefused::Kind)?
        }
        ClusterQuery::Events => ObjectKind::Event,
        ClusterQuery::Logs => ObjectKind::Pod,
    };
    // The description of a node lists the pods of all namespaces.
    let shows_others = kind == ObjectKind::Namespace
        || kind == ObjectKind::Node && query == ClusterQuery::Describe;
    if shows_others {
        return Err(QueryRefused::ClusterWide(connection.namespace.clone()));
    }
    let object = ObjectName::new(kind, name);
    let operation = match query {
        _ if is_list => Operation::List {
            kind,
            selector: None,
            output: None,
        },
        ClusterQuery::Describe => Operation::Describe { object },
        ClusterQuery::Logs => Operation::Logs {
            object,
            container: None,
            mode: LogMode::Once,
            start: LogStart::Tail(LOG_LINES),
            timestamps: false,
        },
        ClusterQuery::Get | ClusterQuery::Events => Operation::Get {
            object,
            output: Output::Wide,
            missing_is_ok: false,
        },
    };
    Ok(connection.command(&connection.namespace, operation))
}

/// Reads from a cluster and returns the output of kubectl. If this fails, returns the error message
/// instead.
pub fn read_cluster(connection: &Connection, words: (&str, &str, &str, &str)) -> String {
    let command = match query_command(connection, words) {
        Ok(command) => command,
        Err(refused) => return refused.to_string(),
    };
    let finished = connection.run(&command, QUICK);
    match finished.and_then(kube::Finished::succeeded) {
        Ok(output) => output,
        Err(e) => format!("kubectl: {e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn connection() -> Connection {
        Connection {
            context: "kind-a".into(),
            namespace: "shop".into(),
            ..Connection::default()
        }
    }

    /// Hostile words: flags, other clusters, paths, control characters, other scripts.
    fn word() -> impl Strategy<Value = String> {
        let parts = prop::sample::select(vec![
            "--context=prod",
            "--context",
            "-n",
            "-nkube-system",
            "--namespace=kube-system",
            "--kubeconfig=/tmp/x",
            "--server=https://evil",
            "--as=admin",
            "--token=x",
            "--raw",
            "-A",
            "--all",
            "-o",
            "-ojsonpath={.}",
            "-f",
            "-",
            "--",
            "=",
            "shop",
            "kube-system",
            "pods",
            "pod",
            "payment",
            "secret",
            "secrets",
            "../../x",
            "/api",
            "pod/x",
            "deployment/payment",
            " ",
            "\n",
            "\0",
            "\u{202e}",
            "$(id)",
            ";",
            "get",
            "logs",
            "describe",
            "events",
            "delete",
        ]);
        prop_oneof![
            prop::collection::vec(parts, 0..3).prop_map(|p| p.concat()),
            any::<String>(),
            "[a-z-]{0,8}",
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5_000))]
        #[test]
        fn no_tool_call_leaves_the_connected_cluster_and_namespace(
            verb in prop_oneof![prop::sample::select(vec!["get", "describe", "events", "logs"]).prop_map(String::from), word()],
            kind in prop_oneof![prop::sample::select(vec!["pod", "node", "deployments"]).prop_map(String::from), word()],
            name in word(),
            namespace in prop_oneof![Just(String::new()), Just("shop".to_string()), word()],
        ) {
            let Ok(command) = query_command(&connection(), (&verb, &kind, &name, &namespace)) else {
                return Ok(());
            };
            let argv = command.argv();
            prop_assert_eq!(kube::check(&argv), Ok(()));
            prop_assert_eq!(&argv[..5], ["kubectl", "--context", "kind-a", "-n", "shop"]);
            prop_assert!(["get", "describe", "logs"].contains(&argv[5].as_str()), "{:?}", argv);
            // Everything that is a flag was put there by faultline.
            let flags: Vec<&String> = argv[5..].iter().filter(|a| a.starts_with('-')).collect();
            prop_assert!(flags.iter().all(|f| ["-o", "--tail=200"].contains(&f.as_str())), "{:?}", argv);
        }
    }

    #[test]
    fn ordinary_queries_are_allowed() {
        let argv = |words| query_command(&connection(), words).map(|c| c.argv()[5..].join(" "));
        assert_eq!(argv(("get", "pods", "", "")).unwrap(), "get pods");
        assert_eq!(
            argv(("get", "pod", "payment-1", "shop")).unwrap(),
            "get pod payment-1 -o wide"
        );
        assert_eq!(argv(("events", "", "", "")).unwrap(), "get events");
        assert_eq!(
            argv(("logs", "", "payment-1", "")).unwrap(),
            "logs payment-1 --tail=200"
        );
        assert_eq!(
            argv(("get", "pods", "--context=prod", "")),
            Err(QueryRefused::Name)
        );
        for words in [("describe", "node", "n1", ""), ("get", "namespace", "", "")] {
            assert!(matches!(argv(words), Err(QueryRefused::ClusterWide(_))));
        }
        assert!(matches!(
            argv(("get", "pods", "", "kube-system")),
            Err(QueryRefused::Namespace(_))
        ));
    }
}

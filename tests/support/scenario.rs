//! A deployment on the test cluster, with the session and the plan of the checkout sample, and the
//! steps that the action tests share: plan, preflight, apply. Does not start the cluster.

use super::cluster::NODE;
use faultline::analysis::{Analysis, PlanFor};
use faultline::cluster::{Connection, Preflight, apply, connect, preflight};
use faultline::corpus::{self, Options, Session, Snapshot};
use faultline::model::{Action, Category, FaultClass, ObjectKind};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Runs kubectl: whether it succeeded, and its output.
pub type Kubectl<'k> = &'k dyn Fn(&[&str]) -> (bool, String);

pub struct Scenario<'k> {
    pub kubectl: Kubectl<'k>,
    pub home: tempfile::TempDir,
    pub connection: Connection,
    pub analysis: Analysis,
    /// Keeps the corpus open.
    _session: Session,
    snapshot: Arc<Snapshot>,
}

/// Creates the pod that the sample's logs come from, on the node.
fn make_pod(kubectl: Kubectl<'_>, name: &str) -> (bool, String) {
    let placed = format!(r#"{{"spec":{{"nodeName":"{NODE}"}}}}"#);
    kubectl(&[
        "-n",
        "shop",
        "run",
        name,
        "--image=payment:1",
        "--restart=Never",
        "--overrides",
        &placed,
    ])
}

/// Fault classes whose plans together contain every action of the catalog.
const CATEGORIES: [Category; 13] = [
    Category::Fault(FaultClass::PoolExhausted),
    Category::Fault(FaultClass::OutOfMemory),
    Category::Fault(FaultClass::CrashLoop),
    Category::Fault(FaultClass::ImagePull),
    Category::Fault(FaultClass::NodeNotReady),
    Category::Fault(FaultClass::DiskFull),
    Category::Fault(FaultClass::ProbeFailed),
    Category::Fault(FaultClass::Timeout),
    Category::Fault(FaultClass::Quota),
    Category::Fault(FaultClass::Deadlock),
    Category::Fault(FaultClass::Io),
    Category::Failure,
    Category::Fault(FaultClass::Authentication),
];

impl<'k> Scenario<'k> {
    pub fn new(kubectl: Kubectl<'k>) -> Scenario<'k> {
        let home = tempfile::tempdir().unwrap();
        let mut options = Options::new(vec![super::sample("checkout-outage.tar.gz")]);
        options.data = Some(home.path().to_path_buf());
        let mut session = corpus::open(options).unwrap();
        let snapshot = session.wait();
        let analysis = Analysis::new(session.corpus.clone());
        let plan = analysis.plan(&snapshot);
        let pod = plan
            .iter()
            .find(|a| a.target.kind == ObjectKind::Pod)
            .unwrap()
            .target
            .name
            .clone();
        assert!(make_pod(kubectl, &pod).0);
        let connection = connect("test", &plan).unwrap();
        assert_eq!(
            (
                connection.user.as_str(),
                connection.namespace.as_str(),
                connection.node.as_deref()
            ),
            ("admin", "shop", Some(NODE))
        );
        assert!(
            connection.server.starts_with("https://127.0.0.1:") && connection.warnings.is_empty(),
            "{connection:?}"
        );
        let scenario = Scenario {
            kubectl,
            home,
            connection,
            analysis,
            _session: session,
            snapshot,
        };
        let probe = r#"{"spec":{"template":{"spec":{"nodeName":"node-1",
            "containers":[{"name":"payment","livenessProbe":{"httpGet":{"path":"/","port":80}}}]}}}}"#;
        scenario.run(&[
            "-n",
            "shop",
            "patch",
            "deployment",
            "payment",
            "--type=strategic",
            "-p",
            probe,
        ]);
        scenario.run(&[
            "-n",
            "shop",
            "rollout",
            "status",
            "deployment/payment",
            "--timeout=60s",
        ]);
        scenario
    }

    /// Runs kubectl, which must succeed, and returns its output.
    pub fn run(&self, args: &[&str]) -> String {
        let (done, output) = (self.kubectl)(args);
        assert!(done, "{args:?}: {output}");
        output
    }

    /// Actions that the plans for all fault classes offer, by verb.
    pub fn actions(&self) -> BTreeMap<String, Action> {
        let mut out = BTreeMap::new();
        for category in CATEGORIES {
            let mut d = (*self.analysis.diagnosis(&self.snapshot)).clone();
            d.category = category;
            let given = [
                ("image", "payment:2"),
                ("variable", "POOL"),
                ("value", "a \"b\" \\ 'c' $(d)"),
                ("replicas", "4"),
            ];
            let given = given.map(|(k, v)| (k.to_string(), v.to_string())).into();
            let target = PlanFor {
                context: Some("test".into()),
                given,
                node: self.connection.node.clone(),
            };
            for a in self.analysis.plan_of(&self.snapshot, &d, &target) {
                out.entry(a.verb.clone()).or_insert(a);
            }
        }
        out
    }

    pub fn deployment(&self) -> Value {
        serde_json::from_str(&self.run(&[
            "-n",
            "shop",
            "get",
            "deployment",
            "payment",
            "-o",
            "json",
        ]))
        .unwrap()
    }

    /// Checks and applies an action; every step must succeed.
    pub fn apply_checked(&self, action: &Action) -> Preflight {
        let checked =
            preflight(action, &self.connection).unwrap_or_else(|e| panic!("{}: {e}", action.id));
        assert!(checked.passed(), "{}: {:?}", action.id, checked.checks);
        let done = apply(&self.analysis, action, &self.connection, &checked)
            .unwrap_or_else(|e| panic!("{}: {e}", action.id));
        assert!(!done.is_stuck, "{}: {}", action.id, done.output);
        eprintln!(
            "{}: {}",
            action.id,
            done.output.lines().next().unwrap_or_default()
        );
        checked
    }

    /// The object of an action, without the fields that the server writes itself.
    pub fn object(&self, action: &Action) -> Value {
        let t = &action.target;
        let text = self.run(&["-n", "shop", "get", t.kind.name(), &t.name, "-o", "json"]);
        let object: Value = serde_json::from_str(&text).unwrap();
        // Kubernetes restores old annotations when a rollout is undone, so they are compared only
        // for the action that writes them.
        let annotation = Some(&object["metadata"]["annotations"]["aiops/root-cause"])
            .filter(|_| action.verb.ends_with("annotate"));
        serde_json::json!({"labels": object["metadata"]["labels"], "annotation": annotation, "spec": object["spec"]})
    }

    /// Creates the target of an action if it is missing, in the state that the action expects.
    pub fn prepare(&self, action: &Action) {
        let pause = if action.verb == "resume" {
            "pause"
        } else {
            "resume"
        };
        // These commands may fail: the object can already be in this state.
        (self.kubectl)(&["-n", "shop", "rollout", pause, "deployment/payment"]);
        (self.kubectl)(&[
            if action.verb == "uncordon" {
                "cordon"
            } else {
                "uncordon"
            },
            NODE,
        ]);
        if action.target.kind == ObjectKind::Pod {
            make_pod(self.kubectl, &action.target.name);
        }
        if action.target.kind == ObjectKind::Hpa {
            (self.kubectl)(&[
                "-n",
                "shop",
                "autoscale",
                "deployment",
                "payment",
                "--max=3",
            ]);
        }
    }
}

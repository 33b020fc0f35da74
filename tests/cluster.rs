//! Actions on a real cluster: a real kubectl against a real kube-apiserver. Left out, saying so, where there is none.

mod support;

use faultline::engine::{
    self, Armed, Options, PlanFor, Preflight, Session, apply, arm, back, preflight,
};
use faultline::model::{Action, Risk};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use support::cluster::{Cluster, NODE};
use support::pty::Pty;

/// kubectl finds the cluster by its environment, so the story is told by a process of its own.
#[test]
fn actions_do_on_a_real_cluster_what_they_say() {
    let Some(cluster) = Cluster::start() else {
        return;
    };
    cluster.kubectl(&["create", "namespace", "shop"]);
    cluster.kubectl(&[
        "-n",
        "shop",
        "create",
        "deployment",
        "payment",
        "--image=payment:1",
    ]);
    cluster.wait_until("the deployment is ready", || {
        cluster
            .kubectl(&[
                "-n",
                "shop",
                "rollout",
                "status",
                "deployment/payment",
                "--timeout=20s",
            ])
            .0
    });
    from_the_outage_to_the_report(&cluster);
    std::fs::write(
        cluster.logs().join("any.previous.log"),
        "2026-03-02T09:00:00Z the last words\n",
    )
    .unwrap();
    let me = std::env::current_exe().unwrap();
    let told = std::process::Command::new(me)
        .args([
            "--ignored",
            "--exact",
            "the_story",
            "--nocapture",
            "--test-threads=1",
        ])
        .env("KUBECONFIG", cluster.config())
        .output()
        .unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&told.stdout),
        String::from_utf8_lossy(&told.stderr),
    );
    eprintln!("{out}{err}");
    assert!(
        told.status.success() && out.contains("1 passed"),
        "{out}{err}"
    );
}

#[test]
#[ignore = "told by the test above it, in a cluster"]
fn the_story() {
    let config = std::env::var("KUBECONFIG").unwrap();
    let kubectl = |args: &[&str]| {
        let done = std::process::Command::new("kubectl")
            .args(args)
            .output()
            .unwrap();
        (
            done.status.success(),
            String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned(),
        )
    };
    assert!(!config.is_empty());
    let story = Story::new(&kubectl);
    story.every_action_is_checked_applied_and_taken_back();
    (story.kubectl)(&["-n", "shop", "rollout", "resume", "deployment/payment"]);
    story.a_paused_workload_is_told_of_before();
    story.budgets_and_autoscalers_are_told_of();
    story.what_is_not_allowed_is_not_tried();
    story.a_context_that_leads_elsewhere_is_refused();
    story.what_changed_meanwhile_refuses();
    story.bad_lines_end_in_a_sentence();
    story.what_vanished_is_told();
}

/// The whole story at a terminal: the outage, its cause, the plan, one action with one key, taken back, and the report.
fn from_the_outage_to_the_report(cluster: &Cluster) {
    let home = tempfile::tempdir().unwrap();
    let sample = support::sample("checkout-outage.tar.gz");
    let mut pty = Pty::with(
        home.path(),
        &[sample.to_str().unwrap()],
        &[("KUBECONFIG", &cluster.config())],
    );
    pty.wait_for("1 odd window");
    pty.keys("5");
    pty.wait_for("C critical");
    pty.keys("6");
    pty.wait_for("payment failed first");
    pty.keys("7");
    pty.wait_for("restart payment (rolling)");
    let revision = || {
        cluster
            .kubectl(&["-n", "shop", "rollout", "history", "deployment/payment"])
            .1
    };
    let before = revision();
    pty.keys("A");
    pty.wait_for("context of the cluster");
    pty.keys("test\r");
    pty.wait_for("Armed for this run");
    pty.close("Armed for this run");
    pty.wait_for("--context test");
    pty.wait_for("All green: A applies it");
    assert_eq!(revision(), before, "a look changes nothing");
    pty.keys("A");
    pty.wait_for("successfully rolled out");
    assert_ne!(revision(), before);
    pty.close("What came of it");
    pty.keys("V");
    pty.wait_for("rolled back");
    pty.close("What came of it");
    pty.keys("9G\r");
    pty.wait_for("the report is in");
    let report = std::fs::read_dir(home.path())
        .unwrap()
        .flatten()
        .find(|e| e.file_name().to_string_lossy().ends_with(".md"))
        .unwrap();
    let text = std::fs::read_to_string(report.path()).unwrap();
    assert!(
        text.contains("# Incident report")
            && text.contains("## What was done")
            && text.contains("payment failed first"),
        "{text}"
    );
    pty.keys("q");
    assert_eq!(pty.ended(), 0);
    assert!(pty.restored());
}

type Kubectl<'k> = &'k dyn Fn(&[&str]) -> (bool, String);

struct Story<'k> {
    kubectl: Kubectl<'k>,
    home: tempfile::TempDir,
    armed: Armed,
    session: Session,
    snapshot: Arc<engine::Snapshot>,
}

/// The pod that the sample's logs are of, on the node.
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

/// Fault classes that between them bring up every action of the catalogue.
const CLASSES: [&str; 13] = [
    "pool exhausted",
    "out of memory",
    "crash loop",
    "image pull",
    "node not ready",
    "disk full",
    "probe failed",
    "timeout",
    "quota",
    "deadlock",
    "i/o error",
    "failure",
    "authentication",
];

impl<'k> Story<'k> {
    fn new(kubectl: Kubectl<'k>) -> Story<'k> {
        let home = tempfile::tempdir().unwrap();
        let mut options = Options::new(vec![support::sample("checkout-outage.tar.gz")]);
        options.data = Some(home.path().to_path_buf());
        let mut session = engine::open(options).unwrap();
        let snapshot = session.wait();
        let plan = session
            .corpus
            .plan(&snapshot, &session.corpus.diagnosis_of(&snapshot));
        let pod = plan
            .iter()
            .find(|a| a.target.kind == "pod")
            .unwrap()
            .target
            .name
            .clone();
        assert!(make_pod(kubectl, &pod).0);
        let armed = arm("test", &plan).unwrap();
        assert_eq!(
            (
                armed.user.as_str(),
                armed.namespace.as_str(),
                armed.node.as_deref()
            ),
            ("admin", "shop", Some(NODE))
        );
        assert!(
            armed.server.starts_with("https://127.0.0.1:") && armed.warnings.is_empty(),
            "{armed:?}"
        );
        let story = Story {
            kubectl,
            home,
            armed,
            session,
            snapshot,
        };
        let probe = r#"{"spec":{"template":{"spec":{"nodeName":"node-1",
            "containers":[{"name":"payment","livenessProbe":{"httpGet":{"path":"/","port":80}}}]}}}}"#;
        story.done(&[
            "-n",
            "shop",
            "patch",
            "deployment",
            "payment",
            "--type=strategic",
            "-p",
            probe,
        ]);
        story.done(&[
            "-n",
            "shop",
            "rollout",
            "status",
            "deployment/payment",
            "--timeout=60s",
        ]);
        story
    }

    fn done(&self, args: &[&str]) -> String {
        let (done, said) = (self.kubectl)(args);
        assert!(done, "{args:?}: {said}");
        said
    }

    /// What the plan offers for any fault, by verb.
    fn actions(&self) -> BTreeMap<String, Action> {
        let mut out = BTreeMap::new();
        for class in CLASSES {
            let mut d = (*self.session.corpus.diagnosis_of(&self.snapshot)).clone();
            d.category = class.into();
            let given = [
                ("image", "payment:2"),
                ("variable", "POOL"),
                ("value", "a \"b\" \\ 'c' $(d)"),
                ("replicas", "4"),
            ];
            let given = given.map(|(k, v)| (k.to_string(), v.to_string())).into();
            let whom = PlanFor {
                context: Some("test".into()),
                given,
                node: self.armed.node.clone(),
            };
            for a in self.session.corpus.plan_for(&self.snapshot, &d, &whom) {
                out.entry(a.verb.clone()).or_insert(a);
            }
        }
        out
    }

    fn deployment(&self) -> Value {
        serde_json::from_str(&self.done(&[
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

    /// Looked at, applied, and not the least refused.
    fn applied(&self, action: &Action) -> Preflight {
        let card = preflight(action, &self.armed).unwrap_or_else(|e| panic!("{}: {e}", action.id));
        assert!(card.green(), "{}: {:?}", action.id, card.checks);
        let done = apply(&self.session.corpus, action, &self.armed, &card)
            .unwrap_or_else(|e| panic!("{}: {e}", action.id));
        assert!(!done.stuck, "{}: {}", action.id, done.told);
        eprintln!(
            "{}: {}",
            action.id,
            done.told.lines().next().unwrap_or_default()
        );
        card
    }

    /// The object of an action, without what the server writes by itself.
    fn object(&self, action: &Action) -> Value {
        let t = &action.target;
        let text = self.done(&["-n", "shop", "get", &t.kind, &t.name, "-o", "json"]);
        let object: Value = serde_json::from_str(&text).unwrap();
        // An undone rollout brings back the annotations of its time: that is how Kubernetes does it.
        let noted = Some(&object["metadata"]["annotations"]["aiops/root-cause"])
            .filter(|_| action.verb.ends_with("annotate"));
        serde_json::json!({"labels": object["metadata"]["labels"], "noted": noted, "spec": object["spec"]})
    }

    fn every_action_is_checked_applied_and_taken_back(&self) {
        let actions = self.actions();
        // A first restart gives a revision to go back to.
        let order = [
            "restart",
            "scale",
            "undo",
            "pause",
            "resume",
            "set-memory",
            "probe",
            "annotate",
            "label",
            "cordon",
            "uncordon",
        ];
        let rest = actions
            .keys()
            .map(String::as_str)
            .filter(|v| !order.contains(v));
        let mut applied = Vec::new();
        for action in order
            .into_iter()
            .chain(rest)
            .filter_map(|v| actions.get(v))
            .filter(|a| !a.argv.is_empty())
        {
            self.make(action);
            let before = self.object(action);
            let card = self.applied(action);
            applied.push(action.verb.as_str());
            if action.risk == Risk::None || action.verb == "delete-pod" {
                continue;
            }
            assert!(
                !card.diff.is_empty(),
                "{}: what changes is shown",
                action.id
            );
            assert_ne!(self.object(action), before, "{}", action.id);
            self.applied(
                &back(action, &card)
                    .unwrap_or_else(|| panic!("{}: {:?}", action.id, card.rollback)),
            );
            assert_eq!(
                self.object(action),
                before,
                "{} is taken back to what was seen",
                action.id
            );
        }
        eprintln!("applied {applied:?}");
        let all = faultline::remediate::catalogue()
            .iter()
            .filter(|e| !e.args.is_empty());
        let missing: Vec<&str> = all
            .map(|e| e.verb.as_str())
            .filter(|v| !applied.contains(v))
            .collect();
        assert!(missing.is_empty(), "not applied: {missing:?}");
    }

    /// The object that an action is about, where the shop has none of it, in the state that it is for.
    fn make(&self, action: &Action) {
        let pause = if action.verb == "resume" {
            "pause"
        } else {
            "resume"
        };
        // What it was before does not matter: it may be so already.
        (self.kubectl)(&["-n", "shop", "rollout", pause, "deployment/payment"]);
        (self.kubectl)(&[
            if action.verb == "uncordon" {
                "cordon"
            } else {
                "uncordon"
            },
            NODE,
        ]);
        if action.target.kind == "pod" {
            make_pod(self.kubectl, &action.target.name);
        }
        if action.target.kind == "hpa" {
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

    fn a_paused_workload_is_told_of_before(&self) {
        self.done(&["-n", "shop", "rollout", "pause", "deployment/payment"]);
        let card = preflight(&self.actions()["restart"], &self.armed).unwrap();
        assert!(
            card.checks.iter().any(|c| !c.0 && c.1.contains("paused")),
            "{:?}",
            card.checks
        );
        self.done(&["-n", "shop", "rollout", "resume", "deployment/payment"]);
    }

    fn budgets_and_autoscalers_are_told_of(&self) {
        // By its old API: that is what this server speaks, whatever kubectl would choose.
        let budget = r#"{"apiVersion":"policy/v1beta1","kind":"PodDisruptionBudget","metadata":{"name":"payment-budget","namespace":"shop"},
            "spec":{"minAvailable":1,"selector":{"matchLabels":{"app":"payment"}}}}"#;
        let file = self.home.path().join("budget.json");
        std::fs::write(&file, budget).unwrap();
        self.done(&["create", "-f", file.to_str().unwrap()]);
        let card = preflight(&self.actions()["restart"], &self.armed).unwrap();
        for told in ["disruption budget payment-budget", "autoscaler payment"] {
            assert!(
                card.checks.iter().any(|c| c.1.contains(told)),
                "{told}: {:?}",
                card.checks
            );
        }
    }

    fn what_is_not_allowed_is_not_tried(&self) {
        let mut theirs = self.actions()["restart"].clone();
        theirs.argv[2] = "viewer".into();
        let before = self.deployment();
        let card = preflight(&theirs, &arm("viewer", &[]).unwrap()).unwrap();
        assert!(!card.green(), "{:?}", card.checks);
        assert_eq!(
            self.deployment()["metadata"]["resourceVersion"],
            before["metadata"]["resourceVersion"]
        );
    }

    /// The context is led to another server while faultline runs.
    fn a_context_that_leads_elsewhere_is_refused(&self) {
        let restart = &self.actions()["restart"];
        let card = preflight(restart, &self.armed).unwrap();
        let before = self.deployment();
        self.done(&["config", "set-context", "test", "--user=viewer"]);
        let refused = [
            apply(&self.session.corpus, restart, &self.armed, &card).unwrap_err(),
            {
                let card = preflight(restart, &self.armed).unwrap();
                card.checks.iter().find(|c| !c.0).unwrap().1.clone()
            },
        ];
        self.done(&["config", "set-context", "test", "--user=admin"]);
        assert!(
            refused.iter().all(|r| r.contains("as viewer")),
            "{refused:?}"
        );
        assert_eq!(
            self.deployment()["metadata"]["resourceVersion"],
            before["metadata"]["resourceVersion"]
        );
    }

    fn what_changed_meanwhile_refuses(&self) {
        let restart = &self.actions()["restart"];
        let card = preflight(restart, &self.armed).unwrap();
        self.done(&[
            "-n",
            "shop",
            "annotate",
            "deployment",
            "payment",
            "someone=else",
        ]);
        let refused = apply(&self.session.corpus, restart, &self.armed, &card).unwrap_err();
        assert!(
            refused.contains("object has been modified") || refused.contains("Conflict"),
            "{refused}"
        );
    }

    fn bad_lines_end_in_a_sentence(&self) {
        for context in ["dropped", "slow"] {
            let mut action = self.actions()["restart"].clone();
            action.argv[2] = context.into();
            let armed = arm(context, &[]).unwrap();
            let card = preflight(&action, &armed).unwrap();
            let told = card.checks.iter().find(|c| !c.0).map(|c| c.1.clone());
            eprintln!("{context}: {told:?}");
            assert!(
                told.is_some_and(|t| t.len() > 10),
                "{context}: {:?}",
                card.checks
            );
        }
        let nowhere = arm("nowhere", &[]).unwrap_err();
        assert!(nowhere.contains("nowhere"), "{nowhere}");
    }

    fn what_vanished_is_told(&self) {
        let restart = &self.actions()["restart"];
        let card = preflight(restart, &self.armed).unwrap();
        assert!(card.green(), "{:?}", card.checks);
        self.done(&["-n", "shop", "delete", "deployment", "payment"]);
        assert!(
            apply(&self.session.corpus, restart, &self.armed, &card)
                .unwrap_err()
                .contains("not found")
        );
        let gone = preflight(restart, &self.armed).unwrap();
        assert!(
            gone.checks
                .iter()
                .any(|c| !c.0 && c.1.contains("not found")),
            "{:?}",
            gone.checks
        );
    }
}

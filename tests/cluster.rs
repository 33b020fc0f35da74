//! Actions on a real cluster: a real kubectl against a real kube-apiserver. Left out, saying so, where there is none.

mod support;

use faultline::engine::{self, Options, Preflight, Session, apply, back, preflight};
use faultline::model::Action;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use support::cluster::Cluster;
use support::pty::Pty;

/// kubectl finds the cluster by its environment, so the story is told by a process of its own.
#[test]
fn actions_do_on_a_real_cluster_what_they_say() {
    let Some(cluster) = Cluster::start() else { return };
    cluster.kubectl(&["create", "namespace", "shop"]);
    cluster.kubectl(&["-n", "shop", "create", "deployment", "payment", "--image=payment:1"]);
    cluster.wait_until("the deployment is ready", || {
        cluster.kubectl(&["-n", "shop", "rollout", "status", "deployment/payment", "--timeout=20s"]).0
    });
    from_the_outage_to_the_report(&cluster);
    let me = std::env::current_exe().unwrap();
    let told = std::process::Command::new(me)
        .args(["--ignored", "--exact", "the_story", "--nocapture", "--test-threads=1"])
        .env("KUBECONFIG", cluster.config())
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&told.stdout), String::from_utf8_lossy(&told.stderr));
    eprintln!("{out}{err}");
    assert!(told.status.success() && out.contains("1 passed"), "{out}{err}");
}

#[test]
#[ignore = "told by the test above it, in a cluster"]
fn the_story() {
    let config = std::env::var("KUBECONFIG").unwrap();
    let kubectl = |args: &[&str]| {
        let done = std::process::Command::new("kubectl").args(args).output().unwrap();
        (done.status.success(), String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned())
    };
    assert!(!config.is_empty());
    let story = Story::new(&kubectl);
    story.every_action_is_checked_applied_and_taken_back();
    (story.kubectl)(&["-n", "shop", "rollout", "resume", "deployment/payment"]);
    story.a_paused_workload_is_told_of_before();
    story.budgets_and_autoscalers_are_told_of();
    story.what_is_not_allowed_is_not_tried();
    story.what_changed_meanwhile_refuses();
    story.bad_lines_end_in_a_sentence();
    story.what_vanished_is_told();
}

/// The whole story at a terminal: the outage, its cause, the plan, one action with one key, taken back, and the report.
fn from_the_outage_to_the_report(cluster: &Cluster) {
    let home = tempfile::tempdir().unwrap();
    let sample = support::sample("checkout-outage.tar.gz");
    let mut pty = Pty::with(home.path(), &[sample.to_str().unwrap()], &[("KUBECONFIG", &cluster.config())]);
    pty.wait_for("1 odd window");
    pty.keys("5");
    pty.wait_for("C critical");
    pty.keys("6");
    pty.wait_for("payment failed first");
    pty.keys("7");
    pty.wait_for("restart payment (rolling)");
    let revision = || cluster.kubectl(&["-n", "shop", "rollout", "history", "deployment/payment"]).1;
    let before = revision();
    pty.keys("jjA");
    pty.wait_for("context of the cluster");
    pty.keys("test\r");
    pty.wait_for("armed: test");
    pty.wait_for("--context test");
    pty.keys("A");
    pty.wait_for("All green");
    assert_eq!(revision(), before, "a look changes nothing");
    pty.close("Before it is applied");
    pty.keys("A");
    pty.wait_for("successfully rolled out");
    assert_ne!(revision(), before);
    pty.close("What came of it");
    pty.keys("V");
    pty.wait_for("rolled back");
    pty.close("What came of it");
    pty.keys("9G\r");
    pty.wait_for("the report is in");
    let report = std::fs::read_dir(home.path()).unwrap().flatten().find(|e| e.file_name().to_string_lossy().ends_with(".md")).unwrap();
    let text = std::fs::read_to_string(report.path()).unwrap();
    assert!(text.contains("# Incident report") && text.contains("## What was done") && text.contains("payment failed first"), "{text}");
    pty.keys("q");
    assert_eq!(pty.ended(), 0);
    assert!(pty.restored());
}

type Kubectl<'k> = &'k dyn Fn(&[&str]) -> (bool, String);

struct Story<'k> {
    kubectl: Kubectl<'k>,
    home: tempfile::TempDir,
    session: Session,
    snapshot: Arc<engine::Snapshot>,
}

/// Fault classes that between them bring up every action of the catalogue.
const CLASSES: [&str; 12] = [
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
];

impl<'k> Story<'k> {
    fn new(kubectl: Kubectl<'k>) -> Story<'k> {
        let home = tempfile::tempdir().unwrap();
        let mut options = Options::new(vec![support::sample("checkout-outage.tar.gz")]);
        options.data = Some(home.path().to_path_buf());
        let mut session = engine::open(options).unwrap();
        let snapshot = session.wait();
        let story = Story { kubectl, home, session, snapshot };
        let probe =
            r#"{"spec":{"template":{"spec":{"containers":[{"name":"payment","livenessProbe":{"httpGet":{"path":"/","port":80}}}]}}}}"#;
        story.done(&["-n", "shop", "patch", "deployment", "payment", "--type=strategic", "-p", probe]);
        story.done(&["-n", "shop", "rollout", "status", "deployment/payment", "--timeout=60s"]);
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
            for a in self.session.corpus.plan(&self.snapshot, &d, Some("test")) {
                out.entry(a.verb.clone()).or_insert(a);
            }
        }
        out
    }

    fn deployment(&self) -> Value {
        serde_json::from_str(&self.done(&["-n", "shop", "get", "deployment", "payment", "-o", "json"])).unwrap()
    }

    fn applied(&self, action: &Action) -> Preflight {
        let card = preflight(action, "test").unwrap_or_else(|e| panic!("{}: {e}", action.id));
        assert!(card.green(), "{}: {:?}", action.id, card.checks);
        let told = apply(&self.session.corpus, action, "test", &card).unwrap_or_else(|e| panic!("{}: {e}", action.id));
        eprintln!("{}: {}", action.id, told.lines().next().unwrap_or_default());
        card
    }

    fn every_action_is_checked_applied_and_taken_back(&self) {
        let actions = self.actions();
        let (mut applied, mut copied) = (Vec::new(), Vec::new());
        // A first restart gives a revision to go back to.
        let order = ["restart", "scale", "undo", "pause", "resume", "set-memory", "probe", "annotate", "label"];
        let rest = actions.keys().map(String::as_str).filter(|v| !order.contains(v));
        for action in order.into_iter().chain(rest).filter_map(|v| actions.get(v)).filter(|a| !a.argv.is_empty()) {
            if action.argv.iter().any(|a| a.contains('<')) || ["top", "logs-previous"].contains(&action.verb.as_str()) {
                // What leaves a word to the user is text to copy; logs and measurements want a kubelet.
                copied.push(action.verb.clone());
                continue;
            }
            self.make(action);
            let before = self.deployment();
            let card = self.applied(action);
            if let Some(back) = back(action, &card).filter(|b| b.argv.iter().all(|a| !a.contains('<'))) {
                if action.target.kind == "deployment" && action.risk > faultline::model::Risk::None {
                    assert_ne!(self.deployment()["metadata"]["resourceVersion"], before["metadata"]["resourceVersion"], "{}", action.id);
                }
                self.applied(&back);
            }
            if action.verb == "scale" {
                assert_eq!(self.deployment()["spec"]["replicas"], before["spec"]["replicas"], "taken back to what was seen");
            }
            applied.push(action.verb.clone());
        }
        eprintln!("applied {applied:?}; text to copy {copied:?}");
        for verb in ["restart", "scale", "undo", "annotate", "label", "describe", "get", "history", "rollout-status", "delete-pod"] {
            assert!(applied.iter().any(|v| v == verb), "{verb} was not applied: {applied:?}");
        }
    }

    /// The object that an action is about, where the shop has none of it.
    fn make(&self, action: &Action) {
        let t = &action.target;
        let pause = if action.verb == "resume" { "pause" } else { "resume" };
        // What it was before does not matter: it may be so already.
        (self.kubectl)(&["-n", "shop", "rollout", pause, "deployment/payment"]);
        match t.kind.as_str() {
            "pod" => drop((self.kubectl)(&["-n", "shop", "run", &t.name, "--image=payment:1", "--restart=Never"])),
            "hpa" | "horizontalpodautoscaler" => drop((self.kubectl)(&["-n", "shop", "autoscale", "deployment", "payment", "--max=3"])),
            _ => {}
        }
    }

    fn a_paused_workload_is_told_of_before(&self) {
        self.done(&["-n", "shop", "rollout", "pause", "deployment/payment"]);
        let card = preflight(&self.actions()["restart"], "test").unwrap();
        assert!(card.checks.iter().any(|c| !c.0 && c.1.contains("paused")), "{:?}", card.checks);
        self.done(&["-n", "shop", "rollout", "resume", "deployment/payment"]);
    }

    fn budgets_and_autoscalers_are_told_of(&self) {
        // By its old API: that is what this server speaks, whatever kubectl would choose.
        let budget = r#"{"apiVersion":"policy/v1beta1","kind":"PodDisruptionBudget","metadata":{"name":"payment-budget","namespace":"shop"},
            "spec":{"minAvailable":1,"selector":{"matchLabels":{"app":"payment"}}}}"#;
        let file = self.home.path().join("budget.json");
        std::fs::write(&file, budget).unwrap();
        self.done(&["create", "-f", file.to_str().unwrap()]);
        let card = preflight(&self.actions()["restart"], "test").unwrap();
        for told in ["disruption budget payment-budget", "autoscaler payment"] {
            assert!(card.checks.iter().any(|c| c.1.contains(told)), "{told}: {:?}", card.checks);
        }
    }

    fn what_is_not_allowed_is_not_tried(&self) {
        let restart = &self.actions()["restart"];
        let mut theirs = restart.clone();
        theirs.argv[2] = "viewer".into();
        let before = self.deployment();
        let card = preflight(&theirs, "viewer").unwrap();
        assert!(!card.green(), "{:?}", card.checks);
        assert_eq!(self.deployment()["metadata"]["resourceVersion"], before["metadata"]["resourceVersion"]);
    }

    fn what_changed_meanwhile_refuses(&self) {
        let restart = &self.actions()["restart"];
        let card = preflight(restart, "test").unwrap();
        self.done(&["-n", "shop", "annotate", "deployment", "payment", "someone=else"]);
        let refused = apply(&self.session.corpus, restart, "test", &card).unwrap_err();
        assert!(refused.contains("object has been modified") || refused.contains("Conflict"), "{refused}");
    }

    fn bad_lines_end_in_a_sentence(&self) {
        for context in ["dropped", "slow", "nowhere"] {
            let mut action = self.actions()["restart"].clone();
            action.argv[2] = context.into();
            match preflight(&action, context) {
                Ok(card) => {
                    assert!(!card.green(), "{context}");
                    eprintln!("{context}: {:?}", card.checks.iter().find(|c| !c.0));
                }
                Err(e) => eprintln!("{context}: {e}"),
            }
        }
    }

    fn what_vanished_is_told(&self) {
        let restart = &self.actions()["restart"];
        let card = preflight(restart, "test").unwrap();
        assert!(card.green(), "{:?}", card.checks);
        self.done(&["-n", "shop", "delete", "deployment", "payment"]);
        assert!(apply(&self.session.corpus, restart, "test", &card).unwrap_err().contains("not found"));
        let gone = preflight(restart, "test").unwrap();
        assert!(gone.checks.iter().any(|c| !c.0 && c.1.contains("not found")), "{:?}", gone.checks);
    }
}

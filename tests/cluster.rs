//! Actions on a real cluster: a real kubectl against a real kube-apiserver. Skipped with a message
//! if the programs for a cluster are missing.

mod support;

use faultline::cluster::{apply, connect, preflight, rollback_action};
use faultline::model::{Action, Context, Risk};
use support::cluster::Cluster;
use support::pty::Pty;
use support::scenario::Scenario;

/// kubectl finds the cluster through an environment variable, so the scenario runs in its own
/// process.
#[test]
fn actions_have_the_stated_effect_on_a_real_cluster() {
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
    an_outage_is_handled_at_the_terminal(&cluster);
    std::fs::write(
        cluster.logs().join("any.previous.log"),
        "2026-03-02T09:00:00Z the last words\n",
    )
    .unwrap();
    let me = std::env::current_exe().unwrap();
    let done = std::process::Command::new(me)
        .args([
            "--ignored",
            "--exact",
            "every_action_works_and_can_be_undone",
            "--nocapture",
            "--test-threads=1",
        ])
        .env("KUBECONFIG", cluster.config())
        .output()
        .unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr),
    );
    eprintln!("{out}{err}");
    assert!(
        done.status.success() && out.contains("1 passed"),
        "{out}{err}"
    );
}

#[test]
#[ignore = "run by the test above, which provides the cluster"]
fn every_action_works_and_can_be_undone() {
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
    let scenario = Scenario::new(&kubectl);
    scenario.every_action_is_checked_applied_and_undone();
    (scenario.kubectl)(&["-n", "shop", "rollout", "resume", "deployment/payment"]);
    scenario.a_paused_workload_is_reported_before_a_restart();
    scenario.budgets_and_autoscalers_are_reported();
    scenario.an_action_without_permission_is_not_tried();
    scenario.a_context_that_changed_its_target_is_refused();
    scenario.an_object_that_changed_since_the_check_is_refused();
    scenario.connection_problems_are_reported_in_a_sentence();
    scenario.a_deleted_object_is_reported();
}

/// The whole workflow at a terminal: outage, cause, plan, one action, its undo, and the report.
fn an_outage_is_handled_at_the_terminal(cluster: &Cluster) {
    let home = tempfile::tempdir().unwrap();
    let sample = support::sample("checkout-outage.tar.gz");
    let mut pty = Pty::with(
        home.path(),
        &[sample.to_str().unwrap()],
        &[("KUBECONFIG", &cluster.config())],
    );
    pty.wait_for("1 anomaly");
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
    pty.wait_for("kubectl context of the cluster");
    pty.keys("test\r");
    pty.wait_for("Cluster chosen for this session");
    pty.close("Cluster chosen for this session");
    pty.wait_for("--context test");
    pty.wait_for("All checks passed: A applies it");
    assert_eq!(revision(), before, "a preflight check changes nothing");
    pty.keys("A");
    pty.wait_for("successfully rolled out");
    assert_ne!(revision(), before);
    pty.close("Action result");
    pty.keys("V");
    pty.wait_for("rolled back");
    pty.close("Action result");
    pty.keys("9G\r");
    pty.wait_for("report written to");
    let report = std::fs::read_dir(home.path())
        .unwrap()
        .flatten()
        .find(|e| e.file_name().to_string_lossy().ends_with(".md"))
        .unwrap();
    let text = std::fs::read_to_string(report.path()).unwrap();
    assert!(
        text.contains("# Incident report")
            && text.contains("## Actions taken")
            && text.contains("payment failed first"),
        "{text}"
    );
    pty.keys("q");
    assert_eq!(pty.ended(), 0);
    assert!(pty.restored());
}

/// Makes an action run in another context.
fn set_context(action: &mut Action, context: &str) {
    action.command.as_mut().unwrap().context = Context::Named(context.into());
}

impl Scenario<'_> {
    fn every_action_is_checked_applied_and_undone(&self) {
        let actions = self.actions();
        // The restart comes first: it creates a revision to return to.
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
            .filter(|a| a.command.is_some())
        {
            self.prepare(action);
            let before = self.object(action);
            let checked = self.apply_checked(action);
            applied.push(action.verb.as_str());
            if action.risk == Risk::None || action.verb == "delete-pod" {
                continue;
            }
            assert!(
                !checked.diff.is_empty(),
                "{}: the card shows no changes",
                action.id
            );
            assert_ne!(self.object(action), before, "{}", action.id);
            self.apply_checked(
                &rollback_action(action, &checked)
                    .unwrap_or_else(|| panic!("{}: {:?}", action.id, checked.rollback)),
            );
            assert_eq!(
                self.object(action),
                before,
                "{}: undo restores the previous state",
                action.id
            );
        }
        eprintln!("applied {applied:?}");
        let all = faultline::remediate::catalog()
            .iter()
            .filter(|e| e.command.is_some());
        let missing: Vec<&str> = all
            .map(|e| e.verb.as_str())
            .filter(|v| !applied.contains(v))
            .collect();
        assert!(missing.is_empty(), "not applied: {missing:?}");
    }

    fn a_paused_workload_is_reported_before_a_restart(&self) {
        self.run(&["-n", "shop", "rollout", "pause", "deployment/payment"]);
        let checked = preflight(&self.actions()["restart"], &self.connection).unwrap();
        assert!(
            checked
                .checks
                .iter()
                .any(|c| !c.passed && c.text.contains("paused")),
            "{:?}",
            checked.checks
        );
        self.run(&["-n", "shop", "rollout", "resume", "deployment/payment"]);
    }

    fn budgets_and_autoscalers_are_reported(&self) {
        // The v1beta1 API, because this server has no newer one.
        let budget = r#"{"apiVersion":"policy/v1beta1","kind":"PodDisruptionBudget","metadata":{"name":"payment-budget","namespace":"shop"},
            "spec":{"minAvailable":1,"selector":{"matchLabels":{"app":"payment"}}}}"#;
        let file = self.home.path().join("budget.json");
        std::fs::write(&file, budget).unwrap();
        self.run(&["create", "-f", file.to_str().unwrap()]);
        let checked = preflight(&self.actions()["restart"], &self.connection).unwrap();
        for part in ["disruption budget payment-budget", "autoscaler payment"] {
            assert!(
                checked.checks.iter().any(|c| c.text.contains(part)),
                "{part}: {:?}",
                checked.checks
            );
        }
    }

    fn an_action_without_permission_is_not_tried(&self) {
        let mut action = self.actions()["restart"].clone();
        set_context(&mut action, "viewer");
        let before = self.deployment();
        let checked = preflight(&action, &connect("viewer", &[]).unwrap()).unwrap();
        assert!(!checked.passed(), "{:?}", checked.checks);
        assert_eq!(
            self.deployment()["metadata"]["resourceVersion"],
            before["metadata"]["resourceVersion"]
        );
    }

    /// The context gets another user while faultline runs.
    fn a_context_that_changed_its_target_is_refused(&self) {
        let restart = &self.actions()["restart"];
        let checked = preflight(restart, &self.connection).unwrap();
        let before = self.deployment();
        self.run(&["config", "set-context", "test", "--user=viewer"]);
        let refused = [
            apply(&self.analysis, restart, &self.connection, &checked)
                .unwrap_err()
                .to_string(),
            {
                let checked = preflight(restart, &self.connection).unwrap();
                checked
                    .checks
                    .iter()
                    .find(|c| !c.passed)
                    .unwrap()
                    .text
                    .clone()
            },
        ];
        self.run(&["config", "set-context", "test", "--user=admin"]);
        assert!(
            refused.iter().all(|r| r.contains("as viewer")),
            "{refused:?}"
        );
        assert_eq!(
            self.deployment()["metadata"]["resourceVersion"],
            before["metadata"]["resourceVersion"]
        );
    }

    fn an_object_that_changed_since_the_check_is_refused(&self) {
        let restart = &self.actions()["restart"];
        let checked = preflight(restart, &self.connection).unwrap();
        self.run(&[
            "-n",
            "shop",
            "annotate",
            "deployment",
            "payment",
            "someone=else",
        ]);
        let refused = apply(&self.analysis, restart, &self.connection, &checked)
            .unwrap_err()
            .to_string();
        assert!(
            refused.contains("object has been modified") || refused.contains("Conflict"),
            "{refused}"
        );
    }

    fn connection_problems_are_reported_in_a_sentence(&self) {
        for context in ["dropped", "slow"] {
            let mut action = self.actions()["restart"].clone();
            set_context(&mut action, context);
            let connection = connect(context, &[]).unwrap();
            let checked = preflight(&action, &connection).unwrap();
            let message = checked
                .checks
                .iter()
                .find(|c| !c.passed)
                .map(|c| c.text.clone());
            eprintln!("{context}: {message:?}");
            assert!(
                message.is_some_and(|m| m.len() > 10),
                "{context}: {:?}",
                checked.checks
            );
        }
        let nowhere = connect("nowhere", &[]).unwrap_err().to_string();
        assert!(nowhere.contains("nowhere"), "{nowhere}");
    }

    fn a_deleted_object_is_reported(&self) {
        let restart = &self.actions()["restart"];
        let checked = preflight(restart, &self.connection).unwrap();
        assert!(checked.passed(), "{:?}", checked.checks);
        self.run(&["-n", "shop", "delete", "deployment", "payment"]);
        assert!(
            apply(&self.analysis, restart, &self.connection, &checked)
                .unwrap_err()
                .to_string()
                .contains("not found")
        );
        let gone = preflight(restart, &self.connection).unwrap();
        assert!(
            gone.checks
                .iter()
                .any(|c| !c.passed && c.text.contains("not found")),
            "{:?}",
            gone.checks
        );
    }
}

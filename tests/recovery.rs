//! Plan, apply, reports and incidents on the command line: their output, refusals and audit
//! records. kubectl is a shell script, so no cluster is needed.

mod support;

use serde_json::Value;
use support::{faultline, run, sample};

/// Runs a command on the checkout sample: its status and JSON output.
fn json(home: &std::path::Path, args: &[&str]) -> (i32, Value) {
    let (status, out, err) = run(faultline(home)
        .args(args)
        .args(["--format", "json"])
        .arg(sample("checkout-outage.tar.gz")));
    (
        status,
        serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {err}")),
    )
}

#[test]
fn a_plan_without_a_cluster_is_ordered_and_complete() {
    let home = tempfile::tempdir().unwrap();
    let (status, plan) = json(home.path(), &["plan"]);
    assert_eq!((status, plan["mode"].as_str()), (1, Some("offline")));
    let actions = plan["actions"].as_array().unwrap();
    let confidence: Vec<f64> = actions
        .iter()
        .map(|a| a["confidence"].as_f64().unwrap())
        .collect();
    assert!(confidence.windows(2).all(|w| w[0] >= w[1]));
    for a in actions {
        let argv = a["argv"].as_array().unwrap();
        assert!(argv.is_empty() || argv[1] == "--context" && argv[2] == "<CONTEXT>");
        assert!(["none", "low", "medium", "high"].contains(&a["risk"].as_str().unwrap()));
        assert!(
            !a["why"].as_str().unwrap().is_empty() && !a["verify"].as_str().unwrap().is_empty()
        );
    }
    assert!(
        actions.iter().any(|a| a["verb"] == "nothing")
            && actions.iter().any(|a| a["verb"] == "escalate")
    );
}

#[test]
fn an_action_is_refused_without_a_context_or_consent() {
    let home = tempfile::tempdir().unwrap();
    let bundle = sample("checkout-outage.tar.gz");
    for (args, word) in [
        (vec![], "no cluster"),
        (vec!["--context", "nowhere"], "--yes"),
        (
            vec!["--context", "nowhere", "--yes", "--read-only"],
            "read-only",
        ),
    ] {
        let (status, _, err) = run(faultline(home.path())
            .args(["apply", "restart-payment"])
            .arg(&bundle)
            .args(&args));
        assert_eq!(status, 1, "{err}");
        assert!(err.contains(word), "{err}");
    }
    let audit = walk(home.path())
        .into_iter()
        .any(|p| p.ends_with("audit.jsonl"));
    assert!(!audit, "a refused action has an audit record");
}

/// All files in a folder and its subfolders.
fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut out = Vec::new();
    for e in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if e.path().is_dir() {
            out.extend(walk(&e.path()))
        } else {
            out.push(e.path())
        }
    }
    out
}

/// Writes a fake kubectl that answers like the real one and logs its arguments. Returns its folder
/// and the log file.
fn fake_kubectl(home: &std::path::Path, refuse: bool) -> (std::path::PathBuf, std::path::PathBuf) {
    use std::os::unix::fs::PermissionsExt;
    let (bin, log) = (home.join("bin"), home.join("asked"));
    std::fs::create_dir_all(&bin).unwrap();
    let object = r#"{"metadata":{"uid":"u-1","resourceVersion":"42","labels":{}},
        "spec":{"replicas":2,"selector":{"matchLabels":{"app":"payment"}},"template":{"x":0}}}"#;
    let pod = r#"{"metadata":{"labels":{"app":"payment"}}}"#;
    let config = r#"{"clusters":[{"cluster":{"server":"https://a"}}],"contexts":[{"context":{"user":"me"}}]}"#;
    let may = if refuse { "no" } else { "yes" };
    let answers = [
        ("can-i", may.to_string()),
        ("config view", config.to_string()),
        ("dry-run=server", object.replace("\"x\":0", "\"x\":1")),
        ("get deployment", object.to_string()),
        ("get pods", format!("{{\"items\":[{pod},{pod}]}}")),
        ("rollout status", "rolled out".to_string()),
    ];
    let cases: String = answers
        .iter()
        .map(|(args, reply)| format!("*'{args}'*) cat <<'END'\n{reply}\nEND\n;;\n"))
        .collect();
    let script = format!(
        "#!/bin/sh\necho \"$@\" >> {}\ncase \"$*\" in\n{cases}*) echo patched;;\nesac\n",
        log.display()
    );
    let file = bin.join("kubectl");
    std::fs::write(&file, script).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    (bin, log)
}

/// The command that applies the sample's first action with the fake kubectl.
fn restart(home: &std::path::Path, bin: &std::path::Path) -> std::process::Command {
    let mut command = faultline(home);
    command.env(
        "PATH",
        format!("{}:{}", bin.display(), std::env::var("PATH").unwrap()),
    );
    command
        .args(["apply", "restart-payment", "--context", "kind-a", "--yes"])
        .arg(sample("checkout-outage.tar.gz"));
    command
}

#[test]
fn an_allowed_action_is_checked_run_verified_and_recorded() {
    let home = tempfile::tempdir().unwrap();
    let (bin, log) = fake_kubectl(home.path(), false);
    let (status, out, err) = run(&mut restart(home.path(), &bin));
    assert_eq!(status, 0, "{err}");
    assert!(out.contains("patched") && out.contains("2 pods"), "{out}");
    let asked = std::fs::read_to_string(log).unwrap();
    let order: Vec<usize> = ["can-i", "--dry-run=server", "rollout status"]
        .iter()
        .map(|w| asked.find(w).unwrap())
        .collect();
    assert!(order.windows(2).all(|w| w[0] < w[1]));
    assert!(
        asked.lines().all(|l| l.contains("--context kind-a"))
            && asked.contains("\"resourceVersion\":\"42\"")
    );
    let audit = walk(home.path())
        .into_iter()
        .find(|p| p.ends_with("audit.jsonl"))
        .unwrap();
    let stages: Vec<String> = std::fs::read_to_string(audit)
        .unwrap()
        .lines()
        .map(|l| {
            serde_json::from_str::<Value>(l).unwrap()["stage"]
                .as_str()
                .unwrap()
                .to_string()
        })
        .collect();
    assert_eq!(stages, ["intent", "done", "verified"]);
}

/// Kills faultline while kubectl runs a command that contains `word`. Returns the stages in the
/// audit file, and standard error of the next start.
fn killed_while(word: &str) -> (Vec<String>, String) {
    let home = tempfile::tempdir().unwrap();
    let (bin, log) = fake_kubectl(home.path(), false);
    let script = std::fs::read_to_string(bin.join("kubectl")).unwrap();
    let hang = format!("case \"$*\" in\n*'{word}'*) sleep 20;;\n*) ;;\nesac\ncase \"$*\" in\n");
    std::fs::write(
        bin.join("kubectl"),
        script.replacen("case \"$*\" in\n", &hang, 1),
    )
    .unwrap();
    let mut child = restart(home.path(), &bin)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    while !std::fs::read_to_string(&log)
        .unwrap_or_default()
        .lines()
        .any(|l| l.contains(word))
    {
        assert!(
            child.try_wait().unwrap().is_none(),
            "{word}: faultline ended before kubectl was called"
        );
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let audit = walk(home.path())
        .into_iter()
        .find(|p| p.ends_with("audit.jsonl"));
    let text = audit
        .map(|p| std::fs::read_to_string(p).unwrap())
        .unwrap_or_default();
    let stage = |l: &str| {
        serde_json::from_str::<Value>(l).unwrap()["stage"]
            .as_str()
            .unwrap()
            .to_string()
    };
    let (_, _, err) = run(faultline(home.path())
        .args(["plan"])
        .arg(sample("checkout-outage.tar.gz")));
    (text.lines().map(stage).collect(), err)
}

#[test]
fn the_audit_is_correct_if_apply_is_killed_at_any_step() {
    for check in [
        "config view",
        "get deployment",
        "can-i",
        "dry-run=server",
        "get pods",
    ] {
        let (stages, err) = killed_while(check);
        assert!(
            stages.is_empty() && !err.contains("not recorded"),
            "{check}: the action had not started, {stages:?} {err}"
        );
    }
    let (stages, err) = killed_while("rollout status");
    assert_eq!(stages, ["intent", "done"]);
    assert!(err.contains("its outcome is not recorded"), "{err}");
}

#[test]
fn an_action_killed_during_its_change_is_not_recorded_as_done() {
    let home = tempfile::tempdir().unwrap();
    let (bin, _) = fake_kubectl(home.path(), false);
    let script = std::fs::read_to_string(bin.join("kubectl"))
        .unwrap()
        .replace("*) echo patched;;", "*) sleep 20;;");
    std::fs::write(bin.join("kubectl"), script).unwrap();
    let mut child = restart(home.path(), &bin)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let audit = loop {
        let found = walk(home.path())
            .into_iter()
            .find(|p| p.ends_with("audit.jsonl"));
        if let Some(text) = found
            .and_then(|p| std::fs::read_to_string(p).ok())
            .filter(|t| t.ends_with('\n'))
        {
            break text;
        }
        assert!(
            child.try_wait().unwrap().is_none(),
            "faultline ended before the audit record was written"
        );
        std::thread::sleep(std::time::Duration::from_millis(20));
    };
    child.kill().unwrap();
    child.wait().unwrap();
    let stages: Vec<Value> = audit
        .lines()
        .map(|l| serde_json::from_str::<Value>(l).unwrap()["stage"].clone())
        .collect();
    assert_eq!(
        stages,
        ["intent"],
        "an action whose end was not seen is not recorded as done"
    );
    let (_, _, err) = run(faultline(home.path())
        .args(["plan"])
        .arg(sample("checkout-outage.tar.gz")));
    assert!(err.contains("its end is not recorded"), "{err}");
}

#[test]
fn a_missing_permission_prevents_every_change() {
    let home = tempfile::tempdir().unwrap();
    let (bin, log) = fake_kubectl(home.path(), true);
    let (status, _, err) = run(&mut restart(home.path(), &bin));
    assert_eq!(status, 1);
    assert!(err.contains("check failed"), "{err}");
    let asked = std::fs::read_to_string(log).unwrap();
    assert!(
        asked
            .lines()
            .all(|l| !l.contains(" patch ") || l.contains("dry-run=server") || l.contains("can-i")),
        "{asked}"
    );
}

#[test]
fn triage_reports_are_written_in_four_formats() {
    let home = tempfile::tempdir().unwrap();
    let (status, all) = json(home.path(), &["triage"]);
    assert_eq!((status, all["verdict"].as_str()), (1, Some("anomalous")));
    for key in ["templates", "anomalies", "diagnosis", "plan"] {
        assert!(all[key].is_object(), "{key}");
    }
    for (format, word) in [
        ("text", "PLAN"),
        ("markdown", "## Cause"),
        ("pagerduty", "\"event_action\":\"trigger\""),
    ] {
        let (status, out, err) = run(faultline(home.path())
            .args(["triage", "--format", format])
            .arg(sample("checkout-outage.tar.gz")));
        assert_eq!(status, 1, "{err}");
        assert!(out.contains(word), "{format}: {out}");
    }
}

#[test]
fn a_saved_incident_is_recognized_exported_and_imported() {
    let home = tempfile::tempdir().unwrap();
    let bundle = sample("checkout-outage.tar.gz");
    let (status, out, err) = run(faultline(home.path())
        .args([
            "incidents",
            "save",
            "--title",
            "pool",
            "--cause",
            "leak",
            "--fix",
            "restart",
        ])
        .arg(&bundle));
    assert!(status == 0 && out.contains("INC-1"), "{err}");
    let (_, d) = json(home.path(), &["diagnose"]);
    assert!(
        d["similar"]
            .as_array()
            .unwrap()
            .iter()
            .any(|s| s["incident"] == "INC-1")
    );
    let file = home.path().join("share.toml");
    run(faultline(home.path())
        .args(["incidents", "export"])
        .arg(&file));
    let other = tempfile::tempdir().unwrap();
    let (_, out, _) = run(faultline(other.path())
        .args(["incidents", "import"])
        .arg(&file));
    assert!(out.contains("incidents imported: 1"), "{out}");
}

#[test]
fn compare_finds_a_template_that_is_new_in_the_second_range() {
    let home = tempfile::tempdir().unwrap();
    let bundle = sample("checkout-outage.tar.gz");
    let mut command = faultline(home.path());
    command
        .args(["compare", "--format", "json", "--in"])
        .arg(&bundle)
        .args([
            "2026-03-02T09:00:00Z..2026-03-02T09:08:00Z",
            "2026-03-02T09:08:00Z..2026-03-02T09:15:00Z",
        ]);
    let (status, out, err) = run(&mut command);
    assert_eq!(status, 0, "{err}");
    let c: Value = serde_json::from_str(&out).unwrap();
    assert!(
        c["new"]
            .as_array()
            .unwrap()
            .iter()
            .any(|t| t["template"] == "connection pool exhausted"),
        "{out}"
    );
}

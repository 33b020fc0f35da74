//! Live logs of a real cluster: a real kubectl follows them through a real API server from a fake
//! kubelet. Skipped with a message if the programs for a cluster are missing.

mod support;

use faultline::cluster::{LiveLogs, follow_pods};
use faultline::corpus;
use faultline::text::civil::{MINUTE, SECOND, rfc3339};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use support::append;
use support::cluster::{Cluster, NODE};
use support::pty::Pty;

#[test]
fn a_live_outage_is_found_and_its_recovery_is_recorded() {
    let Some(cluster) = Cluster::start() else {
        return;
    };
    cluster.kubectl(&["create", "namespace", "shop"]);
    for service in ["payment", "checkout"] {
        let image = format!("--image={service}:1");
        cluster.kubectl(&["-n", "shop", "create", "deployment", service, &image]);
        let placed = format!(r#"{{"spec":{{"template":{{"spec":{{"nodeName":"{NODE}"}}}}}}}}"#);
        let target = format!("deployment/{service}");
        cluster.kubectl(&["-n", "shop", "patch", "deployment", service, "-p", &placed]);
        cluster.wait_until("the pods are ready", || {
            cluster
                .kubectl(&["-n", "shop", "rollout", "status", &target, "--timeout=20s"])
                .0
                && pods(&cluster)
                    .iter()
                    .filter(|p| p.starts_with(service))
                    .count()
                    == 1
        });
    }
    no_line_is_lost_or_repeated(&cluster);
    let shop = Shop::open(&cluster);
    a_live_outage_is_handled_at_the_terminal(&cluster);
    drop(shop);
}

/// Pods of the shop that are not being deleted.
fn pods(cluster: &Cluster) -> Vec<String> {
    let template = "{range .items[*]}{.metadata.name} {.metadata.deletionTimestamp}{\"\\n\"}{end}";
    let (_, text) = cluster.kubectl(&[
        "-n",
        "shop",
        "get",
        "pods",
        "-o",
        &format!("jsonpath={template}"),
    ]);
    text.lines()
        .filter_map(|l| l.strip_suffix(' '))
        .map(String::from)
        .collect()
}

/// kubectl finds the cluster through an environment variable, so this part runs in its own process.
fn no_line_is_lost_or_repeated(cluster: &Cluster) {
    let pod = pods(cluster)
        .into_iter()
        .find(|p| p.starts_with("payment"))
        .unwrap();
    let done = std::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--ignored",
            "--exact",
            "a_broken_stream_loses_and_repeats_no_line",
            "--nocapture",
        ])
        .env("KUBECONFIG", cluster.config())
        .env("FAULTLINE_POD", &pod)
        .env("FAULTLINE_LOGS", cluster.logs())
        .output()
        .unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr),
    );
    assert!(
        done.status.success() && out.contains("1 passed"),
        "{out}{err}"
    );
    std::fs::remove_file(cluster.logs().join(format!("{pod}.log"))).unwrap();
}

#[test]
#[ignore = "run by the test above, which provides the cluster"]
fn a_broken_stream_loses_and_repeats_no_line() {
    let (pod, logs) = (
        std::env::var("FAULTLINE_POD").unwrap(),
        PathBuf::from(std::env::var("FAULTLINE_LOGS").unwrap()),
    );
    let (file, cut) = (
        logs.join(format!("{pod}.log")),
        logs.join(format!("{pod}.cut")),
    );
    let write = |from: usize, to: usize| {
        // Times are cut to whole seconds: in busy logs, several lines have the same time.
        let lines: String = (from..to)
            .map(|n| {
                format!(
                    "{} line number {n}\n",
                    rfc3339(corpus::now() / SECOND * SECOND, 9)
                )
            })
            .collect();
        append(&file, &lines);
    };
    write(0, 50);
    let ask = LiveLogs {
        namespace: "shop".into(),
        context: Some("test".into()),
        since: "10m".into(),
        follow: true,
        ..LiveLogs::default()
    };
    let live = follow_pods(&ask).unwrap();
    let read = || {
        let found = walkdir::WalkDir::new(live.path())
            .into_iter()
            .flatten()
            .find(|e| {
                let path = e.path().display().to_string();
                path.contains(&pod) && path.contains("/payment/")
            });
        found
            .map(|e| std::fs::read_to_string(e.path()).unwrap())
            .unwrap_or_default()
    };
    let mut written = 50;
    for _ in 0..3 {
        wait_until("the lines are read", || read().lines().count() == written);
        std::fs::write(&cut, "").unwrap();
        write(written, written + 20);
        wait_until("the stream is cut", || !cut.exists());
        write(written + 20, written + 40);
        written += 40;
    }
    wait_until("all lines are read", || read().lines().count() >= written);
    let numbers: Vec<String> = read()
        .lines()
        .map(|l| l.rsplit(' ').next().unwrap().to_string())
        .collect();
    assert_eq!(
        numbers,
        (0..written).map(|n| n.to_string()).collect::<Vec<_>>()
    );
    let folder = live.path().to_path_buf();
    drop(live);
    assert!(
        !folder.exists(),
        "the folder of the live logs is left behind"
    );
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(
            started.elapsed() < Duration::from_secs(40),
            "timed out waiting until {what}"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Writes the logs of the shop's pods: payment's connection pool is exhausted until its restart.
struct Shop {
    stop: Arc<AtomicBool>,
    writer: Option<std::thread::JoinHandle<()>>,
}

impl Shop {
    fn open(cluster: &Cluster) -> Shop {
        let stop: Arc<AtomicBool> = Arc::default();
        let (logs, config, stopped) = (cluster.logs(), cluster.config(), stop.clone());
        let now = corpus::now();
        for pod in pods(cluster) {
            let history: String = (0..14 * 120)
                .map(|n| log_line(&pod, now - 14 * MINUTE + n * SECOND / 2, n > 12 * 120))
                .collect();
            append(&logs.join(format!("{pod}.log")), &history);
        }
        let kubectl = move |args: &[&str]| {
            let done = std::process::Command::new("kubectl")
                .env("KUBECONFIG", &config)
                .args(args)
                .output()
                .unwrap();
            String::from_utf8_lossy(&done.stdout).into_owned()
        };
        let writer = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                let restarted = "jsonpath={.spec.template.metadata.annotations}";
                let failing = !kubectl(&[
                    "-n",
                    "shop",
                    "get",
                    "deployment",
                    "payment",
                    "-o",
                    restarted,
                ])
                .contains("restartedAt");
                for pod in kubectl(&[
                    "-n",
                    "shop",
                    "get",
                    "pods",
                    "-o",
                    "jsonpath={.items[*].metadata.name}",
                ])
                .split_whitespace()
                {
                    append(
                        &logs.join(format!("{pod}.log")),
                        &log_line(pod, corpus::now(), failing),
                    );
                }
                std::thread::sleep(Duration::from_millis(300));
            }
        });
        Shop {
            stop,
            writer: Some(writer),
        }
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.writer.take().map(std::thread::JoinHandle::join);
    }
}

/// One log line of a pod.
fn log_line(pod: &str, at: i64, failing: bool) -> String {
    let n = at / 1_000_000 % 100_000;
    let text = match (pod.starts_with("payment"), failing) {
        (true, false) => format!("INFO charge {n} done in {} ms", 8 + n % 9),
        (true, true) => {
            format!("ERROR connection pool exhausted: 0 of 20 free, charge {n} refused")
        }
        (false, false) => format!(
            "INFO order {n} accepted, payment answered in {} ms",
            9 + n % 9
        ),
        (false, true) => {
            format!("ERROR call to payment failed for order {n}: connection pool exhausted")
        }
    };
    format!("{} {text}\n", rfc3339(at, 9))
}

/// The workflow at a terminal: the outage, its cause, one action, and the recovery seen in the
/// logs.
fn a_live_outage_is_handled_at_the_terminal(cluster: &Cluster) {
    let event = format!(
        r#"{{"apiVersion":"v1","kind":"Event","metadata":{{"name":"e1","namespace":"shop"}},"type":"Warning","reason":"Unhealthy","count":3,
            "message":"Readiness probe failed","lastTimestamp":"{}","involvedObject":{{"kind":"Deployment","name":"payment","namespace":"shop"}}}}"#,
        rfc3339(corpus::now() - 90 * SECOND, 0)
    );
    cluster.create(&event);
    let home = tempfile::tempdir().unwrap();
    let mut pty = Pty::with(
        home.path(),
        &["kube", "-n", "shop", "--context", "test", "--since", "20m"],
        &[("KUBECONFIG", &cluster.config())],
    );
    pty.wait_for("live: namespace shop, test");
    wait_until("an anomaly is reported", || {
        let screen = pty.screen();
        screen.contains("anomal") && !screen.contains("no anomalies")
    });
    pty.keys("4");
    pty.wait_for("events/payment.log");
    pty.keys("6");
    pty.wait_for("payment failed first");
    // The first lines of the outage do not show its class yet; the analysis runs again.
    pty.wait_long("category pool exhausted", Duration::from_secs(90));
    pty.keys("7");
    pty.wait_for("restart payment (rolling)");
    // The context of the live logs is the default answer.
    pty.keys("A\r");
    pty.wait_for("Cluster chosen for this session");
    pty.close("Cluster chosen for this session");
    pty.wait_for("All checks passed: A applies it");
    pty.keys("A");
    pty.wait_for("expected: errors of payment should fall from");
    pty.close("Action result");
    pty.wait_long("now: recovered", Duration::from_secs(150));
    let new = pods(cluster)
        .into_iter()
        .find(|p| p.starts_with("payment"))
        .unwrap();
    pty.keys("4");
    // The pod's name is part of a path that is cut off on the left.
    pty.wait_for(&format!("{}_", &new[new.len() - 11..]));
    pty.keys("q");
    assert_eq!(pty.ended(), 0);
    let audit = walkdir::WalkDir::new(home.path())
        .into_iter()
        .flatten()
        .find(|e| e.file_name() == "audit.jsonl")
        .unwrap();
    let text = std::fs::read_to_string(audit.path()).unwrap();
    let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(
        (last["stage"].as_str(), last["outcome"].as_str()),
        (Some("verified"), Some("recovered")),
        "{text}"
    );
}

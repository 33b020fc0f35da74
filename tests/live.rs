//! Live logs of a real cluster: followed by a real kubectl through a real API server, out of a kubelet's stand-in. Left out,
//! saying so, where there is no cluster.

mod support;

use faultline::engine::{self, LiveLogs, follow_pods};
use faultline::text::civil::{MINUTE, SECOND, rfc3339};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use support::cluster::{Cluster, NODE};
use support::pty::Pty;

#[test]
fn a_live_outage_is_seen_mended_and_seen_to_be_mended() {
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
    lines_are_neither_lost_nor_repeated(&cluster);
    let shop = Shop::open(&cluster);
    from_the_live_outage_to_the_recovery(&cluster);
    drop(shop);
}

/// Pods of the shop that are not on their way out.
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

/// Runs the part that needs the cluster in its environment as a process of its own.
fn lines_are_neither_lost_nor_repeated(cluster: &Cluster) {
    let pod = pods(cluster)
        .into_iter()
        .find(|p| p.starts_with("payment"))
        .unwrap();
    let told = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "broken_streams", "--nocapture"])
        .env("KUBECONFIG", cluster.config())
        .env("FAULTLINE_POD", &pod)
        .env("FAULTLINE_LOGS", cluster.logs())
        .output()
        .unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&told.stdout),
        String::from_utf8_lossy(&told.stderr),
    );
    assert!(
        told.status.success() && out.contains("1 passed"),
        "{out}{err}"
    );
    std::fs::remove_file(cluster.logs().join(format!("{pod}.log"))).unwrap();
}

#[test]
#[ignore = "told by the test above it, in a cluster"]
fn broken_streams() {
    let (pod, logs) = (
        std::env::var("FAULTLINE_POD").unwrap(),
        PathBuf::from(std::env::var("FAULTLINE_LOGS").unwrap()),
    );
    let (file, cut) = (
        logs.join(format!("{pod}.log")),
        logs.join(format!("{pod}.cut")),
    );
    let write = |from: usize, to: usize| {
        // Several lines share a moment, as they do where much is said.
        let lines: String = (from..to)
            .map(|n| {
                format!(
                    "{} line number {n}\n",
                    rfc3339(engine::now() / SECOND * SECOND, 9)
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
    let mut upto = 50;
    for _ in 0..3 {
        wait_until("the lines are there", || read().lines().count() == upto);
        std::fs::write(&cut, "").unwrap();
        write(upto, upto + 20);
        wait_until("the stream is cut", || !cut.exists());
        write(upto + 20, upto + 40);
        upto += 40;
    }
    wait_until("all is there", || read().lines().count() >= upto);
    let numbers: Vec<String> = read()
        .lines()
        .map(|l| l.rsplit(' ').next().unwrap().to_string())
        .collect();
    assert_eq!(
        numbers,
        (0..upto).map(|n| n.to_string()).collect::<Vec<_>>()
    );
    let folder = live.path().to_path_buf();
    drop(live);
    assert!(!folder.exists(), "what was live is gone with it");
}

fn append(file: &Path, text: &str) {
    std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(file)
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(
            started.elapsed() < Duration::from_secs(40),
            "waited in vain until {what}"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Writes what the pods of the shop say: payment's pool is exhausted until it is restarted.
struct Shop {
    stop: Arc<AtomicBool>,
    writer: Option<std::thread::JoinHandle<()>>,
}

impl Shop {
    fn open(cluster: &Cluster) -> Shop {
        let stop: Arc<AtomicBool> = Arc::default();
        let (logs, config, over) = (cluster.logs(), cluster.config(), stop.clone());
        let now = engine::now();
        for pod in pods(cluster) {
            let history: String = (0..14 * 120)
                .map(|n| said(&pod, now - 14 * MINUTE + n * SECOND / 2, n > 12 * 120))
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
            while !over.load(Ordering::Relaxed) {
                let restarted = "jsonpath={.spec.template.metadata.annotations}";
                let ill = !kubectl(&[
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
                        &said(pod, engine::now(), ill),
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

/// One line of a pod.
fn said(pod: &str, at: i64, ill: bool) -> String {
    let n = at / 1_000_000 % 100_000;
    let text = match (pod.starts_with("payment"), ill) {
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

/// At a terminal: the outage as it happens, its cause, one key, and the word of the logs that it is over.
fn from_the_live_outage_to_the_recovery(cluster: &Cluster) {
    let event = format!(
        r#"{{"apiVersion":"v1","kind":"Event","metadata":{{"name":"e1","namespace":"shop"}},"type":"Warning","reason":"Unhealthy","count":3,
            "message":"Readiness probe failed","lastTimestamp":"{}","involvedObject":{{"kind":"Deployment","name":"payment","namespace":"shop"}}}}"#,
        rfc3339(engine::now() - 90 * SECOND, 0)
    );
    cluster.create(&event);
    let home = tempfile::tempdir().unwrap();
    let mut pty = Pty::with(
        home.path(),
        &["kube", "-n", "shop", "--context", "test", "--since", "20m"],
        &[("KUBECONFIG", &cluster.config())],
    );
    pty.wait_for("live: namespace shop, test");
    pty.wait_for("odd window");
    pty.keys("4");
    pty.wait_for("events/payment.log");
    pty.keys("6");
    pty.wait_for("payment failed first");
    pty.keys("7");
    pty.wait_for("restart payment (rolling)");
    // The context that the logs come from is proposed.
    pty.keys("A\r");
    pty.wait_for("Armed for this run");
    pty.close("Armed for this run");
    pty.wait_for("All green: A applies it");
    pty.keys("A");
    pty.wait_for("expected: errors of payment fall from");
    pty.close("What came of it");
    pty.wait_long("now: recovered", Duration::from_secs(150));
    let new = pods(cluster)
        .into_iter()
        .find(|p| p.starts_with("payment"))
        .unwrap();
    pty.keys("4");
    // Its name stands in a path that is cut on the left.
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

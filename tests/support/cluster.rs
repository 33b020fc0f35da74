//! A real control plane for tests: etcd, kube-apiserver and kube-controller-manager on free ports,
//! with an administrator and a user without permissions. There is no real kubelet: a thread marks
//! every pod as ready and removes deleted pods.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Name of the only node.
pub const NODE: &str = "node-1";

/// A running control plane; dropping it stops all its processes.
pub struct Cluster {
    home: tempfile::TempDir,
    children: Vec<Child>,
    stop: Arc<AtomicBool>,
    url: String,
}

/// The folder of the programs, or `None` after a message that says what is missing.
fn programs() -> Option<PathBuf> {
    let folder = std::env::var_os("FAULTLINE_KUBE")
        .map(PathBuf::from)
        .filter(|f| f.join("kube-apiserver").is_file());
    let missing = ["etcd", "kubectl", "python3", "openssl", "curl"]
        .into_iter()
        .find(|p| Command::new(p).arg("--help").output().is_err());
    if folder.is_none() || missing.is_some() {
        let why = missing.map_or(
            "FAULTLINE_KUBE names no folder with kube-apiserver".into(),
            |p| format!("{p} is missing"),
        );
        eprintln!("skipped: no real cluster ({why})");
        return None;
    }
    folder
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

impl Cluster {
    /// Starts the cluster; `None` if a program is missing.
    pub fn start() -> Option<Cluster> {
        let programs = programs()?;
        let home = tempfile::tempdir().unwrap();
        let (etcd, peer, port) = (free_port(), free_port(), free_port());
        let url = format!("https://127.0.0.1:{port}");
        write_keys(home.path());
        let mut cluster = Cluster {
            home,
            children: Vec::new(),
            stop: Arc::default(),
            url,
        };
        let (client, peer) = (
            format!("http://127.0.0.1:{etcd}"),
            format!("http://127.0.0.1:{peer}"),
        );
        let folder = cluster.path("etcd");
        cluster.run(
            Path::new("etcd"),
            &[
                &format!("--data-dir={folder}"),
                &format!("--listen-client-urls={client}"),
                &format!("--advertise-client-urls={client}"),
                &format!("--listen-peer-urls={peer}"),
                &format!("--initial-advertise-peer-urls={peer}"),
                &format!("--initial-cluster=default={peer}"),
                "--log-level=error",
            ],
        );
        let [certs, tokens, public, private] =
            ["certs", "tokens.csv", "sa.pub", "sa.key"].map(|n| cluster.path(n));
        cluster.run(
            &programs.join("kube-apiserver"),
            &[
                &format!("--etcd-servers={client}"),
                &format!("--secure-port={port}"),
                "--bind-address=127.0.0.1",
                "--advertise-address=127.0.0.1",
                "--insecure-port=0",
                &format!("--cert-dir={certs}"),
                &format!("--token-auth-file={tokens}"),
                "--authorization-mode=RBAC",
                "--service-account-issuer=https://faultline",
                &format!("--service-account-key-file={public}"),
                &format!("--service-account-signing-key-file={private}"),
                "--api-audiences=faultline",
                "--disable-admission-plugins=ServiceAccount",
                "--service-cluster-ip-range=10.0.0.0/24",
            ],
        );
        cluster.write_config();
        cluster.wait_until("the API server answers", || {
            cluster.kubectl(&["get", "--raw=/readyz"]).0
        });
        let config = cluster.config();
        cluster.run(
            &programs.join("kube-controller-manager"),
            &[
                &format!("--kubeconfig={config}"),
                "--controllers=deployment,replicaset",
                "--leader-elect=false",
                "--port=0",
                "--secure-port=0",
            ],
        );
        cluster.manage_pods();
        cluster.add_node();
        Some(cluster)
    }

    /// Adds a node and the metrics API; kubelet.py serves both.
    fn add_node(&mut self) {
        let port = free_port();
        let [certificate, key, logs] = ["kubelet.crt", "kubelet.key", "logs"].map(|n| self.path(n));
        std::fs::create_dir(&logs).unwrap();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/kubelet.py");
        self.run(
            Path::new("python3"),
            &[script, &port.to_string(), &certificate, &key, &logs],
        );
        self.wait_until("the kubelet listens", || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        let ready = r#"{"type":"Ready","status":"True","lastHeartbeatTime":"2026-01-01T00:00:00Z","lastTransitionTime":"2026-01-01T00:00:00Z"}"#;
        self.create(&format!(
            r#"{{"apiVersion":"v1","kind":"Node","metadata":{{"name":"{NODE}"}},"status":{{"conditions":[{ready}],
                "addresses":[{{"type":"InternalIP","address":"127.0.0.1"}}],"daemonEndpoints":{{"kubeletEndpoint":{{"Port":{port}}}}}}}}}"#
        ));
        self.create(&format!(
            r#"{{"apiVersion":"v1","kind":"Service","metadata":{{"name":"metrics","namespace":"kube-system"}},
                "spec":{{"type":"ExternalName","externalName":"127.0.0.1","ports":[{{"port":{port}}}]}}}}"#
        ));
        self.create(&format!(
            r#"{{"apiVersion":"apiregistration.k8s.io/v1","kind":"APIService","metadata":{{"name":"v1beta1.metrics.k8s.io"}},
                "spec":{{"group":"metrics.k8s.io","version":"v1beta1","groupPriorityMinimum":100,"versionPriority":100,
                "insecureSkipTLSVerify":true,"service":{{"name":"metrics","namespace":"kube-system","port":{port}}}}}}}"#
        ));
        self.wait_until("the metrics API is available", || {
            self.kubectl(&[
                "get",
                "apiservice",
                "v1beta1.metrics.k8s.io",
                "-o",
                "jsonpath={.status.conditions[?(@.type=='Available')].status}",
            ])
            .1 == "True"
        });
    }

    /// The folder from which the fake kubelet reads the logs of pods.
    pub fn logs(&self) -> PathBuf {
        self.home.path().join("logs")
    }

    fn path(&self, name: &str) -> String {
        self.home.path().join(name).display().to_string()
    }

    /// Path of the kubeconfig file.
    pub fn config(&self) -> String {
        self.path("config")
    }

    fn run(&mut self, program: &Path, args: &[&str]) {
        let log =
            std::fs::File::create(self.path(&format!("log-{}", self.children.len()))).unwrap();
        let child = Command::new(program)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        self.children
            .push(child.unwrap_or_else(|e| panic!("{}: {e}", program.display())));
    }

    /// Writes four contexts: `test` has all permissions, `viewer` has none, `slow` and `dropped`
    /// use a faulty connection.
    fn write_config(&self) {
        let faulty = |kind| format!("https://127.0.0.1:{}", faulty_connection(&self.url, kind));
        let clusters = [
            ("good", self.url.clone()),
            ("slow", faulty(Connection::Slow)),
            ("dropped", faulty(Connection::Dropped)),
        ];
        let mut text = "apiVersion: v1\nkind: Config\ncurrent-context: test\nusers:\n".to_string();
        text.push_str("- {name: admin, user: {token: admintoken}}\n- {name: viewer, user: {token: viewertoken}}\nclusters:\n");
        for (name, url) in &clusters {
            text.push_str(&format!("- {{name: {name}, cluster: {{server: \"{url}\", insecure-skip-tls-verify: true}}}}\n"));
        }
        text.push_str("contexts:\n");
        for (name, cluster, user) in [
            ("test", "good", "admin"),
            ("viewer", "good", "viewer"),
            ("slow", "slow", "admin"),
            ("dropped", "dropped", "admin"),
        ] {
            text.push_str(&format!(
                "- {{name: {name}, context: {{cluster: {cluster}, user: {user}}}}}\n"
            ));
        }
        std::fs::write(self.config(), text).unwrap();
    }

    /// Runs kubectl as the administrator: whether it succeeded, and its output.
    pub fn kubectl(&self, args: &[&str]) -> (bool, String) {
        kubectl(&self.config(), args)
    }

    /// Creates an object from JSON.
    pub fn create(&self, object: &str) {
        let file = self.path("object.json");
        std::fs::write(&file, object).unwrap();
        let (done, output) = self.kubectl(&["create", "-f", &file]);
        assert!(done, "{output}");
    }

    /// Waits up to 90 seconds for a condition; `what` completes "until ..." in the message.
    pub fn wait_until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let started = Instant::now();
        while !holds() {
            assert!(
                started.elapsed() < Duration::from_secs(90),
                "timed out waiting until {what}"
            );
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Starts the thread that marks pods as ready and removes deleted pods.
    fn manage_pods(&self) {
        let (config, url, stop) = (self.config(), self.url.clone(), self.stop.clone());
        std::thread::spawn(move || {
            let template = "{range .items[*]}{.metadata.namespace} {.metadata.name} {.status.phase} {.metadata.deletionTimestamp}{\"\\n\"}{end}";
            while !stop.load(Ordering::Relaxed) {
                let (_, pods) = kubectl(
                    &config,
                    &["get", "pods", "-A", "-o", &format!("jsonpath={template}")],
                );
                for pod in pods.lines() {
                    let words: Vec<&str> = pod.split(' ').collect();
                    match words[..] {
                        [namespace, name, _, deleted] if !deleted.is_empty() => {
                            kubectl(
                                &config,
                                &[
                                    "-n",
                                    namespace,
                                    "delete",
                                    "pod",
                                    name,
                                    "--grace-period=0",
                                    "--force",
                                ],
                            );
                        }
                        [namespace, name, "Pending", ..] => mark_ready(&url, namespace, name),
                        _ => {}
                    }
                }
                std::thread::sleep(Duration::from_millis(300));
            }
        });
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for child in self.children.iter_mut().rev() {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

/// Runs kubectl: whether it succeeded, and its output or its error message.
fn kubectl(config: &str, args: &[&str]) -> (bool, String) {
    let done = Command::new("kubectl")
        .env("KUBECONFIG", config)
        .args(args)
        .output()
        .expect("kubectl is installed");
    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    (
        done.status.success(),
        if done.status.success() {
            text(&done.stdout)
        } else {
            text(&done.stderr)
        },
    )
}

/// Marks a pod as ready.
fn mark_ready(url: &str, namespace: &str, name: &str) {
    let status = r#"{"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True","lastTransitionTime":"2026-01-01T00:00:00Z"}]}}"#;
    let address = format!("{url}/api/v1/namespaces/{namespace}/pods/{name}/status");
    let headers = [
        "-H",
        "Authorization: Bearer admintoken",
        "-H",
        "Content-Type: application/merge-patch+json",
    ];
    Command::new("curl")
        .args(["-sk", "-o", "/dev/null", "-X", "PATCH"])
        .args(headers)
        .args([&address, "-d", status])
        .status()
        .ok();
}

/// Writes the keys, the kubelet's certificate and the users' tokens.
fn write_keys(home: &Path) {
    let openssl = |args: &[&str]| {
        let done = Command::new("openssl")
            .current_dir(home)
            .args(args)
            .stderr(Stdio::null())
            .status();
        assert!(done.is_ok_and(|s| s.success()), "openssl {args:?} failed");
    };
    openssl(&["genrsa", "-out", "sa.key", "2048"]);
    openssl(&["rsa", "-in", "sa.key", "-pubout", "-out", "sa.pub"]);
    openssl(&[
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=kubelet",
        "-keyout",
        "kubelet.key",
        "-out",
        "kubelet.crt",
    ]);
    std::fs::write(
        home.join("tokens.csv"),
        "admintoken,admin,1,\"system:masters\"\nviewertoken,viewer,2\n",
    )
    .unwrap();
}

#[derive(Clone, Copy, PartialEq)]
enum Connection {
    /// Transfers nothing for longer than any time limit.
    Slow,
    /// Breaks after the first bytes.
    Dropped,
}

/// Opens a port that forwards to the server through a faulty connection; returns the port.
fn faulty_connection(url: &str, kind: Connection) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let to = url.trim_start_matches("https://").to_string();
    std::thread::spawn(move || {
        for mut from in listener.incoming().flatten() {
            let to = to.clone();
            std::thread::spawn(move || {
                if kind == Connection::Slow {
                    std::thread::sleep(Duration::from_secs(120));
                    return;
                }
                let (Ok(mut server), mut bytes) = (TcpStream::connect(to), [0; 600]) else {
                    return;
                };
                let n = from.read(&mut bytes).unwrap_or(0);
                server.write_all(&bytes[..n]).ok();
            });
        }
    });
    port
}

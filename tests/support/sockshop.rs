//! A simulated shop of 14 services on Kubernetes and twelve faults: traffic, calls along the
//! service graph, periodic lines, and the bundle of log files. Requests arrive as a Poisson
//! process. Deterministic for a given seed. What a single service does and logs is in
//! `sockshop/services.rs`.

mod services;

use super::rng::Rng;
use faultline::text::civil::{SECOND, rfc3339};
use services::{json, spring};
use std::collections::BTreeMap;

/// Start of every run, 2026-03-02T09:00:00Z, in nanoseconds since the epoch.
pub const START: i64 = 1_772_442_000 * SECOND;
const MS: i64 = 1_000_000;

/// What a fault does to a service.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Effect {
    /// No instance runs: calls are refused and the service logs nothing.
    Down,
    /// This percentage of the calls fails.
    Fails(u64),
    /// Milliseconds added to each call.
    Slow(i64),
    /// Half of the reads of a store are slow, and most of these fail.
    Disk,
    /// The service is cut off from the network: calls to it time out.
    Partition,
    /// The heap is exhausted: calls are slow, and some fail with an out-of-memory error.
    Memory,
    /// GET requests are answered with status 500.
    Abort,
    /// Calls get slower by half a millisecond every second.
    Leak,
    /// Not a fault: a new version takes over in a new pod, and no call fails.
    Deployed,
}

/// Name, service and effect of the twelve faults.
pub const FAULTS: [(&str, &str, Effect); 12] = [
    ("user-down", "user", Effect::Down),
    ("session-db-partition", "session-db", Effect::Partition),
    ("front-end-down", "front-end", Effect::Fails(50)),
    ("carts-db-disk", "carts-db", Effect::Disk),
    ("catalogue-db-disk", "catalogue-db", Effect::Disk),
    ("payment-down", "payment", Effect::Fails(50)),
    ("rabbitmq-partition", "rabbitmq", Effect::Partition),
    ("shipping-bandwidth", "shipping", Effect::Slow(400)),
    ("shipping-down", "shipping", Effect::Down),
    ("shipping-abort", "shipping", Effect::Abort),
    ("shipping-memory", "shipping", Effect::Memory),
    ("shipping-delay", "shipping", Effect::Slow(200)),
];

/// Services that are called over HTTP and have a sidecar proxy.
const HTTP: [&str; 8] = [
    "front-end",
    "catalogue",
    "carts",
    "orders",
    "payment",
    "user",
    "shipping",
    "queue-master",
];

/// One run of the shop.
#[derive(Clone, Debug)]
pub struct Scene {
    pub seed: u64,
    pub minutes: i64,
    /// Service, effect, begin and end (seconds from the start).
    pub faults: Vec<(&'static str, Effect, i64, i64)>,
    /// Requests per second, as a function of the seconds from the start.
    pub load: fn(i64) -> f64,
}

impl Scene {
    /// Constant traffic without a fault.
    pub fn clean(seed: u64, minutes: i64) -> Scene {
        Scene {
            seed,
            minutes,
            faults: vec![],
            load: |_| 6.0,
        }
    }

    /// Fault number `n` of [`FAULTS`], from minute 10 to minute 20 of 30.
    pub fn fault(seed: u64, n: usize) -> Scene {
        let (_, service, effect) = FAULTS[n];
        Scene {
            faults: vec![(service, effect, 600, 1200)],
            ..Scene::clean(seed, 30)
        }
    }
}

struct Shop {
    scene: Scene,
    rng: Rng,
    /// Lines with their times, by service and container.
    files: BTreeMap<(&'static str, &'static str), Vec<(i64, String)>>,
}

/// Simulates a run and returns the path in the bundle and the text of every log file.
pub fn generate(scene: Scene) -> Vec<(String, String)> {
    let mut shop = Shop {
        rng: Rng(scene.seed.wrapping_mul(7919) + 17),
        scene,
        files: BTreeMap::new(),
    };
    let end = shop.scene.minutes * 60_000;
    let mut at = 0.0;
    while (at as i64) < end {
        let rate = (shop.scene.load)(at as i64 / 1000);
        at += -(1.0 - shop.uniform()).ln() / rate * 1000.0;
        shop.visit(START + at as i64 * MS);
    }
    shop.periodic_lines();
    shop.deployments();
    shop.bundle()
}

impl Shop {
    fn uniform(&mut self) -> f64 {
        (self.rng.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn effect(&self, service: &str, t: i64) -> Option<Effect> {
        let s = (t - START) / SECOND;
        self.scene
            .faults
            .iter()
            .find(|f| f.0 == service && (f.2..f.3).contains(&s))
            .map(|f| f.1)
    }

    /// Seconds since the current fault of a service began.
    fn since(&self, service: &str, t: i64) -> i64 {
        let s = (t - START) / SECOND;
        self.scene
            .faults
            .iter()
            .find(|f| f.0 == service && (f.2..f.3).contains(&s))
            .map_or(0, |f| s - f.2)
    }

    fn log(&mut self, service: &'static str, container: &'static str, t: i64, text: String) {
        self.files
            .entry((service, container))
            .or_default()
            .push((t, text));
    }

    /// A visitor's request to the front end, with the calls that it causes.
    fn visit(&mut self, t: i64) {
        let id = self.rng.hex(16);
        let (method, path, calls): (&str, String, &[(&'static str, &str, &str)]) =
            match self.rng.below(20) {
                0..8 => (
                    "GET",
                    "/catalogue".into(),
                    &[("catalogue", "GET", "/catalogue")],
                ),
                8..12 => (
                    "GET",
                    format!("/detail.html?id={}", self.rng.hex(8)),
                    &[
                        ("catalogue", "GET", "/catalogue/item"),
                        ("carts", "GET", "/carts/items"),
                    ],
                ),
                12..15 => (
                    "POST",
                    "/cart".into(),
                    &[
                        ("catalogue", "GET", "/catalogue/item"),
                        ("carts", "POST", "/carts/items"),
                    ],
                ),
                15..17 => ("GET", "/login".into(), &[("user", "GET", "/login")]),
                17..19 => (
                    "POST",
                    "/orders".into(),
                    &[("user", "GET", "/customers"), ("orders", "POST", "/orders")],
                ),
                _ => ("GET", "/orders".into(), &[("orders", "GET", "/orders")]),
            };
        if self.effect("front-end", t) == Some(Effect::Down) {
            return;
        }
        let mut now = t + 2 * MS;
        let mut status = 200;
        if matches!(self.effect("front-end", t), Some(Effect::Fails(p)) if self.rng.chance(p)) {
            status = 500;
            self.log(
                "front-end",
                "front-end",
                now,
                json(
                    "error",
                    "TypeError: Cannot read property 'items' of undefined",
                    &id,
                ),
            );
        } else {
            now = self.session(now, &id);
            for (callee, method, path) in calls {
                let (s, done) = self.call("front-end", callee, method, path, now, &id);
                now = done;
                if s >= 500 {
                    status = 500;
                    self.log(
                        "front-end",
                        "front-end",
                        now,
                        json(
                            "error",
                            &format!("Error: request to {callee} failed with status {s}"),
                            &id,
                        ),
                    );
                    break;
                }
            }
        }
        let ms = (now - t) / MS;
        let line = format!(
            r#"{{"level":"info","time":"{}","msg":"{method} {path} {status}","method":"{method}","status":{status},"duration":{ms},"id":"{id}"}}"#,
            rfc3339(now, 3)
        );
        self.log("front-end", "front-end", now, line);
        self.access("front-end", None, method, &path, status, t, now, &id);
    }

    fn session(&mut self, t: i64, id: &str) -> i64 {
        if self.effect("session-db", t) == Some(Effect::Partition) {
            self.log(
                "front-end",
                "front-end",
                t + 50 * MS,
                json("error", "redis: connect ETIMEDOUT session-db:6379", id),
            );
            return t + 250 * MS;
        }
        t + MS
    }

    /// One call between services: its status and the time of the answer.
    fn call(
        &mut self,
        from: &'static str,
        to: &'static str,
        method: &str,
        path: &str,
        t: i64,
        id: &str,
    ) -> (u32, i64) {
        let effect = self.effect(to, t);
        let mut now = t + MS + self.rng.below(2_000_000) as i64;
        let mut status = 200;
        match effect {
            Some(Effect::Down) => {
                let done = t + 3 * MS;
                self.access(from, Some(to), method, path, 503, t, done, id);
                return (503, done);
            }
            Some(Effect::Fails(p)) if self.rng.chance(p) => {
                status = 503;
                let done = t + 5 * MS;
                self.access(from, Some(to), method, path, status, t, done, id);
                return (status, done);
            }
            Some(Effect::Slow(ms)) => now += ms * MS + self.rng.below(40) as i64 * MS,
            Some(Effect::Leak) => now += self.since(to, t) * MS / 2 + self.rng.below(4) as i64 * MS,
            Some(Effect::Abort) if method == "GET" => status = 500,
            Some(Effect::Memory) => {
                now += (300 + self.rng.below(900) as i64) * MS;
                if self.rng.chance(30) {
                    status = 500;
                    self.log(to, to, now, spring("ERROR", now, to, "o.a.c.c.C.[.[.[/].[dispatcherServlet] : Servlet.service() threw exception: java.lang.OutOfMemoryError: Java heap space"));
                }
            }
            _ => {}
        }
        if status == 200 {
            (status, now) = self.work(to, method, path, now, id);
        } else if to != "front-end" {
            self.own(to, method, path, status, t, now, id);
        }
        self.access(from, Some(to), method, path, status, t, now, id);
        self.access(to, None, method, path, status, t, now, id);
        (status, now)
    }

    /// Periodic lines: health checks, checkpoints, database saves.
    fn periodic_lines(&mut self) {
        for s in (0..self.scene.minutes * 60).step_by(5) {
            let t = START + s * SECOND + self.rng.below(900) as i64 * MS;
            for service in HTTP {
                let down = matches!(self.effect(service, t), Some(Effect::Down));
                if s % 10 == 0 && !down {
                    self.log(
                        service,
                        "istio-proxy",
                        t,
                        format!("{} info envoy main health check ok", rfc3339(t, 6)),
                    );
                }
            }
            if s % 15 == 0 && self.effect("session-db", t) != Some(Effect::Partition) {
                let stamp = rfc3339(t, 3);
                self.log(
                    "session-db",
                    "session-db",
                    t,
                    format!(
                        "1:M 02 Mar 2026 {} * 10 changes in 300 seconds. Saving...",
                        &stamp[11..23]
                    ),
                );
            }
            if s % 30 == 0 {
                let n = self.rng.below(40);
                for db in ["user-db", "orders-db", "carts-db"] {
                    self.log(db, db, t, format!(r#"{{"t":{{"$date":"{}"}},"s":"I","c":"STORAGE","id":22430,"ctx":"Checkpointer","msg":"WiredTiger checkpoint","attr":{{"took":{n}}}}}"#, rfc3339(t, 3)));
                }
            }
        }
    }

    /// The lines of an old pod that stops and of the new pod that starts.
    fn deployments(&mut self) {
        let deployed: Vec<(&'static str, i64)> = self
            .scene
            .faults
            .iter()
            .filter(|f| f.1 == Effect::Deployed)
            .map(|f| (f.0, START + f.2 * SECOND))
            .collect();
        for (service, at) in deployed {
            let old = [
                "o.s.s.ThreadPoolTaskExecutor : Shutting down ExecutorService",
                "o.s.b.w.e.t.TomcatWebServer : Stopping service [Tomcat]",
            ];
            for (i, text) in old.into_iter().enumerate() {
                let t = at - (3 - i as i64) * SECOND / 10;
                self.log(service, service, t, spring("INFO", t, service, text));
            }
            let new = [
                "w.w.s.Application : Starting Application v0.4.9 on pod with PID 1",
                "w.w.s.Application : No active profile set, falling back to default profiles: default",
                "o.s.b.w.e.t.TomcatWebServer : Tomcat initialized with port(s): 80 (http)",
                "o.a.c.c.StandardService : Starting service [Tomcat]",
                "o.s.w.c.ContextLoader : Root WebApplicationContext: initialization completed in 2311 ms",
                "o.s.b.w.s.FilterRegistrationBean : Mapping filter: 'characterEncodingFilter' to: [/*]",
                "o.s.b.a.e.m.EndpointHandlerMapping : Mapped \"{[/health || /health.json],methods=[GET]}\"",
                "o.s.b.w.e.t.TomcatWebServer : Tomcat started on port(s): 80 (http)",
                "w.w.s.Application : Started Application in 8.117 seconds (JVM running for 9.03)",
            ];
            for (i, text) in new.into_iter().enumerate() {
                let t = at + i as i64 * SECOND / 2;
                self.log(service, service, t, spring("INFO", t, service, text));
            }
        }
    }

    fn bundle(mut self) -> Vec<(String, String)> {
        let mut out = Vec::new();
        for ((service, container), mut lines) in std::mem::take(&mut self.files) {
            lines.sort_by_key(|l| l.0);
            let change = self
                .scene
                .faults
                .iter()
                .find(|f| f.0 == service && f.1 == Effect::Deployed)
                .map(|f| START + f.2 * SECOND);
            let (old, new) = lines
                .split_at(change.map_or(lines.len(), |at| lines.partition_point(|l| l.0 < at)));
            for (version, lines) in [("", old), ("-new", new)]
                .into_iter()
                .filter(|p| !p.1.is_empty())
            {
                let text: String = lines
                    .iter()
                    .map(|(t, line)| format!("{} stdout F {line}\n", rfc3339(*t, 9)))
                    .collect();
                let hash = pod_hash(&format!("{service}{version}"));
                out.push((
                    format!(
                        "sock-shop/var/log/pods/sock-shop_{service}-{hash}_{hash}/{container}/0.log"
                    ),
                    text,
                ));
            }
        }
        out
    }
}

/// The ReplicaSet hash and the suffix in a pod's name.
fn pod_hash(service: &str) -> String {
    let n = service
        .bytes()
        .fold(7u64, |h, b| h.wrapping_mul(31).wrapping_add(u64::from(b)));
    format!("{:09x}f-x{:04x}", n % (1 << 36), n % 65536)
}

/// Packs files into a tar.gz. `FAULTLINE_KEEP=FILE` writes the last archive to a file for
/// inspection.
pub fn pack(files: &[(String, String)]) -> Vec<u8> {
    let packed = packed(files);
    if let Some(file) = std::env::var_os("FAULTLINE_KEEP") {
        std::fs::write(file, &packed).unwrap();
    }
    packed
}

fn packed(files: &[(String, String)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(
        Vec::new(),
        flate2::Compression::fast(),
    ));
    for (name, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(START as u64 / 1_000_000_000);
        header.set_cksum();
        tar.append_data(&mut header, name, text.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

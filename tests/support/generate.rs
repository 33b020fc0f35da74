//! Generates the files of sample-logs/ and the description of the fault in each. Nothing is copied
//! from real logs.

use super::rng::Rng;
use super::sockshop;
use faultline::text::civil::{SECOND, rfc3339};
use std::io::Write;

/// 2026-03-02T09:00:00Z.
const START: i64 = 1_772_442_000 * SECOND;
const MINUTES: i64 = 20;
/// Time of the fault in every sample but the shop's, in minutes from the start.
const FAULT: std::ops::Range<i64> = 8..15;
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Name in sample-logs/ and content of every file.
pub fn samples() -> Vec<(String, Vec<u8>)> {
    vec![
        ("checkout-outage.tar.gz".into(), checkout()),
        ("checkout-outage.truth.md".into(), CHECKOUT_TRUTH.into()),
        ("sock-shop.tar.gz".into(), shop()),
        ("sock-shop.truth.md".into(), SHOP_TRUTH.into()),
        ("web/access.log".into(), access().into_bytes()),
        ("web/app.log".into(), app().into_bytes()),
        ("web.truth.md".into(), WEB_TRUTH.into()),
        ("syslog-host.log".into(), syslog().into_bytes()),
        ("syslog-host.truth.md".into(), SYSLOG_TRUTH.into()),
        ("services.log".into(), services().into_bytes()),
        ("services.truth.md".into(), SERVICES_TRUTH.into()),
    ]
}

const CHECKOUT_TRUTH: &str = "\
# checkout-outage.tar.gz\n\n\
Kubelet pod logs of a small shop, 2026-03-02 09:00 to 09:20 UTC. From 09:08 to 09:15 the connection\n\
pool of `payment-db` is exhausted: `payment` times out first, then `checkout` answers with 503, and\n\
finally `frontend` logs errors. `catalogue` and `cart` are not affected. `payment` restarts once at\n\
09:12 (0.log, 1.log).\n";
const SHOP_TRUTH: &str = "\
# sock-shop.tar.gz\n\n\
Kubelet pod logs of a simulated shop of 14 services with their sidecars, 2026-03-02 09:00 to 09:30\n\
UTC, with little traffic. From 09:10 to 09:20 the disk of `carts-db` fails: half of its reads are\n\
slow and end in an I/O error. `carts` fails next, then `orders` and `front-end`, which call `carts`.\n\
The other services are not affected.\n";
const WEB_TRUTH: &str = "\
# web/\n\n\
The nginx access log and the log of the Spring application behind it, 2026-03-02 09:00 to 09:20 UTC.\n\
From 09:08 to 09:15 the application cannot reach its database: app.log has stack traces, and\n\
access.log has status 502.\n";
const SYSLOG_TRUTH: &str = "\
# syslog-host.log\n\n\
The syslog of one host, Mar 2 09:00 to 09:20 (the lines have no year). One address probes sshd all\n\
the time. From 09:08 to 09:15 the kernel reports I/O errors of sdb, and the file system becomes\n\
read-only.\n";
const SERVICES_TRUTH: &str = "\
# services.log\n\n\
Three services in one file, with JSON lines and logfmt mixed, 2026-03-02 09:00 to 09:20 UTC. From\n\
09:08 to 09:15 `orders` answers slowly, and then its calls to `inventory` time out.\n";

fn shop() -> Vec<u8> {
    let faults = vec![("carts-db", sockshop::Effect::Disk, 600, 1200)];
    sockshop::pack(&sockshop::generate(sockshop::Scene {
        faults,
        load: |_| 0.8,
        ..sockshop::Scene::clean(3, 30)
    }))
}

/// Sorted random times at an average rate, in nanoseconds since the epoch.
fn times(rng: &mut Rng, per_minute: u64) -> Vec<i64> {
    let n = per_minute * MINUTES as u64;
    let mut times: Vec<i64> = (0..n)
        .map(|_| START + rng.below((MINUTES * 60_000) as u64) as i64 * 1_000_000)
        .collect();
    times.sort_unstable();
    times
}

fn in_fault(at: i64) -> bool {
    FAULT.contains(&((at - START) / (60 * SECOND)))
}

/// A line in the format of the container runtime interface (CRI).
fn cri(at: i64, text: &str) -> String {
    format!("{} stdout F {text}\n", rfc3339(at, 9))
}

fn checkout() -> Vec<u8> {
    let mut rng = Rng(11);
    let mut members: Vec<(String, String)> = Vec::new();
    let mut pod = |name: &str, container: &str, restart: u32, text: String| {
        members.push((
            format!(
                "checkout-outage/var/log/pods/shop_{name}_{:08x}/{container}/{restart}.log",
                name.len() * 77
            ),
            text,
        ));
    };
    pod(
        "frontend-6d4cf56db6-x7k2p",
        "frontend",
        0,
        frontend(&mut rng),
    );
    pod(
        "checkout-7f8d7d756d-k7b9j",
        "checkout",
        0,
        checkout_service(&mut rng),
    );
    let payment = payment(&mut rng);
    let cut = payment
        .iter()
        .position(|(at, _)| *at >= START + 12 * 60 * SECOND)
        .unwrap();
    let text = |part: &[(i64, String)]| part.iter().map(|(at, t)| cri(*at, t)).collect::<String>();
    pod(
        "payment-5c689f4b9-zw8qd",
        "payment",
        0,
        text(&payment[..cut]),
    );
    pod(
        "payment-5c689f4b9-zw8qd",
        "payment",
        1,
        text(&payment[cut..]),
    );
    pod(
        "catalogue-84b7f6c5d9-m4n8t",
        "catalogue",
        0,
        quiet(&mut rng, "catalogue", 60),
    );
    pod("cart-0", "cart", 0, quiet(&mut rng, "cart", 50));
    pod("payment-db-0", "postgres", 0, database(&mut rng));
    let mut archive = tar::Builder::new(Vec::new());
    for (name, text) in members {
        let mut header = tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_mtime((START / SECOND) as u64 + 1500);
        archive
            .append_data(&mut header, name, text.as_bytes())
            .unwrap();
    }
    let mut gzip = flate2::GzBuilder::new()
        .mtime(0)
        .write(Vec::new(), flate2::Compression::best());
    gzip.write_all(&archive.into_inner().unwrap()).unwrap();
    gzip.finish().unwrap()
}

fn frontend(rng: &mut Rng) -> String {
    let mut out = String::new();
    for at in times(rng, 90) {
        let id = rng.hex(16);
        let path = *rng.pick(&["/", "/catalogue", "/cart", "/checkout", "/login"]);
        let failed = in_fault(at) && path == "/checkout" && rng.chance(80);
        let (level, status, ms) = if failed {
            ("error", 503, 3000 + rng.below(200))
        } else {
            ("info", 200, 8 + rng.below(60))
        };
        let msg = if failed {
            "upstream request failed: checkout"
        } else {
            "request completed"
        };
        out.push_str(&cri(at, &format!(r#"{{"level":"{level}","ts":"{}","logger":"http","msg":"{msg}","path":"{path}","status":{status},"duration_ms":{ms},"request_id":"{id}"}}"#, rfc3339(at, 3))));
    }
    out
}

fn checkout_service(rng: &mut Rng) -> String {
    let mut out = String::new();
    for at in times(rng, 40) {
        let order = 100_000 + rng.below(900_000);
        let stamp = rfc3339(at, 3).replace('T', " ").replace('Z', "");
        let thread = format!("nio-8080-exec-{}", 1 + rng.below(9));
        if in_fault(at) && rng.chance(85) {
            out.push_str(&cri(at, &format!("{stamp} ERROR 1 --- [{thread}] c.shop.checkout.OrderService : order {order} failed: payment did not answer within 3000 ms")));
            for line in [
                "java.net.SocketTimeoutException: Read timed out",
                "\tat java.base/java.net.SocketInputStream.read(SocketInputStream.java:168)",
                "\tat c.shop.checkout.PaymentClient.charge(PaymentClient.java:57)",
                "Caused by: java.io.IOException: connection reset by payment:8080",
            ] {
                out.push_str(&cri(at + 1_000_000, line));
            }
        } else {
            out.push_str(&cri(
                at,
                &format!(
                    "{stamp}  INFO 1 --- [{thread}] c.shop.checkout.OrderService : order {order} placed, total {}.{:02} EUR",
                    5 + rng.below(300),
                    rng.below(100)
                ),
            ));
        }
    }
    out
}

fn payment(rng: &mut Rng) -> Vec<(i64, String)> {
    let mut out = Vec::new();
    for at in times(rng, 45) {
        let id = 100_000 + rng.below(900_000);
        let t = rfc3339(at, 3);
        let text = match () {
            () if in_fault(at) && rng.chance(70) => format!(
                "ts={t} caller=pool.go:88 level=error msg=\"connection pool exhausted\" db=payment-db active=20 max=20 waited=3.{:03}s",
                rng.below(1000)
            ),
            () if in_fault(at) => {
                format!("ts={t} caller=charge.go:41 level=warn msg=\"charge timed out\" order={id}")
            }
            () => format!(
                "ts={t} caller=charge.go:52 level=info msg=\"charge accepted\" order={id} took={}ms",
                10 + rng.below(40)
            ),
        };
        out.push((at, text));
    }
    let restart = START + 12 * 60 * SECOND;
    out.push((
        restart,
        format!(
            "ts={} caller=main.go:12 level=info msg=\"payment starting\" version=1.8.2",
            rfc3339(restart, 3)
        ),
    ));
    out.sort();
    out
}

fn quiet(rng: &mut Rng, name: &str, rate: u64) -> String {
    let mut out = String::new();
    for at in times(rng, rate) {
        let text = match rng.below(3) {
            0 => format!(
                r#"{{"time":"{}","level":"INFO","service":"{name}","message":"GET /{name}/{} 200 in {} ms"}}"#,
                rfc3339(at, 3),
                rng.below(500),
                1 + rng.below(20)
            ),
            1 => format!(
                r#"{{"time":"{}","level":"DEBUG","service":"{name}","message":"cache hit for key item-{}"}}"#,
                rfc3339(at, 3),
                rng.below(500)
            ),
            _ => format!(
                r#"{{"time":"{}","level":"INFO","service":"{name}","message":"health check passed"}}"#,
                rfc3339(at, 3)
            ),
        };
        out.push_str(&cri(at, &text));
    }
    out
}

fn database(rng: &mut Rng) -> String {
    let mut out = String::new();
    for at in times(rng, 12) {
        let stamp = rfc3339(at, 3).replace('T', " ").replace('Z', "");
        let pid = 30 + rng.below(60);
        let text = if in_fault(at) && rng.chance(60) {
            "FATAL:  remaining connection slots are reserved for non-replication superuser connections".to_string()
        } else {
            format!(
                "LOG:  checkpoint complete: wrote {} buffers ({}.{}%)",
                rng.below(400),
                rng.below(3),
                rng.below(10)
            )
        };
        out.push_str(&cri(at, &format!("{stamp} UTC [{pid}] {text}")));
    }
    out
}

fn access() -> String {
    let mut rng = Rng(21);
    let mut out = String::new();
    for at in times(&mut rng, 150) {
        let (y, m, d) = date(at);
        let clock = &rfc3339(at, 0)[11..19];
        let path = *rng.pick(&[
            "/api/items",
            "/api/basket",
            "/static/app.js",
            "/",
            "/api/login",
        ]);
        let broken = in_fault(at) && path.starts_with("/api") && rng.chance(75);
        let status = if broken {
            502
        } else {
            *rng.pick(&[200, 200, 200, 200, 304, 404])
        };
        let method = *rng.pick(&["GET", "GET", "POST"]);
        out.push_str(&format!("10.0.{}.{} - - [{d:02}/{}/{y}:{clock} +0000] \"{method} {path}?id={} HTTP/1.1\" {status} {} \"-\" \"Mozilla/5.0 (X11; Linux x86_64)\"\n", rng.below(4), 1 + rng.below(250), MONTHS[m as usize - 1], rng.below(10_000), rng.below(50_000)));
    }
    out
}

fn app() -> String {
    let mut rng = Rng(22);
    let mut out = String::new();
    for at in times(&mut rng, 60) {
        let stamp = rfc3339(at, 3).replace('T', " ").replace('Z', "");
        let thread = format!("http-nio-8080-exec-{}", 1 + rng.below(10));
        if in_fault(at) && rng.chance(70) {
            out.push_str(&format!("{stamp} ERROR [{thread}] com.example.web.ItemController - cannot load basket {}\norg.postgresql.util.PSQLException: Connection to db:5432 refused.\n\tat org.postgresql.core.v3.ConnectionFactoryImpl.openConnectionImpl(ConnectionFactoryImpl.java:319)\n\tat com.example.web.ItemController.basket(ItemController.java:{})\nCaused by: java.net.ConnectException: Connection refused (Connection refused)\n\t... 42 more\n", rng.below(9000), 40 + rng.below(9)));
        } else {
            out.push_str(&format!(
                "{stamp} INFO [{thread}] com.example.web.ItemController - served basket {} with {} items in {} ms\n",
                rng.below(9000),
                rng.below(12),
                2 + rng.below(80)
            ));
        }
    }
    out
}

fn syslog() -> String {
    let mut rng = Rng(31);
    let mut out = String::new();
    for at in times(&mut rng, 120) {
        let (_, m, d) = date(at);
        let head = format!(
            "{} {d:>2} {} web-7",
            MONTHS[m as usize - 1],
            &rfc3339(at, 0)[11..19]
        );
        let pid = 1000 + rng.below(30_000);
        let port = 1024 + rng.below(60_000);
        let user = *rng.pick(&["root", "admin", "test", "oracle", "deploy"]);
        let line = match rng.below(6) {
            0 => format!(
                "{head} sshd[{pid}]: Failed password for {user} from 203.0.113.9 port {port} ssh2"
            ),
            1 => format!(
                "{head} sshd[{pid}]: Accepted publickey for deploy from 10.0.0.{} port {port} ssh2",
                rng.below(9)
            ),
            2 => format!(
                "{head} CRON[{pid}]: (root) CMD (/usr/local/bin/rotate --keep {})",
                rng.below(30)
            ),
            3 => format!(
                "{head} systemd[1]: Started session-{}.scope - Session {} of User deploy.",
                rng.below(900),
                rng.below(900)
            ),
            4 if in_fault(at) => {
                format!(
                    "{head} kernel: blk_update_request: I/O error, dev sdb, sector {} op 0x1:(WRITE)",
                    rng.below(9_999_999)
                )
            }
            5 if in_fault(at) && rng.chance(20) => format!(
                "{head} kernel: EXT4-fs error (device sdb1): ext4_journal_check_start:83: Detected aborted journal; Remounting filesystem read-only"
            ),
            _ => format!(
                "{head} dnsmasq[812]: query[A] host-{}.internal from 10.0.0.{}",
                rng.below(50),
                rng.below(50)
            ),
        };
        out.push_str(&line);
        out.push('\n');
    }
    out
}

fn services() -> String {
    let mut rng = Rng(41);
    let mut out = String::new();
    for at in times(&mut rng, 140) {
        let t = rfc3339(at, 3);
        let trace = rng.hex(32);
        let slow = in_fault(at) && rng.chance(65);
        let line = match rng.below(3) {
            0 => {
                let (level, msg, ms) = if slow {
                    ("error", "call to inventory timed out", 5000)
                } else {
                    ("info", "order accepted", 10 + rng.below(50))
                };
                format!(
                    r#"{{"time":"{t}","level":"{level}","service":"orders","msg":"{msg}","duration_ms":{ms},"trace_id":"{trace}"}}"#
                )
            }
            1 => {
                let (level, msg, took) = if slow {
                    ("warn", "query is slow", 2000 + rng.below(3000))
                } else {
                    ("info", "stock read", 1 + rng.below(9))
                };
                format!(
                    "time={t} level={level} service=inventory msg=\"{msg}\" took={took}ms trace={trace}"
                )
            }
            _ => format!(
                r#"{{"time":"{t}","level":"debug","service":"gateway","msg":"routed request {} to orders","trace_id":"{trace}"}}"#,
                rng.below(99_999)
            ),
        };
        out.push_str(&line);
        out.push('\n');
    }
    out
}

/// Year, month and day of a moment.
fn date(at: i64) -> (i32, u32, u32) {
    let text = rfc3339(at, 0);
    let part = |range: std::ops::Range<usize>| text[range].parse::<u32>().unwrap();
    (part(0..4) as i32, part(5..7), part(8..10))
}

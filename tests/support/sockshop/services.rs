//! What a single service of the simulated shop does for a call, and the lines that it logs, each in
//! the format of its framework. Does not decide which calls are made by visitors.

use super::{Effect, HTTP, MS, Shop};
use faultline::text::civil::rfc3339;

impl Shop {
    /// Handles a call: accesses the store, makes further calls and logs a line. Returns the status
    /// and the time of the answer.
    pub(super) fn work(
        &mut self,
        service: &'static str,
        method: &str,
        path: &str,
        t: i64,
        id: &str,
    ) -> (u32, i64) {
        let mut now = t + self.rng.below(4_000_000) as i64;
        let mut status = 200;
        let store = match service {
            "catalogue" => Some("catalogue-db"),
            "carts" => Some("carts-db"),
            "user" => Some("user-db"),
            "orders" => Some("orders-db"),
            _ => None,
        };
        if let Some(store) = store {
            let (ok, done) = self.store(store, now);
            now = done;
            if !ok {
                status = 500;
                let text = format!("{store}: read of collection failed: i/o timeout");
                let line = if service == "catalogue" || service == "user" {
                    gokit(now, &format!("err=\"{text}\""))
                } else {
                    spring("ERROR", now, service, &format!("c.m.diagnostics : {text}"))
                };
                self.log(service, service, now, line);
            }
        }
        let further: &[(&'static str, &str, &str)] = match (service, method) {
            ("orders", "POST") => &[
                ("user", "GET", "/customers"),
                ("carts", "GET", "/carts/items"),
                ("payment", "POST", "/paymentAuth"),
                ("shipping", "POST", "/shipping"),
            ],
            ("orders", _) => &[("shipping", "GET", "/shipping")],
            _ => &[],
        };
        for (callee, method, path) in further {
            if status != 200 {
                break;
            }
            let (s, done) = self.call(service, callee, method, path, now, id);
            now = done;
            if s >= 500 {
                status = 500;
                self.log(
                    service,
                    service,
                    now,
                    spring(
                        "ERROR",
                        now,
                        service,
                        &format!("w.w.s.OrdersController : call to http://{callee}{path} failed: {s} from {callee}"),
                    ),
                );
            }
        }
        if service == "shipping" && method == "POST" && status == 200 {
            now = self.publish(now, id);
        }
        self.own(service, method, path, status, t, now, id);
        (status, now)
    }

    /// Reads from a store: whether it succeeded, and when it was done.
    fn store(&mut self, store: &'static str, t: i64) -> (bool, i64) {
        let disk = self.effect(store, t) == Some(Effect::Disk);
        let hit = disk && self.rng.chance(50);
        let took = if hit {
            800 + self.rng.below(900) as i64
        } else {
            1 + self.rng.below(6) as i64
        };
        let done = t + took * MS;
        if hit {
            let line = if store == "catalogue-db" {
                format!(
                    "{} 12 [ERROR] InnoDB: Operating system error number 5 in a file operation: I/O error",
                    rfc3339(done, 6)
                )
            } else {
                format!(
                    r#"{{"t":{{"$date":"{}"}},"s":"E","c":"STORAGE","id":22435,"ctx":"conn{}","msg":"WiredTiger error: read: Input/output error"}}"#,
                    rfc3339(done, 3),
                    self.rng.below(60)
                )
            };
            self.log(store, store, done, line);
        } else if self.rng.chance(25) {
            let conn = self.rng.below(60);
            let line = match store {
                "catalogue-db" => format!(
                    "{} {conn} [Note] Slow thread check passed",
                    rfc3339(done, 6)
                ),
                _ => format!(
                    r#"{{"t":{{"$date":"{}"}},"s":"I","c":"COMMAND","id":51803,"ctx":"conn{conn}","msg":"command find ok","attr":{{"durationMillis":{took}}}}}"#,
                    rfc3339(done, 3)
                ),
            };
            self.log(store, store, done, line);
        }
        (!(hit && self.rng.chance(60)), done)
    }

    /// Sends a shipment through the message queue; returns when it was done.
    fn publish(&mut self, t: i64, id: &str) -> i64 {
        if self.effect("rabbitmq", t) == Some(Effect::Partition) {
            let done = t + 900 * MS;
            self.log(
                "shipping",
                "shipping",
                done,
                spring(
                    "WARN",
                    done,
                    "shipping",
                    "c.r.c.i.ForgivingExceptionHandler : connection to rabbitmq:5672 lost: java.net.SocketTimeoutException",
                ),
            );
            if self.rng.chance(40) {
                let line = rabbit(
                    done,
                    "error",
                    self.rng.below(900),
                    "closing AMQP connection: missed heartbeats from client, timeout: 60s",
                );
                self.log("rabbitmq", "rabbitmq", done, line);
            }
            return done;
        }
        if self.rng.chance(40) {
            let line = rabbit(
                t,
                "info",
                self.rng.below(900),
                "message routed to queue shipping-task",
            );
            self.log("rabbitmq", "rabbitmq", t, line);
        }
        self.log(
            "queue-master",
            "queue-master",
            t + 30 * MS,
            spring(
                "INFO",
                t + 30 * MS,
                "queue-master",
                &format!("w.w.s.q.ShippingTaskHandler : Received shipment task: {id}"),
            ),
        );
        t + 2 * MS
    }

    /// Logs the service's own line about a call.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn own(
        &mut self,
        service: &'static str,
        method: &str,
        path: &str,
        status: u32,
        t: i64,
        now: i64,
        id: &str,
    ) {
        let took = (now - t) as f64 / 1e6;
        let line = match service {
            "catalogue" | "payment" | "user" => gokit(
                now,
                &format!(
                    "method={} result={} took={took:.3}ms",
                    path.trim_matches('/'),
                    if status < 500 { "ok" } else { "error" }
                ),
            ),
            _ if status < 500 => spring(
                "INFO",
                now,
                service,
                &format!(
                    "w.w.s.Controller : {method} {path} handled in {took:.0} ms, request {id}"
                ),
            ),
            _ => spring(
                "ERROR",
                now,
                service,
                &format!("w.w.s.Controller : {method} {path} failed in {took:.0} ms, request {id}"),
            ),
        };
        self.log(service, service, now, line);
    }

    /// Logs the sidecar's access line: outbound if `to` is given, otherwise inbound.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn access(
        &mut self,
        at: &'static str,
        to: Option<&'static str>,
        method: &str,
        path: &str,
        status: u32,
        t: i64,
        now: i64,
        id: &str,
    ) {
        if !HTTP.contains(&at) {
            return;
        }
        let (flags, authority) = (if status == 503 { "UF" } else { "-" }, to.unwrap_or(at));
        let cluster = to.map_or_else(
            || "inbound|80||".to_string(),
            |to| format!("outbound|80||{to}.sock-shop.svc.cluster.local"),
        );
        let bytes = 100 + self.rng.below(3000);
        let line = format!(
            "[{}] \"{method} {path} HTTP/1.1\" {status} {flags} via_upstream - \"-\" 0 {bytes} {} {} \"-\" \"Go-http-client/1.1\" \"{id}\" \"{authority}\" \"10.0.0.9:80\" {cluster} 10.0.0.4:80 10.0.0.9:80 10.0.0.4:41000 - default",
            rfc3339(t, 3),
            (now - t) / MS,
            (now - t) / MS
        );
        self.log(at, "istio-proxy", now, line);
    }
}

pub(super) fn json(level: &str, msg: &str, id: &str) -> String {
    format!(r#"{{"level":"{level}","msg":"{msg}","id":"{id}"}}"#)
}

fn rabbit(t: i64, level: &str, process: u64, text: &str) -> String {
    format!(
        "{} [{level}] <0.{process}.0> {text}",
        rfc3339(t, 3).replace('T', " ").replace('Z', "+00:00")
    )
}

fn gokit(t: i64, rest: &str) -> String {
    format!("ts={} caller=logging.go:36 {rest}", rfc3339(t, 6))
}

pub(super) fn spring(level: &str, t: i64, service: &str, rest: &str) -> String {
    format!(
        "{}  {level} [{service},,,] 1 --- [nio-80-exec-4] {rest}",
        &rfc3339(t, 3).replace('T', " ")[..23]
    )
}

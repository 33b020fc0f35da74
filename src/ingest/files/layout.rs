//! Reads namespace, pod, container, node and restart from the path of a log. Recognizes support
//! bundles by their directory layout alone. Does not access files.

use crate::model::Origin;

/// Reads the origin of a log from its path. Supports the layouts of kubelet, must-gather, `kubectl
/// cluster-info dump`, support bundles, sosreport and Docker. Unknown parts are `None`.
pub fn origin(path: &str) -> Origin {
    let parts: Vec<&str> = path
        .split('/')
        .filter(|p| !p.is_empty() && *p != ".")
        .collect();
    let found = must_gather(&parts)
        .or_else(|| kubelet(&parts))
        .or_else(|| containers(&parts))
        .or_else(|| docker(&parts))
        .or_else(|| cluster_info(&parts))
        .or_else(|| support_bundle(&parts))
        .or_else(|| pod_folder(&parts))
        .or_else(|| sosreport(&parts));
    let mut origin = found.unwrap_or_default();
    origin.workload = origin.pod.as_deref().map(workload);
    let stem = stem(parts.last().copied().unwrap_or(path));
    origin.stream = Some(match (&origin.pod, &origin.container) {
        (Some(pod), container) => {
            format!(
                "{}/{pod}/{}",
                origin.namespace.as_deref().unwrap_or("-"),
                container.as_deref().unwrap_or("-")
            )
        }
        _ => [&parts[..parts.len().saturating_sub(1)], &[stem.as_str()]]
            .concat()
            .join("/"),
    });
    origin
}

fn non_empty(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_string())
}

/// The parts after the first one that equals `name`.
fn parts_after<'a>(parts: &'a [&'a str], name: &str) -> Option<&'a [&'a str]> {
    parts
        .iter()
        .position(|p| *p == name)
        .map(|i| &parts[i + 1..])
}

/// `.../namespaces/<ns>/pods/<pod>/<container>/<container>/logs/{current,previous}.log`
fn must_gather(parts: &[&str]) -> Option<Origin> {
    let rest = parts_after(parts, "namespaces")?;
    let [namespace, "pods", pod, container, ..] = rest else {
        return None;
    };
    let file = parts.last()?;
    rest.contains(&"logs").then(|| Origin {
        namespace: non_empty(namespace),
        pod: non_empty(pod),
        container: non_empty(container),
        restart: Some(u32::from(!file.starts_with("previous"))),
        layout: non_empty("must-gather"),
        ..Origin::default()
    })
}

/// `/var/log/pods/<ns>_<pod>_<uid>/<container>/<n>.log[.<date>][.gz]`
fn kubelet(parts: &[&str]) -> Option<Origin> {
    let n = parts.len();
    let (folder, container, file) = (
        *parts.get(n.checked_sub(3)?)?,
        *parts.get(n - 2)?,
        *parts.get(n - 1)?,
    );
    let fields: Vec<&str> = folder.split('_').collect();
    let [namespace, pod, _uid] = fields[..] else {
        return None;
    };
    let number = file.split('.').next()?;
    (file.contains(".log") && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
        .then(|| Origin {
            namespace: non_empty(namespace),
            pod: non_empty(pod),
            container: non_empty(container),
            restart: number.parse().ok(),
            layout: non_empty("kubelet"),
            ..Origin::default()
        })
}

/// `/var/log/containers/<pod>_<ns>_<container>-<64 hex>.log`
fn containers(parts: &[&str]) -> Option<Origin> {
    let file = parts.last()?;
    let stem = file.split(".log").next().filter(|s| s.len() < file.len())?;
    let fields: Vec<&str> = stem.split('_').collect();
    let [pod, namespace, tail] = fields[..] else {
        return None;
    };
    let (container, id) = tail.rsplit_once('-')?;
    (id.len() >= 12 && id.bytes().all(|b| b.is_ascii_hexdigit())).then(|| Origin {
        namespace: non_empty(namespace),
        pod: non_empty(pod),
        container: non_empty(container),
        layout: non_empty("kubelet"),
        ..Origin::default()
    })
}

/// `/var/lib/docker/containers/<id>/<id>-json.log`
fn docker(parts: &[&str]) -> Option<Origin> {
    let file = parts.last()?;
    let id = file
        .split("-json.log")
        .next()
        .filter(|s| s.len() < file.len())?;
    (id.len() >= 12 && id.bytes().all(|b| b.is_ascii_hexdigit())).then(|| Origin {
        container: non_empty(&id[..12]),
        layout: non_empty("docker"),
        ..Origin::default()
    })
}

/// `<dump>/<ns>/<pod>/logs.txt` of `kubectl cluster-info dump`
fn cluster_info(parts: &[&str]) -> Option<Origin> {
    let [.., namespace, pod, "logs.txt"] = parts else {
        return None;
    };
    Some(Origin {
        namespace: non_empty(namespace),
        pod: non_empty(pod),
        layout: non_empty("cluster-info dump"),
        ..Origin::default()
    })
}

/// `cluster-resources/pods/logs/<ns>/<pod>/<container>[-previous].log` of Troubleshoot
fn support_bundle(parts: &[&str]) -> Option<Origin> {
    let rest = parts_after(parts, "cluster-resources")?;
    let ["pods", "logs", namespace, pod, file] = rest else {
        return None;
    };
    let stem = file.split(".log").next()?;
    let (container, previous) = stem
        .strip_suffix("-previous")
        .map_or((stem, false), |s| (s, true));
    Some(Origin {
        namespace: non_empty(namespace),
        pod: non_empty(pod),
        container: non_empty(container),
        restart: Some(u32::from(!previous)),
        layout: non_empty("support bundle"),
        ..Origin::default()
    })
}

/// `pods/<pod>.log`, `pods/<pod>/<file>` and `pods/<ns>/<pod>/<file>`, as collected by hand.
fn pod_folder(parts: &[&str]) -> Option<Origin> {
    let i = parts
        .iter()
        .rposition(|p| matches!(*p, "pods" | "pod-logs"))?;
    let namespace = (i >= 2 && parts[i - 2] == "namespaces").then(|| parts[i - 1].to_string());
    let (pod, container) = match &parts[i + 1..] {
        [file] => (stem(file), None),
        [pod, file] => (
            pod.to_string(),
            Some(stem(file)).filter(|s| {
                !matches!(
                    s.as_str(),
                    "server" | "logs" | "log" | "previous" | "current"
                )
            }),
        ),
        [namespace_or_pod, pod, file] if pod.contains('-') => {
            return Some(Origin {
                namespace: non_empty(namespace_or_pod),
                pod: non_empty(pod),
                container: Some(stem(file)),
                layout: non_empty("pod folders"),
                ..Origin::default()
            });
        }
        _ => return None,
    };
    let previous = parts.last().is_some_and(|f| f.contains("previous"));
    Some(Origin {
        namespace,
        pod: Some(pod),
        container,
        restart: Some(u32::from(!previous)),
        layout: non_empty("pod folders"),
        ..Origin::default()
    })
}

/// `sosreport-<host>-.../...`
fn sosreport(parts: &[&str]) -> Option<Origin> {
    let root = parts.iter().find_map(|p| p.strip_prefix("sosreport-"))?;
    Some(Origin {
        node: root.split('-').next().and_then(non_empty),
        layout: non_empty("sosreport"),
        ..Origin::default()
    })
}

/// File name without rotation numbers, dates and extensions: `app.log.2.gz` -> `app`.
pub fn stem(file: &str) -> String {
    let mut stem = file;
    while let Some((head, tail)) = stem.rsplit_once(['.', '-']) {
        let known = matches!(
            tail,
            "log"
                | "txt"
                | "out"
                | "err"
                | "gz"
                | "zst"
                | "xz"
                | "bz2"
                | "json"
                | "jsonl"
                | "tar"
                | "tgz"
                | "zip"
                | "current"
                | "old"
        );
        let rotation = !tail.is_empty() && tail.bytes().all(|b| b.is_ascii_digit());
        if head.is_empty() || !(known && stem.as_bytes()[head.len()] == b'.' || rotation) {
            break;
        }
        stem = head;
    }
    stem.to_string()
}

/// Pod name without ReplicaSet hash, pod suffix or ordinal: `cart-7f8d7d756d-k7b9j` -> `cart`.
pub fn workload(pod: &str) -> String {
    // The alphabet of Kubernetes' generated names: no vowels, no 0, 1 or 3.
    let safe = |s: &str| {
        s.bytes()
            .all(|b| b"bcdfghjklmnpqrstvwxz2456789".contains(&b))
    };
    let parts: Vec<&str> = pod.split('-').collect();
    let n = parts.len();
    let tail = parts[n - 1];
    let suffix = tail.len() == 5 && safe(tail)
        || tail.len() == 5
            && tail.bytes().any(|b| b.is_ascii_digit())
            && tail
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if n >= 3 && suffix {
        let hash = parts[n - 2];
        let digit = hash.bytes().any(|b| b.is_ascii_digit());
        let hex = (6..=10).contains(&hash.len())
            && digit
            && hash
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        return parts[..if hex { n - 2 } else { n - 1 }].join("-");
    }
    if n >= 2
        && (suffix
            || !tail.is_empty() && tail.len() <= 4 && tail.bytes().all(|b| b.is_ascii_digit()))
    {
        return parts[..n - 1].join("-");
    }
    pod.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_layouts_give_namespace_pod_container_and_restart() {
        let get = |p: &str| {
            let o = origin(p);
            (
                o.namespace.unwrap_or_default(),
                o.pod.unwrap_or_default(),
                o.container.unwrap_or_default(),
                o.restart,
            )
        };
        let s = |a: &str, b: &str, c: &str, r| (a.to_string(), b.to_string(), c.to_string(), r);
        assert_eq!(
            get("var/log/pods/shop_cart-7f8d7d756d-k7b9j_1234-ab/app/2.log.20240301-1000.gz"),
            s("shop", "cart-7f8d7d756d-k7b9j", "app", Some(2))
        );
        assert_eq!(
            get("x/namespaces/openshift-etcd/pods/etcd-0/etcd/etcd/logs/previous.log"),
            s("openshift-etcd", "etcd-0", "etcd", Some(0))
        );
        assert_eq!(
            get("dump/default/web-1/logs.txt"),
            s("default", "web-1", "", None)
        );
        assert_eq!(
            get("b/cluster-resources/pods/logs/shop/cart-0/app-previous.log"),
            s("shop", "cart-0", "app", Some(0))
        );
        assert_eq!(
            get("b/pods/ts-auth-service-7f8d7d756d-k7b9j/server.log"),
            s("", "ts-auth-service-7f8d7d756d-k7b9j", "", Some(1))
        );
    }

    #[test]
    fn workload_and_file_names_lose_their_suffixes() {
        for (pod, want) in [
            ("ts-auth-service-7f8d7d756d-k7b9j", "ts-auth-service"),
            ("etcd-0", "etcd"),
            ("node-exporter-x2k9f", "node-exporter"),
            ("checkout", "checkout"),
            ("kube-apiserver-master-0", "kube-apiserver-master"),
        ] {
            assert_eq!(workload(pod), want);
        }
        assert_eq!(stem("app.log.2.gz"), "app");
        assert_eq!(stem("messages-20240301"), "messages");
    }

    #[test]
    fn rotated_files_have_the_same_stream() {
        assert_eq!(origin("d/app.log.1").stream, origin("d/app.log").stream);
    }
}

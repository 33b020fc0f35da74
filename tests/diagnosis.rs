//! Diagnosis of the simulated shop: the faulty service must be ranked first, with plausible
//! probabilities for the other services. `FAULTLINE_SEEDS=N` tests N seeds per fault.

mod support;

use serde_json::Value;
use support::sockshop::{FAULTS, Scene, generate, pack};
use support::{faultline, run, sample};

/// Runs `faultline diagnose` on a simulated bundle.
fn diagnose(scene: Scene) -> Value {
    let home = tempfile::tempdir().unwrap();
    let bundle = home.path().join("bundle.tar.gz");
    std::fs::write(&bundle, pack(&generate(scene))).unwrap();
    let (status, out, err) = run(faultline(home.path())
        .args(["diagnose", "--format", "json", "--no-cache"])
        .arg(&bundle));
    assert!(status == 0 || status == 1, "{err}");
    serde_json::from_str(&out).unwrap()
}

/// P(down) of a service, or 0 if the diagnosis does not list it.
fn down(d: &Value, service: &str) -> f64 {
    d["services"]
        .as_array()
        .unwrap()
        .iter()
        .find(|s| s["name"] == service)
        .map_or(0.0, |s| s["p_down"].as_f64().unwrap())
}

/// Services of the shop and the services that they call.
const CALLS: [(&str, &[&str]); 6] = [
    (
        "front-end",
        &["session-db", "catalogue", "carts", "user", "orders"],
    ),
    (
        "orders",
        &["user", "carts", "payment", "shipping", "orders-db"],
    ),
    ("catalogue", &["catalogue-db"]),
    ("carts", &["carts-db"]),
    ("user", &["user-db"]),
    ("shipping", &["rabbitmq"]),
];

/// Whether a service calls another one, directly or indirectly.
fn depends(service: &str, on: &str) -> bool {
    CALLS
        .iter()
        .filter(|c| c.0 == service)
        .flat_map(|c| c.1)
        .any(|callee| *callee == on || depends(callee, on))
}

/// Services that are suspected although they do not depend on the faulty one; and whether P(down)
/// of each direct caller is below the faulty service's and above every unaffected service's.
fn suspects_and_order(d: &Value, faulty: &str) -> (Vec<String>, bool) {
    let names: Vec<&str> = d["services"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["name"].as_str().unwrap())
        .collect();
    // queue-master reads the queue: nobody calls it, but it has no work when the queue is empty.
    let affected = |n: &str| {
        n == faulty
            || depends(n, faulty)
            || n == "queue-master"
                && (faulty == "rabbitmq" || depends("shipping", faulty) || faulty == "shipping")
    };
    let unaffected: Vec<&&str> = names.iter().filter(|n| !affected(n)).collect();
    let suspected = unaffected
        .iter()
        .filter(|n| down(d, n) >= 0.16)
        .map(|n| n.to_string())
        .collect();
    let highest = unaffected.iter().map(|n| down(d, n)).fold(0.0, f64::max);
    let callers: Vec<f64> = CALLS
        .iter()
        .filter(|c| c.1.contains(&faulty))
        .map(|c| down(d, c.0))
        .collect();
    let between = callers.iter().all(|p| *p < down(d, faulty) && *p > highest);
    if !between {
        eprintln!(
            "  callers {callers:.3?}, highest of the unaffected {highest:.3}: {:?}",
            unaffected
                .iter()
                .map(|n| (n, down(d, n)))
                .collect::<Vec<_>>()
        );
    }
    (suspected, between)
}

#[test]
fn the_faulty_service_is_ranked_first_and_is_down() {
    let seeds: u64 = std::env::var("FAULTLINE_SEEDS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(1);
    let (mut first, mut red, mut wrong, mut ordered, mut all) = (0, 0, 0, 0, 0);
    for (n, (name, service, _)) in FAULTS.iter().enumerate() {
        for seed in 1..=seeds {
            let d = diagnose(Scene::fault(seed, n));
            let top = d["root_causes"][0]["service"]
                .as_str()
                .unwrap_or("none")
                .to_string();
            let p = down(&d, service);
            let (suspected, between) = suspects_and_order(&d, service);
            eprintln!(
                "{name:<22} seed {seed}: first {top}, p_down {p:.2}, unaffected but suspected {suspected:?}, callers between {between}"
            );
            all += 1;
            first += usize::from(top == *service);
            red += usize::from(p >= 0.46);
            wrong += suspected.len();
            ordered += usize::from(between);
        }
    }
    eprintln!(
        "first {first} of {all}, red {red}, unaffected but suspected {wrong}, callers between {ordered}"
    );
    assert!(first == all && red == all && wrong == 0 && ordered == all);
}

#[test]
fn a_recent_deployment_and_configured_thresholds_affect_the_health() {
    let home = tempfile::tempdir().unwrap();
    let bundle = home.path().join("bundle.tar.gz");
    let mut files = generate(Scene::fault(1, 9));
    let deployment = "apiVersion: apps/v1\nkind: DeploymentList\nitems:\n- apiVersion: apps/v1\n  kind: Deployment\n  metadata:\n    creationTimestamp: \"2026-03-02T09:05:00Z\"\n    name: shipping\n";
    files.push((
        "sock-shop/namespaces/sock-shop/apps/deployments.yaml".into(),
        deployment.into(),
    ));
    std::fs::write(&bundle, pack(&files)).unwrap();
    let penalties = |settings: &str| {
        std::fs::create_dir_all(home.path().join("faultline")).unwrap();
        std::fs::write(home.path().join("faultline/settings.toml"), settings).unwrap();
        let (_, out, err) = run(faultline(home.path())
            .args(["diagnose", "--format", "json"])
            .arg(&bundle));
        let d: Value = serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {err}"));
        let shipping = d["services"]
            .as_array()
            .unwrap()
            .iter()
            .find(|s| s["name"] == "shipping")
            .unwrap()
            .clone();
        shipping["penalties"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    let default = penalties("");
    assert!(
        default
            .iter()
            .any(|p| p == "deployed 5 min before the problem")
            && default.iter().any(|p| p == "answers with 5xx"),
        "{default:?}"
    );
    let configured = penalties("[health]\ndeployed_min = 2\nfailed = 100000");
    assert!(
        !configured
            .iter()
            .any(|p| p.contains("deployed") || p.contains("5xx")),
        "{configured:?}"
    );
}

#[test]
fn a_shop_without_a_fault_has_no_likely_cause() {
    let d = diagnose(Scene::clean(3, 30));
    assert!(
        d["root_causes"]
            .as_array()
            .unwrap()
            .iter()
            .all(|c| c["score"].as_f64().unwrap() < 0.3),
        "{}",
        d["verdict"]
    );
}

#[test]
fn the_sample_outage_is_critical_and_similar_to_a_known_incident() {
    let home = tempfile::tempdir().unwrap();
    let (status, out, _) = run(faultline(home.path())
        .args(["diagnose", "--format", "json"])
        .arg(sample("checkout-outage.tar.gz")));
    assert_eq!(status, 1);
    let d: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(d["incident"]["severity"], "critical");
    assert_eq!(d["incident"]["category"], "pool exhausted");
    assert!(d["similar"][0]["incident"].is_string());
    let first = d["root_causes"][0]["service"].as_str().unwrap();
    assert!(first == "payment-db" || first == "payment", "{first}");
}

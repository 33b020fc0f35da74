//! Anomaly detection on the simulated shop: twelve faults, runs without a fault, and harder cases.
//! Prints the minutes found, missed and wrongly reported. `FAULTLINE_SEEDS=N` tests N seeds per
//! case.

mod support;

use serde_json::Value;
use support::sockshop::{Effect, FAULTS, START, Scene, generate, pack};
use support::{faultline, run};

/// Requests per second, as a function of the seconds from the start.
type Load = fn(i64) -> f64;

/// For each minute, whether anomalies of severity medium or higher cover at least half of it; and
/// the whole output.
fn flagged(scene: Scene) -> (Vec<bool>, Value) {
    let home = tempfile::tempdir().unwrap();
    let bundle = home.path().join("bundle.tar.gz");
    let minutes = scene.minutes as usize;
    std::fs::write(&bundle, pack(&generate(scene))).unwrap();
    let (status, out, err) = run(faultline(home.path())
        .args(["anomalies", "--format", "json", "--no-cache"])
        .arg(&bundle));
    assert!(status == 0 || status == 1, "{err}");
    let found: Value = serde_json::from_str(&out).unwrap();
    let mut seconds = vec![0u32; minutes * 60];
    for w in found["windows"].as_array().unwrap() {
        if matches!(w["severity"].as_str(), Some("low" | "none") | None) {
            continue;
        }
        let at = |k: &str| {
            (moment(w[k].as_str().unwrap()) - START / 1_000_000_000).clamp(0, minutes as i64 * 60)
                as usize
        };
        seconds[at("start")..at("end")]
            .iter_mut()
            .for_each(|s| *s = 1);
    }
    (
        seconds
            .chunks(60)
            .map(|m| m.iter().sum::<u32>() >= 30)
            .collect(),
        found,
    )
}

/// Seconds since the epoch.
fn moment(text: &str) -> i64 {
    faultline::corpus::moment(text).unwrap() / 1_000_000_000
}

/// True positives, false positives and false negatives for a fault in minutes `from..to`. The first
/// minute after the fault counts as neither.
fn score(flags: &[bool], from: usize, to: usize) -> (usize, usize, usize) {
    let (mut tp, mut fp, mut missed) = (0, 0, 0);
    for (m, flag) in flags.iter().enumerate() {
        match (*flag, (from..to).contains(&m)) {
            (true, true) => tp += 1,
            (true, false) if m != to => fp += 1,
            (false, true) => missed += 1,
            _ => {}
        }
    }
    (tp, fp, missed)
}

fn seeds() -> u64 {
    std::env::var("FAULTLINE_SEEDS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(1)
}

#[test]
fn the_minutes_of_twelve_faults_are_found() {
    let mut all = (0, 0, 0);
    for (n, (name, ..)) in FAULTS.iter().enumerate() {
        for seed in 1..=seeds() {
            let (flags, found) = flagged(Scene::fault(seed, n));
            let s = score(&flags, 10, 20);
            eprintln!(
                "{name:<22} seed {seed}: found {} false {} missed {} {}",
                s.0, s.1, s.2, found["windows"][0]["severity"]
            );
            all = (all.0 + s.0, all.1 + s.1, all.2 + s.2);
        }
    }
    let (precision, recall) = (
        all.0 as f64 / (all.0 + all.1) as f64,
        all.0 as f64 / (all.0 + all.2) as f64,
    );
    eprintln!("precision {precision:.3} recall {recall:.3}");
    assert!(precision >= 0.97 && recall >= 0.97);
}

const LOADS: [(&str, Load); 4] = [
    ("steady", |_| 6.0),
    ("doubling", |s| if s > 900 { 12.0 } else { 6.0 }),
    ("rhythm", |s| 6.0 + 3.0 * (s as f64 / 286.0).sin()),
    ("bursts", |s| if s % 300 < 15 { 18.0 } else { 6.0 }),
];

/// Load of a day: low at night, high at noon.
fn day(s: i64) -> f64 {
    0.5 - 0.35 * (s as f64 / 86_400.0 * std::f64::consts::TAU).cos()
}

/// Asserts that a run has no anomaly of severity medium or higher.
fn assert_no_anomaly(name: &str, scene: Scene) {
    let (minutes, seed) = (scene.minutes, scene.seed);
    let (flags, found) = flagged(scene);
    eprintln!(
        "{name} without a fault, {minutes} min, seed {seed}: {} anomalies",
        found["windows"].as_array().unwrap().len()
    );
    assert!(
        flags.iter().all(|f| !f),
        "{name}: {}",
        serde_json::to_string_pretty(&found["windows"]).unwrap()
    );
}

#[test]
fn traffic_without_a_fault_has_no_anomaly() {
    for (name, load) in LOADS {
        for seed in 1..=seeds().max(2) {
            assert_no_anomaly(
                name,
                Scene {
                    load,
                    ..Scene::clean(seed, 30)
                },
            );
        }
        for seed in 1..=seeds() {
            assert_no_anomaly(
                name,
                Scene {
                    load,
                    ..Scene::clean(seed, 120)
                },
            );
        }
    }
}

#[test]
fn daily_cycles_and_deployments_are_not_anomalies() {
    for seed in 1..=seeds() {
        assert_no_anomaly(
            "two days",
            Scene {
                load: day,
                ..Scene::clean(seed, 2 * 1440)
            },
        );
        let faults = vec![
            ("orders", Effect::Deployed, 600, 1800),
            ("shipping", Effect::Deployed, 900, 1800),
        ];
        assert_no_anomaly(
            "deployments",
            Scene {
                faults,
                ..Scene::clean(seed, 30)
            },
        );
    }
}

#[test]
fn a_recurring_error_is_reported_as_flapping() {
    let home = tempfile::tempdir().unwrap();
    let log = home.path().join("flap.log");
    let mut rng = support::rng::Rng(5);
    let mut text = String::new();
    for s in 0..3600u64 {
        let line = |level: &str, what: &str| {
            format!(
                "2026-03-02T09:{:02}:{:02}.000Z {level} gateway: {what}\n",
                s / 60,
                s % 60
            )
        };
        for _ in 0..4 + rng.below(4) {
            text.push_str(&line(
                "INFO",
                &format!(
                    "request {} served in {} ms",
                    rng.below(90_000),
                    20 + rng.below(10)
                ),
            ));
        }
        // One minute each, at irregular intervals.
        if [20u64, 31, 47].contains(&(s / 60)) {
            (0..5 + rng.below(3)).for_each(|_| {
                text.push_str(&line(
                    "ERROR",
                    &format!("upstream inventory refused connection {}", rng.below(9000)),
                ))
            });
        }
    }
    std::fs::write(&log, text).unwrap();
    let (_, out, err) = support::run(
        support::faultline(home.path())
            .args(["anomalies", "--format", "json"])
            .arg(&log),
    );
    let found: serde_json::Value =
        serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {err}"));
    let windows = found["windows"].as_array().unwrap();
    let reasons: Vec<&serde_json::Value> = windows
        .iter()
        .flat_map(|w| w["reasons"].as_array().unwrap())
        .collect();
    let flaps: Vec<&str> = reasons
        .iter()
        .filter(|r| r["kind"] == "flapping")
        .map(|r| r["text"].as_str().unwrap())
        .collect();
    assert!(
        flaps.len() == 1 && flaps[0].contains("3 times: "),
        "{flaps:?} in {}",
        serde_json::to_string_pretty(windows).unwrap()
    );
    assert!(
        reasons.iter().any(|r| r["kind"] == "recovered"),
        "every occurrence ended without an action"
    );
}

#[test]
fn a_changed_order_of_steps_is_found_although_all_counts_stay_equal() {
    let home = tempfile::tempdir().unwrap();
    let log = home.path().join("requests.log");
    let mut rng = support::rng::Rng(9);
    let mut lines: Vec<(u64, String)> = Vec::new();
    for n in 0..6000u64 {
        let start = n * 300 + rng.below(250);
        let swapped = (20..26).contains(&(start / 60_000)) && rng.chance(40);
        let id = format!(
            "{}-{}-4{}-a{}-{}",
            rng.hex(8),
            rng.hex(4),
            rng.hex(3),
            rng.hex(3),
            rng.hex(12)
        );
        let steps = [
            "accepted from client",
            "token verified for user",
            "order stored in table",
            "mail sent to customer",
        ];
        let mut at = start;
        for step in if swapped { [0, 2, 1, 3] } else { [0, 1, 2, 3] } {
            at += 100 + rng.below(400);
            lines.push((
                at,
                format!("request {id} {} {}", steps[step], rng.below(9000)),
            ));
        }
    }
    lines.sort();
    let line = |(ms, text): &(u64, String)| {
        format!(
            "2026-03-02T09:{:02}:{:02}.{:03}Z INFO shop: {text}\n",
            ms / 60_000,
            ms / 1000 % 60,
            ms % 1000
        )
    };
    std::fs::write(&log, lines.iter().map(line).collect::<String>()).unwrap();
    let (_, out, err) = run(faultline(home.path())
        .args(["anomalies", "--format", "json"])
        .arg(&log));
    let found: Value = serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {err}"));
    let windows = found["windows"].as_array().unwrap();
    assert_eq!(
        windows.len(),
        1,
        "{}",
        serde_json::to_string_pretty(windows).unwrap()
    );
    assert!(
        windows[0]["reasons"]
            .as_array()
            .unwrap()
            .iter()
            .any(|r| r["kind"] == "sequence")
    );
    let at = |k: &str| moment(windows[0][k].as_str().unwrap()) % 3600 / 60;
    assert!(
        (19..=20).contains(&at("start")) && (25..=26).contains(&at("end")),
        "{} {}",
        at("start"),
        at("end")
    );
}

#[test]
fn the_minutes_of_harder_cases_are_found() {
    let base = || Scene::clean(1, 30);
    let one = |service, effect, from, to| Scene {
        faults: vec![(service, effect, from, to)],
        ..base()
    };
    let cases: Vec<(&str, Scene, usize, usize)> = vec![
        ("30 s outage", one("user", Effect::Down, 600, 630), 10, 11),
        (
            "10% of payments fail",
            one("payment", Effect::Fails(10), 600, 1200),
            10,
            20,
        ),
        (
            "3% of payments fail",
            one("payment", Effect::Fails(3), 600, 1200),
            10,
            20,
        ),
        (
            "shipping +10 ms",
            one("shipping", Effect::Slow(10), 600, 1200),
            10,
            20,
        ),
        (
            "20 of 30 minutes",
            one("carts-db", Effect::Disk, 600, 1800),
            10,
            30,
        ),
        (
            "from the start",
            one("payment", Effect::Fails(50), 0, 600),
            0,
            10,
        ),
        (
            "until the end",
            one("user", Effect::Down, 1200, 1800),
            20,
            30,
        ),
        ("slow leak", one("payment", Effect::Leak, 600, 1800), 10, 30),
        (
            "one hour of a day",
            Scene {
                load: day,
                ..Scene {
                    minutes: 1440,
                    ..one("payment", Effect::Fails(50), 50_400, 54_000)
                }
            },
            840,
            900,
        ),
        (
            "fault after a deployment",
            Scene {
                faults: vec![
                    ("orders", Effect::Deployed, 300, 1800),
                    ("user", Effect::Down, 900, 1200),
                ],
                ..base()
            },
            15,
            20,
        ),
        (
            "two faults at once",
            Scene {
                faults: vec![
                    ("user", Effect::Down, 600, 1200),
                    ("rabbitmq", Effect::Partition, 600, 1200),
                ],
                ..base()
            },
            10,
            20,
        ),
    ];
    for (name, scene, from, to) in cases {
        let (flags, seen) = flagged(scene);
        if std::env::var_os("FAULTLINE_SHOW").is_some_and(|n| n == name) {
            eprintln!("{}", serde_json::to_string_pretty(&seen).unwrap());
        }
        let s = score(&flags, from, to);
        eprintln!("{name:<22} found {} false {} missed {}", s.0, s.1, s.2);
        assert!(s.0 > 0 && s.1 <= 1 && s.2 <= 1, "{name}: {s:?}");
    }
}

//! Checks that the files of sample-logs/ equal the generator's output, and that what their
//! `*.truth.md` files tell is found: when, what, and nothing else.
//! `FAULTLINE_WRITE_SAMPLES=1 cargo test --test samples` writes them again.

mod support;

use std::path::Path;
use support::{faultline, generate, run};

#[test]
fn the_samples_equal_the_output_of_the_generator() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-logs");
    let write = std::env::var_os("FAULTLINE_WRITE_SAMPLES").is_some();
    for (name, bytes) in generate::samples() {
        let path = folder.join(&name);
        if write {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &bytes).unwrap();
        }
        let found = std::fs::read(&path).unwrap_or_default();
        assert!(
            found == bytes,
            "sample-logs/{name} differs from the generator's output"
        );
    }
}

/// What a sample's `*.truth.md` tells: the sample, the minutes of the fault, and words of which the
/// title or the first reasons of the anomaly contain one.
const TRUTHS: [(&str, std::ops::Range<i64>, &[&str]); 5] = [
    ("checkout-outage.tar.gz", 8..15, &["payment-db", "payment"]),
    ("services.log", 8..15, &["orders", "inventory"]),
    ("sock-shop.tar.gz", 10..20, &["carts-db", "carts"]),
    ("syslog-host.log", 8..15, &["sdb"]),
    ("web", 8..15, &["ItemController", "502", "database"]),
];

#[test]
fn the_truth_of_every_sample_is_found_and_nothing_else() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-logs");
    for (name, minutes, words) in TRUTHS {
        let home = tempfile::tempdir().unwrap();
        let (status, out, err) = run(faultline(home.path())
            .args(["anomalies", "--format", "json", "--no-cache"])
            .arg(folder.join(name)));
        assert_eq!(status, 1, "{name}: {err}");
        let found: serde_json::Value = serde_json::from_str(&out).unwrap();
        let windows = found["windows"].as_array().unwrap();
        let severe: Vec<&serde_json::Value> =
            windows.iter().filter(|w| w["severity"] != "low").collect();
        assert_eq!(severe.len(), 1, "{name}: {severe:#?}");
        let minute = |key: &str| {
            let at = faultline::corpus::moment(severe[0][key].as_str().unwrap()).unwrap();
            at / 1_000_000_000 % 3600 / 60
        };
        let (start, end) = (minute("start"), minute("end"));
        assert!(
            (start - minutes.start).abs() <= 1 && (end - minutes.end).abs() <= 1,
            "{name}: from minute {start} to {end}"
        );
        let told = format!("{} {}", severe[0]["title"], severe[0]["reasons"]);
        assert!(words.iter().any(|w| told.contains(w)), "{name}: {told}");
    }
}

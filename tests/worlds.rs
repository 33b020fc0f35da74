//! Detection on random worlds: systems, wording, formats and faults that are drawn from a seed.
//! Fixed seeds that the detection was developed on, fixed seeds that it was not, and seeds of the
//! day, which are printed for replay: `FAULTLINE_SEED=N cargo test --test worlds`.

mod support;

use faultline::text::civil::rfc3339;
use serde_json::Value;
use support::worlds::{World, world};
use support::{data, faultline, run};

/// What was found in the worlds of some seeds.
#[derive(Default)]
struct Score {
    worlds: usize,
    seen: usize,
    named: usize,
    /// Windows of medium severity or worse in worlds without a fault, and the hours of these worlds.
    wrong: usize,
    hours: f64,
}

impl Score {
    fn share(&self, n: usize) -> f64 {
        n as f64 / self.worlds.max(1) as f64
    }
}

/// The windows of medium severity or worse, the first one first.
fn windows(w: &World) -> Vec<Value> {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("logs");
    std::fs::create_dir(&folder).unwrap();
    for (name, text) in &w.files {
        std::fs::write(folder.join(name), text).unwrap();
    }
    if let Some(kept) = std::env::var_os("FAULTLINE_KEEP") {
        let kept = std::path::Path::new(&kept).join(format!("{}-{}", w.seed, w.fault.is_some()));
        std::fs::create_dir_all(&kept).unwrap();
        for (name, text) in &w.files {
            std::fs::write(kept.join(name), text).unwrap();
        }
    }
    let (status, out, err) = run(faultline(home.path())
        .args(["anomalies", "--format", "json", "--no-cache"])
        .arg(&folder));
    assert!(status == 0 || status == 1, "{err}");
    let found: Value = serde_json::from_str(&out).unwrap();
    let severe = |w: &&Value| !matches!(w["severity"].as_str(), Some("low" | "none") | None);
    let all = found["windows"].as_array().unwrap();
    all.iter().filter(severe).cloned().collect()
}

fn seconds(text: &Value) -> f64 {
    faultline::corpus::moment(text.as_str().unwrap()).unwrap() as f64 / 1e9
}

/// True if the title or the first reason of a window names the fault.
fn names(window: &Value, w: &World) -> bool {
    let reason = &window["reasons"][0];
    let told = format!(
        "{} {} {}",
        window["title"], reason["text"], reason["service"]
    );
    let told = told.to_lowercase();
    w.names.iter().any(|n| told.contains(&n.to_lowercase()))
}

fn add(score: &mut Score, w: &World) {
    let found = windows(w);
    let Some(fault) = w.fault else {
        score.hours += (w.end - w.start) / 3600.0;
        score.wrong += found.len();
        for f in &found {
            println!(
                "seed {} {:?}: wrong: {} {}",
                w.seed, w.kind, f["title"], f["reasons"][0]["text"]
            );
        }
        return;
    };
    let is_near =
        |f: &&Value| seconds(&f["start"]) <= w.to + 60.0 && seconds(&f["end"]) >= w.from - 60.0;
    let hits: Vec<&Value> = found.iter().filter(is_near).collect();
    score.worlds += 1;
    score.seen += usize::from(!hits.is_empty());
    let is_named = hits.first().is_some_and(|f| names(f, w));
    score.named += usize::from(is_named);
    if !is_named {
        let told: Vec<String> = hits
            .iter()
            .take(2)
            .map(|f| format!("{} | {}", f["title"], f["reasons"][0]["text"]))
            .collect();
        println!(
            "seed {} {:?} {fault:?} {}..{}: wanted {:?}, found {told:?}",
            w.seed,
            w.kind,
            rfc3339((w.from * 1e9) as i64, 0),
            rfc3339((w.to * 1e9) as i64, 0),
            w.names
        );
    }
}

/// Statements of real programs, with a slot for each number, if there are any.
fn statements() -> Vec<String> {
    let Some(data) = data() else {
        return Vec::new();
    };
    let mut out = std::collections::BTreeSet::new();
    let folders =
        ["cassandra", "openshift-aws", "openstack-pike"].map(|n| data.join("callsite").join(n));
    for file in folders.iter().flat_map(|f| files_below(f)) {
        let packed = std::fs::File::open(&file).unwrap();
        let mut text = String::new();
        let read =
            std::io::Read::read_to_string(&mut liblzma::read::XzDecoder::new(packed), &mut text);
        if read.is_err() {
            continue;
        }
        out.extend(text.lines().step_by(97).filter_map(statement));
    }
    out.into_iter().collect()
}

fn files_below(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let all = walkdir::WalkDir::new(folder)
        .sort_by_file_name()
        .into_iter()
        .flatten();
    let packed = all.filter(|e| e.path().extension().is_some_and(|x| x == "xz"));
    packed.map(|e| e.path().to_path_buf()).collect()
}

/// A statement with these words would be a fault of its own.
const TROUBLE: [&str; 16] = [
    "fail",
    "error",
    "cannot",
    "unable",
    "not ",
    "invalid",
    "refused",
    "timeout",
    "timed out",
    "denied",
    "lost",
    "missing",
    "forbidden",
    "exception",
    "warn",
    "unexpected",
];

/// The words of a line after its header, with a slot for each word with a digit.
fn statement(line: &str) -> Option<String> {
    let words: Vec<&str> = line.split_whitespace().skip(6).take(9).collect();
    let is_word = |w: &str| {
        w.chars()
            .all(|c| c.is_ascii_alphabetic() || ".,:-".contains(c))
    };
    let lower = line.to_lowercase();
    if TROUBLE.iter().any(|t| lower.contains(t)) {
        return None;
    }
    let plain = words.iter().filter(|w| is_word(w)).count();
    if plain < 4 || words.iter().any(|w| w.contains(['{', '}', '"', '\\', '='])) {
        return None;
    }
    let slot = |w: &&str| {
        if is_word(w) {
            w.to_string()
        } else {
            "{}".into()
        }
    };
    Some(words.iter().map(slot).collect::<Vec<_>>().join(" "))
}

fn score(name: &str, seeds: impl Iterator<Item = u64>) -> Score {
    let real = statements();
    let mut score = Score::default();
    for seed in seeds {
        add(&mut score, &world(seed, false, &real));
        add(&mut score, &world(seed, true, &real));
    }
    println!(
        "{name}: {} worlds with a fault: seen {:.2}, named first {:.2}; {} false windows in {:.0} hours without a fault",
        score.worlds,
        score.share(score.seen),
        score.share(score.named),
        score.wrong,
        score.hours
    );
    score
}

fn assert_floors(score: &Score) {
    assert!(score.share(score.seen) >= 0.9);
    assert!(score.share(score.named) >= 0.8);
    assert_eq!(score.wrong, 0);
}

#[test]
fn faults_in_random_worlds_are_found_and_named() {
    assert_floors(&score("development", 1..=20));
}

#[test]
fn faults_in_worlds_that_nobody_looked_at_are_found_and_named() {
    assert_floors(&score("fresh", 7001..=7020));
}

#[test]
fn the_worlds_of_the_day_are_mostly_right() {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let day = now.as_secs() / 86_400 * 100;
    let given = std::env::var("FAULTLINE_SEED")
        .ok()
        .and_then(|s| s.parse().ok());
    let first: u64 = given.unwrap_or(day);
    println!("FAULTLINE_SEED={first}");
    let score = score("of the day", first..first + 4);
    // Four worlds are too few for a rate: most faults are seen, and not more than one alarm is false.
    assert!(score.seen >= 2 && score.wrong <= 1);
}

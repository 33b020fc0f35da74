//! Counts that must equal those of others: expressions those of ripgrep, a grown file those of a
//! fresh run.

mod support;

use std::io::Write;
use support::rng::Rng;
use support::{faultline, log_lines, run};

/// A random expression of anchors, classes, words of the file and repetitions.
fn expression(rng: &mut Rng, words: &[&str]) -> String {
    const PARTS: &[&str] = &[
        "^",
        "$",
        r"\b",
        r"\B",
        r"\s",
        r"\s+",
        r"\S+",
        r"\d",
        r"\d{2,}",
        r"\w+",
        "[A-Z]{3,}",
        "[^a-z]",
        r"[^\n]",
        "[[:punct:]]",
        ".",
        ".*",
        ".+?",
        "a|e",
        "(?i)error",
        r"\pL",
        r"[ -~]+",
        r"\.",
        "x*",
        "^$",
        r"\t",
        r"[\s\S]",
        r"\W",
    ];
    let part = |rng: &mut Rng| match rng.below(4) {
        0 if !words.is_empty() => regex::escape(words[rng.below(words.len() as u64) as usize]),
        _ => (*rng.pick(PARTS)).to_string(),
    };
    let count = 1 + rng.below(3);
    (0..count).map(|_| part(rng)).collect()
}

#[test]
fn a_hundred_expressions_match_the_lines_that_ripgrep_finds() {
    let has_rg = std::process::Command::new("rg")
        .arg("--version")
        .output()
        .is_ok();
    if !has_rg {
        eprintln!("skipped: ripgrep is not installed");
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = home.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let trace = "2026-03-02T10:00:00Z ERROR a: failed\njava.lang.Error: x\n\tat a.b.C(D.java:1)\n\n  Caused by: y\n";
    let fuzz = include_bytes!("fuzz/corpus/lines.txt");
    let files = [
        file("plain.log", &log_lines(3_000)),
        file("multi.log", &trace.repeat(300)),
        file("crlf.log", &log_lines(300).replace('\n', "\r\n")),
        file("open.log", "no newline at the end\n\nlast line"),
        file("odd.log", &String::from_utf8_lossy(fuzz)),
    ];
    let mut rng = Rng(7);
    for n in 0..100 {
        let path = &files[n % files.len()];
        let text = std::fs::read_to_string(path).unwrap();
        let words: Vec<&str> = text
            .split_whitespace()
            .take(400)
            .filter(|w| w.len() < 12)
            .collect();
        let expression = expression(&mut rng, &words);
        let theirs = std::process::Command::new("rg")
            .args([
                "-a",
                "--no-ignore",
                "--hidden",
                "--no-config",
                "-c",
                "-e",
                &expression,
            ])
            .arg(path)
            .output()
            .unwrap();
        if theirs.status.code() == Some(2) {
            continue;
        }
        let theirs = String::from_utf8(theirs.stdout).unwrap();
        let query = format!("/{}/", expression.replace('/', "\\/"));
        let (_, ours, err) = run(faultline(home.path())
            .args(["search", "--count", "--lines", "--", &query])
            .arg(path));
        let number = |t: &str| t.trim().parse::<u64>().unwrap_or(0);
        assert_eq!(
            number(&ours),
            number(&theirs),
            "{query} in {}: {err}",
            path.display()
        );
    }
}

#[test]
fn a_file_that_grows_at_the_border_of_a_chunk_is_counted_as_by_a_fresh_run() {
    let home = tempfile::tempdir().unwrap();
    let log = home.path().join("a.log");
    let count = |arguments: &[&str]| {
        let mut command = faultline(home.path());
        let (_, out, err) = run(command
            .args(["search", "--count", "--lines"])
            .args(arguments)
            .arg("app")
            .arg(&log));
        out.trim()
            .parse::<u64>()
            .unwrap_or_else(|_| panic!("{err}"))
    };
    let line = |length: usize| {
        format!(
            "2026-03-02T10:00:00Z INFO app: {}\n",
            "x".repeat(length - 32)
        )
    };
    let chunk = 4 << 20;
    // The length of a line, the length of the file at first, and how much is added then.
    for (length, first, more) in [
        (63, 4_194_225, 120),
        (6_049, chunk - 100, 6_049),
        (6_049, chunk, 12_000),
    ] {
        let whole = line(length).repeat(2 * chunk / length);
        for end in [first, first + more, first + 3 * more] {
            std::fs::write(&log, &whole.as_bytes()[..first]).unwrap();
            count(&[]);
            let mut file = std::fs::File::options().append(true).open(&log).unwrap();
            file.write_all(&whole.as_bytes()[first..end]).unwrap();
            assert_eq!(
                count(&[]),
                count(&["--no-cache"]),
                "lines of {length} bytes, {first} and then {end}"
            );
        }
    }
}

//! Time and memory at four sizes each: archive members, distinct templates, printed matches. Prints
//! the figures and the growth from one size to the next, and fails on nothing. `FAULTLINE_GROWTH`
//! multiplies the sizes; 8 gives 100,000 members, 400,000 templates and 80 million lines.

use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

const LINE: &str = "2026-03-02T10:00:00Z INFO app: ";

fn main() {
    let scale = std::env::var("FAULTLINE_GROWTH");
    let scale: usize = scale.ok().and_then(|s| s.parse().ok()).unwrap_or(1);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("input");
    for (name, largest, make, arguments) in [
        (
            "archive members",
            12_500,
            members as fn(&Path, usize),
            &["templates", "--no-cache"][..],
        ),
        (
            "distinct templates",
            50_000,
            templates,
            &["templates", "--no-cache"],
        ),
        (
            "printed lines",
            10_000_000,
            lines,
            &["search", "--no-cache", "--lines", "r"],
        ),
    ] {
        println!(
            "{name:<20} {:>10} {:>9} {:>9} {:>8}",
            "size", "seconds", "MB", "growth"
        );
        let mut before: Option<f64> = None;
        for n in [8, 4, 2, 1].map(|part| largest * scale / part) {
            make(&file, n);
            let (seconds, megabytes) = measure(&file, arguments);
            let growth = before.map_or(String::new(), |b| format!("{:.2}", seconds / b));
            println!(
                "{:<20} {n:>10} {seconds:>9.2} {megabytes:>9} {growth:>8}",
                ""
            );
            before = Some(seconds);
        }
    }
}

/// A tar archive with many small logs.
fn members(file: &Path, n: usize) {
    let mut archive =
        tar::Builder::new(BufWriter::new(std::fs::File::create(file).expect("a file")));
    for k in 0..n {
        let text = format!("{LINE}request {k} took {} ms\n", k % 977);
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        let name = format!("pods/p{k}/a.log");
        archive
            .append_data(&mut header, name, text.as_bytes())
            .expect("a member");
    }
    archive.finish().expect("an archive");
}

/// Lines of which no two have the same words.
fn templates(file: &Path, n: usize) {
    let mut out = BufWriter::new(std::fs::File::create(file).expect("a file"));
    let letters = |mut k: u64| -> String {
        let mut word = String::new();
        while word.len() < 4 || k > 0 {
            word.push((b'a' + (k % 26) as u8) as char);
            k /= 26;
        }
        word
    };
    for k in 0..n as u64 {
        let words: Vec<String> = (0..8)
            .map(|w| letters((k * 8 + w).wrapping_mul(2_654_435_761) % 5_000))
            .collect();
        writeln!(out, "{LINE}{}", words.join(" ")).expect("a line");
    }
}

fn lines(file: &Path, n: usize) {
    let mut out = BufWriter::new(std::fs::File::create(file).expect("a file"));
    for k in 0..n {
        writeln!(out, "{LINE}r {}", k % 1000).expect("a line");
    }
}

/// Seconds, and peak resident memory in MB.
fn measure(file: &Path, arguments: &[&str]) -> (f64, u64) {
    let started = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_faultline"))
        .args(arguments)
        .arg(file)
        .arg("--stats")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .expect("faultline runs");
    let text = String::from_utf8_lossy(&output.stderr);
    let stats: serde_json::Value =
        serde_json::from_str(text.lines().last().unwrap_or_default()).unwrap_or_default();
    let peak = stats["peak_rss_bytes"].as_u64().unwrap_or(0) >> 20;
    (started.elapsed().as_secs_f64(), peak)
}

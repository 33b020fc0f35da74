//! Followed folders: lines of growing, new and rotated files are read exactly once.

mod support;

use faultline::corpus::{self, Options};
use std::path::Path;
use std::time::{Duration, Instant};

fn append(file: &Path, lines: std::ops::Range<usize>) {
    let text: String = lines
        .map(|n| format!("2026-03-02T09:00:{:02}Z INFO line number {n}\n", n % 60))
        .collect();
    support::append(file, &text);
}

#[test]
fn growing_new_and_rotated_files_are_read_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    append(&file("a.log"), 0..100);
    let mut options = Options::new(vec![folder.path().to_path_buf()]);
    (options.follow, options.interactive) = (true, true);
    let session = corpus::open(options).unwrap();
    let wait = |lines: u64| {
        let started = Instant::now();
        while session.corpus.snapshot().lines != lines {
            assert!(
                started.elapsed() < Duration::from_secs(20),
                "{} lines instead of {lines}",
                session.corpus.snapshot().lines
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    wait(100);
    append(&file("b.log"), 0..50);
    wait(150);
    append(&file("b.log"), 50..60);
    wait(160);
    std::fs::rename(file("a.log"), file("a.log.1")).unwrap();
    append(&file("a.log.1"), 100..105);
    append(&file("a.log"), 0..30);
    wait(195);
    append(&file("a.log"), 30..40);
    wait(205);
    // Longer than the interval between two scans of the folder: nothing is read twice.
    std::thread::sleep(Duration::from_millis(2500));
    wait(205);
    assert_eq!(session.corpus.snapshot().sources.len(), 3);
    let numbers: Vec<String> = session
        .corpus
        .snapshot()
        .sources
        .iter()
        .map(|s| s.lines.to_string())
        .collect();
    assert_eq!(numbers, ["105", "60", "40"]);
}

#[test]
fn a_hundred_rotations_lose_and_repeat_no_line() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("app.log");
    append(&log, 0..200);
    let mut options = Options::new(vec![folder.path().to_path_buf()]);
    (options.follow, options.interactive) = (true, true);
    let session = corpus::open(options).unwrap();
    let mut written = 200;
    for rotation in 0..100usize {
        for _ in 0..3 {
            let more = 1 + rotation * 7 % 90;
            append(&log, written..written + more);
            written += more;
            std::thread::sleep(Duration::from_millis(rotation as u64 * 13 % 40));
        }
        let old = folder.path().join(format!("app.log.{rotation}"));
        match rotation % 3 {
            // logrotate: create
            0 => std::fs::rename(&log, &old).unwrap(),
            // logrotate: copytruncate
            1 => {
                std::fs::copy(&log, &old).unwrap();
                std::fs::File::options()
                    .write(true)
                    .open(&log)
                    .unwrap()
                    .set_len(0)
                    .unwrap();
            }
            // logrotate: create, compress
            _ => {
                std::fs::rename(&log, &old).unwrap();
                compress(&old);
            }
        }
        append(&log, written..written + 5);
        written += 5;
    }
    let started = Instant::now();
    let lines = || session.corpus.snapshot().lines;
    while lines() < written as u64 && started.elapsed() < Duration::from_secs(40) {
        std::thread::sleep(Duration::from_millis(50));
    }
    // Longer than the interval between two scans of the folder.
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(lines(), written as u64);
    drop(session);
    let mut fresh = corpus::open(Options::new(vec![folder.path().to_path_buf()])).unwrap();
    assert_eq!(fresh.wait().lines, written as u64);
}

/// Replaces a file by its compressed form, as gzip does.
fn compress(file: &Path) {
    let text = std::fs::read(file).unwrap();
    std::fs::write(format!("{}.gz", file.display()), support::gzip(&text)).unwrap();
    std::fs::remove_file(file).unwrap();
}

#[test]
fn a_service_that_is_new_in_a_followed_folder_is_unverified_while_it_is_learned() {
    let folder = tempfile::tempdir().unwrap();
    let lines = |minutes: std::ops::Range<i64>| -> String {
        let line = |n| format!("2026-03-02T09:{n:02}:00Z INFO batch {n} of the night\n");
        minutes.map(line).collect()
    };
    let learned = |old: std::ops::Range<i64>, new: std::ops::Range<i64>, follow: bool| {
        let expected = (old.end - old.start + new.end - new.start) as u64;
        std::fs::write(folder.path().join("ledger.log"), lines(old)).unwrap();
        std::fs::write(folder.path().join("tariff.log"), lines(new)).unwrap();
        let mut options = Options::new(vec![folder.path().to_path_buf()]);
        (options.follow, options.interactive) = (follow, follow);
        let session = corpus::open(options).unwrap();
        let started = Instant::now();
        loop {
            let snapshot = session.corpus.snapshot();
            let is_complete = snapshot.events == expected && !snapshot.templates.is_empty();
            if is_complete || started.elapsed() > Duration::from_secs(20) {
                let mut names: Vec<String> = snapshot
                    .services_being_learned()
                    .into_iter()
                    .map(String::from)
                    .collect();
                names.sort();
                return names;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    assert_eq!(learned(0..30, 25..30, true), ["tariff"]);
    assert!(learned(0..30, 10..30, true).is_empty(), "known by now");
    assert!(learned(0..30, 25..30, false).is_empty(), "a closed archive");
}

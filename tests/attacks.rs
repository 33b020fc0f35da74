//! Attacks on the input: damaged archives, bombs, special files, links, and files that change while
//! they are read. Each ends soon, and with a reason.

mod support;

use faultline::corpus::{self, Options, Snapshot};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::rng::Rng;
use support::{faultline, gzip, log_lines, run, sample};

/// Far above the usual time: a limit, not a benchmark.
const BOUND: Duration = Duration::from_secs(60);

fn open(path: &Path) -> Arc<Snapshot> {
    let started = Instant::now();
    let mut session = corpus::open(Options::new(vec![path.to_path_buf()])).unwrap();
    let snapshot = session.wait();
    assert!(started.elapsed() < BOUND, "{}", path.display());
    snapshot
}

/// What was read, and whether something is reported.
fn result(path: &Path) -> (u64, u64, bool) {
    let s = open(path);
    let reported = !s.failures.is_empty() || s.sources.iter().any(|s| s.failure.is_some());
    (s.lines, s.bytes, reported)
}

fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut b = tar::Builder::new(Vec::new());
    for (name, body) in members {
        let mut h = tar::Header::new_gnu();
        h.set_size(body.len() as u64);
        h.set_mode(0o644);
        b.append_data(&mut h, name, *body).unwrap();
    }
    b.into_inner().unwrap()
}

fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut z = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, body) in members {
        z.start_file(*name, zip::write::SimpleFileOptions::default())
            .unwrap();
        z.write_all(body).unwrap();
    }
    z.finish().unwrap().into_inner()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut e = zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
    e.include_checksum(true).unwrap();
    e.write_all(bytes).unwrap();
    e.finish().unwrap()
}

#[test]
fn every_cut_or_flipped_archive_is_read_right_or_reported() {
    let folder = tempfile::tempdir().unwrap();
    let text = log_lines(1_000);
    let text = text.as_bytes();
    let members: Vec<(&str, &[u8])> = vec![("d/a.log", text), ("d/b.log", text)];
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 6);
    xz.write_all(text).unwrap();
    let archives = [
        ("a.tar.gz", gzip(&tar(&members))),
        ("a.zip", zip(&members)),
        ("a.log.zst", zstd(text)),
        ("a.log.xz", xz.finish().unwrap()),
        ("a.log.gz", gzip(text)),
    ];
    let mut rng = Rng(2026);
    for (name, whole) in archives {
        let path = folder.path().join(name);
        std::fs::write(&path, &whole).unwrap();
        let (lines, bytes, reported) = result(&path);
        assert!(!reported && lines > 0, "{name}");
        for round in 0..80 {
            let mut damaged = whole.clone();
            let at = 1 + rng.below(whole.len() as u64 - 1) as usize;
            match round % 4 {
                0 => damaged.truncate(at),
                _ => damaged[at] ^= 1 << rng.below(8),
            }
            std::fs::write(&path, &damaged).unwrap();
            let (l, b, reported) = result(&path);
            assert!(
                reported || (l, b) == (lines, bytes),
                "{name}: damage at {at} of {} is silent: {l} of {lines} lines",
                whole.len()
            );
        }
    }
}

#[test]
fn bombs_end_at_the_default_limits_and_name_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let reasons = |name: &str, bytes: &[u8]| -> String {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let s = open(&path);
        assert!(s.bytes < 2 << 30, "{name}: {} bytes were read", s.bytes);
        let of_sources = s.sources.iter().filter_map(|s| s.failure.clone());
        let all = s
            .failures
            .iter()
            .map(|f| f.reason.clone())
            .chain(of_sources);
        all.collect::<Vec<_>>().join("; ")
    };
    // 512 MB of the same line, packed twice: about 5 KB.
    let plain = "2026-03-02T10:00:00Z INFO a\n".repeat(1 << 20);
    let mut once = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    (0..18).for_each(|_| once.write_all(plain.as_bytes()).unwrap());
    let once = once.finish().unwrap();
    let found = reasons("twice.log.gz", &gzip(&once));
    assert!(found.contains("--max-ratio"), "{found}");
    // A zip of zips: each level repeats the one below ten times.
    let mut nested = zip(&[("x.log", &vec![b'a'; 8 << 20])]);
    for _ in 0..4 {
        let names: Vec<String> = (0..10).map(|n| format!("{n}.zip")).collect();
        let members: Vec<(&str, &[u8])> = names.iter().map(|n| (n.as_str(), &nested[..])).collect();
        nested = zip(&members);
    }
    let found = reasons("nested.zip", &nested);
    assert!(found.contains("--max-"), "{found}");
}

#[test]
fn an_archive_whose_members_overlap_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("overlap.zip");
    let body = log_lines(2_000);
    let whole = zip(&[("a.log", body.as_bytes())]);
    // The directory of the archive names its one member many times.
    let start = whole.windows(4).rposition(|w| w == b"PK\x01\x02").unwrap();
    let end = whole.windows(4).rposition(|w| w == b"PK\x05\x06").unwrap();
    let entry = &whole[start..end];
    let mut bomb = whole[..start].to_vec();
    for n in 0..50u8 {
        let mut copy = entry.to_vec();
        let name = copy.len() - 5;
        copy[name] = b'a' + n % 26;
        copy[name + 1] = b'0' + n / 26;
        bomb.extend(copy);
    }
    let size = (bomb.len() - start) as u32;
    let mut tail = whole[end..].to_vec();
    tail[8..10].copy_from_slice(&50u16.to_le_bytes());
    tail[10..12].copy_from_slice(&50u16.to_le_bytes());
    tail[12..16].copy_from_slice(&size.to_le_bytes());
    bomb.extend(tail);
    std::fs::write(&path, bomb).unwrap();
    let s = open(&path);
    let found = format!("{:?}", s.failures);
    assert!(s.lines == 0 && found.contains("overlap"), "{found}");
}

#[test]
fn a_fifo_and_links_out_of_the_folder_are_reported_and_not_read() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("logs");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("a.log"), log_lines(10)).unwrap();
    let fifo = folder.join("pipe.log");
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .unwrap()
            .success()
    );
    std::os::unix::fs::symlink("/proc", folder.join("processes")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", folder.join("users.log")).unwrap();
    std::os::unix::fs::symlink(folder.join("a.log"), folder.join("latest.log")).unwrap();
    for path in [&folder, &fifo] {
        let s = open(path);
        let reasons = format!("{:?}", s.failures);
        assert!(reasons.contains("FIFO"), "{reasons}");
        if path == &folder {
            assert_eq!(s.lines, 10, "the link inside the folder is not read twice");
            for link in ["processes", "users.log"] {
                assert!(reasons.contains(link), "{link} is not in {reasons}");
            }
        }
    }
    // A question that looks like a pattern is a question.
    let (status, out, err) = run(faultline(home.path())
        .args(["ask", "--no-llm", "--task", "cause", "why?"])
        .arg(&folder));
    assert_eq!(status, 0, "{out} {err}");
}

#[test]
fn a_skippable_frame_and_names_that_are_no_text_are_read_and_cached() {
    use std::os::unix::ffi::OsStrExt;
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("logs");
    std::fs::create_dir(&folder).unwrap();
    let mut framed = vec![0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4];
    framed.extend(zstd(log_lines(20).as_bytes()));
    std::fs::write(folder.join("a.zst"), framed).unwrap();
    let odd = folder.join(std::ffi::OsStr::from_bytes(b"b\xff.log"));
    std::fs::write(odd, log_lines(30)).unwrap();
    let stats = || {
        let (status, _, err) = run(faultline(home.path())
            .args(["templates", "--stats"])
            .arg(&folder));
        assert_eq!(status, 0, "{err}");
        serde_json::from_str::<serde_json::Value>(err.lines().last().unwrap()).unwrap()
    };
    assert_eq!(stats()["lines"], 50);
    let manifest = walkdir(home.path())
        .into_iter()
        .find(|p| p.ends_with("manifest.json"));
    let before = std::fs::metadata(manifest.as_ref().unwrap())
        .unwrap()
        .modified()
        .unwrap();
    assert_eq!(stats()["lines"], 50);
    let after = std::fs::metadata(manifest.unwrap())
        .unwrap()
        .modified()
        .unwrap();
    assert_eq!(before, after, "the second run used the cache");
}

fn walkdir(path: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(path).unwrap().flatten() {
        out.push(entry.path());
        if entry.file_type().unwrap().is_dir() {
            out.extend(walkdir(&entry.path()));
        }
    }
    out
}

#[test]
fn what_is_stored_can_be_read_by_the_user_only() {
    let home = tempfile::tempdir().unwrap();
    let (status, ..) = run(faultline(home.path())
        .arg("triage")
        .arg(sample("checkout-outage.tar.gz")));
    assert_eq!(status, 1);
    let stored = walkdir(home.path());
    assert!(stored.iter().any(|p| p.ends_with("manifest.json")));
    for path in stored {
        let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", path.display());
    }
}

#[test]
fn a_file_that_changes_while_it_is_read_leaves_no_wrong_cache() {
    let home = tempfile::tempdir().unwrap();
    let log = home.path().join("a.log");
    let whole = log_lines(400_000);
    for (round, delay) in [5, 20, 60, 120, 5, 20, 60, 120].into_iter().enumerate() {
        std::fs::write(&log, &whole).unwrap();
        let mut child = faultline(home.path())
            .arg("templates")
            .arg(&log)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(delay));
        if round % 2 == 0 {
            let new = home.path().join("new");
            std::fs::write(&new, "2026-03-02T10:00:00Z INFO other\n".repeat(100)).unwrap();
            std::fs::rename(new, &log).unwrap();
        } else {
            let file = std::fs::File::options().write(true).open(&log).unwrap();
            file.set_len(whole.len() as u64 / 3).unwrap();
        }
        child.wait().unwrap();
        let count = |arguments: &[&str], word: &str| {
            let mut command = faultline(home.path());
            run(command
                .args(["search", "--count"])
                .args(arguments)
                .arg(word)
                .arg(&log))
            .1
        };
        for word in ["request", "other"] {
            assert_eq!(
                count(&[], word),
                count(&["--no-cache"], word),
                "round {round}: {word}"
            );
        }
    }
}

#[test]
fn nested_input_overflows_no_stack() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("deep");
    std::fs::create_dir(&folder).unwrap();
    let nested =
        |open: &str, close: &str, n: usize| format!("{}{}", open.repeat(n), close.repeat(n));
    let files = [
        (
            "a.json",
            format!(
                "{{\"time\":\"2026-03-02T10:00:00Z\",\"msg\":\"x\",\"a\":{}}}\n",
                nested("[", "]", 200_000)
            ),
        ),
        ("b.json", nested("{\"a\":", "}", 100_000) + "\n"),
        (
            "c.yaml",
            format!("kind: Pod\nmetadata: {}\n", nested("[", "]", 100_000)),
        ),
        (
            "traces.json",
            format!(
                "{{\"resourceSpans\":[{{\"resource\":{},\"scopeSpans\":[]}}]}}\n",
                nested("[", "]", 100_000)
            ),
        ),
        (
            "jaeger.json",
            format!(
                "{{\"data\":[{{\"traceID\":\"1\",\"spans\":{}}}]}}\n",
                nested("[", "]", 100_000)
            ),
        ),
        (
            "d.log",
            format!(
                "2026-03-02T10:00:00Z INFO a {}\n",
                nested("(", ")", 100_000)
            ),
        ),
    ];
    for (name, text) in files {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let (status, _, err) = run(faultline(home.path()).arg("triage").arg(&folder));
    assert!((0..=1).contains(&status), "{err}");
    for query in [
        "(".repeat(20_000) + "a" + &")".repeat(20_000),
        "-".repeat(50_000) + "a",
    ] {
        let (status, _, err) = run(faultline(home.path())
            .arg("search")
            .arg("--count")
            .arg("--")
            .arg(query)
            .arg(&folder));
        assert_eq!(status, 2);
        assert!(
            err.contains("more than 100 levels") && err.contains("at character 101"),
            "{err}"
        );
    }
}

#[test]
fn a_line_that_completes_another_does_not_stop_the_reader() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("0.log");
    let text = "2026-03-02T09:12:30.1Z stdout F hello 1\n2026-03-02T09:12:32.1Z stderr P hello two\n\
        2026-03-02T09:12:32.2Z stderr F more\n2026-03-02T09:12:33.1Z stdout F hello 3\n\
        2026-03-02T09:12:33.1Z stdout F hello 4\n";
    std::fs::write(&path, text.repeat(50)).unwrap();
    let s = open(&path);
    assert_eq!((s.lines, s.failures.len()), (250, 0));
}

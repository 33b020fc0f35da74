//! The command line as scripts use it: exact counts, JSON, exit statuses, bad input.

mod support;

use serde_json::Value;
use std::io::Write;
use std::process::{Command, Stdio};
use support::rng::Rng;
use support::{data, faultline, gzip, run, sample};

fn json_lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect()
}

/// A log with words with and without digits, underscores, letters outside ASCII, invalid UTF-8, and
/// events of several lines.
fn corpus(seed: u64) -> Vec<u8> {
    let words = [
        "error",
        "Error",
        "größe",
        "GRÖSSE",
        "naïve",
        "user_1",
        "k8s",
        "K8S",
        "\u{212A}8s",
        "42",
        "a-b",
        "x.y",
        "straße",
        "STRASSE",
        "ſo",
        "so",
        "日本",
        "v1",
        "_",
    ];
    let mut rng = Rng(seed);
    let mut out = Vec::new();
    for i in 0..3000 {
        let mut line = format!(
            "2024-03-01T10:{:02}:{:02}Z INFO app[{}]: ",
            i / 60 % 60,
            i % 60,
            rng.below(500)
        );
        for _ in 0..rng.below(8) {
            line.push_str(rng.pick::<&str>(&words));
            line.push_str(rng.pick::<&str>(&[" ", ", ", "=", "/", ""]));
        }
        out.extend_from_slice(line.as_bytes());
        if rng.chance(3) {
            out.extend_from_slice(&[0xff, b'e', b'r', b'r', b'o', b'r', 0xfe, 0]);
        }
        out.extend_from_slice(if rng.chance(5) { b"\r\n" } else { b"\n" });
        if rng.chance(8) {
            let word = rng.pick(&words);
            out.extend_from_slice(
                format!(
                    "\tat {word} in frame {}\nCaused by: error {word}\n",
                    rng.below(100)
                )
                .as_bytes(),
            );
        }
    }
    out
}

#[test]
fn word_counts_equal_those_of_ripgrep() {
    if Command::new("rg").arg("--version").output().is_err() {
        eprintln!("skipped: rg is not installed");
        return;
    }
    let home = tempfile::tempdir().unwrap();
    for seed in 0..3 {
        let log = home.path().join(format!("{seed}.log"));
        std::fs::write(&log, corpus(seed)).unwrap();
        for word in [
            "error", "größe", "naïve", "user_1", "k8s", "42", "straße", "so", "日本", "_", "v1",
            "10", "INFO", "frame", "absent", "absent7",
        ] {
            let rg = Command::new("rg")
                .args([
                    "-a",
                    "-i",
                    "-w",
                    "-F",
                    "--no-ignore",
                    "--hidden",
                    "-c",
                    "--",
                    word,
                ])
                .arg(&log)
                .output()
                .unwrap();
            let want: u64 = String::from_utf8(rg.stdout)
                .unwrap()
                .trim()
                .parse()
                .unwrap_or(0);
            for cached in [true, true, false] {
                let mut command = faultline(home.path());
                command
                    .args(["search", "--count", "--lines", word])
                    .arg(&log);
                if !cached {
                    command.arg("--no-cache");
                }
                let (status, out, _) = run(&mut command);
                assert_eq!(
                    out.trim().parse::<u64>().unwrap(),
                    want,
                    "{word} in corpus {seed}, cached {cached}"
                );
                assert_eq!(status, i32::from(want == 0));
            }
        }
    }
}

#[test]
fn a_match_in_any_line_finds_the_whole_event() {
    let home = tempfile::tempdir().unwrap();
    let log = home.path().join("a.log");
    std::fs::write(&log, "2024-03-01T10:00:00Z ERROR app: one\n\tat deep\n\tat deep\n2024-03-01T10:00:01Z INFO app: two\n").unwrap();
    let count = |args: &[&str]| {
        run(faultline(home.path()).args(args).arg(&log))
            .1
            .trim()
            .to_string()
    };
    assert_eq!(count(&["search", "--count", "deep"]), "1");
    assert_eq!(count(&["search", "--count", "--lines", "deep"]), "2");
    assert_eq!(count(&["search", "--count", "-deep"]), "1");
    assert_eq!(count(&["search", "--count", "level:>=error deep"]), "1");
    assert_eq!(
        count(&["search", "--count", "level:info OR level:error"]),
        "2"
    );
    assert_eq!(count(&["search", "--count", "/at d.*p/"]), "1");
    assert_eq!(count(&["search", "--count", "\"app one\""]), "0");
    assert_eq!(
        count(&[
            "search",
            "--count",
            "--since",
            "2024-03-01T10:00:01Z",
            "app"
        ]),
        "1"
    );
    let (_, out, _) = run(faultline(home.path())
        .args(["search", "--format", "json", "deep"])
        .arg(&log));
    let hit = &json_lines(&out)[0];
    assert_eq!(
        (
            hit["line"].as_u64(),
            hit["level"].as_str(),
            hit["ts"].as_str()
        ),
        (Some(1), Some("error"), Some("2024-03-01T10:00:00Z"))
    );
    assert!(hit["text"].as_str().unwrap().contains("\n\tat deep"));
}

#[test]
fn results_do_not_depend_on_argument_order_or_cache() {
    let home = tempfile::tempdir().unwrap();
    let web = sample("web");
    let (a, b) = (web.join("access.log"), web.join("app.log"));
    let get = |paths: [&std::path::Path; 2], cache: bool| {
        let mut command = faultline(home.path());
        command.args(["templates", "--format", "json"]).args(paths);
        if !cache {
            command.arg("--no-cache");
        }
        run(&mut command).1
    };
    let first = get([&a, &b], false);
    assert_eq!(first, get([&b, &a], false));
    assert_eq!(first, get([&a, &b], true));
    assert_eq!(first, get([&a, &b], true));
}

#[test]
fn every_event_is_listed_and_every_sample_event_has_a_time() {
    let home = tempfile::tempdir().unwrap();
    for name in [
        "checkout-outage.tar.gz",
        "web",
        "syslog-host.log",
        "services.log",
    ] {
        let (status, out, err) = run(faultline(home.path())
            .args([
                "templates",
                "--lines",
                "--format",
                "json",
                "--no-cache",
                "--stats",
            ])
            .arg(sample(name)));
        assert_eq!(status, 0, "{err}");
        let stats: Value = serde_json::from_str(err.lines().last().unwrap()).unwrap();
        let records = json_lines(&out);
        assert_eq!(stats["events"].as_u64().unwrap(), records.len() as u64);
        assert_eq!(stats["unparsed_events"], 0, "{name}");
        assert_eq!(stats["timed_events"], stats["events"], "{name}");
        assert!(
            stats["templates"].as_u64().unwrap() < 40,
            "{name}: {}",
            stats["templates"]
        );
    }
}

#[test]
fn bundle_paths_give_services_and_stack_traces_join_their_event() {
    let home = tempfile::tempdir().unwrap();
    let path = sample("checkout-outage.tar.gz");
    let (_, out, _) = run(faultline(home.path())
        .args(["search", "--format", "json", "service:checkout level:error"])
        .arg(&path));
    let hits = json_lines(&out);
    assert!(hits.len() > 50);
    assert!(
        hits.iter().all(
            |h| h["service"] == "checkout" && h["text"].as_str().unwrap().contains("Caused by")
        )
    );
    let times: Vec<&str> = hits.iter().map(|h| h["ts"].as_str().unwrap()).collect();
    assert!(times.is_sorted());
}

#[test]
fn unreadable_inputs_are_reported_and_the_others_are_read() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("in");
    std::fs::create_dir(&dir).unwrap();
    std::fs::write(dir.join("good.log"), "2024-03-01T10:00:00Z INFO fine\n").unwrap();
    std::fs::write(dir.join("empty.log"), "").unwrap();
    std::fs::write(dir.join("nul.log"), b"a\0b\n\x1b[31mred\xff\n").unwrap();
    let mut utf16 = vec![0xff, 0xfe];
    "2024-03-01T10:00:01Z WARN wide\n"
        .encode_utf16()
        .for_each(|u| utf16.extend(u.to_le_bytes()));
    std::fs::write(dir.join("wide.log"), utf16).unwrap();
    let mut rng = Rng(5);
    let line = |_| format!("2024-03-01T10:00:00Z INFO {}\n", rng.hex(20));
    let whole = gzip((0..20_000).map(line).collect::<String>().as_bytes());
    std::fs::write(dir.join("cut.log.gz"), &whole[..whole.len() / 2]).unwrap();
    std::os::unix::fs::symlink(&dir, dir.join("loop")).unwrap();
    std::os::unix::fs::symlink("nowhere", dir.join("dangling")).unwrap();
    let (status, out, err) = run(faultline(home.path())
        .args(["search", "--count", "--stats", "fine"])
        .arg(&dir));
    assert_eq!((status, out.trim()), (0, "1"), "{err}");
    for message in [
        "cut.log.gz: the compressed data ends too soon",
        "loop",
        "dangling",
    ] {
        assert!(err.contains(message), "{message} is not in: {err}");
    }
    let (_, out, _) = run(faultline(home.path())
        .args(["search", "--count", "wide"])
        .arg(&dir));
    assert_eq!(out.trim(), "1");
    let (_, out, _) = run(faultline(home.path())
        .args(["search", "/red/"])
        .arg(dir.join("nul.log")));
    assert!(out.contains("\\e[31mred") && !out.contains('\x1b'));
}

#[test]
fn the_call_site_is_a_field_that_can_be_searched() {
    let home = tempfile::tempdir().unwrap();
    let log = home.path().join("kubelet.log");
    let line = |n: usize| {
        let site = if n.is_multiple_of(3) {
            "sync.go:12"
        } else {
            "sync.go:345"
        };
        format!(
            "I0301 10:00:{:02}.000000    77 {site}] synced pod {n}\n",
            n % 60
        )
    };
    std::fs::write(&log, (0..90).map(line).collect::<String>()).unwrap();
    for (query, want) in [
        ("caller:sync.go:12", "30"),
        ("caller:sync.go", "90"),
        ("caller:*:345 synced", "60"),
        ("caller:other", "0"),
    ] {
        let mut command = faultline(home.path());
        let (_, out, err) = run(command.args(["search", "--count", query]).arg(&log));
        assert_eq!(out.trim(), want, "{query}: {err}");
    }
    let (_, out, _) = run(faultline(home.path())
        .args(["templates", "--format", "json"])
        .arg(&log));
    let table: Value = serde_json::from_str(&out).unwrap();
    let callers = &table["templates"][0]["callers"];
    assert_eq!(callers, &serde_json::json!(["sync.go:12", "sync.go:345"]));
}

#[test]
fn a_missing_file_or_a_bad_query_is_status_2() {
    let home = tempfile::tempdir().unwrap();
    let (status, out, err) = run(faultline(home.path()).args(["templates", "/no/such/file"]));
    assert_eq!((status, out.as_str()), (2, ""));
    assert!(err.contains("no such file"));
    assert_eq!(run(faultline(home.path()).args(["search", "(", "x"])).0, 2);
}

#[test]
fn a_dash_reads_standard_input() {
    let home = tempfile::tempdir().unwrap();
    let mut child = faultline(home.path())
        .args(["search", "--count", "b", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"a\nb\nb c\n")
        .unwrap();
    assert_eq!(
        String::from_utf8(child.wait_with_output().unwrap().stdout)
            .unwrap()
            .trim(),
        "2"
    );
}

#[test]
fn a_grown_file_is_read_completely_and_a_damaged_cache_is_rebuilt() {
    let home = tempfile::tempdir().unwrap();
    let log = home.path().join("grow.log");
    let line = |i: u64| format!("2024-03-01T10:00:{:02}Z INFO step {i} of it\n", i % 60);
    std::fs::write(&log, (0..5000).map(line).collect::<String>()).unwrap();
    let count = |word: &str| {
        run(faultline(home.path())
            .args(["search", "--count", "--stats", word])
            .arg(&log))
    };
    assert_eq!(count("step").1.trim(), "5000");
    let mut file = std::fs::OpenOptions::new().append(true).open(&log).unwrap();
    (5000..5100).for_each(|i| file.write_all(line(i).as_bytes()).unwrap());
    assert_eq!(count("step").1.trim(), "5100");
    assert_eq!(count("5050").1.trim(), "1");
    for entry in walkdir::WalkDir::new(home.path().join("faultline"))
        .into_iter()
        .flatten()
        .filter(|e| e.file_name() == "columns")
    {
        std::fs::write(entry.path(), "rubbish").unwrap();
    }
    assert_eq!(count("step").1.trim(), "5100");
}

#[test]
fn a_relative_and_an_absolute_path_share_one_index() {
    let home = tempfile::tempdir().unwrap();
    let log = home.path().join("one.log");
    std::fs::write(&log, "2024-03-01T10:00:00Z INFO first\n".repeat(50)).unwrap();
    let written = || {
        let files = walkdir::WalkDir::new(home.path().join("faultline"))
            .into_iter()
            .flatten();
        files
            .filter(|e| e.file_name() == "columns")
            .map(|e| e.metadata().unwrap().modified().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        run(faultline(home.path())
            .args(["search", "--count", "first"])
            .arg(&log))
        .1
        .trim(),
        "50"
    );
    let before = written();
    assert_eq!(
        run(faultline(home.path())
            .current_dir(home.path())
            .args(["search", "--count", "first", "one.log"]))
        .1
        .trim(),
        "50"
    );
    assert_eq!(
        (before.len(), written()),
        (1, before),
        "the index was built a second time"
    );
}

#[test]
fn lines_of_several_megabytes_are_read_completely() {
    let home = tempfile::tempdir().unwrap();
    let log = home.path().join("huge.log");
    let mut text = b"2024-03-01T10:00:00Z INFO first\n".to_vec();
    text.extend(std::iter::repeat_n(b"filler word7 ".as_slice(), 900_000).flatten());
    text.extend(b"needle99 needleword\n2024-03-01T10:00:01Z INFO last\n");
    std::fs::write(&log, text).unwrap();
    for (word, n) in [
        ("needle99", "1"),
        ("needleword", "1"),
        ("word7", "1"),
        ("last", "1"),
        ("absent1", "0"),
    ] {
        assert_eq!(
            run(faultline(home.path())
                .args(["search", "--count", "--lines", word])
                .arg(&log))
            .1
            .trim(),
            n,
            "{word}"
        );
    }
    let (_, _, err) = run(faultline(home.path())
        .args(["templates", "--stats"])
        .arg(&log));
    let stats: Value = serde_json::from_str(err.lines().last().unwrap()).unwrap();
    assert_eq!(
        (stats["lines"].as_u64(), stats["events"].as_u64()),
        (Some(3), Some(2))
    );
}

#[test]
fn most_events_of_real_logs_have_a_time() {
    let Some(data) = data() else { return };
    let home = tempfile::tempdir().unwrap();
    let mut report = Vec::new();
    let mut files: Vec<_> = std::fs::read_dir(data.join("formats"))
        .unwrap()
        .flatten()
        .map(|e| e.path())
        .filter(|p| p.extension().is_some_and(|e| e == "log"))
        .collect();
    files.sort();
    files.push(data.join("bundles/must-gather-aws.tar.xz"));
    for path in files {
        let (status, _, err) = run(faultline(home.path())
            .args(["templates", "--no-cache", "--stats"])
            .arg(&path));
        assert_eq!(status, 0, "{}: {err}", path.display());
        let stats: Value = serde_json::from_str(err.lines().last().unwrap()).unwrap();
        let (timed, events) = (
            stats["timed_events"].as_f64().unwrap(),
            stats["events"].as_f64().unwrap(),
        );
        report.push((
            timed / events.max(1.0),
            path.file_name().unwrap().to_string_lossy().into_owned(),
        ));
    }
    report.sort_by(|a, b| a.0.total_cmp(&b.0));
    report
        .iter()
        .for_each(|(share, name)| println!("{:>5.1}% of events timed: {name}", share * 100.0));
    let mean = report.iter().map(|r| r.0).sum::<f64>() / report.len() as f64;
    println!("{:.1}% on average", mean * 100.0);
    assert!(mean > 0.85, "only {mean:.3} of events have a time");
}

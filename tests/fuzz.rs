//! Mines hostile messages: a fixed number of mutations of saved lines, and extreme lengths. Every
//! line must be counted, in bounded time.

#[path = "support/rng.rs"]
#[allow(dead_code)]
mod rng;

use faultline::corpus::{self, Options};
use faultline::mine::{Edits, Kinds, LocalKinds, Noted, resolve, variables};
use faultline::model::{EventId, Level, NO_TIME};
use proptest::prelude::*;
use rng::Rng;
use std::time::{Duration, Instant};

/// Number of mutations; each adds one line.
const ROUNDS: usize = 3_000;
/// Far above the usual time: a limit, not a benchmark.
const BOUND: Duration = Duration::from_secs(60);

/// Parts of headers of many formats, whole and broken.
const HEADER_PARTS: &str = "(2024-03-01 10:00:0[0-9],[0-9]{3}|2024-03-01T10:00:00Z|Mar  1 10:00:0[0-9]|INFO|E0301 10:00:00.1|\\[main-[0-9]\\]|[ab]\\.go:[0-9]{1,2}|a\\.go:[0-9]\\]|host1|app\\[[0-9]\\]:|WARN|-|<[0-9]>|took [0-9]+ ms|#Fields: date time x|\\x1b\\[32m|Logs begin at|\\{\"ts\":1709287200,\"msg\":\"x[0-9]\"\\}|<Event >|</Event>|a,b,time|\"|\\[|\\{)";

/// Texts of the templates, and the number of lines counted in them.
fn mine(lines: &[Vec<u8>]) -> (Vec<String>, u64) {
    let mut local = LocalKinds::default();
    for (n, raw) in lines.iter().enumerate() {
        let noted = Noted {
            raw,
            message: (0, raw.len()),
            clock_end: 0,
            service: b"",
            caller: b"",
            level: Level::Unknown,
            timed: false,
            known: false,
            time: NO_TIME,
            precision: 0,
            line: n as u64,
        };
        local.note(
            &noted,
            || String::from_utf8_lossy(raw).into_owned(),
            |_| Level::Unknown,
        );
    }
    let mut all = Kinds::default();
    all.absorb(&local.kinds, &"fuzz".into(), 0);
    let resolved = resolve(&all.shapes, &Edits::default());
    assert_eq!(resolved.of_shape.len(), all.shapes.len());
    (resolved.texts, all.shapes.iter().map(|s| s.count).sum())
}

fn saved_lines() -> Vec<Vec<u8>> {
    let text = include_bytes!("fuzz/corpus/lines.txt");
    text.split(|b| *b == b'\n')
        .filter(|l| !l.is_empty())
        .map(<[u8]>::to_vec)
        .collect()
}

#[test]
fn every_mutated_line_is_counted() {
    let seeds = saved_lines();
    let mut rng = Rng(2026);
    let mut lines = seeds.clone();
    for _ in 0..ROUNDS {
        let mut line = lines[rng.below(lines.len() as u64) as usize].clone();
        for _ in 0..=rng.below(6) {
            let at = rng.below(line.len() as u64 + 1) as usize;
            match rng.below(5) {
                0 => line.insert(at, rng.below(256) as u8),
                1 if at < line.len() => line[at] ^= 1 << rng.below(8),
                2 if at < line.len() => drop(line.remove(at)),
                3 => {
                    let other = &seeds[rng.below(seeds.len() as u64) as usize];
                    line.extend_from_slice(&other[..other.len() / 2]);
                }
                _ => line.truncate(at.max(1)),
            }
        }
        line.retain(|b| *b != b'\n');
        line.truncate(4000);
        if !line.is_empty() {
            lines.push(line);
        }
    }
    let started = Instant::now();
    let (texts, count) = mine(&lines);
    assert_eq!(count, lines.len() as u64);
    assert!(!texts.is_empty() && started.elapsed() < BOUND);
}

#[test]
fn extreme_messages_are_mined_in_bounded_time() {
    let names = |n: usize| {
        (0..n).map(|i| {
            format!(
                "user n{} x",
                "abcdefghij"
                    .chars()
                    .cycle()
                    .skip(i)
                    .step_by(7)
                    .take(i % 40 + 1)
                    .collect::<String>()
            )
        })
    };
    let mut lines: Vec<Vec<u8>> = vec![
        vec![b'x'; 10 << 20],
        b"1234567890 ".repeat(20_000),
        b"!?;:,.()[]{}=\"'".repeat(10_000),
        "日志出错了 ".repeat(20_000).into_bytes(),
        b"{\"a\":".repeat(50_000),
        b"[[[[((((".repeat(50_000),
        b"a=b,".repeat(30_000),
    ];
    lines.extend(names(100_000).map(String::into_bytes));
    let started = Instant::now();
    let (_, count) = mine(&lines);
    assert_eq!(count, lines.len() as u64);
    assert!(started.elapsed() < BOUND, "took {:?}", started.elapsed());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn templates_do_not_depend_on_the_order_of_lines(mut lines in prop::collection::vec("[a-c1-3 =:/.]{1,24}", 1..40)) {
        let bytes = |l: &[String]| l.iter().map(|x| x.clone().into_bytes()).collect::<Vec<_>>();
        let mut forward = mine(&bytes(&lines)).0;
        lines.reverse();
        let mut reversed = mine(&bytes(&lines)).0;
        forward.sort();
        reversed.sort();
        prop_assert_eq!(forward, reversed);
    }

    #[test]
    fn a_template_and_its_variables_restore_the_message(message in "[a-z]{1,8} [0-9]{1,6} [a-z]{1,8}") {
        let (texts, _) = mine(&[message.clone().into_bytes()]);
        let mut values = variables(&texts[0], &message).into_iter();
        let pieces: Vec<&str> = texts[0].split("<*>").collect();
        let mut restored = pieces[0].to_string();
        for piece in &pieces[1..] {
            restored.push_str(&values.next().unwrap_or_default());
            restored.push_str(piece);
        }
        prop_assert_eq!(restored, message);
    }

    #[test]
    fn every_line_of_a_log_with_broken_headers_is_in_a_template(
        lines in prop::collection::vec(prop::collection::vec(HEADER_PARTS, 1..8), 1..40)
    ) {
        let text: String = lines.iter().map(|l| l.join(" ") + "\n").collect();
        let name = format!("faultline-headers-{}.log", std::process::id());
        let file = std::env::temp_dir().join(name);
        std::fs::write(&file, &text).unwrap();
        let mut session = corpus::open(Options::new(vec![file.clone()])).unwrap();
        let snapshot = session.wait();
        let counted: u64 = snapshot.templates.iter().map(|t| t.count).sum();
        prop_assert_eq!(snapshot.lines, lines.len() as u64, "{}", text);
        prop_assert_eq!(counted, snapshot.events, "{}", text);
        for n in 0..snapshot.events {
            prop_assert!(session.corpus.event(&snapshot, EventId(n as u32)).is_some());
        }
        let _ = std::fs::remove_file(file);
    }
}

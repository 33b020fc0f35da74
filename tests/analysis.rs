//! One analysis serves the screen, the plan, the chat and the watch: they use the same baseline and
//! the same snapshot. Also: time stamps without a year across New Year. In process, without a
//! terminal.

use faultline::analysis::{Analysis, Baseline};
use faultline::chat::{self, Question};
use faultline::cluster::Watch;
use faultline::corpus::{self, Edit, Options, Session, moment};
use faultline::model::{Action, Moment};
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;

fn open(paths: Vec<PathBuf>) -> (Session, Analysis) {
    let mut options = Options::new(paths);
    options.interactive = true;
    let mut session = corpus::open(options).unwrap();
    session.wait();
    let analysis = Analysis::new(session.corpus.clone());
    (session, analysis)
}

fn checkout() -> (Session, Analysis) {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    open(vec![root.join("sample-logs/checkout-outage.tar.gz")])
}

fn at(text: &str) -> Moment {
    moment(text).unwrap()
}

#[test]
fn plan_chat_and_watch_use_the_marked_baseline() {
    let (_session, analysis) = checkout();
    let snapshot = analysis.snapshot();
    let now = at("2026-03-02T09:12:00Z");
    let watch = |analysis: &Analysis| {
        let (findings, diagnosis) = (analysis.findings(&snapshot), analysis.diagnosis(&snapshot));
        let action = Action {
            service: "payment".into(),
            ..Action::default()
        };
        Watch::new(analysis, &snapshot, (&findings, &diagnosis), &action, now)
    };
    let preview = |analysis: &Analysis| {
        let question = Question {
            text: "what failed first?".into(),
            ..Question::default()
        };
        chat::preview(analysis, &snapshot, &question).join("\n")
    };
    let (plan, evidence, watched) = (
        analysis.plan(&snapshot),
        preview(&analysis),
        watch(&analysis),
    );
    assert!(
        !evidence.contains("fewer warnings and errors"),
        "{evidence}"
    );
    assert_eq!(plan[0].verb, "restart");
    // Inside the outage everything is as usual, and its end is what differs.
    let range = Baseline::Range(at("2026-03-02T09:09:00Z"), at("2026-03-02T09:14:30Z"));
    analysis.set_baseline(range);
    let evidence = preview(&analysis);
    assert!(evidence.contains("fewer warnings and errors"), "{evidence}");
    assert_ne!(analysis.plan(&snapshot), plan);
    assert_ne!(watch(&analysis), watched);
    analysis.set_baseline(Baseline::Automatic);
    assert_eq!(analysis.plan(&snapshot), plan);
    assert_eq!(watch(&analysis), watched);
}

#[test]
fn findings_follow_a_template_edit_that_keeps_the_number_of_templates_and_events() {
    let (_session, analysis) = checkout();
    let before = analysis.snapshot();
    let findings = analysis.findings(&before);
    assert!(
        Arc::ptr_eq(&findings, &analysis.findings(&before)),
        "the same state is analyzed once"
    );
    let texts = |findings: &faultline::model::Findings| {
        let reasons = findings.windows.iter().flat_map(|w| &w.reasons);
        reasons
            .map(|r| r.text.clone())
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert!(texts(&findings).contains("connection pool exhausted"));
    let edit = Edit::Merge {
        from: vec!["connection pool exhausted".into()],
        to: "connection pool <*>".into(),
    };
    analysis.corpus.edit(edit).unwrap();
    let after = analysis.snapshot();
    assert_eq!(
        (before.events, before.templates.len()),
        (after.events, after.templates.len())
    );
    let findings = texts(&analysis.findings(&after));
    assert!(
        findings.contains("connection pool <*>") && !findings.contains("pool exhausted"),
        "{findings}"
    );
}

/// Lines of a system log without years: one line per minute from 30 December, 20:00. `width`: bytes
/// of each message.
fn system_log(host: &str, minutes: u32, width: usize) -> String {
    let mut out = String::new();
    for n in 0..minutes {
        let (month, day, minute) = match n / 1440 {
            0 => ("Dec", 30, n),
            1 => ("Dec", 31, n - 1440),
            days => ("Jan", days - 1, n - days * 1440),
        };
        let (h, m) = (minute / 60, minute % 60);
        let filler = "x".repeat(width);
        writeln!(
            out,
            "{month} {day:>2} {h:02}:{m:02}:00 {host} app[7]: step {n} {filler}"
        )
        .unwrap();
    }
    out
}

#[test]
fn new_year_is_passed_once_across_chunks_and_in_interleaved_sources() {
    let folder = tempfile::tempdir().unwrap();
    // 5,000 lines of 3 KB are about 15 MB: several chunks, which are read in parallel.
    for host in ["web-1", "web-2"] {
        let text = system_log(host, 5000, 3000);
        std::fs::write(folder.path().join(format!("{host}.log")), text).unwrap();
    }
    let (_session, analysis) = open(vec![folder.path().to_path_buf()]);
    let snapshot = analysis.snapshot();
    let (first, last) = snapshot.span().unwrap();
    let minute = 60_000_000_000;
    assert_eq!((last - first) / minute, 4999, "{first} .. {last}");
    let times: Vec<Moment> = (0..snapshot.rows as usize)
        .map(|row| snapshot.time(snapshot.event_in_row(row)).unwrap())
        .collect();
    assert_eq!(times.len(), 10_000);
    let back = times.windows(2).find(|w| w[0] > w[1]);
    assert_eq!(back.map(|w| (w[1] - w[0]) / minute), None);
    assert!(
        snapshot.parts().count() > 4,
        "the test needs several chunks"
    );
}

//! Scores the model server that `OLLAMA_HOST` names on five tasks: parsing and anomalies on labeled
//! logs (`FAULTLINE_DATA=FOLDER`); explanations, causes and fixes by ROUGE-L against your own file
//! (`FAULTLINE_PAIRS=FILE`, one JSON object per line: task, question, answer). Run it with
//! `cargo bench --bench tasks`. Prints the results; asserts nothing.

use clap::ValueEnum;
use faultline::analysis::Analysis;
use faultline::chat::{self, AnsweredBy, Question, Server};
use faultline::config::args::Task;
use faultline::corpus::{self, Options, Session, Snapshot};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Lines in one question.
const BATCH: usize = 20;
/// Questions for each data set.
const QUESTIONS: usize = 3;

/// The model, and the session that its questions are about.
struct Model {
    runtime: tokio::runtime::Runtime,
    analysis: Analysis,
    /// Keeps the corpus open.
    _session: Session,
    snapshot: Arc<Snapshot>,
}

fn main() {
    if let Some(log) = std::env::var_os("FAULTLINE_BENCH_LOG") {
        measure_speed(Path::new(&log));
    }
    let server = Server::find(None);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("start the runtime");
    match runtime.block_on(chat::models(&server)) {
        Err(e) => return println!("nothing was scored: {e}"),
        Ok(models) => println!(
            "{} with {}",
            server.url,
            models.first().map_or("no model", |m| m.name.as_str())
        ),
    }
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-logs/checkout-outage.tar.gz");
    let mut session = corpus::open(Options::new(vec![sample])).expect("open the sample");
    let snapshot = session.wait();
    let model = Model {
        runtime,
        analysis: Analysis::new(session.corpus.clone()),
        _session: session,
        snapshot,
    };
    match std::env::var_os("FAULTLINE_DATA") {
        Some(data) => {
            parsing(&model, Path::new(&data));
            anomalies(&model, Path::new(&data));
        }
        None => println!("parsing, anomalies: FAULTLINE_DATA names no folder with labeled logs"),
    }
    match std::env::var("FAULTLINE_PAIRS").map(std::fs::read_to_string) {
        Ok(Ok(pairs)) => against_pairs(&model, &pairs),
        _ => println!(
            "explain, cause, fix: FAULTLINE_PAIRS names no file with questions and answers"
        ),
    }
}

/// Prints the time to prepare a prompt on a large log, and the time to receive and draw one piece
/// of an answer.
fn measure_speed(log: &Path) {
    use faultline::config::{keymap::Keymap, theme};
    use faultline::tui::state::{State, msg::Msg, pane::Pane};
    use faultline::tui::{update::update, view};
    let mut session = corpus::open(Options::new(vec![log.to_path_buf()])).expect("open the log");
    let snapshot = session.wait();
    let analysis = Analysis::new(session.corpus.clone());
    analysis.diagnosis(&snapshot);
    let question = Question {
        text: "what failed first?".into(),
        ..Question::default()
    };
    let started = std::time::Instant::now();
    let (tokens, _) = chat::estimate_tokens(&analysis, &snapshot, &question);
    println!(
        "prompt of {tokens} tokens ready in {:.1} ms",
        started.elapsed().as_secs_f64() * 1000.0
    );
    let keymap = Keymap::new(&Default::default()).expect("load the key map");
    let mut state = State::new(
        "bench".into(),
        keymap,
        theme::load("ansi", &|_| None).expect("load the theme"),
        (200, 60),
    );
    update(&mut state, Msg::Snapshot(snapshot));
    (state.pane, state.chat.busy) = (Pane::Chat, true);
    let mut terminal = ratatui::Terminal::new(ratatui::backend::TestBackend::new(200, 60))
        .expect("create the terminal");
    let started = std::time::Instant::now();
    for n in 0..2_000 {
        update(
            &mut state,
            Msg::ChatPiece(if n % 20 == 0 {
                "end.\n".into()
            } else {
                "word ".into()
            }),
        );
        terminal
            .draw(|f| view::draw(f, &state))
            .expect("draw the screen");
    }
    println!(
        "a piece is received and drawn in {:.2} ms (200x60, 2,000 pieces)",
        started.elapsed().as_secs_f64() * 1000.0 / 2_000.0
    );
}

impl Model {
    /// The model's answer; `None` if the built-in analyst answered instead.
    fn ask(&self, task: &str, question: &str) -> Option<String> {
        let question = Question {
            task: Task::from_str(task, true).ok(),
            text: question.into(),
            ..Question::default()
        };
        let answer = self.runtime.block_on(chat::ask(
            &self.analysis,
            &self.snapshot,
            &question,
            &mut |_| true,
        ));
        answer.notes.iter().for_each(|n| println!("  ({n})"));
        (answer.by == AnsweredBy::Model).then_some(answer.cited.text)
    }

    /// The lines `N: text` of an answer, by number.
    fn numbered(&self, task: &str, question: &str) -> BTreeMap<usize, String> {
        let text = self
            .ask(task, question)
            .unwrap_or_default()
            .replace(" (no citation)", "");
        let row = |l: &str| {
            let (n, rest) = l.trim().trim_start_matches("- ").split_once([':', '.'])?;
            Some((
                n.trim().parse().ok()?,
                rest.trim().trim_matches('`').to_string(),
            ))
        };
        text.lines().filter_map(row).collect()
    }
}

/// The first column of the rows as `N: text` lines.
fn numbered(rows: &[&(String, String)]) -> String {
    let line = |(i, row): (usize, &&(String, String))| format!("{}: {}\n", i + 1, row.0);
    rows.iter().enumerate().map(line).collect()
}

/// Prints the token F1 of the model's templates against the labeled ones.
fn parsing(model: &Model, data: &Path) {
    let folders = std::fs::read_dir(data.join("loghub2k"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|e| e.path());
    let mut folders: Vec<_> = folders.filter(|f| f.is_dir()).collect();
    folders.sort();
    for folder in folders {
        let name = folder
            .file_name()
            .map_or_else(String::new, |n| n.to_string_lossy().into_owned());
        let Ok(labels) =
            std::fs::read_to_string(folder.join(format!("{name}_2k.log_structured.csv")))
        else {
            continue;
        };
        let rows: Vec<(String, String)> = csv_rows(&labels, "Content", "EventTemplate");
        let (mut equal, mut given, mut wanted) = (0, 0, 0);
        for batch in 0..QUESTIONS {
            let picked: Vec<&(String, String)> = rows
                .iter()
                .skip(batch * 7)
                .step_by(101)
                .take(BATCH)
                .collect();
            let lines = numbered(&picked);
            let answers = model.numbered(
                "parse",
                &format!(
                    "Write the template of each line as 'N: template', nothing else.\n{lines}"
                ),
            );
            for (i, (_, truth)) in picked.iter().enumerate() {
                let got: Vec<&str> = answers
                    .get(&(i + 1))
                    .map_or_else(Vec::new, |a| a.split_whitespace().collect());
                let want: Vec<&str> = truth.split_whitespace().collect();
                equal += longest_common(&got, &want);
                (given, wanted) = (given + got.len(), wanted + want.len());
            }
        }
        println!(
            "parsing {name:<12} token F1 {:.3}",
            f1(equal, given, wanted)
        );
    }
}

/// Prints the F1 of the lines that the model calls abnormal.
fn anomalies(model: &Model, data: &Path) {
    for name in ["bgl", "spirit"] {
        let Ok(text) = std::fs::read_to_string(data.join(format!("loglm/ad_train_{name}.csv")))
        else {
            continue;
        };
        let header = text.lines().next().unwrap_or_default().to_string();
        let columns: Vec<&str> = header.split(',').collect();
        let (Some(message), Some(label)) = (columns.first(), columns.last()) else {
            continue;
        };
        let rows = csv_rows(&text, message, label);
        let (mut hits, mut flagged, mut bad) = (0, 0, 0);
        for batch in 0..QUESTIONS {
            let picked: Vec<&(String, String)> = rows
                .iter()
                .skip(batch * 3)
                .step_by(rows.len() / BATCH + 1)
                .take(BATCH)
                .collect();
            let lines = numbered(&picked);
            let question = format!(
                "Is each of these normal? Write 'N: normal' or 'N: abnormal', nothing else.\n{lines}"
            );
            let answers = model.numbered("anomalies", &question);
            for (i, (_, truth)) in picked.iter().enumerate() {
                let predicted = answers
                    .get(&(i + 1))
                    .is_some_and(|a| a.starts_with("abnormal"));
                let actual = truth.contains("abnormal") || truth.trim() == "1";
                hits += usize::from(predicted && actual);
                flagged += usize::from(predicted);
                bad += usize::from(actual);
            }
        }
        println!(
            "anomalies {name:<10} F1 {:.3} ({bad} abnormal)",
            f1(hits, flagged, bad)
        );
    }
}

/// Prints the ROUGE-L of the model's answers against the expected answers, by task.
fn against_pairs(model: &Model, pairs: &str) {
    let mut scores: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for pair in pairs
        .lines()
        .filter_map(|l| serde_json::from_str::<Value>(l).ok())
    {
        let text = |k: &str| pair[k].as_str().unwrap_or_default().to_string();
        let Some(answer) = model.ask(&text("task"), &text("question")) else {
            continue;
        };
        let wanted = text("answer");
        let (a, b): (Vec<&str>, Vec<&str>) = (
            answer.split_whitespace().collect(),
            wanted.split_whitespace().collect(),
        );
        scores
            .entry(text("task"))
            .or_default()
            .push(f1(longest_common(&a, &b), a.len(), b.len()));
    }
    for (task, s) in scores {
        println!(
            "{task:<10} ROUGE-L {:.3} over {} pairs",
            s.iter().sum::<f64>() / s.len() as f64,
            s.len()
        );
    }
}

fn f1(equal: usize, given: usize, wanted: usize) -> f64 {
    2.0 * equal as f64 / (given + wanted).max(1) as f64
}

/// Length of the longest common subsequence.
fn longest_common(a: &[&str], b: &[&str]) -> usize {
    let mut row = vec![0; b.len() + 1];
    for x in a {
        let mut corner = 0;
        for (j, y) in b.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = if x == y {
                corner + 1
            } else {
                above.max(row[j])
            };
            corner = above;
        }
    }
    row[b.len()]
}

/// Two columns of a CSV file, by name. Fields may be quoted.
fn csv_rows(text: &str, first: &str, second: &str) -> Vec<(String, String)> {
    let mut lines = text.lines().map(fields);
    let header = lines.next().unwrap_or_default();
    let at = |name: &str| header.iter().position(|h| h == name);
    let (Some(a), Some(b)) = (at(first), at(second)) else {
        return Vec::new();
    };
    lines
        .filter_map(|f| Some((f.get(a)?.clone(), f.get(b)?.clone())))
        .collect()
}

/// Fields of a CSV line.
fn fields(line: &str) -> Vec<String> {
    let (mut out, mut quoted) = (vec![String::new()], false);
    for c in line.chars() {
        match c {
            '"' => quoted ^= true,
            ',' if !quoted => out.push(String::new()),
            c => out.last_mut().into_iter().for_each(|f| f.push(c)),
        }
    }
    out
}

//! How well the model server that `OLLAMA_HOST` names does the five tasks: parsing and finding anomalies against labelled
//! logs (`FAULTLINE_DATA=FOLDER`), interpreting, causes and solutions by ROUGE-L against the pairs of a file of yours
//! (`FAULTLINE_PAIRS=FILE`, one JSON object a line: task, question, answer). `cargo bench --bench tasks`. Prints; asserts nothing.

use faultline::chat::{self, Asked, Server};
use faultline::engine::{self, Options};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Lines or templates in one question, and questions for each set of data.
const BATCH: usize = 20;
const QUESTIONS: usize = 3;

struct Model {
    runtime: tokio::runtime::Runtime,
    session: engine::Session,
    snapshot: Arc<engine::Snapshot>,
}

fn main() {
    if let Some(log) = std::env::var_os("FAULTLINE_BENCH_LOG") {
        pace(Path::new(&log));
    }
    let server = Server::find(None);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    match runtime.block_on(chat::models(&server)) {
        Err(e) => return println!("nothing was scored: {e}"),
        Ok(models) => println!(
            "{} with {}",
            server.url,
            models.first().map_or("no model", |m| m.name.as_str())
        ),
    }
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-logs/checkout-outage.tar.gz");
    let mut session = engine::open(Options::new(vec![sample])).expect("the sample opens");
    let snapshot = session.wait();
    let model = Model {
        runtime,
        session,
        snapshot,
    };
    match std::env::var_os("FAULTLINE_DATA") {
        Some(data) => {
            parsing(&model, Path::new(&data));
            anomalies(&model, Path::new(&data));
        }
        None => println!("parsing, anomalies: FAULTLINE_DATA names no folder with labelled logs"),
    }
    match std::env::var("FAULTLINE_PAIRS").map(std::fs::read_to_string) {
        Ok(Ok(pairs)) => against_pairs(&model, &pairs),
        _ => println!(
            "explain, cause, fix: FAULTLINE_PAIRS names no file with questions and answers"
        ),
    }
}

/// How long a question takes to be packed on a large corpus, and a piece of an answer to be taken in and drawn.
fn pace(log: &Path) {
    use faultline::config::{keymap::Keymap, theme};
    use faultline::tui::{msg::Msg, state::State, update::update, view};
    let mut session = engine::open(Options::new(vec![log.to_path_buf()])).expect("the log opens");
    let snapshot = session.wait();
    session.corpus.diagnosis_of(&snapshot);
    let asked = Asked {
        question: "what failed first?".into(),
        ..Asked::default()
    };
    let started = std::time::Instant::now();
    let (tokens, _) = chat::meter(&session.corpus, &snapshot, &asked);
    println!(
        "prompt of {tokens} tokens ready in {:.1} ms",
        started.elapsed().as_secs_f64() * 1000.0
    );
    let keymap = Keymap::new(&Default::default()).expect("the keys");
    let mut state = State::new(
        "bench".into(),
        keymap,
        theme::load("ansi", &|_| None).expect("a theme"),
        (200, 60),
    );
    update(&mut state, Msg::Snapshot(snapshot));
    (state.pane, state.chat.busy) = (faultline::tui::state::Pane::Chat, true);
    let mut terminal =
        ratatui::Terminal::new(ratatui::backend::TestBackend::new(200, 60)).expect("a terminal");
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
        terminal.draw(|f| view::draw(f, &state)).expect("it draws");
    }
    println!(
        "a piece is taken in and drawn in {:.2} ms (200x60, 2,000 pieces)",
        started.elapsed().as_secs_f64() * 1000.0 / 2_000.0
    );
}

impl Model {
    /// The model's answer; `None` where the analyst had to stand in.
    fn ask(&self, task: &str, question: &str) -> Option<String> {
        let asked = Asked {
            task: Some(task.into()),
            question: question.into(),
            ..Asked::default()
        };
        let answer = self.runtime.block_on(chat::ask(
            &self.session.corpus,
            &self.snapshot,
            &asked,
            &mut |_| true,
        ));
        answer.notes.iter().for_each(|n| println!("  ({n})"));
        (answer.by == "model").then_some(answer.cited.text)
    }

    /// Answers `N: something` by number.
    fn numbered(&self, task: &str, question: &str) -> BTreeMap<usize, String> {
        let text = self
            .ask(task, question)
            .unwrap_or_default()
            .replace(" (cites nothing)", "");
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

/// Shares of the tokens of the labelled templates that the model gives alike.
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
        let (mut alike, mut given, mut wanted) = (0, 0, 0);
        for batch in 0..QUESTIONS {
            let picked: Vec<&(String, String)> = rows
                .iter()
                .skip(batch * 7)
                .step_by(101)
                .take(BATCH)
                .collect();
            let lines: String = picked
                .iter()
                .enumerate()
                .map(|(i, r)| format!("{}: {}\n", i + 1, r.0))
                .collect();
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
                alike += longest_common(&got, &want);
                (given, wanted) = (given + got.len(), wanted + want.len());
            }
        }
        println!(
            "parsing {name:<12} token F1 {:.3}",
            f1(alike, given, wanted)
        );
    }
}

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
            let lines: String = picked
                .iter()
                .enumerate()
                .map(|(i, r)| format!("{}: {}\n", i + 1, r.0))
                .collect();
            let question = format!(
                "Is each of these normal? Write 'N: normal' or 'N: abnormal', nothing else.\n{lines}"
            );
            let answers = model.numbered("anomalies", &question);
            for (i, (_, truth)) in picked.iter().enumerate() {
                let said = answers
                    .get(&(i + 1))
                    .is_some_and(|a| a.starts_with("abnormal"));
                let is = truth.contains("abnormal") || truth.trim() == "1";
                hits += usize::from(said && is);
                flagged += usize::from(said);
                bad += usize::from(is);
            }
        }
        println!(
            "anomalies {name:<10} F1 {:.3} ({bad} abnormal)",
            f1(hits, flagged, bad)
        );
    }
}

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

fn f1(alike: usize, given: usize, wanted: usize) -> f64 {
    2.0 * alike as f64 / (given + wanted).max(1) as f64
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

/// Two columns of a CSV with quoted fields.
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

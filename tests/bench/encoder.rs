//! Measures whether embeddings would improve grouping: accuracy on labeled logs with the rules
//! alone, and with templates merged whose similarity is above a threshold. Run it with
//! `FAULTLINE_DATA=FOLDER cargo bench --bench encoder`. Prints the results; asserts nothing.

use faultline::corpus::{self, Options};
use faultline::model::EventId;
use faultline::text::embed::{embed, similarity};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Similarities above which templates are merged.
const NEAR: [f32; 4] = [0.99, 0.97, 0.95, 0.9];

fn main() {
    let Some(data) = std::env::var_os("FAULTLINE_DATA") else {
        println!("FAULTLINE_DATA names no folder with labeled logs");
        return;
    };
    let mut sums = [0.0; NEAR.len() + 1];
    let mut systems = 0;
    let mut folders: Vec<_> = std::fs::read_dir(Path::new(&data).join("loghub2k"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|e| e.path())
        .collect();
    folders.sort();
    for folder in folders.iter().filter(|f| f.is_dir()) {
        let name = folder
            .file_name()
            .map_or_else(String::new, |n| n.to_string_lossy().into_owned());
        let log = folder.join(format!("{name}_2k.log"));
        let Ok(labels) =
            std::fs::read_to_string(folder.join(format!("{name}_2k.log_structured.csv")))
        else {
            continue;
        };
        let truth: BTreeMap<u64, String> = labels.lines().skip(1).filter_map(label).collect();
        let (of_line, texts) = mined(&log);
        let row: Vec<f64> = std::iter::once(2.0)
            .chain(NEAR)
            .map(|near| accuracy(&truth, &of_line, &merged(&texts, near)))
            .collect();
        println!(
            "{name:<12} {}",
            row.iter()
                .map(|a| format!("{a:.4}"))
                .collect::<Vec<_>>()
                .join("  ")
        );
        sums.iter_mut().zip(&row).for_each(|(s, a)| *s += a);
        systems += 1;
    }
    println!("mean: rules alone, then merged above {NEAR:?}");
    println!(
        "{:<12} {}",
        "",
        sums.iter()
            .map(|s| format!("{:.4}", s / f64::from(systems.max(1))))
            .collect::<Vec<_>>()
            .join("  ")
    );
}

/// Line number and event of a CSV row. Fields may contain commas, so the event is the last field
/// that has the form of one.
fn label(row: &str) -> Option<(u64, String)> {
    let line = row.split(',').next()?.parse().ok()?;
    let event = row.split(',').rev().find(|f| {
        f.strip_prefix('E')
            .is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    })?;
    Some((line, event.to_string()))
}

/// Template of each line, and the texts of the templates.
fn mined(log: &Path) -> (BTreeMap<u64, u32>, Vec<String>) {
    let mut session = corpus::open(Options::new(vec![log.to_path_buf()])).expect("open the log");
    let snapshot = session.wait();
    let mut of_line = BTreeMap::new();
    for id in (0..snapshot.events as u32).map(EventId) {
        let template = snapshot.template_of(id).map(|t| t.0);
        if let (Some(place), Some(template)) = (snapshot.place(id), template) {
            of_line.insert(place.line, template);
        }
    }
    (
        of_line,
        snapshot.templates.iter().map(|t| t.text.clone()).collect(),
    )
}

/// For each template, the first template with at least this similarity to it.
fn merged(texts: &[String], near: f32) -> Vec<usize> {
    let embeddings: Vec<_> = texts.iter().map(|t| embed(t)).collect();
    (0..texts.len())
        .map(|i| {
            (0..i)
                .find(|j| similarity(&embeddings[i], &embeddings[*j]) >= near)
                .unwrap_or(i)
        })
        .collect()
}

/// Share of the lines whose group is identical to a labeled group (grouping accuracy).
fn accuracy(truth: &BTreeMap<u64, String>, of_line: &BTreeMap<u64, u32>, merged: &[usize]) -> f64 {
    let mut ours: BTreeMap<usize, BTreeSet<u64>> = BTreeMap::new();
    let mut theirs: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
    for (line, event) in truth {
        // A continuation line belongs to the event before it.
        if let Some((_, t)) = of_line.range(..=*line).next_back() {
            ours.entry(merged[*t as usize]).or_default().insert(*line);
        }
        theirs.entry(event).or_default().insert(*line);
    }
    let right: BTreeSet<&BTreeSet<u64>> = theirs.values().collect();
    ours.values()
        .filter(|g| right.contains(g))
        .map(BTreeSet::len)
        .sum::<usize>() as f64
        / truth.len().max(1) as f64
}

//! `compare`: what differs between two inputs, or two ranges of time.

use super::OK;
use super::run::{self, Out};
use crate::config::args::{Global, OutputFormat};
use crate::engine::{Comparison, Difference, Part, Snapshot};
use crate::text::escape::for_terminal;
use serde_json::{Value, json};
use std::path::PathBuf;

pub fn run(global: &Global, inputs: &[PathBuf], what: &[String]) -> Result<u8, String> {
    // `--in PATH... A..B C..D`: the option takes all that follows, the last two are the ranges.
    let mut inputs = inputs.to_vec();
    let mut what = what.to_vec();
    if what.is_empty() && inputs.len() > 2 {
        what = inputs
            .split_off(inputs.len() - 2)
            .into_iter()
            .map(|p| p.display().to_string())
            .collect();
    }
    let [first, second] = what.as_slice() else {
        return Err(format!(
            "two {} are to be compared, {} given",
            if inputs.is_empty() {
                "inputs"
            } else {
                "ranges of time"
            },
            what.len()
        ));
    };
    let (paths, parts) = if inputs.is_empty() {
        (
            vec![PathBuf::from(first), PathBuf::from(second)],
            [Part::Input(first.clone()), Part::Input(second.clone())],
        )
    } else {
        (inputs, [range(first)?, range(second)?])
    };
    let (session, snapshot) = run::open(global, &paths)?;
    let compared = session.corpus.compare(&snapshot, &parts[0], &parts[1]);
    let mut out = Out::new();
    match global.format {
        OutputFormat::Text => text(&snapshot, &compared, &mut out)?,
        _ => out.json(&object(&snapshot, &compared))?,
    }
    out.flush()?;
    run::finish(global, &session.corpus);
    Ok(OK)
}

fn range(text: &str) -> Result<Part, String> {
    match run::baseline(text)? {
        run::Baseline::Range(a, z) => Ok(Part::Range(a, z)),
        run::Baseline::Path(_) => Err(format!(
            "'{text}' is no range of time: 2024-03-01T10:00:00Z..2024-03-01T10:30:00Z"
        )),
    }
}

/// The contract of `compare --format json`.
pub fn object(snapshot: &Snapshot, c: &Comparison) -> Value {
    let row = |d: &Difference| {
        let t = &snapshot.templates[d.template];
        json!({"template_id": t.id, "template": t.text, "count_a": d.counts.0, "count_b": d.counts.1,
               "rate_a": d.rates.0, "rate_b": d.rates.1, "significance": d.significance})
    };
    let list = |l: &[Difference]| l.iter().map(row).collect::<Vec<_>>();
    let values: Vec<Value> = c
        .values
        .iter()
        .map(|m| {
            let t = &snapshot.templates[m.template];
            json!({"template_id": t.id, "template": t.text, "variable": m.variable + 1, "median_a": m.medians.0,
                   "median_b": m.medians.1, "significance": m.significance})
        })
        .collect();
    json!({"new": list(&c.new), "gone": list(&c.gone), "up": list(&c.up), "down": list(&c.down), "values": values,
           "unchanged": c.unchanged, "events": [c.events.0, c.events.1]})
}

fn text(snapshot: &Snapshot, c: &Comparison, out: &mut Out) -> Result<(), String> {
    c.lines(snapshot)
        .iter()
        .try_for_each(|l| out.line(&for_terminal(l)))
}

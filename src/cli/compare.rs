//! `faultline compare`: prints the differences between two inputs or two time ranges. Does
//! not analyze.

use super::error::Error;
use super::exit_code::OK;
use super::run::{self, Out};
use crate::analysis::{Comparison, Difference, Selection};
use crate::config::args::{Global, OutputFormat};
use crate::corpus::Snapshot;
use crate::text::escape::for_terminal;
use serde_json::{Value, json};
use std::path::PathBuf;

pub fn run(global: &Global, inputs: &[PathBuf], what: &[String]) -> Result<u8, Error> {
    // In `--in PATH... A..B C..D`, clap assigns all values to --in. The last two are the time
    // ranges.
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
            "expected two {}, got {}",
            if inputs.is_empty() {
                "inputs"
            } else {
                "time ranges"
            },
            what.len()
        )
        .into());
    };
    let (paths, parts) = if inputs.is_empty() {
        (
            vec![PathBuf::from(first), PathBuf::from(second)],
            [
                Selection::Input(first.clone()),
                Selection::Input(second.clone()),
            ],
        )
    } else {
        (inputs, [range(first)?, range(second)?])
    };
    let opened = run::open(global, &paths)?;
    let (analysis, snapshot) = (&opened.analysis, &opened.snapshot);
    let compared = analysis.compare(snapshot, &parts[0], &parts[1]);
    let mut out = Out::new();
    match global.format {
        OutputFormat::Text => text(snapshot, &compared, &mut out)?,
        _ => out.json(&object(snapshot, &compared))?,
    }
    out.flush()?;
    run::finish(global, &opened);
    Ok(OK)
}

fn range(text: &str) -> Result<Selection, Error> {
    match run::baseline(text)? {
        run::Baseline::Range(a, z) => Ok(Selection::Range(a, z)),
        run::Baseline::Path(_) => Err(format!(
            "'{text}' is not a time range; example: 2024-03-01T10:00:00Z..2024-03-01T10:30:00Z"
        )
        .into()),
    }
}

/// Output of `compare --format json`. Scripts depend on the keys.
pub fn object(snapshot: &Snapshot, c: &Comparison) -> Value {
    let row = |d: &Difference| {
        let t = &snapshot.templates[d.template.index()];
        json!({"template_id": t.id, "template": t.text, "count_a": d.counts.0, "count_b": d.counts.1,
               "rate_a": d.rates.0, "rate_b": d.rates.1, "significance": d.significance})
    };
    let list = |l: &[Difference]| l.iter().map(row).collect::<Vec<_>>();
    let values: Vec<Value> = c
        .values
        .iter()
        .map(|m| {
            let t = &snapshot.templates[m.template.index()];
            json!({"template_id": t.id, "template": t.text, "variable": m.variable + 1, "median_a": m.medians.0,
                   "median_b": m.medians.1, "significance": m.significance})
        })
        .collect();
    json!({"new": list(&c.new), "gone": list(&c.gone), "up": list(&c.up), "down": list(&c.down), "values": values,
           "unchanged": c.unchanged, "events": [c.events.0, c.events.1]})
}

fn text(snapshot: &Snapshot, c: &Comparison, out: &mut Out) -> Result<(), Error> {
    c.lines(snapshot)
        .iter()
        .try_for_each(|l| out.line(&for_terminal(l)))
}

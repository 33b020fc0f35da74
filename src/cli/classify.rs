//! `faultline classify`: prints severity, category and confidence of each event. Contains no
//! classification rules.

use super::error::Error;
use super::exit_code::OK;
use super::run::{self, Out};
use crate::analysis::{Class, Verdict};
use crate::config::args::{Global, OutputFormat};
use crate::model::Severity;
use crate::text::escape::for_terminal;
use rustc_hash::FxHashMap;
use serde_json::json;
use std::path::{Path, PathBuf};

pub fn run(global: &Global, paths: &[PathBuf], learn: Option<&Path>) -> Result<u8, Error> {
    let examples = learn.map(labelled).transpose()?.unwrap_or_default();
    let opened = run::open(global, paths)?;
    let (analysis, snapshot) = (&opened.analysis, &opened.snapshot);
    let classifier = analysis.classifier(&examples);
    let mut out = Out::new();
    // Each template is classified once. A template with one event is less reliable than the message
    // of the event, so the message is classified instead.
    let mut classes: FxHashMap<u64, Class> = FxHashMap::default();
    analysis.corpus.for_each_event(snapshot, &mut |event, template| {
        let source = snapshot.sources.get(event.source.index()).map_or("", |s| s.name.as_str());
        let class = match template {
            Some(t) if t.count > 1 && t.text.chars().filter(|c| c.is_alphabetic()).count() > 2 => {
                classes.entry(t.id).or_insert_with(|| classifier.classify(&t.text, event.level)).clone()
            }
            _ => {
                let level = if event.level_inferred { crate::model::Level::Unknown } else { event.level };
                let text = if event.message.trim().is_empty() { &event.raw } else { &event.message };
                classifier.classify(text, level)
            }
        };
        if global.format == OutputFormat::Text {
            let shown = if class.confidence < 0.7 && class.severity < Severity::Medium { "-" } else { class.severity.name() };
            return out.line(&for_terminal(&format!(
                "{shown:<9} {:.2} {:<8} {:<20} {}",
                class.confidence, class.by.name(), class.category.to_string(), event.message
            )));
        }
        out.json(&json!({"source": source, "line": event.line, "template_id": template.map(|t| t.id), "severity": class.severity.name(),
                         "category": class.category.to_string(), "component": event.service, "confidence": class.confidence, "by": class.by.name()}))
    })?;
    out.flush()?;
    run::finish(global, &opened);
    Ok(OK)
}

/// The examples in a CSV file with the columns `log` and `label`. Label 1 means abnormal.
fn labelled(file: &Path) -> Result<Vec<Verdict>, Error> {
    let fail = |why: String| Error(format!("cannot learn from {}: {why}", file.display()));
    let mut reader = csv::Reader::from_path(file).map_err(|e| fail(e.to_string()))?;
    let mut out = Vec::new();
    for row in reader.deserialize::<Labelled>() {
        let row = row.map_err(|e| fail(e.to_string()))?;
        let up = match row.label.trim() {
            "1" => true,
            "0" => false,
            other => {
                return Err(fail(format!(
                    "the label of an example is \"{other}\", not 0 or 1"
                )));
            }
        };
        out.push(Verdict { text: row.log, up });
    }
    if out.iter().all(|v| v.up) || out.iter().all(|v| !v.up) {
        return Err(fail(
            "it must have examples with label 0 and with label 1".into(),
        ));
    }
    Ok(out)
}

#[derive(serde::Deserialize)]
struct Labelled {
    log: String,
    label: String,
}

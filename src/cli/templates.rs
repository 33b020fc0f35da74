//! `faultline templates`: prints the table of templates, or with `--lines` one record per event.
//! Does not analyze.

use super::error::Error;
use super::exit_code::OK;
use super::run::{self, Out, time};
use crate::config::args::{Global, OutputFormat};
use crate::corpus::{self, Corpus, Snapshot};
use crate::model::{Event, SourceId, Template};
use crate::text::escape::for_terminal;
use serde::Serialize;
use std::path::PathBuf;

/// The JSON output without `--lines`.
#[derive(Serialize)]
struct Table<'a> {
    events: u64,
    lines: u64,
    templates: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    id: u64,
    template: &'a str,
    count: u64,
    level: &'a str,
    services: &'a [String],
    callers: &'a [String],
    first_seen: Option<String>,
    last_seen: Option<String>,
    example: Place<'a>,
    aliases: &'a [u64],
}

#[derive(Serialize)]
struct Place<'a> {
    source: &'a str,
    line: u64,
}

/// One event in the JSON output with `--lines`.
#[derive(Serialize)]
struct Record<'a> {
    source: &'a str,
    line: u64,
    template_id: Option<u64>,
    template: &'a str,
    variables: Vec<String>,
    ts: Option<String>,
    level: &'a str,
    service: &'a str,
}

pub fn run(global: &Global, lines: bool, paths: &[PathBuf]) -> Result<u8, Error> {
    let opened = run::open(global, paths)?;
    let (analysis, snapshot) = (&opened.analysis, &opened.snapshot);
    let mut out = Out::new();
    match (lines, global.format) {
        (true, format) => events(&analysis.corpus, snapshot, format, &mut out)?,
        (false, OutputFormat::Json) => out.json(&table(snapshot))?,
        (false, _) => text(snapshot, &mut out)?,
    }
    out.flush()?;
    run::finish(global, &opened);
    Ok(OK)
}

/// Output of `templates --format json`. Scripts depend on the keys.
pub fn object(snapshot: &Snapshot) -> Result<serde_json::Value, Error> {
    Ok(serde_json::to_value(table(snapshot))?)
}

fn table(snapshot: &Snapshot) -> Table<'_> {
    let row = |t: &'_ Template| -> (u64, SourceId) { (t.example_line, t.example_source) };
    let templates = snapshot
        .templates
        .iter()
        .map(|t| {
            let (line, source) = row(t);
            Row {
                id: t.id,
                template: &t.text,
                count: t.count,
                level: t.level.name(),
                services: &t.services,
                callers: &t.callers,
                first_seen: time(t.first, t.first_precision),
                last_seen: time(t.last, t.last_precision),
                example: Place {
                    source: snapshot.sources.get(source.index()).map_or("", |s| &s.name),
                    line,
                },
                aliases: &t.aliases,
            }
        })
        .collect();
    Table {
        events: snapshot.events,
        lines: snapshot.lines,
        templates,
    }
}

fn text(snapshot: &Snapshot, out: &mut Out) -> Result<(), Error> {
    let width = snapshot
        .templates
        .first()
        .map_or(5, |t| t.count.to_string().len())
        .max(5);
    out.line(&format!("{:>width$}  level    template", "count"))?;
    for t in snapshot.templates.iter() {
        out.line(&format!(
            "{:>width$}  {:<7}  {}",
            t.count,
            t.level.name(),
            for_terminal(&t.text)
        ))?;
    }
    let ratio = snapshot.lines as f64 / (snapshot.templates.len() as f64).max(1.0);
    out.line(&format!(
        "{} lines, {} events, {} templates ({ratio:.0} lines/template)",
        snapshot.lines,
        snapshot.events,
        snapshot.templates.len()
    ))
}

fn events(
    corpus: &Corpus,
    snapshot: &Snapshot,
    format: OutputFormat,
    out: &mut Out,
) -> Result<(), Error> {
    corpus.for_each_event(
        snapshot,
        &mut |event: &Event, template: Option<&Template>| {
            let text = template.map_or("", |t| t.text.as_str());
            if format == OutputFormat::Text {
                return out.line(&format!(
                    "{}\t{}\t{}",
                    event.line,
                    template.map_or(0, |t| t.id),
                    for_terminal(text)
                ));
            }
            let message = event.message.lines().next().unwrap_or_default();
            out.json(&Record {
                source: snapshot
                    .sources
                    .get(event.source.index())
                    .map_or("", |s| &s.name),
                line: event.line,
                template_id: template.map(|t| t.id),
                template: text,
                variables: corpus::variables(text, message),
                ts: time(event.time, event.precision),
                level: event.level.name(),
                service: &event.service,
            })
        },
    )
}

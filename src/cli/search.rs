//! `faultline search`: prints or counts the events or lines that match a query. Does
//! not parse the query.

use super::error::Error;
use super::exit_code::{NO_MATCH, OK};
use super::run::{self, Out, time};
use crate::config::args::{Global, OutputFormat};
use crate::corpus::{self, Match, Unit};
use crate::text::escape::for_terminal;
use serde::Serialize;
use std::path::PathBuf;

/// A match in the JSON output. Scripts depend on the keys.
#[derive(Serialize)]
struct Hit<'a> {
    source: &'a str,
    line: u64,
    ts: Option<String>,
    level: &'a str,
    service: &'a str,
    template_id: Option<u64>,
    text: &'a str,
}

pub fn run(
    global: &Global,
    query: &str,
    paths: &[PathBuf],
    count: bool,
    lines: bool,
) -> Result<u8, Error> {
    corpus::check_query(query)?;
    let opened = run::open(global, paths)?;
    let (analysis, snapshot) = (&opened.analysis, &opened.snapshot);
    let range = run::range(global, snapshot)?;
    let unit = if lines { Unit::Line } else { Unit::Event };
    let mut out = Out::new();
    let (n, unread) = if count {
        let (n, unread) = corpus::count_matches(&analysis.corpus, snapshot, query, range, unit)?;
        match global.format {
            OutputFormat::Json => out.json(&serde_json::json!({ "count": n }))?,
            _ => out.line(&n.to_string())?,
        }
        (n, unread)
    } else {
        corpus::for_each_match(
            &analysis.corpus,
            snapshot,
            query,
            range,
            unit,
            &mut |Match {
                      event,
                      line,
                      text,
                      template,
                  }: Match<'_>| {
                let source = snapshot
                    .sources
                    .get(event.source.index())
                    .map_or("", |s| &s.name);
                match global.format {
                    OutputFormat::Json => out.json(&Hit {
                        source,
                        line,
                        ts: time(event.time, event.precision),
                        level: event.level.name(),
                        service: &event.service,
                        template_id: template,
                        text,
                    }),
                    _ if snapshot.sources.len() > 1 => {
                        out.line(&format!("{}:{line}:{}", for_terminal(source), shown(text)))
                    }
                    _ => out.line(&shown(text)),
                }
            },
        )?
    };
    out.flush()?;
    if unread > 0 {
        eprintln!("faultline: {unread} bytes are no longer readable and were not searched");
    }
    run::finish(global, &opened);
    Ok(if n > 0 { OK } else { NO_MATCH })
}

/// Escapes control characters, but keeps line breaks.
fn shown(text: &str) -> String {
    text.split('\n')
        .map(|l| for_terminal(l.strip_suffix('\r').unwrap_or(l)))
        .collect::<Vec<_>>()
        .join("\n")
}

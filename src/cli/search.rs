//! `search`: events or physical lines that match a query.

use super::run::{self, Out, time};
use super::{NOTHING, OK};
use crate::config::args::{Global, OutputFormat};
use crate::engine::{self, Unit};
use crate::text::escape::for_terminal;
use serde::Serialize;
use std::path::PathBuf;

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
) -> Result<u8, String> {
    engine::check_query(query)?;
    let (session, snapshot) = run::open(global, paths)?;
    let corpus = &session.corpus;
    let range = run::range(global, &snapshot)?;
    let unit = if lines { Unit::Line } else { Unit::Event };
    let mut out = Out::new();
    let (n, unread) = if count {
        let (n, unread) = engine::count_matches(corpus, &snapshot, query, range, unit)?;
        match global.format {
            OutputFormat::Json => out.json(&serde_json::json!({ "count": n }))?,
            _ => out.line(&n.to_string())?,
        }
        (n, unread)
    } else {
        engine::for_each_match(
            corpus,
            &snapshot,
            query,
            range,
            unit,
            &mut |event, line, text, template_id| {
                let source = snapshot
                    .sources
                    .get(event.source as usize)
                    .map_or("", |s| &s.name);
                match global.format {
                    OutputFormat::Json => out.json(&Hit {
                        source,
                        line,
                        ts: time(event.time, event.precision),
                        level: event.level.name(),
                        service: &event.service,
                        template_id,
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
        eprintln!("faultline: {unread} bytes could no longer be read and were not searched");
    }
    run::finish(global, corpus);
    Ok(if n > 0 { OK } else { NOTHING })
}

/// Escaped, but with its own line breaks.
fn shown(text: &str) -> String {
    text.split('\n')
        .map(|l| for_terminal(l.strip_suffix('\r').unwrap_or(l)))
        .collect::<Vec<_>>()
        .join("\n")
}

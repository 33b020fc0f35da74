//! `faultline PATH`: the terminal UI, or off a terminal a summary in text.

use super::OK;
use super::run::{self, Out};
use crate::config::args::Global;
use crate::model::Level;
use crate::text::civil::rfc3339;
use crate::text::escape::for_terminal;
use std::io::IsTerminal;
use std::path::PathBuf;

pub fn run(global: &Global, paths: &[PathBuf]) -> Result<u8, String> {
    if std::io::stdout().is_terminal() {
        let (options, settings) = run::options(global, paths)?;
        return crate::tui::run(options, settings, global.theme.as_deref()).map(|()| OK);
    }
    if paths.is_empty() {
        return Err("no PATH given; `faultline --help` tells more".into());
    }
    let (session, snapshot) = run::open(global, paths)?;
    let mut out = Out::new();
    let stats = session.corpus.stats();
    out.line(&format!("{} sources, {} lines, {} events, {} templates", stats.sources, stats.lines, stats.events, stats.templates))?;
    let times = snapshot.sources.iter().filter(|s| s.timed > 0);
    let (first, last) = (times.clone().map(|s| s.first).min(), times.map(|s| s.last).max());
    if let (Some(first), Some(last)) = (first, last) {
        out.line(&format!("{} .. {}", rfc3339(first, 0), rfc3339(last, 0)))?;
    }
    let mut levels = [0u64; Level::COUNT];
    for t in snapshot.templates.iter() {
        levels.iter_mut().zip(t.levels).for_each(|(a, b)| *a += b);
    }
    let mix: Vec<String> =
        Level::ALL.into_iter().rev().filter(|l| levels[l.index()] > 0).map(|l| format!("{} {}", levels[l.index()], l.name())).collect();
    out.line(&mix.join(", "))?;
    out.line("")?;
    out.line("Most frequent templates from warnings up:")?;
    for t in snapshot.templates.iter().filter(|t| t.level >= Level::Warn).take(10) {
        out.line(&format!("{:>10}  {:<6} {}", t.count, t.level.name(), for_terminal(&t.text)))?;
    }
    out.flush()?;
    run::finish(global, &session.corpus);
    Ok(OK)
}

//! Shared code of the commands: options, opening the inputs, time ranges, output, statistics.
//! Analyzes nothing.

use super::error::Error;
use crate::analysis::{self, Analysis};
use crate::cluster;
use crate::config::args::Global;
use crate::config::paths::Paths;
use crate::config::settings::{self, Prompts, Settings};
use crate::corpus::{self, Options, Session, Snapshot};
use crate::model::{Moment, TimeRange};
use crate::text::civil::{parse_duration, rfc3339};
use crate::text::escape::for_terminal;
use jiff::tz::{Offset, TimeZone};
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

/// Builds the options for opening the inputs from the command line, the settings and the
/// environment.
pub fn options(global: &Global, paths: &[PathBuf]) -> Result<(Options, Settings), Error> {
    let dirs = Paths::find();
    let file = global
        .config
        .clone()
        .or_else(|| dirs.as_ref().map(|d| d.config.join("settings.toml")));
    let mut settings = match &file {
        Some(file) => settings::load(file, global.config.is_some())?,
        None => Settings::default(),
    };
    let mut options = Options::new(paths.to_vec());
    let limits = &mut options.limits;
    limits.ratio = global.max_ratio.unwrap_or(limits.ratio);
    limits.depth = global.max_depth.unwrap_or(limits.depth);
    limits.members = global.max_members.unwrap_or(limits.members);
    limits.bytes = global.max_bytes.unwrap_or(limits.bytes);
    options.format_as.clone_from(&global.format_as);
    if let Some(zone) = global.tz.as_ref().or(settings.tz.as_ref()) {
        options.zone = time_zone(zone)?;
    }
    if let Some(dirs) = &dirs {
        options.cache = (!global.no_cache).then(|| dirs.cache.join("corpora"));
        options.data = Some(dirs.data.clone());
        settings.llm.prompts = Prompts::load(&dirs.config.join("prompts"))?;
        options.formats = user_formats(&dirs.config.join("formats"))?;
    }
    options.read_only = global.read_only;
    settings.journal.clone_from(&global.journal);
    let llm = &mut settings.llm;
    llm.off |= global.no_llm;
    llm.ollama = global.ollama.clone().or(llm.ollama.take());
    llm.model = global.model.clone().or(llm.model.take());
    llm.allow_remote |= std::env::var_os("FAULTLINE_ALLOW_REMOTE").is_some();
    options.health = settings.health.clone();
    options.apply = settings.apply.clone();
    options.cache_max_bytes = settings.cache.max_bytes;
    Ok((options, settings))
}

/// A time zone: `+02:00`, or a name such as `Europe/Berlin`.
fn time_zone(zone: &str) -> Result<TimeZone, Error> {
    let unknown =
        || format!("unknown time zone '{zone}': use a name such as Europe/Berlin, or +02:00");
    if let Some(sign) = zone.chars().next().filter(|c| matches!(c, '+' | '-')) {
        let digits: String = zone.chars().filter(char::is_ascii_digit).collect();
        let number: i32 = digits.parse().map_err(|_| unknown())?;
        let (hours, minutes) = match digits.len() {
            0..=2 => (number, 0),
            _ => (number / 100, number % 100),
        };
        let seconds = hours.saturating_mul(3600).saturating_add(minutes * 60);
        let offset = Offset::from_seconds(if sign == '-' { -seconds } else { seconds });
        return Ok(TimeZone::fixed(offset.map_err(|_| unknown())?));
    }
    TimeZone::get(zone).map_err(|_| unknown().into())
}

/// Path and text of each user-defined log format, sorted by path.
fn user_formats(folder: &std::path::Path) -> Result<Vec<(String, String)>, Error> {
    let mut found = Vec::new();
    let entries = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|e| e.path());
    for path in entries.filter(|p| p.extension().is_some_and(|e| e == "toml")) {
        let text =
            std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        found.push((path.display().to_string(), text));
    }
    found.sort();
    Ok(found)
}

/// An open corpus with its analysis. The session is held, because the corpus is closed with it.
pub struct Opened {
    session: Session,
    pub settings: Settings,
    pub analysis: Analysis,
    pub snapshot: Arc<Snapshot>,
}

/// Opens the inputs and waits until they are read. Prints read errors to stderr.
pub fn open(global: &Global, paths: &[PathBuf]) -> Result<Opened, Error> {
    let (options, settings) = options(global, paths)?;
    let mut session = corpus::open(options)?;
    let snapshot = session.wait();
    let analysis = Analysis::new(session.corpus.clone());
    let data = analysis.corpus.options.data.as_deref();
    let notices = data.map(cluster::unfinished).unwrap_or_default();
    report_failures(&analysis, &snapshot, notices);
    let opened = Opened {
        session,
        settings,
        analysis,
        snapshot,
    };
    if opened.snapshot.sources.is_empty() {
        finish(global, &opened);
        return Err("no readable input found".into());
    }
    Ok(opened)
}

fn report_failures(analysis: &Analysis, snapshot: &Snapshot, notices: Vec<String>) {
    let failures = snapshot
        .failures
        .iter()
        .map(|f| format!("{}: {}", f.name, f.reason));
    let mut messages: Vec<String> = failures.collect();
    for source in snapshot.sources.iter() {
        if let Some(reason) = &source.failure {
            messages.push(format!("{}: {reason}", source.name));
        }
    }
    messages.extend(analysis.corpus.notices());
    messages.extend(notices);
    let mut seen = BTreeSet::new();
    for line in messages {
        if seen.insert(line.clone()) {
            eprintln!("faultline: {}", for_terminal(&line));
        }
    }
}

/// Prints the statistics if `--stats` is set. Must be the last line on stderr.
pub fn finish(global: &Global, opened: &Opened) {
    if global.stats
        && let Ok(line) = serde_json::to_string(&opened.session.corpus.stats())
    {
        eprintln!("{line}");
    }
}

/// The time range of `--since` and `--until`. Durations count back from the last event.
pub fn range(global: &Global, snapshot: &Snapshot) -> Result<TimeRange, Error> {
    let last = snapshot.span().map(|(_, last)| last);
    Ok(TimeRange {
        start: moment(global.since.as_deref(), last)?,
        end: moment(global.until.as_deref(), last)?,
    })
}

fn moment(text: Option<&str>, last: Option<Moment>) -> Result<Option<Moment>, Error> {
    let Some(text) = text else { return Ok(None) };
    if let Some(duration) = parse_duration(text) {
        let unknown =
            || format!("'{text}' is relative to the last event, but no event has a timestamp");
        return Ok(Some(last.ok_or_else(unknown)? - duration));
    }
    corpus::moment(text).map(Some).ok_or_else(|| {
        format!("'{text}' is neither a time (2024-03-01T10:00:00Z) nor a duration (15m)").into()
    })
}

/// The value of `--baseline`.
#[derive(Clone, Debug, PartialEq)]
pub enum Baseline {
    Range(Moment, Moment),
    Path(PathBuf),
}

impl Baseline {
    /// The baseline in the form that the analysis needs.
    pub fn as_analyzed(&self) -> analysis::Baseline {
        match self {
            Baseline::Range(a, z) => analysis::Baseline::Range(*a, *z),
            Baseline::Path(p) => analysis::Baseline::Input(p.display().to_string()),
        }
    }

    /// Its time range. `None` if a path has no events with a time.
    pub fn times(&self, snapshot: &Snapshot) -> Option<(Moment, Moment)> {
        match self {
            Baseline::Range(a, z) => Some((*a, *z)),
            Baseline::Path(p) => {
                let of = || {
                    snapshot
                        .sources
                        .iter()
                        .filter(|s| s.timed > 0 && std::path::Path::new(&s.input).starts_with(p))
                };
                Some((of().map(|s| s.first).min()?, of().map(|s| s.last).max()?))
            }
        }
    }
}

/// Parses `T1..T2`, or an existing path.
pub fn baseline(text: &str) -> Result<Baseline, Error> {
    if let Some((a, z)) = text.split_once("..")
        && let (Some(a), Some(z)) = (corpus::moment(a), corpus::moment(z))
    {
        return if a < z {
            Ok(Baseline::Range(a, z))
        } else {
            Err(format!("'{text}': the end of the range must be after the start").into())
        };
    }
    let path = PathBuf::from(text);
    if path.exists() {
        Ok(Baseline::Path(path))
    } else {
        Err(format!("'{text}' is neither a time range (T1..T2) nor an existing path").into())
    }
}

/// Formats a time for JSON output (RFC 3339). `precision`: digits of the fractional second.
pub fn time(at: Option<Moment>, precision: u8) -> Option<String> {
    at.map(|t| rfc3339(t, precision))
}

/// Buffered standard output. If the pipe is closed, the program exits with code 0.
pub struct Out(io::BufWriter<io::Stdout>);

impl Out {
    pub fn new() -> Out {
        Out(io::BufWriter::with_capacity(1 << 16, io::stdout()))
    }

    /// Prints a line.
    pub fn line(&mut self, text: &str) -> Result<(), Error> {
        self.0
            .write_all(text.as_bytes())
            .and_then(|()| self.0.write_all(b"\n"))
            .or_else(exit_if_closed)
    }

    /// Prints a value as one line of JSON.
    pub fn json(&mut self, value: &impl serde::Serialize) -> Result<(), Error> {
        let text = serde_json::to_string(value).map_err(|e| e.to_string())?;
        self.line(&text)
    }

    pub fn flush(mut self) -> Result<(), Error> {
        self.0.flush().or_else(exit_if_closed)
    }
}

fn exit_if_closed(e: io::Error) -> Result<(), Error> {
    if e.kind() == io::ErrorKind::BrokenPipe {
        crate::cluster::remove_copies();
        std::process::exit(0);
    }
    Err(format!("cannot write to stdout: {e}").into())
}

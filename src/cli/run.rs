//! What all headless commands do alike: options from arguments, opening with progress, time ranges, output, figures.

use crate::config::args::Global;
use crate::config::paths::Paths;
use crate::config::settings::{self, Prompts, Settings};
use crate::engine::{self, Corpus, Options, Session, Snapshot};
use crate::model::{Moment, NO_TIME, TimeRange};
use crate::text::civil::{parse_duration, rfc3339};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

/// Options of the engine from the command line and the settings.
pub fn options(global: &Global, paths: &[PathBuf]) -> Result<(Options, Settings), String> {
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
        options.offset = zone_offset(zone)?;
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
    options.cache_max_bytes = settings.cache.max_bytes;
    Ok((options, settings))
}

/// Offset of a zone now, in ns: `+02:00` or a name such as `Europe/Berlin`.
fn zone_offset(zone: &str) -> Result<i64, String> {
    let wrong =
        || format!("unknown time zone '{zone}': use a name such as Europe/Berlin, or +02:00");
    if let Some(sign) = zone.chars().next().filter(|c| matches!(c, '+' | '-')) {
        let digits: String = zone.chars().filter(char::is_ascii_digit).collect();
        let number: i64 = digits.parse().map_err(|_| wrong())?;
        let (hours, minutes) = if digits.len() <= 2 {
            (number, 0)
        } else {
            (number / 100, number % 100)
        };
        let seconds = hours * 3600 + minutes * 60;
        return Ok(if sign == '-' { -seconds } else { seconds } * 1_000_000_000);
    }
    let zone = jiff::tz::TimeZone::get(zone).map_err(|_| wrong())?;
    Ok(i64::from(zone.to_offset(jiff::Timestamp::now()).seconds()) * 1_000_000_000)
}

fn user_formats(folder: &std::path::Path) -> Result<Vec<(String, String)>, String> {
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

/// Opens a corpus and waits for it, telling on a terminal how far it is.
pub fn open(global: &Global, paths: &[PathBuf]) -> Result<(Session, Arc<Snapshot>), String> {
    let (options, _) = options(global, paths)?;
    let mut session = engine::open(options)?;
    let snapshot = session.wait();
    report_failures(&session.corpus, &snapshot);
    if snapshot.sources.is_empty() {
        finish(global, &session.corpus);
        return Err("nothing readable was found".into());
    }
    Ok((session, snapshot))
}

fn report_failures(corpus: &Corpus, snapshot: &Snapshot) {
    let mut told: Vec<String> = corpus
        .read()
        .failures
        .iter()
        .map(|f| format!("{}: {}", f.name, f.reason))
        .collect();
    for source in snapshot.sources.iter() {
        if let Some(reason) = &source.failure {
            told.push(format!("{}: {reason}", source.name));
        }
    }
    told.extend(snapshot.notices.iter().cloned());
    let mut seen = std::collections::BTreeSet::new();
    for line in told {
        if seen.insert(line.clone()) {
            eprintln!("faultline: {}", crate::text::escape::for_terminal(&line));
        }
    }
}

/// The figures, if they were asked for: the last line of stderr.
pub fn finish(global: &Global, corpus: &Corpus) {
    if global.stats
        && let Ok(line) = serde_json::to_string(&corpus.stats())
    {
        eprintln!("{line}");
    }
}

/// `--since` and `--until` against the corpus' last event.
pub fn range(global: &Global, snapshot: &Snapshot) -> Result<TimeRange, String> {
    let last = snapshot
        .chunks
        .iter()
        .map(|c| c.max_time)
        .max()
        .unwrap_or(NO_TIME);
    Ok(TimeRange {
        start: moment(global.since.as_deref(), last)?,
        end: moment(global.until.as_deref(), last)?,
    })
}

fn moment(text: Option<&str>, last: Moment) -> Result<Option<Moment>, String> {
    let Some(text) = text else { return Ok(None) };
    if let Some(back) = parse_duration(text) {
        return if last == NO_TIME {
            Err(format!(
                "'{text}' counts back from the last event, but no event has a time"
            ))
        } else {
            Ok(Some(last - back))
        };
    }
    engine::moment(text).map(Some).ok_or_else(|| {
        format!("'{text}' is neither a time (2024-03-01T10:00:00Z) nor a duration (15m)")
    })
}

/// What `--baseline` names.
#[derive(Clone, Debug, PartialEq)]
pub enum Baseline {
    Range(Moment, Moment),
    Path(PathBuf),
}

impl Baseline {
    pub fn engine(&self) -> engine::Baseline {
        match self {
            Baseline::Range(a, z) => engine::Baseline::Range(*a, *z),
            Baseline::Path(p) => engine::Baseline::Input(p.display().to_string()),
        }
    }

    /// The time that it spans.
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

/// `T1..T2`, or a path.
pub fn baseline(text: &str) -> Result<Baseline, String> {
    if let Some((a, z)) = text.split_once("..")
        && let (Some(a), Some(z)) = (engine::moment(a), engine::moment(z))
    {
        return if a < z {
            Ok(Baseline::Range(a, z))
        } else {
            Err(format!("'{text}' ends before it begins"))
        };
    }
    let path = PathBuf::from(text);
    if path.exists() {
        Ok(Baseline::Path(path))
    } else {
        Err(format!(
            "'{text}' is neither a range of time (T1..T2) nor a path"
        ))
    }
}

/// A moment as JSON has it.
pub fn time(at: Option<Moment>, precision: u8) -> Option<String> {
    at.map(|t| rfc3339(t, precision))
}

/// Standard output, buffered; a closed pipe ends the program quietly.
pub struct Out(io::BufWriter<io::Stdout>);

impl Out {
    pub fn new() -> Out {
        Out(io::BufWriter::with_capacity(1 << 16, io::stdout()))
    }

    pub fn line(&mut self, text: &str) -> Result<(), String> {
        self.0
            .write_all(text.as_bytes())
            .and_then(|()| self.0.write_all(b"\n"))
            .or_else(quiet)
    }

    pub fn json(&mut self, value: &impl serde::Serialize) -> Result<(), String> {
        let text = serde_json::to_string(value).map_err(|e| e.to_string())?;
        self.line(&text)
    }

    pub fn flush(mut self) -> Result<(), String> {
        self.0.flush().or_else(quiet)
    }
}

fn quiet(e: io::Error) -> Result<(), String> {
    if e.kind() == io::ErrorKind::BrokenPipe {
        std::process::exit(0);
    }
    Err(format!("cannot write: {e}"))
}

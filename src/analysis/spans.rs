//! Collects the spans of a corpus and the log lines that contain their ids. Draws no conclusions.

use super::analysis::Analysis;
use super::name_finder::NameFinder;
use super::span_reader::{Names, SpanReader};
use crate::corpus::Snapshot;
use crate::diagnose::{Log, Traces};
use crate::model::{Event, Level, SourceId, Template};
use regex::Regex;
use rustc_hash::{FxHashMap, FxHashSet};
use std::convert::Infallible;
use std::sync::OnceLock;

/// Maximum number of bytes to read from one trace file.
const MAX_BYTES: u64 = 512 << 20;
/// Number of bytes at the start of a file that are checked for trace data.
const HEAD: usize = 4096;

/// The traces of a corpus, with the names of its log statements.
pub struct Traced {
    pub traces: Traces,
    /// Names of log statements. A log line refers to its statement by index.
    pub statements: Vec<String>,
    /// Number of records that could not be read.
    pub broken: u64,
}

impl Analysis {
    /// Returns the sources that contain traces instead of logs.
    pub fn trace_sources(&self, snapshot: &Snapshot) -> Vec<SourceId> {
        let mut out = Vec::new();
        for (i, info) in snapshot.sources.iter().enumerate() {
            let name = info.name.to_lowercase();
            let is_candidate = ["trace", "span", "jaeger", "zipkin", "otlp", ".json"]
                .iter()
                .any(|n| name.contains(n));
            if !is_candidate || info.bytes == 0 {
                continue;
            }
            let head = HEAD.min(info.bytes as usize);
            let head = self
                .corpus
                .raw(SourceId::at(i), 0, head)
                .unwrap_or_default();
            let has = |t: &str| memchr::memmem::find(&head, t.as_bytes()).is_some();
            if has("\"resourceSpans\"")
                || has("\"traceID\"") && has("\"spanID\"")
                || has("\"traceId\"") && has("\"localEndpoint\"")
            {
                out.push(SourceId::at(i));
            }
        }
        out
    }

    /// Returns all spans with their log lines, or `None` if there are no spans. `only` selects the
    /// inputs.
    pub fn traced(&self, snapshot: &Snapshot, only: &dyn Fn(&str) -> bool) -> Option<Traced> {
        let sources = self.trace_sources(snapshot);
        let mut reader = SpanReader::default();
        for source in sources
            .iter()
            .filter(|s| only(&snapshot.sources[s.index()].input))
        {
            let mut text = Vec::new();
            for part in snapshot.parts().filter(|p| p.source() == *source) {
                let (offset, bytes) = part.bytes();
                if text.len() as u64 + bytes > MAX_BYTES {
                    break;
                }
                text.extend(
                    self.corpus
                        .raw(*source, offset, bytes as usize)
                        .unwrap_or_default(),
                );
            }
            reader.read(&text);
        }
        if reader.spans.is_empty() {
            return None;
        }
        let mut lines = SpanLines::new(&reader);
        let is_wanted = |e: &Event| {
            !sources.contains(&e.source) && only(&snapshot.sources[e.source.index()].input)
        };
        let mut each = |event: &Event, template: Option<&Template>| -> Result<(), Infallible> {
            if is_wanted(event) {
                lines.add(event, template);
            }
            Ok(())
        };
        self.corpus.for_each_event(snapshot, &mut each).ok();
        let (logs, statements) = (lines.logs, lines.statements.list);
        let broken = reader.broken;
        let traces = Traces::new(reader.services.list, reader.names.list, reader.spans, logs);
        Some(Traced {
            traces,
            statements,
            broken,
        })
    }
}

/// Collects the log lines that contain the id of a span or of a trace.
struct SpanLines<'r> {
    reader: &'r SpanReader,
    finder: NameFinder,
    /// The first span of each trace in each service, as (start, id). A line that contains only a
    /// trace id is assigned to this span.
    entries: FxHashMap<(u128, u32), (i64, u64)>,
    statements: Names,
    logs: Vec<Log>,
    seen: FxHashSet<(SourceId, Option<i64>, usize, u64)>,
}

impl SpanLines<'_> {
    fn new(reader: &SpanReader) -> SpanLines<'_> {
        let mut entries: FxHashMap<(u128, u32), (i64, u64)> = FxHashMap::default();
        for s in &reader.spans {
            let e = entries
                .entry((s.trace, s.service))
                .or_insert((s.start, s.id));
            *e = (*e).min((s.start, s.id));
        }
        SpanLines {
            reader,
            finder: NameFinder::new(&reader.services.list),
            entries,
            statements: Names::default(),
            logs: Vec::new(),
            seen: FxHashSet::default(),
        }
    }

    fn add(&mut self, event: &Event, template: Option<&Template>) {
        let Some(span) = span_id(&event.raw).or_else(|| self.entry_span(event)) else {
            return;
        };
        // The corpus can contain the same line twice.
        let hash = xxhash_rust::xxh3::xxh3_64(event.raw.as_bytes());
        if !self
            .seen
            .insert((event.source, event.time, event.raw.len(), hash))
        {
            return;
        }
        // A call site identifies the statement that wrote the line.
        let call_site = event
            .fields
            .iter()
            .find(|(name, _)| name == "caller")
            .map(|f| &f.1);
        let statement = match call_site {
            Some(site) => format!("{} {site}", event.level.name()),
            None => template.map_or_else(String::new, |t| t.text.clone()),
        };
        let error = event.level >= Level::Error;
        let named = if error {
            self.finder.find(&event.message, &event.service)
        } else {
            None
        };
        let names = named.and_then(|n| self.reader.services.ids.get(n).copied());
        let key = self.statements.id(&statement);
        self.logs.push(Log {
            span,
            key,
            error,
            names,
            event: event.id,
        });
    }

    fn entry_span(&self, event: &Event) -> Option<u64> {
        let service = self.reader.services.ids.get(&event.service)?;
        self.entries
            .get(&(trace_id(&event.raw)?, *service))
            .map(|e| e.1)
    }
}

fn pattern(cell: &'static OnceLock<Option<Regex>>, text: &str) -> Option<&'static Regex> {
    cell.get_or_init(|| Regex::new(text).ok()).as_ref()
}

fn span_id(raw: &str) -> Option<u64> {
    static SPAN: OnceLock<Option<Regex>> = OnceLock::new();
    let m = pattern(
        &SPAN,
        r#"(?i)span[_.-]?id\\?"?\s*[:=]\s*\\?"?([0-9a-f]{16})\b"#,
    )?
    .captures(raw)?;
    u64::from_str_radix(&m[1], 16).ok()
}

fn trace_id(raw: &str) -> Option<u128> {
    static TRACE: OnceLock<Option<Regex>> = OnceLock::new();
    let m = pattern(
        &TRACE,
        r#"(?i)trace[_.-]?id\\?"?\s*[:=]\s*\\?"?([0-9a-f]{16,32})\b"#,
    )?
    .captures(raw)?;
    u128::from_str_radix(&m[1], 16).ok()
}

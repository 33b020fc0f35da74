//! Spans out of the corpus: OTLP/JSON, Jaeger and Zipkin files, and the log lines that carry their ids. Broken lines are skipped.

use super::corpus::{Corpus, Snapshot};
use crate::diagnose::{Log, Span, Traces};
use crate::model::{Event, Level};
use regex::Regex;
use rustc_hash::FxHashMap;
use serde_json::Value;
use std::sync::OnceLock;

/// A file of more bytes is read up to here.
const MOST_BYTES: u64 = 512 << 20;
/// Bytes at a file's beginning by which its kind is told.
const HEAD: usize = 4096;

/// Traces, and what their numbers stand for.
pub struct Traced {
    pub traces: Traces,
    /// Names of log statements.
    pub keys: Vec<String>,
    pub broken: u64,
}

impl Corpus {
    /// Sources that hold traces, not logs.
    pub fn trace_sources(&self, snapshot: &Snapshot) -> Vec<u32> {
        let mut out = Vec::new();
        for (i, info) in snapshot.sources.iter().enumerate() {
            let named = ["trace", "span", "jaeger", "zipkin", "otlp", ".json"]
                .iter()
                .any(|n| info.name.to_lowercase().contains(n));
            let Some(chunk) = snapshot
                .chunks
                .iter()
                .find(|c| c.source == i as u32)
                .filter(|_| named)
            else {
                continue;
            };
            let head = self
                .raw(chunk.source, 0, HEAD.min(chunk.bytes as usize))
                .unwrap_or_default();
            let has = |t: &str| memchr::memmem::find(&head, t.as_bytes()).is_some();
            if has("\"resourceSpans\"")
                || has("\"traceID\"") && has("\"spanID\"")
                || has("\"traceId\"") && has("\"localEndpoint\"")
            {
                out.push(i as u32);
            }
        }
        out
    }

    /// All spans with their log lines; `None` where there are no traces. `only` limits the inputs.
    pub fn traced(&self, snapshot: &Snapshot, only: &dyn Fn(&str) -> bool) -> Option<Traced> {
        let sources = self.trace_sources(snapshot);
        let mut reader = Reader::default();
        for source in &sources {
            if !only(&snapshot.sources[*source as usize].input) {
                continue;
            }
            let mut text = Vec::new();
            for chunk in snapshot.chunks.iter().filter(|c| c.source == *source) {
                if text.len() as u64 + chunk.bytes > MOST_BYTES {
                    break;
                }
                text.extend(
                    self.raw(*source, chunk.offset, chunk.bytes as usize)
                        .unwrap_or_default(),
                );
            }
            reader.read(&text);
        }
        if reader.spans.is_empty() {
            return None;
        }
        let mut keys = Names::default();
        let logs = self.logs_of_spans(snapshot, &reader, &sources, only, &mut keys);
        let broken = reader.broken;
        Some(Traced {
            traces: Traces::new(reader.services.list, reader.names.list, reader.spans, logs),
            keys: keys.list,
            broken,
        })
    }

    fn logs_of_spans(
        &self,
        snapshot: &Snapshot,
        reader: &Reader,
        traces: &[u32],
        only: &dyn Fn(&str) -> bool,
        keys: &mut Names,
    ) -> Vec<Log> {
        let finder = NameFinder::new(&reader.services.list);
        // Lines that name a trace alone belong to the first span of that trace in their service.
        let mut entries: FxHashMap<(u128, u32), (i64, u64)> = FxHashMap::default();
        for s in &reader.spans {
            let e = entries
                .entry((s.trace, s.service))
                .or_insert((s.start, s.id));
            *e = (*e).min((s.start, s.id));
        }
        let mut logs = Vec::new();
        let mut seen = rustc_hash::FxHashSet::default();
        let mut each =
            |event: &Event, template: Option<&crate::model::Template>| -> Result<(), String> {
                if traces.contains(&event.source)
                    || !only(&snapshot.sources[event.source as usize].input)
                {
                    return Ok(());
                }
                let Some(span) = span_id(&event.raw).or_else(|| {
                    let service = reader.services.ids.get(&event.service)?;
                    entries.get(&(trace_id(&event.raw)?, *service)).map(|e| e.1)
                }) else {
                    return Ok(());
                };
                let place = event
                    .fields
                    .iter()
                    .find(|(n, v)| n == "component" && is_place(v))
                    .map(|(_, v)| v.as_str());
                let key = match place {
                    Some(place) => format!("{} {place}", event.level.name()),
                    None => template.map_or_else(String::new, |t| t.text.clone()),
                };
                // The same line may be stored twice.
                if seen.insert((
                    event.source,
                    event.time,
                    event.raw.len(),
                    xxhash_rust::xxh3::xxh3_64(event.raw.as_bytes()),
                )) {
                    let error = event.level >= Level::Error;
                    let names = if error {
                        finder
                            .find(&event.message, &event.service)
                            .and_then(|n| reader.services.ids.get(n).copied())
                    } else {
                        None
                    };
                    logs.push(Log {
                        span,
                        key: keys.id(&key),
                        error,
                        names,
                        event: event.id,
                    });
                }
                Ok(())
            };
        self.for_each_event(snapshot, &mut each).ok();
        logs
    }
}

/// `Class#83`, `file.go:12`: the place that wrote a line.
fn is_place(component: &str) -> bool {
    component
        .rsplit_once(['#', ':'])
        .is_some_and(|(_, n)| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
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

/// Finds names of services in messages.
pub struct NameFinder {
    regex: Option<Regex>,
}

impl NameFinder {
    /// A name of one plain word must stand as a host, in a URL or behind `to`, `from` and the like: it may be any word else.
    pub fn new(names: &[String]) -> NameFinder {
        let mut names: Vec<&String> = names.iter().filter(|n| n.len() > 2).collect();
        names.sort_by_key(|n| std::cmp::Reverse(n.len()));
        names.truncate(2000);
        let all = |plain: bool| -> String {
            let of = names
                .iter()
                .filter(|n| n.chars().all(char::is_alphanumeric) == plain);
            of.map(|n| regex::escape(n)).collect::<Vec<_>>().join("|")
        };
        let (plain, marked) = (all(true), all(false));
        let mut parts = Vec::new();
        if !marked.is_empty() {
            parts.push(format!(r"(?:^|[^\w-])({marked})(?:[^\w-]|$)"));
        }
        if !plain.is_empty() {
            parts.push(format!(r"(?i:://|@|\b(?:to|from|service|host|upstream|lost|reach|by|failed|request|call)[ :=]+.?|\|)({plain})(?:[^\w-]|$)|(?:^|[^\w-])({plain})(?::\d|\.[a-z]| (?:did not|is not|timed|refused|failed|unavailable))"));
        }
        NameFinder {
            regex: if parts.is_empty() {
                None
            } else {
                Regex::new(&parts.join("|")).ok()
            },
        }
    }

    /// The first name other than `own`.
    pub fn find<'m>(&self, message: &'m str, own: &str) -> Option<&'m str> {
        let regex = self.regex.as_ref()?;
        let mut from = 0;
        while let Some(c) = regex.captures_at(message, from) {
            let m = (1..c.len()).find_map(|i| c.get(i))?;
            if m.as_str() != own {
                return Some(m.as_str());
            }
            from = m.end().max(from + 1);
            if from >= message.len() || !message.is_char_boundary(from) {
                return None;
            }
        }
        None
    }
}

#[derive(Default)]
struct Names {
    ids: FxHashMap<String, u32>,
    list: Vec<String>,
}

impl Names {
    fn id(&mut self, name: &str) -> u32 {
        if let Some(i) = self.ids.get(name) {
            return *i;
        }
        self.ids.insert(name.to_string(), self.list.len() as u32);
        self.list.push(name.to_string());
        self.list.len() as u32 - 1
    }
}

#[derive(Default)]
struct Reader {
    services: Names,
    names: Names,
    spans: Vec<Span>,
    broken: u64,
}

impl Reader {
    /// JSON lines, or one document over many lines.
    fn read(&mut self, text: &[u8]) {
        let mut whole = false;
        for line in text
            .split(|b| *b == b'\n')
            .filter(|l| !l.trim_ascii().is_empty())
        {
            match serde_json::from_slice::<Value>(line) {
                Ok(value) => self.document(&value),
                Err(_) if self.spans.is_empty() && !whole => {
                    whole = true;
                    for value in serde_json::Deserializer::from_slice(text).into_iter::<Value>() {
                        match value {
                            Ok(value) => self.document(&value),
                            Err(_) => {
                                self.broken += 1;
                                break;
                            }
                        }
                    }
                    if !self.spans.is_empty() {
                        return;
                    }
                }
                Err(_) => self.broken += 1,
            }
        }
    }

    fn document(&mut self, v: &Value) {
        if let Some(resources) = v["resourceSpans"].as_array() {
            resources.iter().for_each(|r| self.otlp(r));
        } else if let Some(data) = v["data"].as_array() {
            data.iter().for_each(|t| self.jaeger(t));
        } else if v["spans"].is_array() {
            self.jaeger(v);
        } else if let Some(list) = v.as_array() {
            list.iter().for_each(|s| self.zipkin(s));
        } else if v["traceId"].is_string() {
            self.zipkin(v);
        }
    }

    fn otlp(&mut self, r: &Value) {
        let attribute = |list: &Value, key: &str| {
            list.as_array()?
                .iter()
                .find(|a| a["key"] == key)
                .and_then(|a| a["value"]["stringValue"].as_str())
                .map(String::from)
        };
        let attributes = &r["resource"]["attributes"];
        let service = attribute(attributes, "service.name")
            .or_else(|| attribute(attributes, "k8s.pod.name"))
            .unwrap_or_default();
        let service = self.services.id(&service);
        for span in r["scopeSpans"]
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|s| s["spans"].as_array().into_iter().flatten())
        {
            let nanos = |k: &str| {
                span[k]
                    .as_str()
                    .and_then(|t| t.parse().ok())
                    .or_else(|| span[k].as_i64())
                    .unwrap_or(0)
            };
            let failed =
                span["status"]["code"] == 2 || span["status"]["code"] == "STATUS_CODE_ERROR";
            let ids = (
                span["traceId"].as_str(),
                span["spanId"].as_str(),
                span["parentSpanId"].as_str(),
            );
            self.push(
                ids,
                service,
                span["name"].as_str(),
                (nanos("startTimeUnixNano"), nanos("endTimeUnixNano")),
                failed,
            );
        }
    }

    fn jaeger(&mut self, t: &Value) {
        for span in t["spans"].as_array().into_iter().flatten() {
            let service = span["processID"]
                .as_str()
                .and_then(|p| t["processes"][p]["serviceName"].as_str())
                .or(span["process"]["serviceName"].as_str());
            let service = self.services.id(service.unwrap_or_default());
            let parent = span["references"]
                .as_array()
                .and_then(|r| r.iter().find(|r| r["refType"] == "CHILD_OF"))
                .and_then(|r| r["spanID"].as_str());
            let start = span["startTime"].as_i64().unwrap_or(0) * 1000;
            let end = start + span["duration"].as_i64().unwrap_or(0) * 1000;
            let failed = span["tags"]
                .as_array()
                .is_some_and(|t| t.iter().any(|t| t["key"] == "error" && t["value"] == true));
            self.push(
                (span["traceID"].as_str(), span["spanID"].as_str(), parent),
                service,
                span["operationName"].as_str(),
                (start, end),
                failed,
            );
        }
    }

    fn zipkin(&mut self, span: &Value) {
        let service = self.services.id(span["localEndpoint"]["serviceName"]
            .as_str()
            .unwrap_or_default());
        let start = span["timestamp"].as_i64().unwrap_or(0) * 1000;
        let end = start + span["duration"].as_i64().unwrap_or(0) * 1000;
        let failed = span["tags"]["error"].is_string();
        self.push(
            (
                span["traceId"].as_str(),
                span["id"].as_str(),
                span["parentId"].as_str(),
            ),
            service,
            span["name"].as_str(),
            (start, end),
            failed,
        );
    }

    fn push(
        &mut self,
        (trace, id, parent): (Option<&str>, Option<&str>, Option<&str>),
        service: u32,
        name: Option<&str>,
        (start, end): (i64, i64),
        failed: bool,
    ) {
        let hex = |t: Option<&str>| t.and_then(|t| u128::from_str_radix(t, 16).ok());
        let (Some(trace), Some(id)) = (hex(trace), hex(id)) else {
            self.broken += 1;
            return;
        };
        let name = self.names.id(name.unwrap_or_default());
        self.spans.push(Span {
            trace,
            id: id as u64,
            parent: hex(parent).unwrap_or(0) as u64,
            service,
            name,
            start,
            end: end.max(start),
            failed,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_trace_formats_are_read() {
        let mut r = Reader::default();
        r.read(br#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"a"}}]},"scopeSpans":[{"spans":[{"traceId":"01","spanId":"02","parentSpanId":"","name":"x","startTimeUnixNano":"5","endTimeUnixNano":"9"}]}]}]}
broken {
[{"traceId":"01","id":"03","parentId":"02","name":"y","timestamp":1,"duration":2,"localEndpoint":{"serviceName":"b"}}]
{"data":[{"traceID":"01","spans":[{"traceID":"01","spanID":"4","operationName":"z","references":[{"refType":"CHILD_OF","spanID":"3"}],"startTime":3,"duration":4,"processID":"p1"}],"processes":{"p1":{"serviceName":"c"}}}]}"#);
        assert_eq!(r.services.list, ["a", "b", "c"]);
        assert_eq!(
            r.spans.iter().map(|s| (s.id, s.parent)).collect::<Vec<_>>(),
            [(2, 0), (3, 2), (4, 3)]
        );
        assert_eq!(r.broken, 1);
    }

    #[test]
    fn plain_words_name_a_service_only_as_a_host() {
        let f = NameFinder::new(&["user".into(), "carts-db".into()]);
        assert_eq!(f.find("the user logged in", "x"), None);
        assert_eq!(
            f.find("call to http://user/login failed", "x"),
            Some("user")
        );
        assert_eq!(f.find("carts-db: read failed", "x"), Some("carts-db"));
        assert_eq!(f.find("carts-db: read failed", "carts-db"), None);
    }
}

//! Formats as data: the shipped ones and the user's, each with sample lines that must parse. Knows lines, not sources.

use super::clock::Clock;
use super::keyed;
use super::level;
use super::parsed::{Parsed, Span};
use super::pattern::Pattern;
use crate::model::Level;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;

const SHIPPED: &[&str] = &[
    include_str!("formats/cluster.toml"),
    include_str!("formats/system.toml"),
    include_str!("formats/web.toml"),
    include_str!("formats/app.toml"),
    include_str!("formats/data.toml"),
];

#[derive(Debug, Deserialize)]
struct File {
    format: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    title: String,
    #[serde(default)]
    kind: Kind,
    #[serde(default)]
    pattern: Vec<String>,
    /// Added to the weight of a match, to break ties between formats.
    #[serde(default)]
    weight: u32,
    /// Fields that must have one of these values.
    #[serde(default)]
    require: BTreeMap<String, Vec<String>>,
    /// Texts of which one must occur in the line.
    #[serde(default)]
    contains: Vec<String>,
    #[serde(default)]
    level_from: LevelFrom,
    #[serde(default)]
    samples: Vec<Sample>,
}

/// A line and what must be found in it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    pub line: String,
    pub time: Option<String>,
    pub level: Option<Level>,
    pub message: Option<String>,
    pub service: Option<String>,
    pub host: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    #[default]
    Pattern,
    Json,
    Docker,
    Logfmt,
    Export,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum LevelFrom {
    #[default]
    Header,
    /// The HTTP status in an access line.
    Status,
    None,
}

#[derive(Debug)]
pub struct Format {
    pub name: String,
    pub title: String,
    pub samples: Vec<Sample>,
    kind: Kind,
    patterns: Vec<Pattern>,
    weight: u32,
    require: Vec<(String, Vec<String>)>,
    contains: Vec<Vec<u8>>,
    level_from: LevelFrom,
}

impl Format {
    fn build(entry: Entry) -> Result<Format, String> {
        let compile =
            |p: &String| Pattern::compile(p).map_err(|e| format!("format '{}': {e}", entry.name));
        let patterns = entry
            .pattern
            .iter()
            .map(compile)
            .collect::<Result<Vec<_>, _>>()?;
        if entry.kind == Kind::Pattern && patterns.is_empty() {
            return Err(format!("format '{}' has no pattern", entry.name));
        }
        Ok(Format {
            name: entry.name,
            title: entry.title,
            samples: entry.samples,
            kind: entry.kind,
            patterns,
            weight: entry.weight,
            require: entry.require.into_iter().collect(),
            contains: entry.contains.into_iter().map(String::into_bytes).collect(),
            level_from: entry.level_from,
        })
    }

    /// Parses one line; true when it is of this format. `hint` remembers which pattern fitted last.
    pub fn parse(&self, text: &[u8], clock: &mut Clock, hint: &mut u8, out: &mut Parsed) -> bool {
        out.clear();
        match self.kind {
            Kind::Json => keyed::json(text, clock, out),
            Kind::Logfmt => keyed::logfmt(text, clock, out),
            Kind::Docker => docker(text, clock, out),
            Kind::Export => keyed::export(text, clock, out),
            Kind::Pattern => {
                if !self.contains.is_empty()
                    && !self
                        .contains
                        .iter()
                        .all(|c| memchr::memmem::find(text, c).is_some())
                {
                    return false;
                }
                // What fitted last is tried first, unless one before it is more telling.
                let last = usize::from(*hint).min(self.patterns.len() - 1);
                let telling = self.patterns[..last]
                    .iter()
                    .all(|p| p.weight <= self.patterns[last].weight);
                let first = if telling { last } else { 0 };
                let rest = (0..self.patterns.len()).filter(|i| *i != first);
                for i in std::iter::once(first).chain(rest) {
                    if self.patterns[i].parse(text, clock, out) && self.allowed(text, out) {
                        *hint = i as u8;
                        self.finish(text, out);
                        return true;
                    }
                    out.clear();
                }
                false
            }
        }
    }

    fn allowed(&self, text: &[u8], out: &Parsed) -> bool {
        self.require.iter().all(|(name, values)| {
            let span = match name.as_str() {
                "part" => Some(out.part),
                _ => out
                    .other
                    .iter()
                    .find(|(n, _)| n.is(name, text))
                    .map(|(_, s)| *s),
            };
            span.is_some_and(|s| values.iter().any(|v| v.as_bytes() == s.of(text)))
        })
    }

    fn finish(&self, text: &[u8], out: &mut Parsed) {
        if self.level_from == LevelFrom::Status {
            out.level = status_level(out.message.of(text));
            out.by_digits = true;
        }
    }

    /// How telling a match is.
    pub fn telling(&self, hint: u8) -> u32 {
        let own = match self.kind {
            Kind::Pattern => self.patterns.get(usize::from(hint)).map_or(0, |p| p.weight),
            Kind::Docker | Kind::Export => 40,
            Kind::Json => 30,
            Kind::Logfmt => 12,
        };
        own + self.weight
    }
}

fn docker(text: &[u8], clock: &mut Clock, out: &mut Parsed) -> bool {
    if !text.starts_with(b"{\"") || !keyed::json(text, clock, out) || out.time.is_none() {
        return false;
    }
    let has = |name: &str| out.other.iter().any(|(n, _)| n.is(name, text));
    let start = out.message.start as usize;
    if !has("stream") || !text[..start].ends_with(b"\"log\":\"") {
        return false;
    }
    let mut inner = out.message;
    if inner.of(text).ends_with(b"\\n") {
        inner.end -= 2;
    }
    out.inner = inner;
    out.message = Span::default();
    true
}

/// Level by the status code behind the quoted request: 5xx error, 4xx warning.
fn status_level(message: &[u8]) -> Level {
    let Some(open) = memchr::memchr(b'"', message) else {
        return Level::Unknown;
    };
    let Some(close) = memchr::memchr(b'"', &message[open + 1..]) else {
        return Level::Unknown;
    };
    let rest = message[open + close + 2..].trim_ascii_start();
    let code = &rest[..rest.iter().take_while(|b| b.is_ascii_digit()).count()];
    if code.len() == 3 {
        level::named(code)
    } else {
        Level::Unknown
    }
}

/// All formats that are known, in order of declaration; the user's come first.
#[derive(Clone, Debug)]
pub struct Catalogue(pub Vec<Arc<Format>>);

impl Catalogue {
    /// The shipped formats and `extra` files of the same form, each named for error messages.
    pub fn new(extra: &[(String, String)]) -> Result<Catalogue, String> {
        let mut formats = Vec::new();
        let shipped = SHIPPED.iter().map(|text| ("shipped formats", *text));
        for (name, text) in extra
            .iter()
            .map(|(n, t)| (n.as_str(), t.as_str()))
            .chain(shipped)
        {
            let file: File = toml::from_str(text).map_err(|e| format!("{name}: {e}"))?;
            for entry in file.format {
                formats.push(Arc::new(
                    Format::build(entry).map_err(|e| format!("{name}: {e}"))?,
                ));
            }
        }
        Ok(Catalogue(formats))
    }

    pub fn by_name(&self, name: &str) -> Option<Arc<Format>> {
        self.0.iter().find(|f| f.name == name).cloned()
    }

    pub fn names(&self) -> Vec<&str> {
        self.0.iter().map(|f| f.name.as_str()).collect()
    }
}

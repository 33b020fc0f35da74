//! Loads log formats from TOML, the built-in ones and the user's, and parses single lines with
//! them. Every format has sample lines that must parse. Knows nothing about sources.

use super::columns::Columns;
use super::error::FormatError;
use super::parsed::{Parsed, Span};
use super::pattern::Pattern;
use super::{keyed, xml};
use crate::model::Level;
use crate::text::level;
use crate::text::time::clock::Clock;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;

const BUILT_IN: &[&str] = &[
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
    /// Fields that must have one of the listed values.
    #[serde(default)]
    require: BTreeMap<String, Vec<String>>,
    /// Texts that must all occur in the line.
    #[serde(default)]
    contains: Vec<String>,
    #[serde(default)]
    level_from: LevelFrom,
    #[serde(default)]
    samples: Vec<Sample>,
}

/// A sample line and the values that must be parsed from it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    pub line: String,
    pub time: Option<String>,
    pub level: Option<Level>,
    pub message: Option<String>,
    pub service: Option<String>,
    pub host: Option<String>,
    pub caller: Option<String>,
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
    /// Windows event.
    Xml,
    /// Table with a header line; the columns are in `Format::columns`. Only the detection makes one.
    #[serde(skip)]
    Table,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum LevelFrom {
    #[default]
    Header,
    /// From the HTTP status code of an access log line.
    Status,
    /// From the field `status`.
    #[serde(rename = "first-status")]
    StatusField,
    None,
}

/// A compiled log format.
#[derive(Debug)]
pub struct Format {
    /// Identifies the format, also on the command line.
    pub name: String,
    /// Name for display.
    pub title: String,
    pub samples: Vec<Sample>,
    kind: Kind,
    patterns: Vec<Pattern>,
    weight: u32,
    require: Vec<(String, Vec<String>)>,
    contains: Vec<Vec<u8>>,
    level_from: LevelFrom,
    columns: Option<Columns>,
}

impl Format {
    /// The format of a table.
    pub fn table(columns: Columns) -> Format {
        Format {
            name: "table".into(),
            title: "table with a header line".into(),
            samples: Vec::new(),
            kind: Kind::Table,
            patterns: Vec::new(),
            weight: 0,
            require: Vec::new(),
            contains: Vec::new(),
            level_from: LevelFrom::None,
            columns: Some(columns),
        }
    }

    /// `file` names the file of the entry in error messages.
    fn build(file: &str, entry: Entry) -> Result<Format, FormatError> {
        let (file, format) = (file.to_string(), entry.name.clone());
        if entry.kind == Kind::Pattern && entry.pattern.is_empty() {
            return Err(FormatError::NoPattern { file, format });
        }
        let patterns: Result<Vec<_>, _> =
            entry.pattern.iter().map(|p| Pattern::compile(p)).collect();
        let patterns = patterns.map_err(|source| FormatError::Pattern {
            file,
            format,
            source,
        })?;
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
            columns: None,
        })
    }

    /// Parses one line; true if it is of this format. `hint` is the index of the pattern that
    /// matched last, and is updated.
    pub fn parse(&self, text: &[u8], clock: &mut Clock, hint: &mut u8, out: &mut Parsed) -> bool {
        out.clear();
        match self.kind {
            Kind::Json => keyed::json(text, clock, out),
            Kind::Logfmt => keyed::logfmt(text, clock, out),
            Kind::Docker => docker(text, clock, out),
            Kind::Export => keyed::export(text, clock, out),
            Kind::Xml => xml::parse(text, clock, out),
            Kind::Table => self
                .columns
                .as_ref()
                .is_some_and(|c| c.parse(text, clock, out)),
            Kind::Pattern => {
                if !self.contains.is_empty()
                    && !self
                        .contains
                        .iter()
                        .all(|c| memchr::memmem::find(text, c).is_some())
                {
                    return false;
                }
                // The pattern that matched last is tried first, unless one before it weighs more.
                let last = usize::from(*hint).min(self.patterns.len() - 1);
                let heaviest = self.patterns[..last]
                    .iter()
                    .all(|p| p.weight <= self.patterns[last].weight);
                let first = if heaviest { last } else { 0 };
                let rest = (0..self.patterns.len()).filter(|i| *i != first);
                for i in std::iter::once(first).chain(rest) {
                    if self.patterns[i].parse(text, clock, out)
                        && self.meets_requirements(text, out)
                    {
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

    fn meets_requirements(&self, text: &[u8], out: &Parsed) -> bool {
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
            out.level_from_digits = true;
        }
        if self.level_from == LevelFrom::StatusField {
            let status = out.other.iter().find(|(n, _)| n.is("status", text));
            out.level = status.map_or(Level::Unknown, |(_, s)| level::from_name(s.of(text)));
            out.level_from_digits = true;
        }
    }

    /// Weight of a match: the higher, the less likely is a match by chance.
    pub fn match_weight(&self, hint: u8) -> u32 {
        let own = match self.kind {
            Kind::Pattern => self.patterns.get(usize::from(hint)).map_or(0, |p| p.weight),
            Kind::Docker | Kind::Export | Kind::Xml | Kind::Table => 40,
            Kind::Json => 30,
            Kind::Logfmt => 12,
        };
        own + self.weight
    }
}

/// Parses a line of Docker's json-file driver; its `log` member is the inner line.
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

/// Level for the status code after the quoted request: 5xx is an error, 4xx a warning.
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
        level::from_name(code)
    } else {
        Level::Unknown
    }
}

/// All known formats in order of declaration. The user's come before the built-in ones.
#[derive(Clone, Debug)]
pub struct FormatCatalog(pub Vec<Arc<Format>>);

impl FormatCatalog {
    /// Loads the built-in formats and the `extra` files, given as (name, TOML text). Names are used
    /// in error messages. Fails if a file or a pattern is invalid.
    pub fn new(extra: &[(String, String)]) -> Result<FormatCatalog, FormatError> {
        let mut formats = Vec::new();
        let built_in = BUILT_IN.iter().map(|text| ("built-in formats", *text));
        for (name, text) in extra
            .iter()
            .map(|(n, t)| (n.as_str(), t.as_str()))
            .chain(built_in)
        {
            let file: File = toml::from_str(text).map_err(|e| FormatError::Toml {
                file: name.to_string(),
                source: Box::new(e),
            })?;
            for entry in file.format {
                formats.push(Arc::new(Format::build(name, entry)?));
            }
        }
        Ok(FormatCatalog(formats))
    }

    /// The first format with this name.
    pub fn by_name(&self, name: &str) -> Option<Arc<Format>> {
        self.0.iter().find(|f| f.name == name).cloned()
    }

    /// Names of all formats.
    pub fn names(&self) -> Vec<&str> {
        self.0.iter().map(|f| f.name.as_str()).collect()
    }
}

//! What a format finds in one line: spans, not copies. Knows no particular format.

use super::clock::Stamp;
use crate::model::Level;

/// Byte range in the text that was parsed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    pub start: u32,
    pub end: u32,
}

impl Span {
    pub fn new(start: usize, end: usize) -> Span {
        Span { start: start as u32, end: end as u32 }
    }

    pub fn of<'a>(&self, text: &'a [u8]) -> &'a [u8] {
        text.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    pub fn is_empty(&self) -> bool {
        self.start >= self.end
    }

    pub fn shifted(&self, by: usize) -> Span {
        Span { start: self.start + by as u32, end: self.end + by as u32 }
    }
}

/// The roles that header fields play; all else is `Other` with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slot {
    Time,
    Level,
    Host,
    Program,
    Component,
    Message,
    /// Part of a record that continues on the next line (CRI "P").
    Part,
    /// Text that wraps another log line.
    Inner,
    Skip,
    Other(std::sync::Arc<str>),
}

/// One parsed line. Reused from line to line.
#[derive(Clone, Debug, Default)]
pub struct Parsed {
    pub time: Option<Stamp>,
    pub level: Level,
    pub program: Span,
    pub component: Span,
    pub host: Span,
    pub message: Span,
    pub inner: Span,
    pub part: Span,
    /// The message is written with JSON escapes.
    pub escaped: bool,
    pub other: Vec<(std::sync::Arc<str>, Span)>,
}

impl Parsed {
    pub fn clear(&mut self) {
        self.other.clear();
        let other = std::mem::take(&mut self.other);
        *self = Parsed { other, ..Parsed::default() };
    }

    pub fn set(&mut self, slot: &Slot, span: Span, text: &[u8]) {
        match slot {
            Slot::Time | Slot::Skip => {}
            Slot::Level => self.level = super::level::named(span.of(text)),
            Slot::Host => self.host = span,
            Slot::Program => self.program = span,
            Slot::Component => self.component = span,
            Slot::Message => self.message = span,
            Slot::Part => self.part = span,
            Slot::Inner => self.inner = span,
            Slot::Other(name) => self.other.push((name.clone(), span)),
        }
    }
}

/// Name of a slot in pattern files and keyed formats.
pub fn slot(name: &str) -> Slot {
    match name {
        "time" => Slot::Time,
        "level" => Slot::Level,
        "host" => Slot::Host,
        "program" => Slot::Program,
        "component" => Slot::Component,
        "message" => Slot::Message,
        "part" => Slot::Part,
        "inner" => Slot::Inner,
        "_" => Slot::Skip,
        other => Slot::Other(other.into()),
    }
}

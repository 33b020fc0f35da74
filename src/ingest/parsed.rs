//! The parts that a format finds in one line, as byte ranges instead of copies. Knows no particular
//! format.

use crate::model::Level;
use crate::text::time::clock::Stamp;

/// Byte range in the text that was parsed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    pub start: u32,
    pub end: u32,
}

impl Span {
    pub fn new(start: usize, end: usize) -> Span {
        Span {
            start: start as u32,
            end: end as u32,
        }
    }

    /// The bytes of this range in `text`; empty if it is out of bounds.
    pub fn of<'a>(&self, text: &'a [u8]) -> &'a [u8] {
        text.get(self.start as usize..self.end as usize)
            .unwrap_or_default()
    }

    pub fn is_empty(&self) -> bool {
        self.start >= self.end
    }

    /// The range moved to the right by `by` bytes.
    pub fn shifted(&self, by: usize) -> Span {
        Span {
            start: self.start + by as u32,
            end: self.end + by as u32,
        }
    }
}

/// Role of a field in a line. Fields without a role are `Other`, with their name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slot {
    Time,
    Level,
    Host,
    Program,
    Component,
    /// Call site: the place in a source file that printed the line.
    Caller,
    Message,
    /// Marks a record that continues on the next line (CRI "P").
    Part,
    /// Contains another log line.
    Inner,
    /// Matched, but not stored.
    Skip,
    Other(&'static str),
}

/// Name of a field without a role: fixed by the format, named by a header line, or a range of the
/// line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    Fixed(&'static str),
    Column(std::sync::Arc<str>),
    Written(Span),
}

impl Name {
    pub fn of(&self, text: &[u8]) -> String {
        match self {
            Name::Fixed(name) => name.to_string(),
            Name::Column(name) => name.to_string(),
            Name::Written(span) => String::from_utf8_lossy(span.of(text)).into_owned(),
        }
    }

    pub fn is(&self, name: &str, text: &[u8]) -> bool {
        match self {
            Name::Fixed(fixed) => *fixed == name,
            Name::Column(column) => **column == *name,
            Name::Written(span) => span.of(text) == name.as_bytes(),
        }
    }
}

/// The parts of one parsed line. Reused for every line to avoid allocations.
#[derive(Clone, Debug, Default)]
pub struct Parsed {
    pub time: Option<Stamp>,
    /// End of the timestamp in the text; 0 if it is not part of a header at the start.
    pub clock_end: u32,
    pub level: Level,
    pub program: Span,
    pub component: Span,
    /// Call site: source file or class, and line number.
    pub caller: Span,
    pub host: Span,
    pub message: Span,
    pub inner: Span,
    pub part: Span,
    /// The level depends on digits in the line, so it does not hold for lines with other digits.
    pub level_from_digits: bool,
    /// The message contains JSON escapes.
    pub escaped: bool,
    pub other: Vec<(Name, Span)>,
}

impl Parsed {
    /// Resets all parts.
    pub fn clear(&mut self) {
        self.other.clear();
        self.time = None;
        self.clock_end = 0;
        self.level = Level::Unknown;
        self.escaped = false;
        self.level_from_digits = false;
        for span in [
            &mut self.program,
            &mut self.component,
            &mut self.caller,
            &mut self.host,
            &mut self.message,
            &mut self.inner,
            &mut self.part,
        ] {
            *span = Span::default();
        }
    }

    /// Whether the header inside a message is certain: the message hardly looks like this by
    /// chance.
    pub fn is_certain(&self, message: &[u8]) -> bool {
        let shortened = (self.message.end - self.message.start) < message.len() as u32;
        self.time.is_some()
            || shortened && (!self.caller.is_empty() || self.level != Level::Unknown)
    }

    /// Adds the parts of a header inside the message. `inner` has its ranges relative to the
    /// message. The time and the program of the outer header are kept.
    pub fn take_inner(&mut self, inner: &Parsed) {
        let by = self.message.start as usize;
        let pick = |inner: Span, outer: Span| {
            if inner.is_empty() {
                outer
            } else {
                inner.shifted(by)
            }
        };
        if inner.level != Level::Unknown {
            self.level = inner.level;
            self.level_from_digits = inner.level_from_digits;
        }
        self.component = pick(inner.component, self.component);
        self.caller = pick(inner.caller, self.caller);
        if self.program.is_empty() {
            self.program = inner.program.shifted(by);
        }
        if self.host.is_empty() {
            self.host = inner.host.shifted(by);
        }
        self.message = inner.message.shifted(by);
        self.escaped = inner.escaped;
        self.other.extend(inner.other.iter().map(|(name, span)| {
            let name = match name {
                Name::Written(span) => Name::Written(span.shifted(by)),
                fixed => fixed.clone(),
            };
            (name, span.shifted(by))
        }));
    }

    /// Stores the field `slot`, which is at `span` of `text`. The time itself is set by the caller.
    pub fn set(&mut self, slot: &Slot, span: Span, text: &[u8]) {
        match slot {
            Slot::Time => self.clock_end = span.end,
            Slot::Skip => {}
            Slot::Level => self.level = crate::text::level::from_name(span.of(text)),
            Slot::Host => self.host = span,
            Slot::Program => self.program = span,
            Slot::Component => self.component = span,
            Slot::Caller => self.caller = span,
            Slot::Message => self.message = span,
            Slot::Part => self.part = span,
            Slot::Inner => self.inner = span,
            Slot::Other(name) => self.other.push((Name::Fixed(name), span)),
        }
    }
}

/// Slot for the name of a field in a pattern.
pub fn slot(name: &str) -> Slot {
    match name {
        "time" => Slot::Time,
        "level" => Slot::Level,
        "host" => Slot::Host,
        "program" => Slot::Program,
        "component" => Slot::Component,
        "caller" => Slot::Caller,
        "message" => Slot::Message,
        "part" => Slot::Part,
        "inner" => Slot::Inner,
        "_" => Slot::Skip,
        // Formats are compiled once per run, so leaking their few names is harmless.
        other => Slot::Other(Box::leak(other.to_string().into_boxed_str())),
    }
}

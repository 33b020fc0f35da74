//! The header formats that the lines of one source have, tried in order, and the fallback for
//! unknown formats. Does not access files.

use super::call_site;
use super::format::Format;
use super::generic::{self, Places};
use super::parsed::{Parsed, Span};
use crate::text::time::clock::Clock;
use std::sync::Arc;

/// Largest number of formats of one source.
pub const MAX_FORMATS: usize = 4;

/// Header formats of lines, or of the messages inside other headers.
#[derive(Clone, Debug, Default)]
pub struct Headers {
    /// Tried in this order.
    pub formats: Vec<Arc<Format>>,
    /// Where lines of no known format have their timestamp. `None`: such lines have no header.
    pub places: Option<Places>,
    /// Per format, the pattern that matched last.
    hints: [u8; MAX_FORMATS],
}

impl Headers {
    pub fn new(formats: Vec<Arc<Format>>, places: Option<Places>) -> Headers {
        Headers {
            formats,
            places,
            hints: [0; MAX_FORMATS],
        }
    }

    pub fn is_empty(&self) -> bool {
        self.formats.is_empty() && self.places.is_none()
    }

    /// Parses one line. True if it has a header.
    pub fn parse(&mut self, text: &[u8], clock: &mut Clock, out: &mut Parsed) -> bool {
        let mut found = false;
        for (format, hint) in self.formats.iter().zip(&mut self.hints) {
            found = found || format.parse(text, clock, hint, out);
        }
        if !found && let Some(places) = self.places {
            found = generic::parse(text, clock, places, out);
        }
        if found && out.caller.is_empty() {
            find_caller(text, out);
        }
        found
    }
}

/// Finds a call site that is part of another field: after the class (`a.b.C:12`), or at the end of
/// the message.
fn find_caller(text: &[u8], out: &mut Parsed) {
    if call_site::is_numbered(out.component.of(text)) {
        out.caller = std::mem::take(&mut out.component);
    } else if !out.escaped
        && let Some((end, site)) = call_site::trailing(out.message.of(text))
    {
        let start = out.message.start as usize;
        out.caller = Span::new(start + site, out.message.end as usize);
        out.message = Span::new(start, start + end);
    }
}

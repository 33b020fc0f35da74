//! State of the events pane: which events are shown, and which are loaded. Plain data.

use super::pane::Scroll;
use crate::corpus::SearchResults;
use crate::model::{Event, EventId, Level, TemplateKey};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Which events the event list shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    pub only_templates: Vec<TemplateKey>,
    pub hidden_templates: Vec<TemplateKey>,
    pub only_services: Vec<String>,
    pub hidden_services: Vec<String>,
    pub min_level: Option<Level>,
    pub text: String,
}

impl Filter {
    /// The filter as a search query; empty if all events are shown.
    pub fn query(&self) -> String {
        let mut parts = Vec::new();
        let any = |names: Vec<String>| {
            if names.is_empty() {
                None
            } else {
                Some(format!("({})", names.join(" OR ")))
            }
        };
        parts.extend(any(self
            .only_templates
            .iter()
            .map(|t| format!("template:{t}"))
            .collect()));
        parts.extend(any(self
            .only_services
            .iter()
            .map(|s| format!("service:\"{s}\""))
            .collect()));
        parts.extend(
            self.hidden_templates
                .iter()
                .map(|t| format!("-template:{t}")),
        );
        parts.extend(
            self.hidden_services
                .iter()
                .map(|s| format!("-service:\"{s}\"")),
        );
        parts.extend(self.min_level.map(|l| format!("level:>={}", l.name())));
        if !self.text.trim().is_empty() {
            parts.push(format!("({})", self.text));
        }
        parts.join(" ")
    }
}

/// The list of events.
#[derive(Clone, Debug, Default)]
pub struct Events {
    pub scroll: Scroll,
    /// Columns scrolled to the right.
    pub left: usize,
    pub wrap: bool,
    pub follow: bool,
    pub filter: Filter,
    /// Lines of context around filtered events.
    pub context: u32,
    /// Rows that the filter shows; `None`: all.
    pub rows: Option<Arc<Vec<u32>>>,
    /// Progress and result of the filter query.
    pub filtering: Option<SearchResults>,
    /// The search query.
    pub search: String,
    /// Progress and matches of the search.
    pub found: Option<SearchResults>,
    /// Events read so far.
    pub loaded: HashMap<EventId, Arc<Event>>,
    /// Events that were requested.
    pub requested: HashSet<EventId>,
    /// Set when the cursor was first placed.
    pub placed: bool,
    /// A jump to the next or previous event of a level is running.
    pub seeking: bool,
}

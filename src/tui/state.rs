//! Everything the screen shows, as plain data. Changed by `update` alone.

use super::msg::{DetailData, TemplateFacts};
use super::overlay::Overlay;
use super::recovery::Recovery;
use crate::config::keymap::Keymap;
use crate::config::settings::Llm;
use crate::config::theme::Theme;
use crate::engine::{Found, Snapshot, Timeline};
use crate::model::{Action, Diagnosis, Event, Findings, Level, Moment};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pane {
    #[default]
    Stream,
    Templates,
    Detail,
    Sources,
    Anomalies,
    Diagnosis,
    Plan,
    Chat,
    Guide,
}

impl Pane {
    pub const ALL: [Pane; 9] = [
        Pane::Stream,
        Pane::Templates,
        Pane::Detail,
        Pane::Sources,
        Pane::Anomalies,
        Pane::Diagnosis,
        Pane::Plan,
        Pane::Chat,
        Pane::Guide,
    ];

    /// A list of lines made of what the engine found.
    pub fn is_report(self) -> bool {
        matches!(
            self,
            Pane::Anomalies | Pane::Diagnosis | Pane::Plan | Pane::Chat | Pane::Guide
        )
    }

    pub fn title(self) -> &'static str {
        match self {
            Pane::Stream => "Events",
            Pane::Templates => "Templates",
            Pane::Detail => "Detail",
            Pane::Sources => "Sources",
            Pane::Anomalies => "Windows that are not normal",
            Pane::Diagnosis => "Diagnosis",
            Pane::Plan => "Plan",
            Pane::Chat => "Chat",
            Pane::Guide => "Guided triage",
        }
    }
}

/// A list with a cursor of which a window is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scroll {
    pub cursor: usize,
    pub top: usize,
}

impl Scroll {
    /// Moves the cursor by lines and keeps it in the list and in the window.
    pub fn by(&mut self, lines: i64, len: usize, height: usize) {
        let to = (self.cursor as i64)
            .saturating_add(lines)
            .clamp(0, len.saturating_sub(1) as i64);
        self.to(to as usize, len, height);
    }

    pub fn to(&mut self, cursor: usize, len: usize, height: usize) {
        self.cursor = cursor.min(len.saturating_sub(1));
        let height = height.max(1);
        if self.cursor < self.top {
            self.top = self.cursor;
        } else if self.cursor >= self.top + height {
            self.top = self.cursor + 1 - height;
        }
        self.top = self.top.min(len.saturating_sub(1));
    }

    /// Shows the cursor in the middle.
    pub fn centre(&mut self, cursor: usize, len: usize, height: usize) {
        self.cursor = cursor.min(len.saturating_sub(1));
        self.top = self
            .cursor
            .saturating_sub(height / 2)
            .min(len.saturating_sub(height.min(len)));
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortBy {
    #[default]
    Count,
    Change,
    FirstSeen,
    Level,
}

impl SortBy {
    pub fn next(self) -> SortBy {
        match self {
            SortBy::Count => SortBy::Change,
            SortBy::Change => SortBy::FirstSeen,
            SortBy::FirstSeen => SortBy::Level,
            SortBy::Level => SortBy::Count,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            SortBy::Count => "count",
            SortBy::Change => "change",
            SortBy::FirstSeen => "first seen",
            SortBy::Level => "level",
        }
    }
}

/// What is shown of the stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    pub only_templates: Vec<u64>,
    pub hidden_templates: Vec<u64>,
    pub only_services: Vec<String>,
    pub hidden_services: Vec<String>,
    pub min_level: Option<Level>,
    pub text: String,
}

impl Filter {
    /// The filter as a query; empty when everything is shown.
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

/// A bookmark or note, by place, so that it survives a rebuilt index.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    pub note: String,
}

/// The user's word on what was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judged {
    pub muted: Vec<String>,
    pub confirmed: u64,
    pub false_alarms: u64,
}

/// A question and what came of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    pub question: String,
    pub answer: String,
    pub by: String,
    pub notes: Vec<String>,
    /// Events cited.
    pub events: Vec<u32>,
    #[serde(default)]
    pub thinking: String,
    /// Titles of the actions that belong to the answer: the first ones of the plan.
    #[serde(default)]
    pub cards: Vec<String>,
}

/// The conversation about the corpus.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chat {
    pub turns: Vec<Turn>,
    /// Conversations ended before, the latest last.
    pub earlier: Vec<Vec<Turn>>,
    /// Where to ask, and with which prompts.
    pub llm: Llm,
    pub busy: bool,
    pub asked: String,
    /// The answer as far as it came.
    pub partial: String,
    /// What was thought so far.
    pub thought: String,
    pub step: String,
    /// Show what was thought.
    pub unfolded: bool,
    /// Tokens that go with a question, and of how many.
    pub meter: Option<(u64, u64)>,
    /// The question that waits for consent.
    pub waiting: String,
}

/// The user's word on a hypothesis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stance {
    #[default]
    Open,
    Confirmed,
    Rejected,
}

impl Stance {
    pub fn name(self) -> &'static str {
        match self {
            Stance::Open => "open",
            Stance::Confirmed => "confirmed",
            Stance::Rejected => "rejected",
        }
    }
}

/// How far a guided triage is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Guide {
    /// Line that the cursor was left on.
    pub cursor: usize,
    /// By service that may have failed first.
    pub stances: BTreeMap<String, Stance>,
    pub notes: BTreeMap<String, String>,
    /// What was applied, and what came of it.
    pub applied: Vec<String>,
    /// File of the last report.
    pub written: Option<String>,
}

/// Source name and line of a marked event.
pub type MarkKey = (String, u64);

/// Sizes that `view` gave the panes at the last drawing, so that paging moves by what is seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heights {
    pub stream: usize,
    pub list: usize,
}

pub struct State {
    pub title: String,
    pub keymap: Keymap,
    pub theme: Theme,
    pub themes: Vec<String>,
    pub size: (u16, u16),
    pub snapshot: Arc<Snapshot>,
    pub pane: Pane,
    pub overlays: Vec<Overlay>,
    pub stream: Scroll,
    pub templates: Scroll,
    pub sources: Scroll,
    pub detail: Scroll,
    pub report: Scroll,
    pub findings: Option<Arc<Findings>>,
    pub diagnosis: Option<Arc<Diagnosis>>,
    pub actions: Vec<Action>,
    pub chat: Chat,
    /// What is not normal is being worked out, of so many events.
    pub analysing: bool,
    pub analysed_events: u64,
    /// Templates that are reasons of windows, with the windows' start and end.
    pub odd: Vec<(u64, Moment, Moment)>,
    pub recovery: Recovery,
    pub read_only: bool,
    /// What the user muted, and how often a window was called right or a false alarm.
    pub judged: Judged,
    /// Beginning of the range that is being marked.
    pub range_start: Option<Moment>,
    pub left: usize,
    pub wrap: bool,
    pub follow: bool,
    pub filter: Filter,
    pub context: u32,
    /// Rows that the filter shows; `None`: all.
    pub rows: Option<Arc<Vec<u32>>>,
    pub filtering: Option<Found>,
    pub search: String,
    pub found: Option<Found>,
    pub sort: SortBy,
    /// Order in which templates are shown.
    pub template_rows: Vec<usize>,
    pub events: HashMap<u32, Arc<Event>>,
    pub asked: std::collections::HashSet<u32>,
    pub shown_detail: Option<DetailData>,
    pub detail_asked: Option<u32>,
    pub facts: Option<TemplateFacts>,
    /// Text of the template that the next one is merged with.
    pub merging: Option<String>,
    /// New templates per minute of late.
    pub novelty: Option<f64>,
    pub zoom: Option<(Moment, Moment)>,
    pub zoomed: Option<Timeline>,
    pub marks: BTreeMap<MarkKey, Mark>,
    pub guide: Guide,
    pub notice: Option<String>,
    /// Set when the cursor of the stream was first placed.
    pub placed: bool,
    pub seeking: bool,
    pub first_run: bool,
    pub cancelled_once: bool,
}

impl State {
    pub fn new(title: String, keymap: Keymap, theme: Theme, size: (u16, u16)) -> State {
        State {
            title,
            keymap,
            theme,
            themes: crate::config::theme::names()
                .into_iter()
                .map(String::from)
                .collect(),
            size,
            snapshot: Arc::default(),
            pane: Pane::Stream,
            overlays: Vec::new(),
            stream: Scroll::default(),
            templates: Scroll::default(),
            sources: Scroll::default(),
            detail: Scroll::default(),
            report: Scroll::default(),
            findings: None,
            diagnosis: None,
            actions: Vec::new(),
            chat: Chat::default(),
            analysing: false,
            analysed_events: 0,
            odd: Vec::new(),
            recovery: Recovery::default(),
            read_only: false,
            judged: Judged::default(),
            range_start: None,
            left: 0,
            wrap: false,
            follow: false,
            filter: Filter::default(),
            context: 0,
            rows: None,
            filtering: None,
            search: String::new(),
            found: None,
            sort: SortBy::Count,
            template_rows: Vec::new(),
            events: HashMap::new(),
            asked: std::collections::HashSet::new(),
            shown_detail: None,
            detail_asked: None,
            facts: None,
            merging: None,
            novelty: None,
            zoom: None,
            zoomed: None,
            marks: BTreeMap::new(),
            guide: Guide::default(),
            notice: None,
            placed: false,
            seeking: false,
            first_run: true,
            cancelled_once: false,
        }
    }

    /// Events in the stream as it is filtered.
    pub fn shown(&self) -> usize {
        self.rows
            .as_ref()
            .map_or(self.snapshot.rows as usize, |r| r.len())
    }

    /// Ordinal of the event at a place in the stream.
    pub fn event_at(&self, shown: usize) -> Option<u32> {
        let row = match &self.rows {
            Some(rows) => *rows.get(shown)? as usize,
            None => shown,
        };
        ((row as u64) < self.snapshot.rows).then(|| self.snapshot.order.event(row))
    }

    /// Row of the merged stream at a place in the filtered one.
    pub fn row_at(&self, shown: usize) -> usize {
        self.rows
            .as_ref()
            .map_or(shown, |r| r.get(shown).copied().unwrap_or(0) as usize)
    }

    /// Place in the filtered stream of (or next to) a row of the merged one.
    pub fn place_of(&self, row: usize) -> usize {
        self.rows.as_ref().map_or(row, |r| {
            r.partition_point(|x| (*x as usize) < row)
                .min(r.len().saturating_sub(1))
        })
    }

    pub fn selected(&self) -> Option<u32> {
        self.event_at(self.stream.cursor)
    }

    pub fn selected_event(&self) -> Option<&Arc<Event>> {
        self.selected().and_then(|id| self.events.get(&id))
    }

    /// Index in the template table of an event's template.
    pub fn template_of(&self, id: u32) -> Option<usize> {
        let kind = self.snapshot.kind(id)?;
        self.snapshot
            .template_of
            .get(kind as usize)
            .map(|t| *t as usize)
            .filter(|t| *t < self.snapshot.templates.len())
    }

    pub fn mark_key(&self, event: &Event) -> MarkKey {
        (
            self.snapshot
                .sources
                .get(event.source as usize)
                .map_or_else(String::new, |s| s.name.clone()),
            event.line,
        )
    }

    /// Index in the template table of the template under the cursor, in whichever pane.
    pub fn selected_template(&self) -> Option<usize> {
        match self.pane {
            Pane::Templates => self.template_rows.get(self.templates.cursor).copied(),
            _ => self.selected().and_then(|id| self.template_of(id)),
        }
    }

    /// The part of time that the time line shows.
    pub fn timeline(&self) -> &Timeline {
        match (&self.zoom, &self.zoomed) {
            (Some(_), Some(t)) => t,
            _ => &self.snapshot.timeline,
        }
    }

    pub fn is_wide(&self) -> bool {
        self.size.0 >= 110 && self.size.1 >= 20
    }

    /// Lines in the main pane.
    pub fn heights(&self) -> Heights {
        let layout = super::view::layout::Layout::of(self);
        Heights {
            stream: layout.stream_lines(),
            list: layout.list_lines(),
        }
    }
}

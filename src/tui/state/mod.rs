//! Everything that the UI shows, as plain data: one struct per pane. Only `update` changes it. Does
//! not draw and does no I/O.

pub mod analysis;
pub mod chat;
pub mod detail;
pub mod events;
pub mod guide;
pub mod msg;
pub mod overlay;
pub mod pane;
pub mod plan;
pub mod templates;

use crate::config::keymap::Keymap;
use crate::config::theme::Theme;
use crate::corpus::{Snapshot, Timeline};
use crate::model::{Event, EventId, Moment, TemplateIx};
use guide::{Mark, MarkKey};
use overlay::Overlay;
use pane::{Pane, Scroll};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The part of the timeline that is shown.
#[derive(Clone, Debug, Default)]
pub struct Zoom {
    /// The zoomed time range; `None`: everything.
    pub range: Option<(Moment, Moment)>,
    /// The timeline of that range.
    pub zoomed: Option<Timeline>,
}

/// The state of the UI.
pub struct State {
    /// The paths or the name of the logs.
    pub title: String,
    pub keymap: Keymap,
    pub theme: Theme,
    /// The themes that the user can switch to.
    pub themes: Vec<Theme>,
    /// Width and height of the terminal.
    pub size: (u16, u16),
    pub snapshot: Arc<Snapshot>,
    pub pane: Pane,
    /// The topmost overlay is last.
    pub overlays: Vec<Overlay>,
    pub events: events::Events,
    pub templates: templates::Templates,
    pub detail: detail::Detail,
    pub sources: Scroll,
    /// The cursor of the report panes: anomalies, diagnosis, plan, chat and guide.
    pub report: Scroll,
    pub analysis: analysis::AnalysisResults,
    pub plan: plan::Plan,
    pub chat: chat::Chat,
    pub guide: guide::Guide,
    pub timeline: Zoom,
    pub marks: BTreeMap<MarkKey, Mark>,
    pub read_only: bool,
    /// Start of the time range that is being marked.
    pub range_start: Option<Moment>,
    /// The message in the status line.
    pub notice: Option<String>,
    /// No command was run yet: the status line shows the basic keys.
    pub first_run: bool,
    /// `cancel` was pressed once; the second time quits.
    pub cancelled_once: bool,
}

impl State {
    /// The initial state, before the first snapshot.
    pub fn new(title: String, keymap: Keymap, theme: Theme, size: (u16, u16)) -> State {
        State {
            title,
            keymap,
            theme,
            themes: Vec::new(),
            size,
            snapshot: Arc::default(),
            pane: Pane::Events,
            overlays: Vec::new(),
            events: events::Events::default(),
            templates: templates::Templates::default(),
            detail: detail::Detail::default(),
            sources: Scroll::default(),
            report: Scroll::default(),
            analysis: analysis::AnalysisResults::default(),
            plan: plan::Plan::default(),
            chat: chat::Chat::default(),
            guide: guide::Guide::default(),
            timeline: Zoom::default(),
            marks: BTreeMap::new(),
            read_only: false,
            range_start: None,
            notice: None,
            first_run: true,
            cancelled_once: false,
        }
    }

    /// Number of events that the filter shows.
    pub fn shown(&self) -> usize {
        self.events
            .rows
            .as_ref()
            .map_or(self.snapshot.rows as usize, |r| r.len())
    }

    /// The event at a position in the filtered list.
    pub fn event_at(&self, shown: usize) -> Option<EventId> {
        let row = match &self.events.rows {
            Some(rows) => *rows.get(shown)? as usize,
            None => shown,
        };
        ((row as u64) < self.snapshot.rows).then(|| self.snapshot.event_in_row(row))
    }

    /// The row in the unfiltered list of a position in the filtered one.
    pub fn row_at(&self, shown: usize) -> usize {
        let rows = self.events.rows.as_ref();
        rows.map_or(shown, |r| r.get(shown).copied().unwrap_or(0) as usize)
    }

    /// The position in the filtered list of a row of the unfiltered one, or the nearest after it.
    pub fn place_of(&self, row: usize) -> usize {
        self.events.rows.as_ref().map_or(row, |r| {
            r.partition_point(|x| (*x as usize) < row)
                .min(r.len().saturating_sub(1))
        })
    }

    /// The event under the cursor.
    pub fn selected(&self) -> Option<EventId> {
        self.event_at(self.events.scroll.cursor)
    }

    /// Time of the event under the cursor.
    pub fn selected_time(&self) -> Option<Moment> {
        self.selected().and_then(|id| self.snapshot.time(id))
    }

    /// The event under the cursor, if it is read.
    pub fn selected_event(&self) -> Option<&Arc<Event>> {
        self.selected().and_then(|id| self.events.loaded.get(&id))
    }

    /// The key under which an event is bookmarked.
    pub fn mark_key(&self, event: &Event) -> MarkKey {
        let source = self.snapshot.sources.get(event.source.index());
        (
            source.map_or_else(String::new, |s| s.name.clone()),
            event.line,
        )
    }

    /// The template under the cursor of the current pane.
    pub fn selected_template(&self) -> Option<TemplateIx> {
        match self.pane {
            Pane::Templates => self
                .templates
                .rows
                .get(self.templates.scroll.cursor)
                .copied(),
            _ => self.selected().and_then(|id| self.snapshot.template_of(id)),
        }
    }

    /// The timeline to show: the zoomed one, or that of all events.
    pub fn shown_timeline(&self) -> &Timeline {
        match (&self.timeline.range, &self.timeline.zoomed) {
            (Some(_), Some(t)) => t,
            _ => &self.snapshot.timeline,
        }
    }
}

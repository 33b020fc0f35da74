//! Moves the cursor of the events pane: to a row, a time, a position on the timeline or a bookmark.
//! Does no I/O.

use crate::model::{Moment, Place};
use crate::text::civil::{DAY, parse_duration};
use crate::tui::layout::Layout;
use crate::tui::panes::timeline;
use crate::tui::state::State;
use crate::tui::state::guide::MarkKey;
use crate::tui::state::msg::Effect;
use crate::tui::state::pane::{Pane, Scroll};

/// Moves the cursor to a row of the filtered events. Centers the row if it is not visible.
pub fn to(state: &mut State, place: usize) {
    let (len, height) = (state.shown(), Layout::of(state).event_lines());
    let inside = place >= state.events.scroll.top && place < state.events.scroll.top + height;
    if inside {
        state.events.scroll.to(place, len, height)
    } else {
        state.events.scroll.center(place, len, height)
    }
}

/// Moves the cursor to the last event.
pub fn to_end(state: &mut State) {
    let (len, height) = (state.shown(), Layout::of(state).event_lines());
    state.events.scroll.to(len.saturating_sub(1), len, height);
}

/// Moves the cursor to the first event at or after a time.
pub fn to_moment(state: &mut State, at: Moment) {
    let row = state.snapshot.row_at(at);
    let place = state.place_of(row);
    state.events.follow = false;
    to(state, place);
}

/// A click on the timeline: goes to the time at this fraction (0..1) of its width.
pub fn to_fraction(state: &mut State, fraction: f64) -> Vec<Effect> {
    let (start, end) = timeline::range(state);
    if end > start {
        to_moment(state, start + ((end - start) as f64 * fraction) as Moment);
        state.pane = Pane::Events;
    }
    vec![]
}

/// Parses a time: a timestamp, a time of day on the date of the selected event, or an offset from
/// that event (`-5m`).
pub fn parse(state: &State, text: &str) -> Option<Moment> {
    let text = text.trim();
    let now = state
        .selected_time()
        .or(state.snapshot.span().map(|(first, _)| first));
    if let Some(step) = text.strip_prefix(['+', '-']) {
        let n = parse_duration(step)?;
        return now.map(|t| if text.starts_with('-') { t - n } else { t + n });
    }
    let padded = if text.len() == 5 && text.contains(':') {
        format!("{text}:00")
    } else {
        text.to_string()
    };
    let at = crate::corpus::moment(&padded)
        .or_else(|| crate::corpus::moment(&format!("{padded}T00:00:00")))?;
    // Without a date, the date of the selected event is used.
    let time_only = padded.len() <= 15 && padded.as_bytes().get(2) == Some(&b':');
    if time_only {
        now.map(|t| t.div_euclid(DAY) * DAY + at.rem_euclid(DAY))
    } else {
        Some(at)
    }
}

/// Moves the cursor to the next bookmark, or to the previous one.
pub fn to_mark(state: &mut State, forward: bool) {
    let here = state.row_at(state.events.scroll.cursor);
    let mut rows: Vec<usize> = state
        .marks
        .keys()
        .filter_map(|k| row_of(state, k))
        .collect();
    rows.sort_unstable();
    let next = if forward {
        rows.iter().find(|r| **r > here)
    } else {
        rows.iter().rev().find(|r| **r < here)
    };
    match next.copied() {
        Some(row) => {
            let place = state.place_of(row);
            to(state, place);
        }
        None if rows.is_empty() => {
            state.notice = Some("no bookmarks yet; press m to add one".into())
        }
        None if forward => state.notice = Some("no more bookmarks below".into()),
        None => state.notice = Some("no more bookmarks above".into()),
    }
}

/// The row of a bookmarked event.
fn row_of(state: &State, (source, line): &MarkKey) -> Option<usize> {
    let place = Place {
        source: source.clone(),
        line: *line,
    };
    state
        .snapshot
        .event_at_place(&place)
        .map(|id| state.snapshot.row_of(id))
}

/// Shows a pane from its top. The guide keeps its cursor.
pub fn to_pane(state: &mut State, pane: Pane) {
    state.pane = pane;
    state.report = Scroll::default();
    state.events.left = 0;
    if state.pane == Pane::Guide {
        state.report.cursor = state.guide.cursor;
    }
}

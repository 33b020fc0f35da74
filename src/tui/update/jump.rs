//! Going to places in the stream: rows, moments, fractions of the time line, marks. No I/O.

use super::super::msg::Effect;
use super::super::state::{Pane, State};
use crate::model::Moment;
use crate::text::civil::{DAY, parse_duration};

/// Puts the cursor of the stream on a place, centred if it was out of view.
pub fn to(state: &mut State, place: usize) {
    let (len, height) = (state.shown(), state.heights().stream);
    let inside = place >= state.stream.top && place < state.stream.top + height;
    if inside {
        state.stream.to(place, len, height)
    } else {
        state.stream.centre(place, len, height)
    }
}

pub fn to_end(state: &mut State) {
    let (len, height) = (state.shown(), state.heights().stream);
    state.stream.to(len.saturating_sub(1), len, height);
}

/// The first event at or after a moment.
pub fn to_moment(state: &mut State, at: Moment) {
    let row = state.snapshot.row_at(at);
    let place = state.place_of(row);
    state.follow = false;
    to(state, place);
}

/// A click on the time line.
pub fn to_fraction(state: &mut State, fraction: f64) -> Vec<Effect> {
    let (start, end) = super::super::view::timeline::range(state);
    if end > start {
        to_moment(state, start + ((end - start) as f64 * fraction) as Moment);
        state.pane = Pane::Stream;
    }
    vec![]
}

/// Moment that a text names: a time stamp, a time of the day under the cursor, or a step from there (`-5m`).
pub fn parse(state: &State, text: &str) -> Option<Moment> {
    let text = text.trim();
    let now = state
        .selected()
        .and_then(|id| state.snapshot.time(id))
        .or(state.snapshot.chunks.first().map(|c| c.min_time));
    if let Some(step) = text.strip_prefix(['+', '-']) {
        let n = parse_duration(step)?;
        return now.map(|t| if text.starts_with('-') { t - n } else { t + n });
    }
    let padded = if text.len() == 5 && text.contains(':') {
        format!("{text}:00")
    } else {
        text.to_string()
    };
    let at = crate::engine::moment(&padded)
        .or_else(|| crate::engine::moment(&format!("{padded}T00:00:00")))?;
    // A time alone is of the day under the cursor.
    let alone = padded.len() <= 15 && padded.as_bytes().get(2) == Some(&b':');
    if alone {
        now.map(|t| t.div_euclid(DAY) * DAY + at.rem_euclid(DAY))
    } else {
        Some(at)
    }
}

/// The next marked event after the cursor, or the one before.
pub fn to_mark(state: &mut State, forward: bool) {
    let here = state.row_at(state.stream.cursor);
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
            state.notice = Some("no marks yet: m marks the event under the cursor".into())
        }
        None => state.notice = Some("no further mark in this direction".into()),
    }
}

fn row_of(state: &State, (name, line): &(String, u64)) -> Option<usize> {
    let source = state
        .snapshot
        .sources
        .iter()
        .position(|s| s.name == *name)? as u32;
    let line0 = line.checked_sub(1)?;
    let chunk = state.snapshot.chunks.iter().find(|c| {
        c.source == source && (c.first_line..c.first_line + c.lines.max(1)).contains(&line0)
    })?;
    let i = (0..chunk.events)
        .collect::<Vec<_>>()
        .partition_point(|i| chunk.line(*i) < line0);
    (i < chunk.events as usize).then(|| state.snapshot.row_of(chunk.first_event + i as u32))
}

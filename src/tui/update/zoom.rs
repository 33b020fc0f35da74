//! Zooms the timeline. Does no I/O.

use crate::tui::panes::timeline;
use crate::tui::state::State;
use crate::tui::state::msg::Effect;

/// Zooms the timeline in or out by a factor of four, around the cursor.
pub fn zoom(state: &mut State, zoom_in: bool) -> Vec<Effect> {
    let (start, end) = timeline::range(state);
    if end <= start {
        state.notice = Some("no timeline to zoom: no event has a timestamp".into());
        return vec![];
    }
    let center = state.selected_time().unwrap_or(start).clamp(start, end);
    let width = end - start;
    let (full_start, full_end) = timeline::full(state);
    if !zoom_in && width * 4 >= full_end - full_start {
        (state.timeline.range, state.timeline.zoomed) = (None, None);
        return vec![];
    }
    let half = if zoom_in {
        (width / 8).max(500_000)
    } else {
        width * 2
    };
    let range = (
        (center - half).max(full_start),
        (center + half).min(full_end),
    );
    state.timeline.range = Some(range);
    vec![Effect::Histogram(range.0, range.1)]
}

//! The time range that the timeline shows. Pure functions.

use crate::model::Moment;
use crate::tui::state::State;

/// Time of the first and of the last event in the corpus. (0, 0) if no event has a time.
pub fn full(state: &State) -> (Moment, Moment) {
    state.snapshot.span().unwrap_or((0, 0))
}

/// The time range that the timeline shows: the zoomed range, or everything.
pub fn range(state: &State) -> (Moment, Moment) {
    state.timeline.range.unwrap_or_else(|| full(state))
}

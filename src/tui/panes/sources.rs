//! The rows of the sources pane: inputs that could not be read, then the sources. Pure functions.

use crate::model::SourceId;
use crate::tui::state::State;

/// Number of rows in the list: failures and sources.
pub fn len(state: &State) -> usize {
    state.snapshot.failures.len() + state.snapshot.sources.len()
}

/// Index of the source in a row of the list. `None` for a failure; failures are listed first.
pub fn source_at(state: &State, place: usize) -> Option<SourceId> {
    let i = place.checked_sub(state.snapshot.failures.len())?;
    (i < state.snapshot.sources.len()).then(|| SourceId::at(i))
}

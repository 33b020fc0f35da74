//! What each pane shows, as lines: pure functions of the state. Draws nothing.

pub mod anomalies;
pub mod chat;
pub mod detail;
pub mod diagnosis;
pub mod format;
pub mod graph;
pub mod guide;
pub mod highlight;
pub mod plan;
pub mod row;
pub mod service_map;
pub mod sources;
pub mod template_values;
pub mod timeline;

use crate::tui::state::State;
use crate::tui::state::pane::Pane;
use row::Row;

/// The rows of a report pane. Empty for the other panes.
pub fn rows(state: &State, pane: Pane) -> Vec<Row> {
    match pane {
        Pane::Anomalies => anomalies::rows(state),
        Pane::Diagnosis => diagnosis::rows(state),
        Pane::Plan => plan::rows(state),
        Pane::Chat => chat::rows(state),
        Pane::Guide => guide::rows(state),
        _ => Vec::new(),
    }
}

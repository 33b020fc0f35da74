//! Draws the detail pane. Its lines are made in `panes::detail`.

use super::style;
use crate::tui::panes::detail::lines;
use crate::tui::panes::format::grouped;
use crate::tui::state::State;
use crate::tui::state::pane::Pane;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Paragraph, Wrap};

/// Heading of the pane: whether it shows an event or a template.
pub fn heading(state: &State) -> String {
    match (&state.detail.shown, state.pane) {
        (_, Pane::Templates) if state.selected_template().is_some() => "Detail: template".into(),
        (Some(d), _) => format!("Detail: line {}", grouped(d.event.line)),
        (None, _) => "Detail".into(),
    }
}

/// Draws the lines, starting at the cursor.
pub fn draw(frame: &mut Frame<'_>, state: &State, area: Rect) {
    let lines = lines(state);
    let top = state
        .detail
        .scroll
        .cursor
        .min(lines.len().saturating_sub(1));
    let shown: Vec<Line<'_>> = lines
        .into_iter()
        .skip(top)
        .map(|l| style::line(state, l))
        .collect();
    frame.render_widget(Paragraph::new(shown).wrap(Wrap { trim: false }), area);
}

//! Draws a report pane (5 to 9): a list of rows with a cursor, with long rows wrapped. The rows
//! themselves are built in `tui::report`, `conversation` and `guide`.

use super::style;
use crate::text::escape::for_terminal;
use crate::tui::panes::format::wrapped;
use crate::tui::panes::rows;
use crate::tui::state::State;
use crate::tui::state::detail::StyledLine;
use crate::tui::state::pane::Pane;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

/// Heading of a report pane.
pub fn heading(state: &State, pane: Pane) -> String {
    match (pane, &state.analysis.findings) {
        (Pane::Anomalies, Some(f)) => format!(
            "Anomalies {} (] next, Enter opens the log line)",
            f.windows.len()
        ),
        (Pane::Guide, _) => "Guided triage (Enter opens the step, 9 returns)".into(),
        (Pane::Chat, _) => {
            let model = state
                .chat
                .llm
                .model
                .as_deref()
                .map_or_else(String::new, |m| format!(", model {}", for_terminal(m)));
            format!("Chat (Enter to ask{model})")
        }
        (pane, _) => pane.title().into(),
    }
}

/// Draws the rows so that the row under the cursor is visible.
pub fn draw(frame: &mut Frame<'_>, state: &State, pane: Pane, area: Rect) {
    let columns = usize::from(area.width);
    let height = usize::from(area.height);
    let rows = rows(state, pane);
    let cursor = state.report.cursor.min(rows.len().saturating_sub(1));
    let mut lines: Vec<Line<'static>> = Vec::new();
    let mut at_cursor = 0;
    for (i, r) in rows.iter().enumerate() {
        if i == cursor {
            at_cursor = lines.len();
        }
        if !r.strip.is_empty() {
            let line = Line::from(strip_spans(state, &r.strip, columns));
            lines.push(if i == cursor {
                line.patch_style(style::of(state, "selected"))
            } else {
                line
            });
            continue;
        }
        let mark = if r.event.is_some() { "› " } else { "  " };
        for (n, part) in wrapped(&for_terminal(&r.text), columns.saturating_sub(2))
            .into_iter()
            .enumerate()
        {
            let line = Line::from(vec![
                Span::styled(if n == 0 { mark } else { "  " }, style::of(state, "dim")),
                Span::styled(part, style::of(state, r.role)),
            ]);
            lines.push(if i == cursor {
                line.patch_style(style::of(state, "selected"))
            } else {
                line
            });
        }
    }
    let top = at_cursor
        .saturating_sub(height.saturating_sub(3))
        .min(lines.len().saturating_sub(height.min(lines.len())));
    let shown: Vec<Line<'static>> = lines.into_iter().skip(top).take(height).collect();
    frame.render_widget(Paragraph::new(shown), area);
}

/// A row of the service map or of a code block, scrolled horizontally instead of wrapped.
fn strip_spans(state: &State, strip: &StyledLine, columns: usize) -> Vec<Span<'static>> {
    let mut skip = state.events.left;
    let mut room = columns.saturating_sub(2);
    let mut out = vec![Span::raw("  ")];
    for (role, text) in strip {
        let part: String = text.chars().skip(skip).take(room).collect();
        skip = skip.saturating_sub(text.chars().count());
        room -= part.chars().count();
        out.push(Span::styled(part, style::of(state, role)));
    }
    out
}

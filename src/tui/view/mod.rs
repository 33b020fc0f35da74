//! Draws the screen from the state. Does not change the state, take locks or access files.

mod detail;
mod events;
mod overlays;
mod report;
mod sources;
mod status;
mod style;
mod templates;
mod timeline;

use crate::tui::layout::Layout;
use crate::tui::panes::format::{fit, width};
use crate::tui::state::State;
use crate::tui::state::pane::Pane;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

/// The smallest usable terminal: columns and rows.
const MIN_SIZE: (u16, u16) = (20, 5);

/// Draws the panes, then the overlays on top of them.
pub fn draw(frame: &mut Frame<'_>, state: &State) {
    let area = frame.area();
    if area.width < MIN_SIZE.0 || area.height < MIN_SIZE.1 {
        frame.render_widget(Paragraph::new("faultline: the terminal is too small"), area);
        return;
    }
    let layout = Layout::of(state);
    status::title(frame, state, layout.title);
    timeline::draw(frame, state, layout.timeline);
    for (pane, area) in layout.panes() {
        let inner = frame_pane(frame, state, pane, area);
        match pane {
            Pane::Events => events::draw(frame, state, inner),
            Pane::Templates => templates::draw(frame, state, inner),
            Pane::Detail => detail::draw(frame, state, inner),
            Pane::Sources => sources::draw(frame, state, inner),
            pane => report::draw(frame, state, pane, inner),
        }
    }
    status::draw(frame, state, layout.status);
    overlays::draw(frame, state);
}

/// Draws the heading of a pane. Returns the area below it, for the content.
fn frame_pane(frame: &mut Frame<'_>, state: &State, pane: Pane, area: Rect) -> Rect {
    let focused = state.pane == pane;
    let style = style::of(state, if focused { "focus" } else { "border" });
    let heading = match pane {
        Pane::Events => events::heading(state),
        Pane::Templates => templates::heading(state),
        Pane::Detail => detail::heading(state),
        Pane::Sources => sources::heading(state),
        pane => report::heading(state, pane),
    };
    let mark = if focused { "▶ " } else { "─ " };
    let text = format!(
        "{mark}{} ",
        fit(&heading, usize::from(area.width).saturating_sub(4))
    );
    let rule = "─".repeat(usize::from(area.width).saturating_sub(width(&text)));
    let head = Rect { height: 1, ..area };
    frame.render_widget(
        Paragraph::new(Line::from(vec![
            Span::styled(text, style),
            Span::styled(rule, style),
        ])),
        head,
    );
    Rect {
        y: area.y + 1,
        height: area.height.saturating_sub(1),
        ..area
    }
}

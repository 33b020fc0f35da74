//! Draws the state. Reads it, changes nothing, touches no lock and no disk.

pub mod detail;
pub mod layout;
mod overlays;
pub mod report;
pub mod sources;
mod status;
mod stream;
mod style;
mod templates;
pub mod timeline;

use super::state::{Pane, State};
use layout::Layout;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

/// Smaller than this nothing useful fits.
const LEAST: (u16, u16) = (20, 5);

pub fn draw(frame: &mut Frame<'_>, state: &State) {
    let area = frame.area();
    if area.width < LEAST.0 || area.height < LEAST.1 {
        frame.render_widget(Paragraph::new("faultline: the terminal is too small"), area);
        return;
    }
    let layout = Layout::of(state);
    status::title(frame, state, layout.title);
    timeline::draw(frame, state, layout.timeline);
    for (pane, area) in layout.panes(state) {
        let inner = frame_pane(frame, state, pane, area);
        match pane {
            Pane::Stream => stream::draw(frame, state, inner),
            Pane::Templates => templates::draw(frame, state, inner),
            Pane::Detail => detail::draw(frame, state, inner),
            Pane::Sources => sources::draw(frame, state, inner),
            pane => report::draw(frame, state, pane, inner),
        }
    }
    status::draw(frame, state, layout.status);
    overlays::draw(frame, state);
}

/// The pane's heading; its body is what remains.
fn frame_pane(frame: &mut Frame<'_>, state: &State, pane: Pane, area: Rect) -> Rect {
    let focused = state.pane == pane;
    let style = style::of(state, if focused { "focus" } else { "border" });
    let heading = match pane {
        Pane::Stream => stream::heading(state),
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

pub fn width(text: &str) -> usize {
    unicode_width::UnicodeWidthStr::width(text)
}

/// Cuts a text to so many columns, with a mark where something was cut off.
pub fn fit(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_string();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let w = unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
        if used + w + 1 > columns {
            break;
        }
        out.push(c);
        used += w;
    }
    if columns > 0 {
        out.push('…');
    }
    out
}

/// A number with thin groups: 9,012,281.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// Bytes in the unit that reads best.
pub fn bytes(n: u64) -> String {
    let units = ["B", "KB", "MB", "GB", "TB"];
    let mut value = n as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 {
        format!("{n} B")
    } else {
        format!("{value:.1} {}", units[unit])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_by_columns() {
        assert_eq!(fit("日本語", 5), "日本…");
        assert_eq!(fit("abc", 3), "abc");
        assert_eq!(grouped(9012281), "9,012,281");
        assert_eq!(bytes(1_500_000), "1.5 MB");
    }
}

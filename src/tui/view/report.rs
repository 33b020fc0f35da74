//! Draws a report pane: lines with a cursor; long ones are wrapped.

use super::super::conversation;
use super::super::graph::Strip;
use super::super::guide;
use super::super::report::{self, Row};
use super::super::state::{Pane, State};
use super::{fit, style, width};
use crate::text::escape::for_terminal;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

/// The lines of a report pane.
pub fn rows(state: &State, pane: Pane) -> Vec<Row> {
    match pane {
        Pane::Anomalies => report::anomalies(state),
        Pane::Diagnosis => report::diagnosis(state),
        Pane::Plan => report::plan(state),
        Pane::Chat => conversation::rows(state),
        Pane::Guide => guide::rows(state),
        _ => Vec::new(),
    }
}

pub fn heading(state: &State, pane: Pane) -> String {
    match (pane, &state.findings) {
        (Pane::Anomalies, Some(f)) => format!(
            "Windows that are not normal: {} (] next, Enter first line)",
            f.windows.len()
        ),
        (Pane::Guide, _) => "Guided triage (Enter goes there, 9 comes back)".into(),
        (Pane::Chat, _) => {
            let model = state
                .chat
                .llm
                .model
                .as_deref()
                .map_or_else(String::new, |m| format!(", {}", for_terminal(m)));
            format!("Chat (Enter asks{model})")
        }
        (pane, _) => pane.title().into(),
    }
}

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
            let line = Line::from(picture(state, &r.strip, columns));
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

/// A line of a picture, scrolled sideways.
fn picture(state: &State, strip: &Strip, columns: usize) -> Vec<Span<'static>> {
    let mut skip = state.left;
    let mut room = columns.saturating_sub(2);
    let mut out = vec![Span::raw("  ")];
    for (text, role) in strip {
        let part: String = text.chars().skip(skip).take(room).collect();
        skip = skip.saturating_sub(text.chars().count());
        room -= part.chars().count();
        out.push(Span::styled(part, style::of(state, role)));
    }
    out
}

/// A word cut where the line ends: nothing of a command is left out.
fn pieces(word: &str, columns: usize) -> Vec<String> {
    let mut out = vec![String::new()];
    for c in word.chars() {
        let last = out.len() - 1;
        if width(&out[last]) + width(c.encode_utf8(&mut [0; 4])) > columns {
            out.push(c.to_string());
        } else {
            out[last].push(c);
        }
    }
    out
}

/// Cuts a text at blanks; what continues keeps the indent.
pub fn wrapped(text: &str, columns: usize) -> Vec<String> {
    if width(text) <= columns || columns < 20 {
        return vec![fit(text, columns)];
    }
    let indent = " ".repeat((text.len() - text.trim_start().len() + 2).min(columns / 3));
    let mut out = vec![text[..text.len() - text.trim_start().len()].to_string()];
    for word in text
        .split_whitespace()
        .flat_map(|w| pieces(w, columns - indent.len()))
    {
        let last = out.len() - 1;
        let empty = out[last].trim().is_empty();
        if !empty && width(&out[last]) + width(&word) + 1 > columns {
            out.push(format!("{indent}{word}"));
        } else {
            if !empty {
                out[last].push(' ');
            }
            out[last].push_str(&word);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_long_word_is_lost() {
        let argv = format!(
            "  run: kubectl patch deployment payment -p {}",
            "{\"spec\":1}".repeat(30)
        );
        let lines = wrapped(&argv, 60);
        assert!(lines.iter().all(|l| width(l) <= 60), "{lines:?}");
        let glued = |t: &str| t.chars().filter(|c| !c.is_whitespace()).collect::<String>();
        assert_eq!(glued(&lines.concat()), glued(&argv));
    }
}

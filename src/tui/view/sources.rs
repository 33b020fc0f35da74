//! Draws the sources pane: format, number of lines, unparsed events and clock of each source, and
//! the inputs that could not be read, with the reason.

use super::style;
use crate::model::SourceInfo;
use crate::text::civil::rfc3339;
use crate::text::escape::for_terminal;
use crate::tui::panes::format::{bytes, fit, grouped};
use crate::tui::panes::sources::{len, source_at};
use crate::tui::state::State;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

/// Heading of the pane, with the number of sources.
pub fn heading(state: &State) -> String {
    let failed = state.snapshot.failures.len();
    let unreadable = if failed > 0 {
        format!(" · {failed} unreadable, listed first")
    } else {
        String::new()
    };
    format!(
        "Sources {}{unreadable}",
        grouped(state.snapshot.sources.len() as u64)
    )
}

/// Draws the table of failures and sources.
pub fn draw(frame: &mut Frame<'_>, state: &State, area: Rect) {
    if len(state) == 0 {
        frame.render_widget(
            Paragraph::new("Reading…")
                .style(style::of(state, "dim"))
                .wrap(Wrap { trim: true }),
            area,
        );
        return;
    }
    let columns = usize::from(area.width);
    let name_width = columns.saturating_sub(54).clamp(20, 70);
    let head = format!(
        "{:>10} {:<name_width$} {:<18} {:>9} {:>8} {:<20}",
        "lines", "source", "format", "bytes", "unparsed", "first event"
    );
    let mut lines = vec![Line::styled(fit(&head, columns), style::of(state, "dim"))];
    let height = usize::from(area.height).saturating_sub(1);
    for place in state.sources.top..(state.sources.top + height).min(len(state)) {
        let line = match source_at(state, place) {
            Some(i) => row(state, &state.snapshot.sources[i.index()], name_width),
            None => {
                let f = &state.snapshot.failures[place];
                Line::from(vec![
                    Span::styled(
                        format!("✗ {}: ", for_terminal(&f.name)),
                        style::of(state, "error"),
                    ),
                    Span::styled(for_terminal(&f.reason), style::of(state, "text")),
                ])
            }
        };
        lines.push(if place == state.sources.cursor {
            line.patch_style(style::of(state, "selected"))
        } else {
            line
        });
    }
    frame.render_widget(Paragraph::new(lines), area);
}

fn row(state: &State, s: &SourceInfo, name_width: usize) -> Line<'static> {
    let first = if s.timed == 0 {
        "no timestamps".to_string()
    } else {
        rfc3339(s.first, 0)
    };
    let mut notes = Vec::new();
    if s.inferred.any() {
        notes.push(format!("{} inferred", s.inferred));
    }
    if s.clock_jumps > 0 {
        notes.push(format!("clock went backward {}×", s.clock_jumps));
    }
    if s.lost_bytes > 0 {
        notes.push(format!("{} dropped from memory", bytes(s.lost_bytes)));
    }
    if let Some(failure) = &s.failure {
        notes.push(failure.clone());
    }
    if let Some(layout) = &s.origin.layout {
        let o = &s.origin;
        let place: Vec<&str> = [&o.namespace, &o.pod, &o.container, &o.node]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect();
        notes.push(format!("{layout}: {}", place.join(" / ")));
    }
    let note = if notes.is_empty() {
        String::new()
    } else {
        format!("  ({})", notes.join("; "))
    };
    let name = tail(&for_terminal(&s.name), name_width);
    Line::from(vec![
        Span::styled(
            format!("{:>10} ", grouped(s.lines)),
            style::of(state, "text"),
        ),
        Span::styled(format!("{name:<name_width$} "), style::of(state, "title")),
        Span::styled(
            format!("{:<18} ", fit(&s.format, 18)),
            style::of(state, "service"),
        ),
        Span::styled(
            format!("{:>9} {:>8} ", bytes(s.bytes), grouped(s.unparsed)),
            style::of(state, "text"),
        ),
        Span::styled(format!("{first:<20}"), style::of(state, "time")),
        Span::styled(for_terminal(&note), style::of(state, "notice")),
    ])
}

/// Shortens a path at its start, because sources differ at the end of their paths.
fn tail(name: &str, columns: usize) -> String {
    let n = name.chars().count();
    if n <= columns {
        return name.to_string();
    }
    let end: String = name.chars().skip(n + 1 - columns).collect();
    format!("…{end}")
}

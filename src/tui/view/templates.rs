//! Draws the templates pane: count, level, change, sparkline and text of each template.

use super::style;
use crate::model::{Level, Template};
use crate::text::escape::for_terminal;
use crate::tui::panes::format::{change, sparkline};
use crate::tui::panes::format::{fit, grouped};
use crate::tui::state::State;
use crate::tui::state::pane::Pane;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

/// Heading of the pane: number of templates, sort order and lines per template.
pub fn heading(state: &State) -> String {
    let n = state.snapshot.templates.len();
    let ratio = state.snapshot.lines as f64 / (n as f64).max(1.0);
    let shown = state.templates.rows.len();
    let of = if shown < n {
        format!("{shown} of ")
    } else {
        String::new()
    };
    let new = state
        .templates
        .novelty
        .filter(|n| *n > 0.0)
        .map_or_else(String::new, |n| format!(" · {n:.1} new templates/min"));
    format!(
        "Templates {of}{} · by {} · {ratio:.0} lines/template{new}",
        grouped(n as u64),
        state.templates.sort.name()
    )
}

/// Draws the template table.
pub fn draw(frame: &mut Frame<'_>, state: &State, area: Rect) {
    if state.templates.rows.is_empty() {
        let text = if state.snapshot.progress.finished {
            "No templates: there are no events."
        } else {
            "Reading…"
        };
        frame.render_widget(
            Paragraph::new(text)
                .style(style::of(state, "dim"))
                .wrap(Wrap { trim: true }),
            area,
        );
        return;
    }
    let columns = usize::from(area.width);
    let bars = if columns >= 100 {
        24
    } else if columns >= 60 {
        12
    } else {
        0
    };
    let head = format!(
        "{:>9} L {:>7} {:<bars$} template",
        "count",
        "change",
        if bars > 0 { "over time" } else { "" }
    );
    let mut lines = vec![Line::styled(fit(&head, columns), style::of(state, "dim"))];
    let height = usize::from(area.height).saturating_sub(1);
    let top = state.templates.scroll.top;
    let learned = state.snapshot.services_being_learned();
    for (place, i) in state
        .templates
        .rows
        .iter()
        .enumerate()
        .skip(top)
        .take(height)
    {
        let Some(template) = state.snapshot.template(*i) else {
            continue;
        };
        let is_known = |s: &String| !learned.contains(s.as_str());
        let is_unverified = !learned.is_empty() && !template.services.iter().any(is_known);
        let line = row(state, template, bars, is_unverified);
        let selected = place == state.templates.scroll.cursor && state.pane == Pane::Templates;
        lines.push(if selected {
            line.patch_style(style::of(state, "selected"))
        } else {
            line
        });
    }
    frame.render_widget(Paragraph::new(lines), area);
}

/// Draws one template. `is_unverified`: all its services are new, so nothing is known about it.
fn row(state: &State, t: &Template, bars: usize, is_unverified: bool) -> Line<'static> {
    let worst = t
        .levels
        .iter()
        .rposition(|n| *n > 0)
        .map_or(Level::Unknown, Level::from_index);
    let level = style::level(state, worst);
    let mut spans = vec![
        Span::styled(
            format!("{:>9} ", grouped(t.count)),
            style::of(state, "text"),
        ),
        Span::styled(format!("{} ", style::letter(worst)), level),
        Span::styled(format!("{:>7} ", change(t)), style::of(state, "dim")),
        Span::styled(
            format!("{} ", sparkline(&t.trend, bars)),
            style::of(state, "bar"),
        ),
    ];
    if state
        .analysis
        .anomalous_templates
        .iter()
        .any(|o| o.0 == t.id)
    {
        spans.push(Span::styled("▌", style::of(state, "error")));
    }
    if is_unverified {
        spans.push(Span::styled("unverified ", style::of(state, "dim")));
    }
    if t.pinned {
        spans.push(Span::styled("◆ ", style::of(state, "focus")));
    }
    spans.extend(
        t.name
            .as_ref()
            .map(|n| Span::styled(format!("{}: ", for_terminal(n)), style::of(state, "title"))),
    );
    let base = if worst >= Level::Warn {
        level
    } else {
        style::of(state, "text")
    };
    for (i, piece) in t.text.split("<*>").enumerate() {
        if i > 0 {
            spans.push(Span::styled("<*>", style::of(state, "variable")));
        }
        spans.push(Span::styled(for_terminal(piece), base));
    }
    Line::from(spans)
}

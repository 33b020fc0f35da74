//! The template table: count, level, trend, text.

use super::super::state::{Pane, State};
use super::{fit, grouped, style};
use crate::model::{Level, Template};
use crate::text::escape::for_terminal;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

pub fn heading(state: &State) -> String {
    let n = state.snapshot.templates.len();
    let ratio = state.snapshot.lines as f64 / (n as f64).max(1.0);
    let shown = state.template_rows.len();
    let of = if shown < n {
        format!("{shown} of ")
    } else {
        String::new()
    };
    let new = state
        .novelty
        .filter(|n| *n > 0.0)
        .map_or_else(String::new, |n| format!(" · {n:.1} new/min"));
    format!(
        "Templates {of}{} · {ratio:.0} lines each{new} · by {}",
        grouped(n as u64),
        state.sort.name()
    )
}

pub fn draw(frame: &mut Frame<'_>, state: &State, area: Rect) {
    if state.template_rows.is_empty() {
        let text = if state.snapshot.progress.finished {
            "No events, so no templates."
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
        "{:>9} L {:>6} {:<bars$} template",
        "count",
        "change",
        if bars > 0 { "over time" } else { "" }
    );
    let mut lines = vec![Line::styled(fit(&head, columns), style::of(state, "dim"))];
    let height = usize::from(area.height).saturating_sub(1);
    let top = state.templates.top;
    for (place, i) in state
        .template_rows
        .iter()
        .enumerate()
        .skip(top)
        .take(height)
    {
        let Some(template) = state.snapshot.templates.get(*i) else {
            continue;
        };
        let line = row(state, template, bars);
        let selected = place == state.templates.cursor && state.pane == Pane::Templates;
        lines.push(if selected {
            line.patch_style(style::of(state, "selected"))
        } else {
            line
        });
    }
    frame.render_widget(Paragraph::new(lines), area);
}

fn row(state: &State, t: &Template, bars: usize) -> Line<'static> {
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
        Span::styled(format!("{:>6} ", change(t)), style::of(state, "dim")),
        Span::styled(
            format!("{} ", sparkline(&t.trend, bars)),
            style::of(state, "bar"),
        ),
    ];
    if state.odd.iter().any(|o| o.0 == t.id) {
        spans.push(Span::styled("▌", style::of(state, "error")));
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

/// Rate at the end against before: `x3.2` more, `÷2.0` less, `new`, `gone`.
pub fn change(t: &Template) -> String {
    let cut = t.trend.len() * 3 / 4;
    let (before, after) = (
        t.trend.iter().take(cut).sum::<u32>(),
        t.trend.iter().skip(cut).sum::<u32>(),
    );
    match () {
        () if t.trend.is_empty() => String::new(),
        () if before == 0 && after > 0 => "new".into(),
        () if after == 0 && before > 3 => "gone".into(),
        () if t.change >= 1.05 => format!("x{:.1}", t.change.min(999.0)),
        () if t.change > 0.0 && t.change <= 0.95 => format!("÷{:.1}", (1.0 / t.change).min(999.0)),
        () => "=".into(),
    }
}

pub fn sparkline(trend: &[u32], columns: usize) -> String {
    if columns == 0 {
        return String::new();
    }
    if trend.is_empty() {
        return " ".repeat(columns);
    }
    let bins: Vec<u32> = (0..columns)
        .map(|c| {
            trend[c * trend.len() / columns
                ..((c + 1) * trend.len() / columns).max(c * trend.len() / columns + 1)]
                .iter()
                .sum()
        })
        .collect();
    let most = bins.iter().copied().max().unwrap_or(0).max(1);
    bins.iter()
        .map(|n| {
            if *n == 0 {
                ' '
            } else {
                BARS[((u64::from(*n) * 8).div_ceil(u64::from(most)) as usize - 1).min(7)]
            }
        })
        .collect()
}

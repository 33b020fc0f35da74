//! Draws the overlays on top of the panes: prompts, pickers, texts and the help. Handles no keys.

use super::style;
use crate::config::keymap::ROWS;
use crate::text::escape::for_terminal;
use crate::tui::panes::format::wrapped;
use crate::tui::panes::format::{fit, grouped, width};
use crate::tui::state::State;
use crate::tui::state::overlay::{Overlay, Picker, Prompt, PromptKind};
use crate::tui::state::pane::Pane;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph};

/// Draws all open overlays, the topmost last.
pub fn draw(frame: &mut Frame<'_>, state: &State) {
    for overlay in &state.overlays {
        match overlay {
            Overlay::Prompt(p) => prompt(frame, state, p),
            Overlay::Palette(p) => picker(frame, state, p),
            Overlay::Open(p) => picker(frame, state, p),
            Overlay::Mention(p) | Overlay::Models(p) => picker(frame, state, p),
            Overlay::Text {
                title, lines, top, ..
            } => text(frame, state, title, lines, *top),
            Overlay::Help { top } => help(frame, state, *top),
        }
    }
}

fn prompt(frame: &mut Frame<'_>, state: &State, p: &Prompt) {
    let area = frame.area();
    let line = Rect {
        y: area.height - 1,
        height: 1,
        ..area
    };
    frame.render_widget(Clear, line);
    let label = if p.kind == PromptKind::Search && state.pane == Pane::Templates {
        "find template"
    } else {
        p.kind.label()
    };
    let mut spans = vec![
        Span::styled(format!("{label}: "), style::of(state, "focus")),
        Span::styled(for_terminal(&p.text), style::of(state, "text")),
    ];
    let tail = match (&p.error, &state.events.found, p.kind) {
        (Some(e), ..) => format!("   {}", for_terminal(e)),
        (None, Some(f), PromptKind::Search) if !p.text.is_empty() => {
            format!(
                "   {} matches{}",
                grouped(f.matches),
                if f.finished { "" } else { " so far" }
            )
        }
        (None, _, PromptKind::Search) if p.text.is_empty() => {
            "   words, \"phrase\", level:>=warn, service:x, caller:x, -not, OR, /regex/".into()
        }
        (None, _, PromptKind::Chat) => {
            let hint = if p.text.is_empty() {
                "   @ references, / commands, ↑ history"
            } else {
                ""
            };
            let meter = state.chat.tokens.map_or_else(String::new, |(n, all)| {
                format!(
                    "   sends about {} of {} tokens",
                    thousands(n),
                    thousands(all)
                )
            });
            format!("{hint}{meter}")
        }
        (None, _, PromptKind::Time) if p.text.is_empty() => {
            "   10:15, 2024-03-01T10:15:00Z, -5m".into()
        }
        _ => String::new(),
    };
    spans.push(Span::styled(
        tail,
        style::of(state, if p.error.is_some() { "notice" } else { "dim" }),
    ));
    frame.render_widget(Paragraph::new(Line::from(spans)), line);
    let before: String = p.text.chars().take(p.cursor).collect();
    let x = (width(label) + 2 + width(&for_terminal(&before))) as u16;
    frame.set_cursor_position((x.min(area.width - 1), line.y));
}

/// Formats a token count in thousands: 950, `2.4k`, `16k`.
fn thousands(n: u64) -> String {
    match n {
        0..1_000 => n.to_string(),
        1_000..10_000 => format!("{:.1}k", n as f64 / 1e3),
        _ => format!("{}k", n / 1_000),
    }
}

/// Draws an empty box with a title in the center of the screen. Returns the area inside it.
fn window(
    frame: &mut Frame<'_>,
    state: &State,
    title: &str,
    max_width: u16,
    max_height: u16,
) -> Rect {
    let area = frame.area();
    let (w, h) = (
        max_width.min(area.width.saturating_sub(2)),
        max_height.min(area.height.saturating_sub(2)),
    );
    let rect = Rect {
        x: (area.width - w) / 2,
        y: (area.height - h) / 2,
        width: w,
        height: h,
    };
    frame.render_widget(Clear, rect);
    let block = Block::bordered()
        .title(format!(" {title} "))
        .border_style(style::of(state, "focus"));
    let inner = block.inner(rect);
    frame.render_widget(block, rect);
    inner
}

fn picker<T>(frame: &mut Frame<'_>, state: &State, p: &Picker<T>) {
    let inner = window(frame, state, p.title, 90, 22);
    let columns = usize::from(inner.width);
    let mut lines = vec![Line::from(vec![
        Span::styled("> ", style::of(state, "focus")),
        Span::raw(for_terminal(&p.prompt.text)),
    ])];
    if p.fitting.is_empty() {
        lines.push(Line::styled("no match", style::of(state, "dim")));
    }
    let room = usize::from(inner.height).saturating_sub(2).max(1);
    let top = p.cursor.saturating_sub(room - 1);
    for (place, i) in p.fitting.iter().enumerate().skip(top).take(room) {
        let choice = &p.choices[*i];
        let label = fit(&for_terminal(&choice.label), columns.saturating_sub(4));
        let left = columns.saturating_sub(width(&label) + 4);
        let line = Line::from(vec![
            Span::styled(format!(" {label}  "), style::of(state, "title")),
            Span::styled(
                fit(&for_terminal(&choice.hint), left),
                style::of(state, "dim"),
            ),
        ]);
        lines.push(if place == p.cursor {
            line.patch_style(style::of(state, "selected"))
        } else {
            line
        });
    }
    lines.push(Line::styled(
        "type to filter, ↑ ↓ select, Enter accepts, Esc cancels",
        style::of(state, "dim"),
    ));
    frame.render_widget(Paragraph::new(lines), inner);
    frame.set_cursor_position((
        inner.x + 2 + width(&for_terminal(&p.prompt.text)) as u16,
        inner.y,
    ));
}

fn text(frame: &mut Frame<'_>, state: &State, title: &str, all: &[String], top: usize) {
    let inner = window(frame, state, title, 120, 200);
    let rows = usize::from(inner.height);
    let columns = usize::from(inner.width);
    let lines: Vec<Line<'static>> = all
        .iter()
        .skip(top)
        .flat_map(|l| wrapped(&for_terminal(l), columns))
        .take(rows)
        .map(Line::raw)
        .collect();
    frame.render_widget(Paragraph::new(lines), inner);
}

fn help(frame: &mut Frame<'_>, state: &State, top: usize) {
    let inner = window(
        frame,
        state,
        "Keys (j/k scroll, any other key closes)",
        84,
        200,
    );
    let mut lines = Vec::new();
    let mut group = "";
    for row in ROWS {
        if row.group != group {
            if !group.is_empty() {
                lines.push(Line::default());
            }
            group = row.group;
            lines.push(Line::styled(group.to_string(), style::of(state, "title")));
        }
        let keys = state.keymap.keys(row.run).join(" ");
        lines.push(Line::from(vec![
            Span::styled(format!("{:>23}  ", fit(&keys, 23)), style::of(state, "key")),
            Span::styled(row.desc, style::of(state, "text")),
        ]));
    }
    lines.push(Line::default());
    lines.push(Line::styled("Symbols", style::of(state, "title")));
    for (symbol, meaning) in [
        ("F E W I D T", "fatal, error, warning, info, debug, trace"),
        ("~", "no timestamp: the time is from the line above"),
        ("● ✎", "bookmark; bookmark with a note"),
        ("◆", "pinned template"),
        ("⏎3 more", "the event has 3 more lines"),
        ("! ▲", "timeline: errors; the cursor"),
        (
            "C H M ·",
            "anomaly: critical, high, medium, low; ━ duration",
        ),
        ("▌", "the template is a reason for an anomaly"),
        ("⚠", "possible prompt injection; treated as data only"),
        ("›", "Enter opens the log line"),
        ("x3.2 -50%", "event rate in the last quarter vs. before"),
    ] {
        lines.push(Line::from(vec![
            Span::styled(format!("{symbol:>23}  "), style::of(state, "key")),
            Span::styled(meaning, style::of(state, "text")),
        ]));
    }
    let top = top.min(lines.len().saturating_sub(usize::from(inner.height)));
    frame.render_widget(Paragraph::new(lines.split_off(top)), inner);
}

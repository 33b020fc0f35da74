//! Draws the title bar (what is open, progress, number of anomalies) and the status bar (notice or
//! filter and search, then key hints).

use super::style;
use crate::text::escape::for_terminal;
use crate::tui::panes::anomalies::window_key;
use crate::tui::panes::format::{bytes, fit, grouped, width};
use crate::tui::state::State;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

/// Draws the title bar.
pub fn title(frame: &mut Frame<'_>, state: &State, area: Rect) {
    let s = &state.snapshot;
    let progress = &s.progress;
    let mut facts = vec![bytes(s.bytes), format!("{} lines", grouped(s.lines))];
    if progress.finished {
        let how = if progress.from_cache {
            "from cache"
        } else {
            "read"
        };
        facts.push(format!("{how} in {:.1} s", progress.elapsed_s));
    } else {
        let share = if progress.total_bytes > 0 {
            format!(
                " {}%",
                (s.bytes * 100 / progress.total_bytes.max(1)).min(99)
            )
        } else {
            String::new()
        };
        let rate = s.bytes as f64 / progress.elapsed_s.max(0.001);
        facts.push(format!(
            "{}{share}, {}/s",
            if progress.stage.is_empty() {
                "opening"
            } else {
                progress.stage
            },
            bytes(rate as u64)
        ));
    }
    if let Some(f) = &state.analysis.findings {
        let counts = |w: &&crate::model::Window| {
            w.severity >= crate::model::Severity::Medium
                && !state.analysis.feedback.muted.contains(&window_key(w))
        };
        let n = f.windows.iter().filter(counts).count();
        facts.push(match n {
            0 => "no anomalies (5)".into(),
            1 => "1 anomaly (5)".into(),
            n => format!("{n} anomalies (5)"),
        });
    }
    if !s.failures.is_empty() {
        facts.push(format!("✗ {} unreadable (4)", s.failures.len()));
    }
    let right = facts.join(" · ");
    let columns = usize::from(area.width);
    let left = fit(
        &format!(" faultline  {}", for_terminal(&state.title)),
        columns.saturating_sub(width(&right) + 2).max(12),
    );
    let gap = columns.saturating_sub(width(&left) + width(&right) + 1);
    let line = format!("{left}{}{right} ", " ".repeat(gap));
    frame.render_widget(Paragraph::new(line).style(style::of(state, "status")), area);
}

/// Draws the status bar. The longest hint that fits is shown.
pub fn draw(frame: &mut Frame<'_>, state: &State, area: Rect) {
    let mut spans = Vec::new();
    if let Some(notice) = state.notice.as_ref().or(state
        .snapshot
        .notices
        .last()
        .filter(|_| state.first_run))
    {
        spans.push(Span::styled(
            for_terminal(notice),
            style::of(state, "notice"),
        ));
    } else {
        spans.extend(
            filter_text(state)
                .map(|t| Span::styled(format!("filter: {t}  "), style::of(state, "focus"))),
        );
        spans.extend(search_text(state).map(|t| Span::styled(t, style::of(state, "text"))));
    }
    if state.events.seeking {
        spans.push(Span::styled("searching…  ", style::of(state, "dim")));
    }
    if !spans.is_empty() {
        spans.push(Span::raw("  "));
    }
    let used: usize = spans.iter().map(|s| width(&s.content)).sum();
    let hint = hint(state);
    let room = usize::from(area.width).saturating_sub(used);
    if let Some(hint) = [hint.as_str(), "? help  q quit", "? help"]
        .into_iter()
        .find(|h| width(h) < room)
    {
        spans.push(Span::styled(hint.to_string(), style::of(state, "dim")));
    }
    frame.render_widget(Paragraph::new(Line::from(spans)), area);
}

fn hint(state: &State) -> String {
    if state.first_run {
        return "j/k move  / search  e next error  Tab panes  = only this template  : commands  ? help  q quit".into();
    }
    "? help  : commands".into()
}

fn filter_text(state: &State) -> Option<String> {
    let f = &state.events.filter;
    let template = |id: &u64| {
        state
            .snapshot
            .templates
            .iter()
            .find(|t| t.id == *id)
            .map_or_else(|| id.to_string(), |t| fit(&for_terminal(&t.text), 30))
    };
    let mut parts: Vec<String> = f
        .only_templates
        .iter()
        .map(|t| format!("only \"{}\"", template(t)))
        .collect();
    parts.extend(
        f.hidden_templates
            .iter()
            .map(|t| format!("not \"{}\"", template(t))),
    );
    parts.extend(
        f.only_services
            .iter()
            .map(|s| format!("service {}", for_terminal(s))),
    );
    parts.extend(
        f.hidden_services
            .iter()
            .map(|s| format!("not service {}", for_terminal(s))),
    );
    parts.extend(f.min_level.map(|l| format!("{} and above", l.name())));
    if !f.text.is_empty() {
        parts.push(for_terminal(&f.text));
    }
    if parts.is_empty() {
        return None;
    }
    let progress = state
        .events
        .filtering
        .as_ref()
        .filter(|x| !x.finished)
        .map_or(String::new(), |x| {
            format!(" ({}%)", x.chunks_done * 100 / x.chunks.max(1))
        });
    Some(format!("{}{progress}", parts.join(", ")))
}

fn search_text(state: &State) -> Option<String> {
    let found = state.events.found.as_ref()?;
    if let Some(e) = &found.error {
        return Some(for_terminal(&e.to_string()));
    }
    let here = found
        .rows
        .partition_point(|r| (*r as usize) < state.row_at(state.events.scroll.cursor));
    let so_far = if found.finished && state.snapshot.progress.finished {
        ""
    } else {
        " so far"
    };
    let unread = if found.unread > 0 {
        format!(", {} could not be read", bytes(found.unread))
    } else {
        String::new()
    };
    Some(format!(
        "/{}  {} of {} matches{so_far}{unread} in {:.0} ms  ",
        for_terminal(&state.events.search),
        grouped((here as u64 + 1).min(found.matches)),
        grouped(found.matches),
        found.elapsed_ms
    ))
}

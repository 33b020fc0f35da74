//! Draws the events pane: time, level, service and message, one line per event unless wrapped.

use super::style;
use crate::model::{Event, Level};
use crate::text::addressed::addresses_model;
use crate::text::civil::{DAY, rfc3339};
use crate::text::escape::for_terminal;
use crate::tui::panes::format::{fit, grouped, width};
use crate::tui::state::State;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

/// Heading of the pane: number of events, position, date and modes.
pub fn heading(state: &State) -> String {
    let shown = state.shown() as u64;
    let mut text = match &state.events.rows {
        Some(_) => format!(
            "Events {} of {}",
            grouped(shown),
            grouped(state.snapshot.rows)
        ),
        None => format!("Events {}", grouped(shown)),
    };
    if shown > 0 {
        text.push_str(&format!(
            " · event {}",
            grouped(state.events.scroll.cursor as u64 + 1)
        ));
    }
    if let Some(day) = state.selected_time() {
        text.push_str(&format!(" · {}", &rfc3339(day, 0)[..10]));
    }
    if state.events.follow {
        text.push_str(" · following");
    }
    if state.events.left > 0 && !state.events.wrap {
        text.push_str(&format!(" · from column {}", state.events.left + 1));
    }
    text
}

/// Draws the visible events, or the reason why there are none.
pub fn draw(frame: &mut Frame<'_>, state: &State, area: Rect) {
    let height = usize::from(area.height);
    let shown = state.shown();
    if shown == 0 {
        frame.render_widget(
            Paragraph::new(empty_reason(state))
                .style(style::of(state, "dim"))
                .wrap(Wrap { trim: true }),
            area,
        );
        return;
    }
    let several_days =
        state.snapshot.timeline.bins.len() as i64 * state.snapshot.timeline.width() > DAY;
    let mut lines = Vec::new();
    for place in state.events.scroll.top..(state.events.scroll.top + height).min(shown) {
        let line = match state
            .event_at(place)
            .and_then(|id| state.events.loaded.get(&id))
        {
            Some(event) => row(state, event, place, usize::from(area.width), several_days),
            None => Line::styled("…", style::of(state, "dim")),
        };
        lines.push(if place == state.events.scroll.cursor {
            line.patch_style(style::of(state, "selected"))
        } else {
            line
        });
    }
    let text = Paragraph::new(lines);
    frame.render_widget(
        if state.events.wrap {
            text.wrap(Wrap { trim: false })
        } else {
            text
        },
        area,
    );
}

fn empty_reason(state: &State) -> String {
    let progress = &state.snapshot.progress;
    match () {
        () if state.events.filtering.as_ref().is_some_and(|f| !f.finished) => "Filtering…".into(),
        () if state.events.rows.is_some() => {
            "No event matches the filter. Press 0 to clear it.".into()
        }
        () if !progress.finished => "Reading…".into(),
        () if !state.snapshot.failures.is_empty() => {
            "Nothing could be read. Press 4 to see why.".into()
        }
        () => "The sources are empty: nothing to show.".into(),
    }
}

fn row(
    state: &State,
    event: &Event,
    place: usize,
    columns: usize,
    several_days: bool,
) -> Line<'static> {
    let mut spans = head(state, event, columns, several_days).to_vec();
    if addresses_model(&event.message) {
        let warning = "⚠ possible prompt injection: ";
        spans.push(Span::styled(warning, style::of(state, "notice")));
    }
    spans.extend(message(state, event, place, columns));
    spans.extend(tail(state, event, columns));
    Line::from(spans)
}

/// The mark, the level, the time and the service.
fn head(state: &State, event: &Event, columns: usize, several_days: bool) -> [Span<'static>; 4] {
    let (mark, mark_role) = match state.marks.get(&state.mark_key(event)) {
        Some(m) if !m.note.is_empty() => ("✎", "mark"),
        Some(_) => ("●", "mark"),
        None if is_anomalous(state, event) => ("▌", "error"),
        None => (" ", "mark"),
    };
    let (from, time_width) = if several_days { (5, 18) } else { (11, 12) };
    let time = event.time.map_or_else(String::new, |t| {
        let text = rfc3339(t, 3);
        text[from..text.len() - 1].replace('T', " ")
    });
    let is_from_line_above = event.inferred && !event.timed;
    let inferred = if is_from_line_above { "~" } else { " " };
    let service_width = if columns >= 100 { 18 } else { 12 };
    let service = fit(&for_terminal(&event.service), service_width);
    let pad = " ".repeat(service_width.saturating_sub(width(&service)));
    [
        Span::styled(mark, style::of(state, mark_role)),
        Span::styled(style::letter(event.level), style::level(state, event.level)),
        Span::styled(
            format!("{inferred}{time:<time_width$} "),
            style::of(state, "time"),
        ),
        Span::styled(format!("{service}{pad} "), style::of(state, "service")),
    ]
}

/// The first line of the message, with the search matches highlighted.
fn message(state: &State, event: &Event, place: usize, columns: usize) -> Vec<Span<'static>> {
    let view = &state.events;
    let has_context = view.context > 0 && view.rows.is_some() && view.found.is_none();
    let base = match () {
        () if has_context && !is_match(state, place) => style::of(state, "dim"),
        () if event.level >= Level::Warn => style::level(state, event.level),
        () => style::of(state, "text"),
    };
    let text = for_terminal(event.message.lines().next().unwrap_or_default());
    let visible = text.chars().skip(view.left).take(columns.max(40) * 2);
    let shown: String = if view.wrap { text } else { visible.collect() };
    highlighted(state, &shown, base)
}

/// What follows the message: fields, the number of further lines, and the note.
fn tail(state: &State, event: &Event, columns: usize) -> Vec<Span<'static>> {
    let mut spans = Vec::new();
    if has_key_values(state, event) {
        let own = |key: &str| !matches!(key, "program" | "component" | "caller");
        let fields = event.fields.iter().filter(|(k, _)| own(k));
        let fields: String = fields.map(|(k, v)| format!(" {k}={v}")).collect();
        let text = fit(&for_terminal(&fields), columns);
        spans.push(Span::styled(text, style::of(state, "dim")));
    }
    let lines = event.message.lines().count().max(event.lines as usize);
    if lines > 1 {
        let more = format!(" ⏎{} more", lines - 1);
        spans.push(Span::styled(more, style::of(state, "dim")));
    }
    let mark = state.marks.get(&state.mark_key(event));
    if let Some(m) = mark.filter(|m| !m.note.is_empty()) {
        let note = format!("  ✎ {}", for_terminal(&m.note));
        spans.push(Span::styled(note, style::of(state, "mark")));
    }
    spans
}

/// The event is in an anomaly of at least medium severity that names its template as a reason.
fn is_anomalous(state: &State, event: &Event) -> bool {
    let Some(time) = event.time else { return false };
    let id = state.snapshot.template_of_event(event.id).map(|t| t.id);
    id.is_some()
        && state
            .analysis
            .anomalous_templates
            .iter()
            .any(|o| Some(o.0) == id && (o.1..o.2).contains(&time))
}

/// The event has key-value fields in addition to its message.
fn has_key_values(state: &State, event: &Event) -> bool {
    let format = state
        .snapshot
        .sources
        .get(event.source.index())
        .map_or("", |s| s.format.as_str());
    !event.message.starts_with('{') && (format.contains("json") || format.contains("logfmt"))
}

/// True if the event matches the filter, false if it is a context line. Checks only the level and
/// template filters.
fn is_match(state: &State, place: usize) -> bool {
    let Some(id) = state.event_at(place) else {
        return true;
    };
    let filter = &state.events.filter;
    let template = state.snapshot.template_of_event(id).map(|t| t.id);
    let level = state.events.loaded.get(&id).map(|e| e.level);
    filter
        .min_level
        .is_none_or(|m| level.is_some_and(|l| l >= m))
        && (filter.only_templates.is_empty()
            || template.is_some_and(|t| filter.only_templates.contains(&t)))
}

/// Splits a text into spans, with the search matches highlighted.
fn highlighted(state: &State, text: &str, base: Style) -> Vec<Span<'static>> {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for regex in state.events.found.iter().flat_map(|f| &f.highlights) {
        ranges.extend(
            regex
                .find_iter(text.as_bytes())
                .map(|m| (m.start(), m.end()))
                .filter(|(a, b)| a < b),
        );
    }
    ranges.sort_unstable();
    let found = style::of(state, "match");
    let mut spans = Vec::new();
    let mut done = 0;
    for (a, b) in ranges {
        if a < done || !text.is_char_boundary(a) || !text.is_char_boundary(b) {
            continue;
        }
        spans.push(Span::styled(text[done..a].to_string(), base));
        spans.push(Span::styled(text[a..b].to_string(), found));
        done = b;
    }
    spans.push(Span::styled(text[done..].to_string(), base));
    spans
}

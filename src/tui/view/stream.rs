//! The stream of events: time, level, service, message; one line an event unless wrapped.

use super::super::state::State;
use super::{fit, grouped, style, width};
use crate::model::Event;
use crate::text::addressed::addresses_model;
use crate::text::civil::{DAY, rfc3339};
use crate::text::escape::for_terminal;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

pub fn heading(state: &State) -> String {
    let shown = state.shown() as u64;
    let mut text = match &state.rows {
        Some(_) => format!(
            "Events {} of {}",
            grouped(shown),
            grouped(state.snapshot.rows)
        ),
        None => format!("Events {}", grouped(shown)),
    };
    if shown > 0 {
        text.push_str(&format!(
            " · at {}",
            grouped(state.stream.cursor as u64 + 1)
        ));
    }
    if let Some(day) = state.selected().and_then(|id| state.snapshot.time(id)) {
        text.push_str(&format!(" · {}", &rfc3339(day, 0)[..10]));
    }
    if state.follow {
        text.push_str(" · following");
    }
    if state.left > 0 && !state.wrap {
        text.push_str(&format!(" · from column {}", state.left + 1));
    }
    text
}

pub fn draw(frame: &mut Frame<'_>, state: &State, area: Rect) {
    let height = usize::from(area.height);
    let shown = state.shown();
    if shown == 0 {
        frame.render_widget(
            Paragraph::new(nothing(state))
                .style(style::of(state, "dim"))
                .wrap(Wrap { trim: true }),
            area,
        );
        return;
    }
    let several_days =
        state.snapshot.timeline.bins.len() as i64 * state.snapshot.timeline.width() > DAY;
    let mut lines = Vec::new();
    for place in state.stream.top..(state.stream.top + height).min(shown) {
        let line = match state.event_at(place).and_then(|id| state.events.get(&id)) {
            Some(event) => row(state, event, place, usize::from(area.width), several_days),
            None => Line::styled("…", style::of(state, "dim")),
        };
        lines.push(if place == state.stream.cursor {
            line.patch_style(style::of(state, "selected"))
        } else {
            line
        });
    }
    let text = Paragraph::new(lines);
    frame.render_widget(
        if state.wrap {
            text.wrap(Wrap { trim: false })
        } else {
            text
        },
        area,
    );
}

fn nothing(state: &State) -> String {
    let progress = &state.snapshot.progress;
    match () {
        () if state.filtering.as_ref().is_some_and(|f| !f.finished) => "Filtering…".into(),
        () if state.rows.is_some() => "No event fits the filter. 0 shows everything again.".into(),
        () if !progress.finished => "Reading…".into(),
        () if !state.snapshot.failures.is_empty() => "Nothing could be read. 4 shows why.".into(),
        () => "The sources are empty: there is nothing to show.".into(),
    }
}

fn row(
    state: &State,
    event: &Event,
    place: usize,
    columns: usize,
    several_days: bool,
) -> Line<'static> {
    let mark = match state.marks.get(&state.mark_key(event)) {
        Some(m) if !m.note.is_empty() => "✎",
        Some(_) => "●",
        None if is_odd(state, event) => "▌",
        None => " ",
    };
    let level = style::level(state, event.level);
    let time = event.time.map_or_else(String::new, |t| rfc3339(t, 3));
    let time = if time.is_empty() {
        String::new()
    } else {
        time[if several_days { 5 } else { 11 }..time.len() - 1].replace('T', " ")
    };
    let inferred = if event.inferred && !event.timed {
        "~"
    } else {
        " "
    };
    let service_width = if columns >= 100 { 18 } else { 12 };
    let service = fit(&for_terminal(&event.service), service_width);
    let pad = " ".repeat(service_width.saturating_sub(width(&service)));
    let mut spans = vec![
        Span::styled(
            mark.to_string(),
            if mark == "▌" {
                style::of(state, "error")
            } else {
                style::of(state, "mark")
            },
        ),
        Span::styled(style::letter(event.level).to_string(), level),
        Span::styled(
            format!(
                "{inferred}{time:<w$} ",
                w = if several_days { 18 } else { 12 }
            ),
            style::of(state, "time"),
        ),
        Span::styled(format!("{service}{pad} "), style::of(state, "service")),
    ];
    let base = if event.level >= crate::model::Level::Warn {
        level
    } else {
        style::of(state, "text")
    };
    let in_context = state.context > 0 && state.rows.is_some() && state.found.is_none();
    let base = if in_context && !is_match(state, place) {
        style::of(state, "dim")
    } else {
        base
    };
    let first = event.message.lines().next().unwrap_or_default();
    let shown = for_terminal(first);
    let shown: String = if state.wrap {
        shown
    } else {
        shown
            .chars()
            .skip(state.left)
            .take(columns.max(40) * 2)
            .collect()
    };
    if addresses_model(&event.message) {
        spans.push(Span::styled(
            "⚠ speaks to a model: ",
            style::of(state, "notice"),
        ));
    }
    spans.extend(highlighted(state, &shown, base));
    if keyed(state, event) {
        let fields: Vec<String> = event
            .fields
            .iter()
            .filter(|(k, _)| k != "program" && k != "component")
            .map(|(k, v)| format!(" {k}={v}"))
            .collect();
        spans.push(Span::styled(
            fit(&for_terminal(&fields.concat()), columns),
            style::of(state, "dim"),
        ));
    }
    let more = event
        .message
        .lines()
        .count()
        .saturating_sub(1)
        .max(event.lines as usize - 1);
    if more > 0 {
        spans.push(Span::styled(
            format!(" ⏎{more} more"),
            style::of(state, "dim"),
        ));
    }
    if let Some(m) = state
        .marks
        .get(&state.mark_key(event))
        .filter(|m| !m.note.is_empty())
    {
        spans.push(Span::styled(
            format!("  ✎ {}", for_terminal(&m.note)),
            style::of(state, "mark"),
        ));
    }
    Line::from(spans)
}

/// The event's template is among the reasons of a window, medium or worse, that it lies in.
fn is_odd(state: &State, event: &Event) -> bool {
    let Some(time) = event.time else { return false };
    let id = state
        .template_of(event.id)
        .map(|t| state.snapshot.templates[t].id);
    id.is_some()
        && state
            .odd
            .iter()
            .any(|o| Some(o.0) == id && (o.1..o.2).contains(&time))
}

/// The event comes from keys and values of which the message is but one.
fn keyed(state: &State, event: &Event) -> bool {
    let format = state
        .snapshot
        .sources
        .get(event.source as usize)
        .map_or("", |s| s.format.as_str());
    !event.message.starts_with('{') && (format.contains("json") || format.contains("logfmt"))
}

/// With context lines a filter's own matches are told from what surrounds them by level and template filters only.
fn is_match(state: &State, place: usize) -> bool {
    let Some(id) = state.event_at(place) else {
        return true;
    };
    let filter = &state.filter;
    let template = state
        .template_of(id)
        .map(|t| state.snapshot.templates[t].id);
    let level = state.events.get(&id).map(|e| e.level);
    filter
        .min_level
        .is_none_or(|m| level.is_some_and(|l| l >= m))
        && (filter.only_templates.is_empty()
            || template.is_some_and(|t| filter.only_templates.contains(&t)))
}

/// Matches of the search in their own style.
fn highlighted(state: &State, text: &str, base: Style) -> Vec<Span<'static>> {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for regex in state.found.iter().flat_map(|f| &f.highlights) {
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

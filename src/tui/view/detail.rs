//! Everything about one event: its fields, its template with the variables' values, its text, its neighbours.

use super::super::msg::DetailData;
use super::super::state::{Pane, State};
use super::{grouped, style, templates};
use crate::model::{Template, VariableStats};
use crate::text::civil::rfc3339;
use crate::text::escape::for_terminal;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

pub fn heading(state: &State) -> String {
    match (&state.shown_detail, state.pane) {
        (_, Pane::Templates) if state.selected_template().is_some() => {
            "Detail of the template".into()
        }
        (Some(d), _) => format!("Detail of line {}", grouped(d.event.line)),
        (None, _) => "Detail".into(),
    }
}

pub fn len(state: &State) -> usize {
    lines(state).len()
}

pub fn draw(frame: &mut Frame<'_>, state: &State, area: Rect) {
    let lines = lines(state);
    let top = state.detail.cursor.min(lines.len().saturating_sub(1));
    let shown: Vec<Line<'_>> = lines.into_iter().skip(top).collect();
    frame.render_widget(Paragraph::new(shown).wrap(Wrap { trim: false }), area);
}

fn lines(state: &State) -> Vec<Line<'static>> {
    let mut out = Vec::new();
    if state.pane != Pane::Templates {
        match &state.shown_detail {
            Some(detail) => event_lines(state, detail, &mut out),
            None if state.shown() == 0 => out.push(Line::styled(
                "No event is under the cursor.",
                style::of(state, "dim"),
            )),
            None => out.push(Line::styled("…", style::of(state, "dim"))),
        }
    }
    if let Some(t) = state.selected_template() {
        template_lines(state, &state.snapshot.templates[t], &mut out);
    }
    if state.pane != Pane::Templates
        && let Some(detail) = &state.shown_detail
    {
        neighbour_lines(state, detail, &mut out);
    }
    out
}

fn pair(state: &State, key: &str, value: &str) -> Line<'static> {
    Line::from(vec![
        Span::styled(format!("{key:>10}  "), style::of(state, "key")),
        Span::styled(for_terminal(value), style::of(state, "text")),
    ])
}

fn title(state: &State, text: &str) -> Line<'static> {
    Line::styled(text.to_string(), style::of(state, "title"))
}

fn event_lines(state: &State, detail: &DetailData, out: &mut Vec<Line<'static>>) {
    let e = &detail.event;
    let source = state.snapshot.sources.get(e.source as usize);
    let time = match (e.time, e.timed) {
        (None, _) => "none in this source".to_string(),
        (Some(t), false) => format!("{} (taken from the line above)", rfc3339(t, e.precision)),
        (Some(t), true) => match source.map(|s| s.inferred.as_str()) {
            Some("") | None => rfc3339(t, e.precision),
            Some(missing) => format!("{} (not in the text: {missing})", rfc3339(t, e.precision)),
        },
    };
    out.push(pair(state, "time", &time));
    let level = if e.level_inferred {
        format!("{} (read out of the message)", e.level.name())
    } else {
        e.level.name().to_string()
    };
    out.push(Line::from(vec![
        Span::styled(format!("{:>10}  ", "level"), style::of(state, "key")),
        Span::styled(level, style::level(state, e.level)),
    ]));
    out.push(pair(state, "service", &e.service));
    if !e.host.is_empty() {
        out.push(pair(state, "host", &e.host));
    }
    let name = source.map_or("", |s| s.name.as_str());
    let lines = if e.lines > 1 {
        format!(" ({} lines)", e.lines)
    } else {
        String::new()
    };
    out.push(pair(state, "source", &format!("{name}:{}{lines}", e.line)));
    for (key, value) in &e.fields {
        out.push(pair(state, key, value));
    }
    out.push(Line::default());
    for line in &detail.body.lines {
        out.push(Line::from(
            line.iter()
                .map(|(role, text)| Span::styled(text.clone(), style::of(state, role)))
                .collect::<Vec<_>>(),
        ));
    }
    out.push(Line::default());
    if !detail.variables.is_empty() {
        out.push(title(state, "Variables of this event"));
        for (i, v) in detail.variables.iter().enumerate() {
            out.push(pair(state, &format!("<*> {}", i + 1), v));
        }
        out.push(Line::default());
    }
}

fn template_lines(state: &State, t: &Template, out: &mut Vec<Line<'static>>) {
    out.push(title(state, &format!("Template {}", t.id)));
    out.extend(t.name.as_ref().map(|n| pair(state, "name", n)));
    out.push(Line::styled(
        format!("  {}", for_terminal(&t.text)),
        style::of(state, "variable"),
    ));
    let share = t.count as f64 * 100.0 / (state.snapshot.events as f64).max(1.0);
    out.push(pair(
        state,
        "count",
        &format!(
            "{} ({share:.1}% of events), lately {}",
            grouped(t.count),
            templates::change(t)
        ),
    ));
    let mix: Vec<String> = crate::model::Level::ALL
        .into_iter()
        .rev()
        .filter(|l| t.levels[l.index()] > 0)
        .map(|l| format!("{} {}", grouped(t.levels[l.index()]), l.name()))
        .collect();
    out.push(pair(state, "levels", &mix.join(", ")));
    if let (Some(first), Some(last)) = (t.first, t.last) {
        out.push(pair(state, "first", &rfc3339(first, t.first_precision)));
        out.push(pair(state, "last", &rfc3339(last, t.last_precision)));
    }
    out.push(pair(state, "services", &t.services.join(", ")));
    if !t.trend.is_empty() {
        out.push(pair(
            state,
            "over time",
            &templates::sparkline(&t.trend, t.trend.len()),
        ));
    }
    if let Some(facts) = state.facts.as_ref().filter(|f| f.id == t.id) {
        if !facts.values.is_empty() {
            out.push(Line::default());
            out.push(title(
                state,
                &format!(
                    "Values of its variables (from {} events)",
                    grouped(facts.looked)
                ),
            ));
            facts.values.iter().enumerate().for_each(|(i, v)| {
                out.push(pair(state, &format!("<*> {}", i + 1), &values_text(v)))
            });
        }
        if !facts.resembling.is_empty() {
            out.push(Line::default());
            out.push(title(state, "Templates that resemble it"));
            for (id, near) in &facts.resembling {
                let text = state
                    .snapshot
                    .template_by_id(*id)
                    .map_or("", |i| state.snapshot.templates[i].text.as_str());
                out.push(pair(state, &format!("{near:.2}"), text));
            }
        }
    }
    out.push(Line::default());
}

fn values_text(v: &VariableStats) -> String {
    let numbers = v
        .numeric
        .map(|n| {
            format!(
                "min {} · median {} · p99 {} · max {}; ",
                n.min, n.median, n.p99, n.max
            )
        })
        .unwrap_or_default();
    let top: Vec<String> = v
        .top
        .iter()
        .take(4)
        .map(|(value, n)| format!("{} ×{n}", super::fit(value, 40)))
        .collect();
    format!(
        "{numbers}{} distinct: {}",
        grouped(v.distinct),
        top.join(", ")
    )
}

fn neighbour_lines(state: &State, detail: &DetailData, out: &mut Vec<Line<'static>>) {
    out.push(title(state, "Around it in its source"));
    for n in &detail.neighbours {
        let role = if n.own { "text" } else { "dim" };
        out.push(Line::from(vec![
            Span::styled(
                format!("{:>8} {} ", n.line, if n.own { "▶" } else { " " }),
                style::of(state, "dim"),
            ),
            Span::styled(
                for_terminal(n.text.trim_end_matches('\r')),
                style::of(state, role),
            ),
        ]));
    }
}

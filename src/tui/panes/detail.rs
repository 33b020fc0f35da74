//! The lines of the detail pane: the fields of one event, its text, its template with the values of
//! the variables, and the lines around it in the source. Pure functions from data to lines.

use super::format::{change, fit, grouped, sparkline};
use crate::model::{Level, Template, VariableStats};
use crate::text::civil::rfc3339;
use crate::text::escape::for_terminal;
use crate::tui::state::State;
use crate::tui::state::detail::{EventDetail, StyledLine};
use crate::tui::state::pane::Pane;

fn selected_template(state: &State) -> Option<&Template> {
    state.snapshot.template(state.selected_template()?)
}

/// The lines of the pane, before wrapping.
pub fn lines(state: &State) -> Vec<StyledLine> {
    let mut out = Vec::new();
    if state.pane != Pane::Templates {
        match &state.detail.shown {
            Some(detail) => event_lines(state, detail, &mut out),
            None if state.shown() == 0 => out.push(vec![("dim", "No event selected.".to_string())]),
            None => out.push(vec![("dim", "…".to_string())]),
        }
    }
    if let Some(t) = selected_template(state) {
        template_lines(state, t, &mut out);
    }
    if state.pane != Pane::Templates
        && let Some(detail) = &state.detail.shown
    {
        neighbor_lines(detail, &mut out);
    }
    out
}

fn pair(key: &str, value: &str) -> StyledLine {
    vec![
        ("key", format!("{key:>10}  ")),
        ("text", for_terminal(value)),
    ]
}

fn title(text: &str) -> StyledLine {
    vec![("title", text.to_string())]
}

fn event_lines(state: &State, detail: &EventDetail, out: &mut Vec<StyledLine>) {
    let e = &detail.event;
    let source = state.snapshot.sources.get(e.source.index());
    let time = match (e.time, e.timed) {
        (None, _) => "none: no timestamp in this source".to_string(),
        (Some(t), false) => format!("{} (from the line above)", rfc3339(t, e.precision)),
        (Some(t), true) => match source.map(|s| s.inferred).filter(|i| i.any()) {
            None => rfc3339(t, e.precision),
            Some(missing) => format!("{} (inferred: {missing})", rfc3339(t, e.precision)),
        },
    };
    out.push(pair("time", &time));
    let level = if e.level_inferred {
        format!("{} (inferred from the message)", e.level.name())
    } else {
        e.level.name().to_string()
    };
    out.push(vec![
        ("key", format!("{:>10}  ", "level")),
        (e.level.name(), level),
    ]);
    out.push(pair("service", &e.service));
    if !e.host.is_empty() {
        out.push(pair("host", &e.host));
    }
    let name = source.map_or("", |s| s.name.as_str());
    let lines = if e.lines > 1 {
        format!(" ({} lines)", e.lines)
    } else {
        String::new()
    };
    out.push(pair("source", &format!("{name}:{}{lines}", e.line)));
    for (key, value) in &e.fields {
        out.push(pair(key, value));
    }
    out.push(StyledLine::new());
    out.extend(detail.body.iter().cloned());
    out.push(StyledLine::new());
    if !detail.variables.is_empty() {
        out.push(title("Variables in this event"));
        for (i, v) in detail.variables.iter().enumerate() {
            out.push(pair(&format!("<*> {}", i + 1), v));
        }
        out.push(StyledLine::new());
    }
}

fn template_lines(state: &State, t: &Template, out: &mut Vec<StyledLine>) {
    out.push(title(&format!("Template {}", t.id)));
    out.extend(t.name.as_ref().map(|n| pair("name", n)));
    out.push(vec![("variable", format!("  {}", for_terminal(&t.text)))]);
    let share = t.count as f64 * 100.0 / (state.snapshot.events as f64).max(1.0);
    out.push(pair(
        "count",
        &format!(
            "{} ({share:.1}% of events), trend {}",
            grouped(t.count),
            change(t)
        ),
    ));
    let mix: Vec<String> = Level::ALL
        .into_iter()
        .rev()
        .filter(|l| t.levels[l.index()] > 0)
        .map(|l| format!("{} {}", grouped(t.levels[l.index()]), l.name()))
        .collect();
    out.push(pair("levels", &mix.join(", ")));
    if let (Some(first), Some(last)) = (t.first, t.last) {
        out.push(pair("first", &rfc3339(first, t.first_precision)));
        out.push(pair("last", &rfc3339(last, t.last_precision)));
    }
    out.push(pair("services", &t.services.join(", ")));
    if !t.trend.is_empty() {
        out.push(pair("over time", &sparkline(&t.trend, t.trend.len())));
    }
    if let Some(facts) = state.detail.facts.as_ref().filter(|f| f.id == t.id) {
        if !facts.values.is_empty() {
            out.push(StyledLine::new());
            out.push(title(&format!(
                "Variable values (from {} events)",
                grouped(facts.events_read)
            )));
            facts
                .values
                .iter()
                .enumerate()
                .for_each(|(i, v)| out.push(pair(&format!("<*> {}", i + 1), &values_text(v))));
        }
        if !facts.resembling.is_empty() {
            out.push(StyledLine::new());
            out.push(title("Similar templates"));
            for (id, similarity) in &facts.resembling {
                let text = state
                    .snapshot
                    .template_by_id(*id)
                    .and_then(|ix| state.snapshot.template(ix))
                    .map_or("", |t| t.text.as_str());
                out.push(pair(&format!("{similarity:.2}"), text));
            }
        }
    }
    out.push(StyledLine::new());
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
        .map(|(value, n)| format!("{} ×{n}", fit(value, 40)))
        .collect();
    format!(
        "{numbers}{} distinct: {}",
        grouped(v.distinct),
        top.join(", ")
    )
}

fn neighbor_lines(detail: &EventDetail, out: &mut Vec<StyledLine>) {
    out.push(title("Lines around it in the source"));
    for n in &detail.neighbors {
        let role = if n.own { "text" } else { "dim" };
        let mark = if n.own { "▶" } else { " " };
        let text = for_terminal(n.text.trim_end_matches('\r'));
        out.push(vec![
            ("dim", format!("{:>8} {mark} ", n.line)),
            (role, text),
        ]);
    }
}

//! The lines of the diagnosis pane: causes, fault chain, service map and similar incidents. Pure
//! functions from data to lines.

use super::row::{Row, heading, row, section, severity, short, waiting};
use super::service_map;
use crate::text::civil::rfc3339;
use crate::tui::state::State;

/// The lines of the diagnosis pane.
pub fn rows(state: &State) -> Vec<Row> {
    let Some(d) = &state.analysis.diagnosis else {
        return waiting(state);
    };
    let mut out = vec![
        heading(d.verdict.clone(), severity(d.severity).0),
        row(
            format!("severity {}, category {}", d.severity.name(), d.category),
            "dim",
        ),
    ];
    if !d.causes.is_empty() {
        section(&mut out, "Causes, most likely first");
    }
    for (i, c) in d.causes.iter().take(6).enumerate() {
        out.push(Row {
            is_heading: true,
            text: format!("{}. {} ({:.2})  {}", i + 1, c.service, c.score, c.summary),
            role: "text",
            event: c.evidence.first().map(|e| e.event),
            ..Row::default()
        });
        out.extend(c.evidence.iter().map(|e| Row {
            text: format!(
                "     {}:{}  {}",
                short(&e.place.source),
                e.place.line,
                e.text
            ),
            role: "dim",
            event: Some(e.event),
            ..Row::default()
        }));
    }
    if !d.chain.is_empty() {
        section(&mut out, "Fault chain");
    }
    for l in &d.chain {
        let why = if l.why.is_empty() {
            String::new()
        } else {
            format!("  ({})", l.why)
        };
        out.push(Row {
            text: format!(
                "  {} {} ─ {}{why}",
                &rfc3339(l.first, 3)[11..23],
                l.service,
                l.template
            ),
            role: "text",
            event: l.event,
            ..Row::default()
        });
    }
    service_map::rows(d, &mut out);
    if !d.similar.is_empty() {
        section(&mut out, "Similar incidents");
    }
    out.extend(d.similar.iter().map(|s| {
        row(
            format!(
                "  {} {:.2}: {}; fixed by: {}",
                s.incident, s.score, s.title, s.fix
            ),
            "text",
        )
    }));
    out.extend(d.notes.iter().map(|n| row(format!("({n})"), "dim")));
    out
}

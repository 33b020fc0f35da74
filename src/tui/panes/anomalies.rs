//! The lines of the anomalies pane. Pure functions from data to lines.

use super::row::{Row, heading, row, severity, waiting};
use crate::model::{Reason, Window};
use crate::text::civil::{human_duration, rfc3339};
use crate::tui::state::State;

/// Maximum number of reasons shown for an anomaly.
const MAX_REASONS: usize = 10;

/// The lines of the anomalies pane.
pub fn rows(state: &State) -> Vec<Row> {
    let Some(f) = &state.analysis.findings else {
        return waiting(state);
    };
    let mut out = Vec::new();
    if let Some((a, z)) = f.baseline {
        out.push(row(
            format!("Baseline: {} .. {}", rfc3339(a, 0), rfc3339(z, 0)),
            "dim",
        ));
    }
    if f.windows.is_empty() {
        out.push(row(format!("No anomalies in {} events.", f.events), "text"));
    }
    for (i, w) in f.windows.iter().enumerate() {
        out.push(head(state, i, w));
        let muted = is_muted(state, &window_key(w));
        let reasons = w.reasons.iter().take(if muted { 0 } else { MAX_REASONS });
        out.extend(reasons.map(|r| reason(state, i, r)));
    }
    out.push(row("", "dim"));
    let (correct, wrong) = (
        state.analysis.feedback.confirmed,
        state.analysis.feedback.false_alarms,
    );
    if correct + wrong > 0 {
        out.push(row(
            format!("(false alarms: {wrong} of {} reviewed)", correct + wrong),
            "dim",
        ));
    }
    if !state.analysis.feedback.muted.is_empty() {
        out.push(row(
            format!(
                "(muted anomalies, reason kinds and templates: {})",
                state.analysis.feedback.muted.len()
            ),
            "dim",
        ));
    }
    out.extend(f.notes.iter().map(|n| row(format!("({n})"), "dim")));
    out
}

/// The first line of an anomaly.
fn head(state: &State, i: usize, w: &Window) -> Row {
    let (role, letter) = severity(w.severity);
    let tags = match w.tags.is_empty() {
        true => String::new(),
        false => format!(" [{}]", w.tags.join(", ")),
    };
    let mute = window_key(w);
    let muted = is_muted(state, &mute);
    let text = format!(
        "{letter} {:<8} {} for {}{tags}  {}{}",
        w.severity.name(),
        rfc3339(w.start, 0).replace('T', " "),
        human_duration(w.end - w.start),
        match w.title.is_empty() {
            true => w.services.join(", "),
            false => w.title.clone(),
        },
        if muted { "  (muted)" } else { "" }
    );
    Row {
        event: w.reasons.iter().find_map(|r| r.events.first().copied()),
        item: Some(i),
        mute: Some(mute),
        ..heading(text, if muted { "dim" } else { role })
    }
}

fn reason(state: &State, i: usize, r: &Reason) -> Row {
    let kind = r.kind.name();
    let mute = r
        .template_id
        .map_or_else(|| kind.to_string(), |t| format!("T{t}"));
    let (text, role) = match is_muted(state, &mute) {
        true => (format!("    {kind:<13} (muted)"), "dim"),
        false => (format!("    {kind:<13} {}: {}", r.service, r.text), "text"),
    };
    Row {
        event: r.events.first().copied(),
        item: Some(i),
        mute: Some(mute),
        ..row(text, role)
    }
}

fn is_muted(state: &State, key: &String) -> bool {
    state.analysis.feedback.muted.contains(key)
}

/// The key under which a muted anomaly is saved.
pub fn window_key(w: &Window) -> String {
    format!("W{}", w.id)
}

//! The lines of the plan pane: the cluster, the actions, and the checks of the action under the
//! cursor. Pure functions from data to lines. Does not run commands.

use super::row::{Row, row, short, waiting};
use crate::cluster::Check;
use crate::model::{Action, Risk};
use crate::tui::state::State;

/// The lines of the plan pane, or why it is empty.
pub fn rows(state: &State) -> Vec<Row> {
    if state.analysis.diagnosis.is_none() {
        return waiting(state);
    }
    let mut out = head(state);
    for (i, a) in state.plan.actions.iter().enumerate() {
        out.extend(action(state, i, a));
    }
    out
}

/// The lines above the actions: the cluster, its warnings, the outcome of the last action.
fn head(state: &State) -> Vec<Row> {
    let r = &state.plan;
    let mut out = vec![match (&r.cluster, state.read_only) {
        (_, true) => row(
            "Read-only (--read-only): no action is applied. Enter or y copies a command.",
            "dim",
        ),
        (Some(a), _) => row(
            format!(
                "Cluster: context {}, user {}, {}, namespace {}. A applies the selected action, V undoes the last one.",
                a.context, a.user, a.server, a.namespace
            ),
            "warn",
        ),
        (None, _) => row(
            "Offline: nothing is applied. Enter or y copies a command; replace <CONTEXT> with your kubectl context. A chooses a cluster. + it helped, D it did not help.",
            "dim",
        ),
    }];
    out.extend(r.cluster.iter().flat_map(|a| &a.warnings).map(|w| {
        row(
            format!("! {w}: do these logs come from this cluster?"),
            "warn",
        )
    }));
    out.extend(
        r.watched
            .iter()
            .map(|w| row(format!("Did it work? {w}"), "title")),
    );
    out
}

fn action(state: &State, i: usize, a: &Action) -> Vec<Row> {
    let item = Some(i);
    let mut out = vec![Row {
        text: format!(
            "{}. {}   risk {}, confidence {:.0}%",
            i + 1,
            a.title,
            a.risk.name(),
            a.confidence * 100.0
        ),
        role: "title",
        is_heading: true,
        item,
        ..Row::default()
    }];
    let mut add = |text: String, role| {
        out.push(Row {
            text,
            role,
            item,
            ..Row::default()
        })
    };
    // The checks come first, so that they are visible on a small screen.
    for (text, role) in checks(state, a) {
        add(text, role);
    }
    add(format!("     why: {}", a.why), "text");
    if !a.evidence.is_empty() && a.command.is_some() {
        add(format!("     evidence: {}", evidence(a)), "dim");
    }
    if !a.changes.is_empty() {
        add(format!("     changes: {}", a.changes), "text");
    }
    for ask in &a.parameters {
        let value = if ask.value.is_empty() {
            "not set".to_string()
        } else {
            ask.value.clone()
        };
        add(
            format!(
                "     {}: {value}{}",
                ask.description,
                if !ask.is_set {
                    "  (A asks for a value)"
                } else {
                    ""
                }
            ),
            "text",
        );
    }
    if let Some(command) = &a.command {
        add(format!("     run: {command}"), "variable");
    }
    if let Some(r) = &a.rollback {
        add(format!("     rollback: {r}"), "dim");
    }
    add(format!("     success when: {}", a.verify), "dim");
    out
}

/// The positions of the evidence as `source:line, line`, grouped by source.
fn evidence(a: &Action) -> String {
    let mut lines: Vec<(&str, Vec<String>)> = Vec::new();
    for place in &a.evidence {
        match lines.iter_mut().find(|l| l.0 == place.source) {
            Some(group) => group.1.push(place.line.to_string()),
            None => lines.push((&place.source, vec![place.line.to_string()])),
        }
    }
    lines
        .iter()
        .map(|(source, lines)| format!("{}:{}", short(source), lines.join(", ")))
        .collect::<Vec<_>>()
        .join("; ")
}

/// The results of the checks, and what `A` does next.
fn checks(state: &State, a: &Action) -> Vec<(String, &'static str)> {
    let r = &state.plan;
    if r.is_checking(a) {
        return vec![(
            "     ┃ checking the cluster (nothing is changed yet)…".into(),
            "dim",
        )];
    }
    let checked = match r.checked(a) {
        None => return vec![],
        Some(Err(why)) => return vec![(format!("     ┃ FAIL {why}"), "error")],
        Some(Ok(checked)) => checked,
    };
    let open = a.parameters.iter().any(|p| !p.is_set);
    let next = match (checked.passed(), a.risk) {
        _ if open => "A asks for the missing value.".to_string(),
        (false, _) => "Cannot be applied: a check failed.".into(),
        (_, Risk::None) => "A runs it. It only reads; nothing is changed.".into(),
        (_, Risk::Low) => "All checks passed: A applies it.".into(),
        (_, Risk::Medium) => "All checks passed: A asks for confirmation, then applies it.".into(),
        (_, Risk::High) => format!(
            "All checks passed: A asks you to type {}, then applies it.",
            a.target.name
        ),
    };
    let mut out = vec![(format!("     ┃ {next}"), "title")];
    out.extend(
        checked
            .diff
            .iter()
            .map(|d| (format!("     ┃ {d}"), "variable")),
    );
    // Failed checks come first.
    let mut checks: Vec<&Check> = checked.checks.iter().collect();
    checks.sort_by_key(|c| c.passed);
    out.extend(checks.iter().map(|c| match c.passed {
        true => (format!("     ┃ ok   {}", c.text), "text"),
        false => (format!("     ┃ FAIL {}", c.text), "error"),
    }));
    if checked.passed() && a.risk > Risk::None {
        let command = checked.command.iter().map(|c| format!("     ┃ runs: {c}"));
        let rollback = checked
            .rollback
            .iter()
            .map(|r| format!("     ┃ rollback: {r}"));
        out.extend(command.chain(rollback).map(|text| (text, "dim")));
    }
    out
}

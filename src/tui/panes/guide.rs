//! Guided triage as lines: eight steps from unknown logs to a written report, each with its
//! findings and the next key to press. Pure functions from data to lines.

use super::format::grouped;
use super::row::{Row, heading, row};
use crate::analysis::Report;
use crate::model::{Action, Diagnosis, Findings, Severity, Similar, Window};
use crate::text::civil::{human_duration, rfc3339};
use crate::tui::state::State;
use crate::tui::state::chat::Turn;
use crate::tui::state::guide::{Mark, MarkKey, Stance};
use crate::tui::state::pane::Pane;

/// How many of the likely causes are offered as hypotheses.
const HYPOTHESES: usize = 3;

/// What Enter does on a line of the guide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Opens a pane.
    To(Pane),
    /// Writes the report.
    Write,
    /// Opens the diagnosis. `+` confirms this hypothesis, `D` rejects it, `a` adds a note.
    Hypothesis(usize),
}

/// The lines of the guide pane.
pub fn rows(state: &State) -> Vec<Row> {
    lines(state).into_iter().map(|l| l.0).collect()
}

/// A line with what Enter does on it.
pub type GuideLine = (Row, Option<Target>);

/// The lines of the guide pane, each with what Enter does on it.
pub fn lines(state: &State) -> Vec<GuideLine> {
    let mut out = Vec::new();
    step(
        &mut out,
        "1  What is loaded?",
        loaded(state),
        "Enter: sources, their formats, and what could not be read",
        Target::To(Pane::Sources),
    );
    match (&state.analysis.findings, &state.analysis.diagnosis) {
        (Some(f), Some(d)) => {
            conclusions(f, d, &mut out);
            hypotheses(state, &mut out);
            actions(state, &mut out);
        }
        _ => {
            let text = "The next steps appear after the logs are read and analyzed…";
            out.push((row(text, "dim"), None));
        }
    }
    out
}

fn step(out: &mut Vec<GuideLine>, title: &str, found: String, next: &str, target: Target) {
    out.push((heading(title, "title"), Some(target)));
    out.push((row(format!("   {found}"), "text"), Some(target)));
    out.push((row(format!("   {next}"), "dim"), Some(target)));
}

fn loaded(state: &State) -> String {
    let s = &state.snapshot;
    let span = s.span().map_or_else(String::new, |(a, z)| {
        format!(", {} for {}", rfc3339(a, 0), human_duration(z - a))
    });
    format!(
        "{} sources, {} lines, {} templates{span}",
        s.sources.len(),
        grouped(s.lines),
        s.templates.len()
    )
}

/// Steps 2 to 4: what the analysis found.
fn conclusions(f: &Findings, d: &Diagnosis, out: &mut Vec<GuideLine>) {
    let is_reported = |w: &&Window| w.severity >= Severity::Medium;
    let first = f.windows.first().and_then(|w| w.reasons.first());
    let first = first.map_or_else(String::new, |r| format!(": {}: {}", r.service, r.text));
    step(
        out,
        "2  What is abnormal?",
        match f.windows.iter().filter(is_reported).count() {
            0 => "no anomalies of medium severity or worse".into(),
            1 => format!("1 anomaly of medium severity or worse{first}"),
            n => format!("{n} anomalies of medium severity or worse{first}"),
        },
        "Enter: anomalies and their reasons; ] jumps to the next anomaly",
        Target::To(Pane::Anomalies),
    );
    step(
        out,
        "3  What failed first?",
        d.verdict.clone(),
        "Enter: causes with evidence, fault chain, service map",
        Target::To(Pane::Diagnosis),
    );
    let similar = |s: &Similar| {
        let (id, score) = (&s.incident, s.score);
        format!(
            "similar to {id} ({score:.2}): {}; fixed by: {}",
            s.title, s.fix
        )
    };
    step(
        out,
        "4  Seen before?",
        d.similar
            .first()
            .map_or("no similar incident in the library".into(), similar),
        "Enter: all similar incidents, at the end of the diagnosis",
        Target::To(Pane::Diagnosis),
    );
}

/// Steps 6 to 8: what to do, and the report.
fn actions(state: &State, out: &mut Vec<GuideLine>) {
    let first = |a: &Action| format!("{} (risk {}): {}", a.title, a.risk.name(), a.why);
    step(
        out,
        "6  What to do?",
        state
            .plan
            .actions
            .first()
            .map_or("no action recommended".into(), first),
        "Enter: the plan; A there applies an action after its checks",
        Target::To(Pane::Plan),
    );
    let outcome = state.guide.applied.last().cloned();
    step(
        out,
        "7  Did it work?",
        outcome.unwrap_or_else(|| "no action applied yet".into()),
        "Enter: the plan; V undoes the last applied action",
        Target::To(Pane::Plan),
    );
    let written = |file: &String| format!("written to {file}");
    step(
        out,
        "8  Write the report",
        state
            .guide
            .written
            .as_ref()
            .map_or("not written yet".into(), written),
        "Enter: write a Markdown report with bookmarks, hypotheses and answers to this folder",
        Target::Write,
    );
}

fn hypotheses(state: &State, out: &mut Vec<GuideLine>) {
    out.push((heading("5  Is the cause confirmed?", "title"), None));
    let causes = state
        .analysis
        .diagnosis
        .iter()
        .flat_map(|d| &d.causes)
        .take(HYPOTHESES);
    let mut found = false;
    for (n, c) in causes.enumerate() {
        found = true;
        let stance = state
            .guide
            .stances
            .get(&c.service)
            .copied()
            .unwrap_or_default();
        let note = state
            .guide
            .notes
            .get(&c.service)
            .map_or_else(String::new, |n| format!("  ✎ {n}"));
        let role = match stance {
            Stance::Confirmed => "warn",
            Stance::Rejected => "dim",
            Stance::Open => "text",
        };
        out.push((
            row(
                format!(
                    "   [{}] {} failed first ({:.2}){note}",
                    stance.name(),
                    c.service,
                    c.score
                ),
                role,
            ),
            Some(Target::Hypothesis(n)),
        ));
    }
    let hint = if found {
        "on a hypothesis: + confirms, D rejects, a adds a note; Enter: the diagnosis"
    } else {
        "no cause to confirm"
    };
    out.push((
        row(format!("   {hint}"), "dim"),
        Some(Target::To(Pane::Diagnosis)),
    ));
}

/// The report with the user's hypotheses, bookmarks and questions, as Markdown. `None` until the
/// analysis is done.
pub fn report(state: &State) -> Option<Vec<String>> {
    let (f, d) = (
        state.analysis.findings.as_ref()?,
        state.analysis.diagnosis.as_ref()?,
    );
    let report = Report {
        snapshot: &state.snapshot,
        findings: f,
        diagnosis: d,
        actions: &state.plan.actions,
    };
    let hypothesis = |(service, stance): (&String, &Stance)| {
        let note = state
            .guide
            .notes
            .get(service)
            .map_or_else(String::new, |n| format!(": {n}"));
        format!("- {service} failed first: {}{note}", stance.name())
    };
    let mark = |((source, line), m): (&MarkKey, &Mark)| format!("- `{source}:{line}` {}", m.note);
    let turn = |t: &Turn| {
        format!(
            "**{}**\n\n{}\n\n(answered by {})\n",
            t.question, t.answer, t.by
        )
    };
    let sections = [
        (
            "Hypotheses".to_string(),
            state.guide.stances.iter().map(hypothesis).collect(),
        ),
        (
            "Actions taken".to_string(),
            state
                .guide
                .applied
                .iter()
                .map(|l| format!("- {l}"))
                .collect(),
        ),
        (
            "Bookmarks".to_string(),
            state.marks.iter().map(mark).collect(),
        ),
        (
            "Questions and answers".to_string(),
            state.chat.turns.iter().map(turn).collect(),
        ),
    ];
    Some(report.markdown(&state.title, &sections))
}

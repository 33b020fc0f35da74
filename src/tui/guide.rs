//! Guided triage: eight steps from an unknown corpus to a written report, each with what was found and the key that goes on.
//! Pure: from data to lines.

use super::report::{Row, row};
use super::state::{Pane, Stance, State};
use crate::engine::report::Report;
use crate::model::Severity;
use crate::text::civil::{human_duration, rfc3339};

/// Causes that are taken as hypotheses.
const HYPOTHESES: usize = 3;

/// Where Enter goes from a line of the guide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    To(Pane),
    Write,
    /// A hypothesis, to be judged by `+` and `D`, or noted on by `a`.
    Hypothesis(usize),
}

pub fn rows(state: &State) -> Vec<Row> {
    lines(state).into_iter().map(|l| l.0).collect()
}

/// The lines with where each leads.
pub fn lines(state: &State) -> Vec<(Row, Option<Way>)> {
    let mut out = Vec::new();
    let step =
        |out: &mut Vec<(Row, Option<Way>)>, title: &str, found: String, next: &str, way: Way| {
            out.push((row(title, "title"), Some(way)));
            out.push((row(format!("   {found}"), "text"), Some(way)));
            out.push((row(format!("   {next}"), "dim"), Some(way)));
        };
    let s = &state.snapshot;
    let span = s.span().map_or_else(String::new, |(a, z)| {
        format!(", {} for {}", rfc3339(a, 0), human_duration(z - a))
    });
    let corpus = format!(
        "{} sources, {} lines, {} templates{span}",
        s.sources.len(),
        s.lines,
        s.templates.len()
    );
    step(
        &mut out,
        "1  What is this corpus?",
        corpus,
        "Enter: the sources, their formats, what could not be read",
        Way::To(Pane::Sources),
    );
    let (Some(f), Some(d)) = (&state.findings, &state.diagnosis) else {
        out.push((
            row(
                "the further steps come when the corpus is read and judged…",
                "dim",
            ),
            None,
        ));
        return out;
    };
    let odd = f
        .windows
        .iter()
        .filter(|w| w.severity >= Severity::Medium)
        .count();
    let first = f
        .windows
        .first()
        .and_then(|w| w.reasons.first())
        .map_or_else(String::new, |r| format!(": {}: {}", r.service, r.text));
    step(
        &mut out,
        "2  What is not normal?",
        match odd {
            0 => "nothing of medium severity or worse".into(),
            1 => format!("one window of medium severity or worse{first}"),
            n => format!("{n} windows of medium severity or worse{first}"),
        },
        "Enter: the windows with their reasons; ] goes through them in time",
        Way::To(Pane::Anomalies),
    );
    step(
        &mut out,
        "3  What failed first?",
        d.verdict.clone(),
        "Enter: causes with evidence, the chain, the map",
        Way::To(Pane::Diagnosis),
    );
    let seen = d
        .similar
        .first()
        .map_or("nothing like it is in the library".to_string(), |s| {
            format!(
                "it resembles {} ({:.2}): {}; fixed by: {}",
                s.incident, s.score, s.title, s.fix
            )
        });
    step(
        &mut out,
        "4  Have we seen it?",
        seen,
        "Enter: all that are like it, at the end of the diagnosis",
        Way::To(Pane::Diagnosis),
    );
    hypotheses(state, &mut out);
    let plan = state
        .actions
        .first()
        .map_or("there is no action".to_string(), |a| {
            format!("{} (risk {}): {}", a.title, a.risk.name(), a.why)
        });
    step(
        &mut out,
        "6  What to do?",
        plan,
        "Enter: the plan; A there looks before it applies",
        Way::To(Pane::Plan),
    );
    let worked = match state.guide.applied.last() {
        Some(last) => last.clone(),
        None => "nothing was applied from here yet".into(),
    };
    step(
        &mut out,
        "7  Did it work?",
        worked,
        "Enter: the plan again; V takes the last action back",
        Way::To(Pane::Plan),
    );
    let written = state
        .guide
        .written
        .clone()
        .map_or("not written yet".to_string(), |file| {
            format!("written to {file}")
        });
    step(
        &mut out,
        "8  Write it down",
        written,
        "Enter: a report in Markdown, with marks, hypotheses and answers, into this folder",
        Way::Write,
    );
    out
}

fn hypotheses(state: &State, out: &mut Vec<(Row, Option<Way>)>) {
    out.push((row("5  Is it confirmed?", "title"), None));
    let causes = state
        .diagnosis
        .iter()
        .flat_map(|d| &d.causes)
        .take(HYPOTHESES);
    let mut any = false;
    for (n, c) in causes.enumerate() {
        any = true;
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
            Some(Way::Hypothesis(n)),
        ));
    }
    let told = if any {
        "on a line: + confirms, D rejects, a notes why; Enter: the diagnosis"
    } else {
        "there is no cause to confirm"
    };
    out.push((
        row(format!("   {told}"), "dim"),
        Some(Way::To(Pane::Diagnosis)),
    ));
}

/// The report with what the user made of it.
pub fn report(state: &State) -> Option<Vec<String>> {
    let (f, d) = (state.findings.as_ref()?, state.diagnosis.as_ref()?);
    let report = Report {
        snapshot: &state.snapshot,
        findings: f,
        diagnosis: d,
        actions: &state.actions,
    };
    let hypothesis = |(service, stance): (&String, &Stance)| {
        let note = state
            .guide
            .notes
            .get(service)
            .map_or_else(String::new, |n| format!(": {n}"));
        format!("- {service} failed first: {}{note}", stance.name())
    };
    let mark = |((source, line), m): (&(String, u64), &super::state::Mark)| {
        format!("- `{source}:{line}` {}", m.note)
    };
    let turn =
        |t: &super::state::Turn| format!("**{}**\n\n{}\n\n(by {})\n", t.question, t.answer, t.by);
    let further = [
        (
            "Hypotheses".to_string(),
            state.guide.stances.iter().map(hypothesis).collect(),
        ),
        (
            "What was done".to_string(),
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
    Some(report.markdown(&state.title, &further))
}

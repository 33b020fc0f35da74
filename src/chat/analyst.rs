//! The built-in analyst: answers each task from the results of the analysis, in sentences with
//! citations. Does not use a language model.

use super::pack::Pack;
use super::question::template_in;
use crate::analysis::{Analysis, Selection};
use crate::config::args::Task;
use crate::corpus::Snapshot;
use crate::model::{Action, Diagnosis, Findings, Severity};
use crate::text::civil::{human_duration, rfc3339};

/// Answers a task in Markdown. Cites with the marks `[L..]`, `[T..]`, `[W..]` and `[S:..]`.
pub fn answer(
    analysis: &Analysis,
    snapshot: &Snapshot,
    (findings, d, actions): (&Findings, &Diagnosis, &[Action]),
    pack: &Pack,
    (task, question): (Task, &str),
) -> String {
    let mut out: Vec<String> = Vec::new();
    match task {
        Task::Parse => out.extend(
            snapshot
                .templates
                .iter()
                .take(20)
                .map(|t| format!("- {}x `{}` [T{}]", t.count, t.text, t.id)),
        ),
        Task::Anomalies => windows(findings, &mut out),
        Task::Timeline => timeline(findings, d, &mut out),
        Task::Cause => cause(d, &mut out),
        Task::Fix => fix(d, actions, &mut out),
        Task::Classify => classify(analysis, snapshot, question, &mut out),
        Task::Compare => compare(analysis, snapshot, findings, &mut out),
        Task::Explain => {
            cause(d, &mut out);
            out.extend(d.chain.iter().map(|l| {
                format!(
                    "- {} logged `{}` at {} [T{}].",
                    l.service,
                    l.template,
                    rfc3339(l.first, 3),
                    l.template_id
                )
            }));
        }
        Task::Summarise => {
            out.push(format!(
                "{} events from {} sources, grouped into {} templates.",
                snapshot.events,
                snapshot.sources.len(),
                snapshot.templates.len()
            ));
            windows(findings, &mut out);
            cause(d, &mut out);
        }
    }
    if out.is_empty() {
        out.push(format!("No results in {} events.", findings.events));
    }
    if pack.left_out > 0 {
        out.push(format!("({} pieces of evidence omitted.)", pack.left_out));
    }
    out.join("\n")
}

/// Classifies the template that the question names, in the same way as `faultline classify`.
fn classify(analysis: &Analysis, snapshot: &Snapshot, question: &str, out: &mut Vec<String>) {
    let named = template_in(question).and_then(|id| snapshot.template_by_id(id));
    let Some(t) = named.map(|t| &snapshot.templates[t.index()]) else {
        out.push("Name the template to classify, for example: /classify [T123]".into());
        return;
    };
    let c = analysis.classifier(&[]).classify(&t.text, t.level);
    out.push(format!(
        "Severity {} ({}, confidence {:.0}%, by {}) [T{}].",
        c.severity.name(),
        c.category,
        c.confidence * 100.0,
        c.by,
        t.id
    ));
}

fn windows(findings: &Findings, out: &mut Vec<String>) {
    for (n, w) in findings.windows.iter().take(5).enumerate() {
        let reason = w.reasons.first().map_or("", |r| r.text.as_str());
        let line = w
            .reasons
            .first()
            .and_then(|r| r.events.first())
            .map_or_else(String::new, |id| format!("[L{id}]"));
        out.push(format!(
            "- {} for {} from {}: {} {reason} [W{}]{line}.",
            w.severity.name(),
            human_duration(w.end - w.start),
            rfc3339(w.start, 0),
            w.services
                .iter()
                .take(3)
                .cloned()
                .collect::<Vec<_>>()
                .join(", "),
            n + 1
        ));
    }
    if findings
        .windows
        .iter()
        .all(|w| w.severity < Severity::Medium)
    {
        out.push("No anomaly of medium or higher severity.".into());
    }
}

fn cause(d: &Diagnosis, out: &mut Vec<String>) {
    out.push(format!("{}.", d.verdict));
    for c in d.causes.iter().take(3) {
        let lines: String = c
            .evidence
            .iter()
            .take(2)
            .map(|e| format!("[L{}]", e.event))
            .collect();
        out.push(format!(
            "- {} ({:.0}%): {} [S:{}]{lines}.",
            c.service,
            c.score * 100.0,
            c.summary,
            c.service
        ));
    }
    out.extend(d.similar.first().map(|s| {
        format!(
            "Similar to incident {} ({:.2}): {}.",
            s.incident, s.score, s.title
        )
    }));
}

fn timeline(findings: &Findings, d: &Diagnosis, out: &mut Vec<String>) {
    let mut rows: Vec<(i64, String)> = d
        .chain
        .iter()
        .map(|l| {
            (
                l.first,
                format!("{}: `{}` [T{}]", l.service, l.template, l.template_id),
            )
        })
        .collect();
    for (n, w) in findings
        .windows
        .iter()
        .enumerate()
        .filter(|(_, w)| w.severity >= Severity::Medium)
    {
        rows.push((
            w.start,
            format!("{} anomaly starts [W{}]", w.severity.name(), n + 1),
        ));
        rows.push((
            w.end,
            format!("{} anomaly ends [W{}]", w.severity.name(), n + 1),
        ));
    }
    rows.sort();
    out.extend(
        rows.into_iter()
            .map(|(t, text)| format!("- {} {text}", rfc3339(t, 3))),
    );
}

fn fix(d: &Diagnosis, actions: &[Action], out: &mut Vec<String>) {
    let service = d
        .causes
        .first()
        .map_or_else(String::new, |c| format!(" [S:{}]", c.service));
    for a in actions.iter().take(4) {
        out.push(format!(
            "- {} (risk {}): {}; success when {}{service}.",
            a.title,
            a.risk.name(),
            a.why,
            a.verify
        ));
    }
    out.extend(d.similar.first().map(|s| {
        format!(
            "Similar to incident {}, which was fixed by: {}",
            s.incident, s.fix
        )
    }));
}

/// Compares the worst window with a range of the same length before it.
fn compare(analysis: &Analysis, snapshot: &Snapshot, findings: &Findings, out: &mut Vec<String>) {
    let Some(w) = findings.windows.first() else {
        return;
    };
    let before = (w.start - (w.end - w.start), w.start);
    let c = analysis.compare(
        snapshot,
        &Selection::Range(before.0, before.1),
        &Selection::Range(w.start, w.end),
    );
    for (title, list) in [
        ("new", &c.new),
        ("stopped", &c.gone),
        ("more frequent", &c.up),
        ("less frequent", &c.down),
    ] {
        for row in list.iter().take(5) {
            let t = &snapshot.templates[row.template.index()];
            out.push(format!(
                "- {title}: {} -> {}: `{}` [T{}]",
                row.counts.0, row.counts.1, t.text, t.id
            ));
        }
    }
}

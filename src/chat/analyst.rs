//! The built-in analyst: answers the tasks from the engine's own results, in sentences with citations. Needs no model.

use super::pack::Pack;
use crate::engine::{Corpus, Snapshot};
use crate::model::{Action, Diagnosis, Findings, Severity};
use crate::text::civil::{human_duration, rfc3339};

/// Which task a question is about, when none is named.
pub fn task_of(question: &str) -> &'static str {
    let q = question.to_lowercase();
    let any = |words: &[&str]| words.iter().any(|w| q.contains(w));
    match () {
        () if any(&[
            "fix",
            "recommend",
            "what to do",
            "what should",
            "solve",
            "remedy",
        ]) =>
        {
            "fix"
        }
        () if any(&["why", "cause", "reason", "first", "blame", "who failed"]) => "cause",
        () if any(&["abnormal", "anomal", "unusual", "not normal", "wrong"]) => "anomalies",
        () if any(&["timeline", "time line", "when", "order of"]) => "timeline",
        () if any(&["template", "parse"]) => "parse",
        () if any(&["explain", "mean", "interpret"]) => "explain",
        () if any(&["compare", "differ"]) => "compare",
        () => "summarise",
    }
}

pub fn answer(
    corpus: &Corpus,
    snapshot: &Snapshot,
    (findings, d, actions): (&Findings, &Diagnosis, &[Action]),
    pack: &Pack,
    (task, question): (&str, &str),
) -> String {
    let mut out: Vec<String> = Vec::new();
    match task {
        "parse" => out.extend(
            snapshot
                .templates
                .iter()
                .take(20)
                .map(|t| format!("- {} times: `{}` [T{}]", t.count, t.text, t.id)),
        ),
        "anomalies" => windows(findings, &mut out),
        "timeline" => timeline(findings, d, &mut out),
        "cause" => cause(d, &mut out),
        "fix" => fix(d, actions, &mut out),
        "classify" => classify(corpus, snapshot, question, &mut out),
        "compare" => compare(corpus, snapshot, findings, &mut out),
        "explain" => {
            cause(d, &mut out);
            out.extend(d.chain.iter().map(|l| {
                format!(
                    "- {} wrote `{}` at {} [T{}].",
                    l.service,
                    l.template,
                    rfc3339(l.first, 3),
                    l.template_id
                )
            }));
        }
        _ => {
            out.push(format!(
                "{} events of {} sources collapse into {} templates.",
                snapshot.events,
                snapshot.sources.len(),
                snapshot.templates.len()
            ));
            windows(findings, &mut out);
            cause(d, &mut out);
        }
    }
    if out.is_empty() {
        out.push(format!(
            "Nothing of that sort was found in {} events.",
            findings.events
        ));
    }
    if pack.left_out > 0 {
        out.push(format!(
            "({} pieces of evidence are left out here.)",
            pack.left_out
        ));
    }
    out.join("\n")
}

/// By rules, known incidents and words, as `classify` does.
fn classify(corpus: &Corpus, snapshot: &Snapshot, question: &str, out: &mut Vec<String>) {
    let named = super::turn::template_in(question).and_then(|id| snapshot.template_by_id(id));
    let Some(t) = named.map(|t| &snapshot.templates[t]) else {
        out.push("Name a template to judge, such as /classify [T123].".into());
        return;
    };
    let c = corpus.classifier().classify(&t.text, t.level);
    out.push(format!(
        "Judged {} ({}, confidence {:.0}%, by {}) [T{}].",
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
        out.push("No window is worse than low.".into());
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
    out.extend(
        d.similar
            .first()
            .map(|s| format!("It resembles {} ({:.2}): {}.", s.incident, s.score, s.title)),
    );
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
            format!("a {} window begins [W{}]", w.severity.name(), n + 1),
        ));
        rows.push((w.end, format!("it ends [W{}]", n + 1)));
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
            "- {} (risk {}): {}; it worked when {}{service}.",
            a.title,
            a.risk.name(),
            a.why,
            a.verify
        ));
    }
    out.extend(
        d.similar
            .first()
            .map(|s| format!("Like {}: fixed by {}.", s.incident, s.fix)),
    );
}

/// The worst window against the time before it.
fn compare(corpus: &Corpus, snapshot: &Snapshot, findings: &Findings, out: &mut Vec<String>) {
    let Some(w) = findings.windows.first() else {
        return;
    };
    use crate::engine::Part;
    let before = (w.start - (w.end - w.start), w.start);
    let c = corpus.compare(
        snapshot,
        &Part::Range(before.0, before.1),
        &Part::Range(w.start, w.end),
    );
    for (what, list) in [
        ("new", &c.new),
        ("gone", &c.gone),
        ("more often", &c.up),
        ("less often", &c.down),
    ] {
        for row in list.iter().take(5) {
            let t = &snapshot.templates[row.template];
            out.push(format!(
                "- {what}: {} -> {}: `{}` [T{}]",
                row.counts.0, row.counts.1, t.text, t.id
            ));
        }
    }
}

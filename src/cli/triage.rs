//! `triage`: everything as one report, in text, Markdown, JSON, or as a PagerDuty event.

use super::run::{self, Out};
use super::{FOUND, OK, anomalies, diagnose, plan, templates};
use crate::config::args::{Global, OutputFormat};
use crate::engine::{Corpus, Snapshot};
use crate::model::{Action, Diagnosis, Findings, Severity};
use crate::text::civil::{human_duration, rfc3339};
use crate::text::escape::for_terminal;
use crate::text::redact::Redactor;
use serde_json::json;
use std::path::PathBuf;

struct Report<'a> {
    snapshot: &'a Snapshot,
    findings: &'a Findings,
    diagnosis: &'a Diagnosis,
    actions: &'a [Action],
    anomalous: bool,
}

pub fn run(global: &Global, paths: &[PathBuf]) -> Result<u8, String> {
    let (session, snapshot) = run::open(global, paths)?;
    let corpus: &Corpus = &session.corpus;
    let findings = corpus.findings_of(&snapshot);
    let diagnosis = corpus.diagnosis_of(&snapshot);
    let actions = corpus.plan(&snapshot, &diagnosis, None);
    let anomalous = findings.windows.iter().any(|w| w.severity >= Severity::Medium) || diagnose::is_found(&diagnosis);
    let report = Report { snapshot: &snapshot, findings: &findings, diagnosis: &diagnosis, actions: &actions, anomalous };
    let mut out = Out::new();
    match global.format {
        OutputFormat::Json => out.json(&json!({
            "verdict": if anomalous { "anomalous" } else { "clean" }, "templates": templates::object(&snapshot)?,
            "anomalies": anomalies::object(&findings), "diagnosis": diagnose::object(&diagnosis),
            "plan": plan::object(&actions, "offline")}))?,
        OutputFormat::Pagerduty => out.json(&pagerduty(&report, paths))?,
        OutputFormat::Markdown => write(&mut out, &markdown(&report, paths))?,
        OutputFormat::Text => text(&report, &mut out)?,
    }
    out.flush()?;
    run::finish(global, corpus);
    Ok(if anomalous { FOUND } else { OK })
}

/// Lines without secrets and without what a terminal would act on.
fn write(out: &mut Out, lines: &[String]) -> Result<(), String> {
    let mut redactor = Redactor::default();
    lines.iter().try_for_each(|l| out.line(&for_terminal(&redactor.redact(l))))
}

fn summary(r: &Report<'_>) -> Vec<String> {
    let s = r.snapshot;
    let mut out = vec![format!("{} sources, {} lines, {} events, {} templates", s.sources.len(), s.lines, s.events, s.templates.len())];
    if let Some((a, z)) = s.span() {
        out.push(format!("{} .. {} ({})", rfc3339(a, 0), rfc3339(z, 0), human_duration(z - a)));
    }
    out.push(if r.anomalous { r.diagnosis.verdict.clone() } else { "clean: nothing is out of the ordinary".into() });
    out
}

fn text(r: &Report<'_>, out: &mut Out) -> Result<(), String> {
    write(out, &summary(r))?;
    out.line("\nWINDOWS")?;
    anomalies::text(r.findings, out)?;
    if r.anomalous {
        out.line("\nDIAGNOSIS")?;
        write(out, &diagnose::lines(r.diagnosis))?;
        out.line("\nPLAN (offline: argv to copy, put the context in)")?;
        write(out, &plan::lines(&r.actions[..r.actions.len().min(5)]))?;
    }
    Ok(())
}

fn markdown(r: &Report<'_>, paths: &[PathBuf]) -> Vec<String> {
    let d = r.diagnosis;
    let name = paths.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", ");
    let mut out = vec![format!("# Incident report: {name}"), String::new()];
    out.extend(summary(r).into_iter().map(|l| format!("- {l}")));
    out.extend([String::new(), "## Time line".into(), String::new()]);
    let mut windows: Vec<_> = r.findings.windows.iter().filter(|w| w.severity >= Severity::Medium).collect();
    windows.sort_by_key(|w| w.start);
    out.extend(
        windows
            .iter()
            .map(|w| format!("- {} .. {}: {} in {}", rfc3339(w.start, 0), rfc3339(w.end, 0), w.severity.name(), w.services.join(", "))),
    );
    out.extend(d.chain.iter().map(|l| format!("- {} {}: `{}` {}", rfc3339(l.first, 3), l.service, l.template, l.why)));
    out.extend([String::new(), "## Cause".into(), String::new(), d.verdict.clone(), String::new()]);
    for c in d.causes.iter().take(3) {
        out.push(format!("- **{}** ({:.2}): {}", c.service, c.score, c.summary));
        out.extend(c.evidence.iter().map(|e| format!("  - `{}:{}` {}", e.place.source, e.place.line, e.text)));
    }
    out.extend(d.similar.iter().map(|s| format!("- resembles {} ({:.2}): {}; fixed by: {}", s.incident, s.score, s.title, s.fix)));
    out.extend([String::new(), "## Actions".into(), String::new()]);
    for a in r.actions.iter().take(5) {
        out.push(format!("- {} (risk {}, confidence {:.2}): {}", a.title, a.risk.name(), a.confidence, a.why));
        if !a.argv.is_empty() {
            out.push(format!("  `{}`", plan::shown(&a.argv)));
        }
    }
    out
}

/// The payload of <https://developer.pagerduty.com/docs/events-api-v2-overview>, without a routing key.
fn pagerduty(r: &Report<'_>, paths: &[PathBuf]) -> serde_json::Value {
    let d = r.diagnosis;
    let severity = match d.severity {
        Severity::Critical => "critical",
        Severity::High => "error",
        Severity::Medium => "warning",
        _ => "info",
    };
    let source = paths.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(" ");
    let service = d.causes.first().map_or("", |c| c.service.as_str());
    let mut redactor = Redactor::default();
    let summary: String = redactor.redact(&d.verdict).chars().take(1024).collect();
    json!({"routing_key": "", "event_action": if r.anomalous { "trigger" } else { "resolve" },
           "dedup_key": format!("faultline-{service}-{}", d.start / 1_000_000_000),
           "payload": {"summary": summary, "source": source, "severity": severity, "timestamp": rfc3339(d.start, 0),
                       "component": service, "class": d.category,
                       "custom_details": {"causes": d.causes.iter().take(3).map(|c| json!({"service": c.service, "score": c.score, "summary": redactor.redact(&c.summary)})).collect::<Vec<_>>()}}})
}

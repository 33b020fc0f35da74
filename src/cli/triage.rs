//! `triage`: everything as one report, in text, Markdown, JSON, or as a PagerDuty event.

use super::run::{self, Out};
use super::{FOUND, OK, anomalies, diagnose, plan, templates};
use crate::config::args::{Global, OutputFormat};
use crate::engine::Corpus;
use crate::engine::report::Report;
use crate::model::Severity;
use crate::text::civil::rfc3339;
use crate::text::escape::for_terminal;
use crate::text::redact::Redactor;
use serde_json::json;
use std::path::PathBuf;

pub fn run(global: &Global, paths: &[PathBuf]) -> Result<u8, String> {
    let (session, snapshot) = run::open(global, paths)?;
    let corpus: &Corpus = &session.corpus;
    let findings = corpus.findings_of(&snapshot);
    let diagnosis = corpus.diagnosis_of(&snapshot);
    let actions = corpus.plan(&snapshot, &diagnosis);
    let report = Report {
        snapshot: &snapshot,
        findings: &findings,
        diagnosis: &diagnosis,
        actions: &actions,
    };
    let anomalous = report.is_anomalous();
    let mut out = Out::new();
    match global.format {
        OutputFormat::Json => out.json(&json!({
            "verdict": if anomalous { "anomalous" } else { "clean" }, "templates": templates::object(&snapshot)?,
            "anomalies": anomalies::object(&findings), "diagnosis": diagnose::object(&diagnosis),
            "plan": plan::object(&actions, "offline")}))?,
        OutputFormat::Pagerduty => out.json(&pagerduty(&report, paths))?,
        OutputFormat::Markdown => write(&mut out, &report.markdown(&named(paths), &[]))?,
        OutputFormat::Text => text(&report, &mut out)?,
    }
    out.flush()?;
    run::finish(global, corpus);
    Ok(if anomalous { FOUND } else { OK })
}

/// Lines without secrets and without what a terminal would act on.
fn write(out: &mut Out, lines: &[String]) -> Result<(), String> {
    let mut redactor = Redactor::default();
    lines
        .iter()
        .try_for_each(|l| out.line(&for_terminal(&redactor.redact(l))))
}

fn named(paths: &[PathBuf]) -> String {
    paths
        .iter()
        .map(|p| p.display().to_string())
        .collect::<Vec<_>>()
        .join(", ")
}

fn text(r: &Report<'_>, out: &mut Out) -> Result<(), String> {
    write(out, &r.summary())?;
    out.line("\nWINDOWS")?;
    anomalies::text(r.findings, out)?;
    if r.is_anomalous() {
        out.line("\nDIAGNOSIS")?;
        write(out, &diagnose::lines(r.diagnosis))?;
        out.line("\nPLAN (offline: argv to copy, put the context in)")?;
        write(out, &plan::lines(&r.actions[..r.actions.len().min(5)]))?;
    }
    Ok(())
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
    let source = named(paths);
    let service = d.causes.first().map_or("", |c| c.service.as_str());
    let mut redactor = Redactor::default();
    let summary: String = redactor.redact(&d.verdict).chars().take(1024).collect();
    json!({"routing_key": "", "event_action": if r.is_anomalous() { "trigger" } else { "resolve" },
           "dedup_key": format!("faultline-{service}-{}", d.start / 1_000_000_000),
           "payload": {"summary": summary, "source": source, "severity": severity, "timestamp": rfc3339(d.start, 0),
                       "component": service, "class": d.category,
                       "custom_details": {"causes": d.causes.iter().take(3).map(|c| json!({"service": c.service, "score": c.score, "summary": redactor.redact(&c.summary)})).collect::<Vec<_>>()}}})
}

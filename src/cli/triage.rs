//! `faultline triage`: prints anomalies, diagnosis and plan as one report in text, Markdown or
//! JSON, or as a PagerDuty event. Does not analyze.

use super::error::Error;
use super::exit_code::{FOUND, OK};
use super::run::{self, Out};
use super::{anomalies, diagnose, plan, templates};
use crate::analysis::Report;
use crate::config::args::{Global, OutputFormat};
use crate::model::Severity;
use crate::text::civil::rfc3339;
use crate::text::escape::for_terminal;
use crate::text::redact::Redactor;
use serde_json::json;
use std::path::PathBuf;

pub fn run(global: &Global, paths: &[PathBuf]) -> Result<u8, Error> {
    let opened = run::open(global, paths)?;
    let (analysis, snapshot) = (&opened.analysis, &opened.snapshot);
    let findings = analysis.findings(snapshot);
    let diagnosis = analysis.diagnosis(snapshot);
    let actions = analysis.plan(snapshot);
    let report = Report {
        snapshot,
        findings: &findings,
        diagnosis: &diagnosis,
        actions: &actions,
    };
    let anomalous = report.is_anomalous();
    // A report is made to be passed on.
    let mut redactor = analysis.redactor(snapshot, false);
    let mut out = Out::new();
    match global.format {
        OutputFormat::Json => {
            let mut report = json!({
                "verdict": if anomalous { "anomalous" } else { "clean" }, "templates": templates::object(snapshot)?,
                "anomalies": anomalies::object(&findings), "diagnosis": diagnose::object(&diagnosis),
                "plan": plan::object(&actions, "offline")});
            redactor.redact_json(&mut report);
            out.json(&report)?;
        }
        OutputFormat::Pagerduty => {
            let mut event = pagerduty(&report, paths);
            redactor.redact_json(&mut event);
            out.json(&event)?;
        }
        OutputFormat::Markdown => write(
            &mut out,
            &report.markdown(&names(paths), &[]),
            &mut redactor,
        )?,
        OutputFormat::Text => text(&report, &mut out, &mut redactor)?,
    }
    out.flush()?;
    run::finish(global, &opened);
    Ok(if anomalous { FOUND } else { OK })
}

/// Prints lines with redacted secrets and escaped control characters.
fn write(out: &mut Out, lines: &[String], redactor: &mut Redactor) -> Result<(), Error> {
    lines
        .iter()
        .try_for_each(|l| out.line(&for_terminal(&redactor.redact(l))))
}

/// The input paths, separated by commas.
fn names(paths: &[PathBuf]) -> String {
    paths
        .iter()
        .map(|p| p.display().to_string())
        .collect::<Vec<_>>()
        .join(", ")
}

fn text(r: &Report<'_>, out: &mut Out, redactor: &mut Redactor) -> Result<(), Error> {
    write(out, &r.summary(), redactor)?;
    out.line("\nANOMALIES")?;
    write(out, &anomalies::lines(r.findings), redactor)?;
    if r.is_anomalous() {
        out.line("\nDIAGNOSIS")?;
        write(out, &diagnose::lines(r.diagnosis), redactor)?;
        out.line("\nPLAN (offline: replace <CONTEXT> in the commands)")?;
        write(
            out,
            &plan::lines(&r.actions[..r.actions.len().min(5)]),
            redactor,
        )?;
    }
    Ok(())
}

/// A PagerDuty Events v2 payload without a routing key, see
/// <https://developer.pagerduty.com/docs/events-api-v2-overview>.
fn pagerduty(r: &Report<'_>, paths: &[PathBuf]) -> serde_json::Value {
    let d = r.diagnosis;
    let severity = match d.severity {
        Severity::Critical => "critical",
        Severity::High => "error",
        Severity::Medium => "warning",
        _ => "info",
    };
    let source = names(paths);
    let service = d.causes.first().map_or("", |c| c.service.as_str());
    let summary: String = d.verdict.chars().take(1024).collect();
    json!({"routing_key": "", "event_action": if r.is_anomalous() { "trigger" } else { "resolve" },
           "dedup_key": format!("faultline-{service}-{}", d.start / 1_000_000_000),
           "payload": {"summary": summary, "source": source, "severity": severity, "timestamp": rfc3339(d.start, 0),
                       "component": service, "class": d.category.to_string(),
                       "custom_details": {"causes": d.causes.iter().take(3).map(|c| json!({"service": c.service, "score": c.score, "summary": c.summary})).collect::<Vec<_>>()}}})
}

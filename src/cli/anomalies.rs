//! `faultline anomalies`: prints anomalies with their reasons, or scored sessions. Does not analyze.

use super::error::Error;
use super::exit_code::{FOUND, OK};
use super::run::{self, Out};
use crate::analysis::By;
use crate::config::args::{Global, OutputFormat};
use crate::corpus::Snapshot;
use crate::model::{Findings, Moment, SessionVerdict, Severity, Window};
use crate::text::civil::{human_duration, rfc3339};
use crate::text::escape::for_terminal;
use serde_json::{Value, json};
use std::path::PathBuf;

pub fn run(
    global: &Global,
    by: Option<&str>,
    baseline: Option<&str>,
    paths: &[PathBuf],
) -> Result<u8, Error> {
    let by = by.map(By::parse).transpose()?;
    let mut inputs = paths.to_vec();
    let baseline = baseline.map(run::baseline).transpose()?;
    if let Some(run::Baseline::Path(path)) = &baseline {
        inputs.push(path.clone());
    }
    let opened = run::open(global, &inputs)?;
    let (analysis, snapshot) = (&opened.analysis, &opened.snapshot);
    let mut out = Out::new();
    let found = match by {
        Some(by) => {
            let times = baseline.as_ref().and_then(|b| b.times(snapshot));
            let (verdicts, threshold) = analysis.sessions(snapshot, &by, times);
            sessions(global, &verdicts, threshold, &mut out)?
        }
        None => {
            if let Some(baseline) = &baseline {
                analysis.set_baseline(baseline.as_analyzed());
            }
            let findings = (*analysis.findings(snapshot)).clone();
            let findings = within_range(global, snapshot, findings)?;
            match global.format {
                OutputFormat::Text => lines(&findings)
                    .iter()
                    .try_for_each(|l| out.line(&for_terminal(l)))?,
                _ => out.json(&object(&findings))?,
            }
            findings
                .windows
                .iter()
                .any(|w| w.severity >= Severity::Medium)
        }
    };
    out.flush()?;
    run::finish(global, &opened);
    Ok(if found { FOUND } else { OK })
}

/// Keeps the windows that overlap `--since` and `--until`.
fn within_range(
    global: &Global,
    snapshot: &Snapshot,
    mut findings: Findings,
) -> Result<Findings, Error> {
    let range = run::range(global, snapshot)?;
    findings.windows.retain(|w| {
        range.start.is_none_or(|s| w.end >= s) && range.end.is_none_or(|e| w.start < e)
    });
    Ok(findings)
}

fn time(t: Moment) -> String {
    rfc3339(t, 0)
}

/// Output of `anomalies --format json`. Scripts depend on the keys.
pub fn object(f: &Findings) -> Value {
    let window = |w: &Window| {
        let reasons: Vec<Value> = w
            .reasons
            .iter()
            .map(|r| {
                let lines: Vec<Value> = r.lines.iter().map(|l| json!({"source": l.source, "line": l.line})).collect();
                json!({"kind": r.kind.name(), "service": r.service, "template_id": r.template_id, "score": r.score, "text": r.text, "lines": lines})
            })
            .collect();
        json!({"id": w.id, "title": w.title, "start": time(w.start), "end": time(w.end), "score": w.score, "severity": w.severity.name(),
               "tags": w.tags, "services": w.services, "reasons": reasons})
    };
    let baseline = f
        .baseline
        .map(|(a, z)| json!({"start": time(a), "end": time(z)}));
    json!({"events": f.events, "baseline": baseline, "windows": f.windows.iter().map(window).collect::<Vec<_>>(), "notes": f.notes})
}

/// The anomalies as lines of text.
pub fn lines(f: &Findings) -> Vec<String> {
    let mut out = Vec::new();
    if let Some((a, z)) = f.baseline {
        let length = human_duration(z - a);
        out.push(format!("baseline: {}..{} ({length})", time(a), time(z)));
    }
    if f.windows.is_empty() {
        out.push(format!("No anomalies found in {} events", f.events));
    }
    f.windows.iter().for_each(|w| window_lines(w, &mut out));
    out.push(String::new());
    out.extend(f.notes.iter().map(|n| format!("({n})")));
    out
}

fn window_lines(w: &Window, out: &mut Vec<String>) {
    let tags = if w.tags.is_empty() {
        String::new()
    } else {
        format!(" [{}]", w.tags.join(", "))
    };
    let shown = &w.services[..w.services.len().min(6)];
    let mut services = shown.join(", ");
    if w.services.len() > shown.len() {
        services.push_str(&format!(" and {} more", w.services.len() - shown.len()));
    }
    out.push(String::new());
    out.push(format!(
        "{} {}..{} ({}){tags} {services}",
        w.severity.name().to_uppercase(),
        time(w.start),
        time(w.end),
        human_duration(w.end - w.start),
    ));
    if !w.title.is_empty() {
        out.push(format!("  {}", w.title));
    }
    for r in w.reasons.iter().take(8) {
        let place = r.lines.first();
        let place = place.map_or_else(String::new, |l| format!("  {}:{}", l.source, l.line));
        let (kind, service, text) = (r.kind.name(), &r.service, &r.text);
        out.push(format!("  {kind:<13} {service}: {text}{place}"));
    }
    if w.reasons.len() > 8 {
        out.push(format!("  … {} more reasons", w.reasons.len() - 8));
    }
}

fn sessions(
    global: &Global,
    verdicts: &[SessionVerdict],
    threshold: f64,
    out: &mut Out,
) -> Result<bool, Error> {
    let anomalous = verdicts.iter().filter(|v| v.anomalous).count();
    if global.format == OutputFormat::Text {
        out.line(&format!(
            "{anomalous} of {} sessions are anomalous (lowest share of a template below {:.3})",
            verdicts.len(),
            threshold
        ))?;
        for v in verdicts.iter().filter(|v| v.anomalous) {
            out.line(&for_terminal(&format!("{:.2}  {}", v.score, v.id)))?;
            v.reasons
                .iter()
                .try_for_each(|r| out.line(&for_terminal(&format!("      {r}"))))?;
        }
    } else {
        let rows: Vec<Value> =
            verdicts.iter().map(|v| json!({"id": v.id, "score": v.score, "anomalous": v.anomalous, "reasons": v.reasons})).collect();
        out.json(&json!({"sessions": rows, "threshold": threshold}))?;
    }
    Ok(anomalous > 0)
}

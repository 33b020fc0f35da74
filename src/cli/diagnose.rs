//! `faultline diagnose`: prints the root causes, the fault chain, the fault probability of each
//! service, and similar incidents. Does not analyze.

use super::error::Error;
use super::exit_code::{FOUND, OK};
use super::run::{self, Out};
use crate::analysis::Reference;
use crate::config::args::{Global, OutputFormat};
use crate::model::{Diagnosis, ServiceHealth};
use crate::text::civil::rfc3339;
use crate::text::escape::for_terminal;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

pub fn run(global: &Global, baseline: Option<&str>, paths: &[PathBuf]) -> Result<u8, Error> {
    let baseline = baseline.map(run::baseline).transpose()?;
    let reference = match &baseline {
        Some(run::Baseline::Path(path)) => Some(reference(global, path, paths)?),
        _ => None,
    };
    let opened = run::open(global, paths)?;
    let (analysis, snapshot) = (&opened.analysis, &opened.snapshot);
    if let Some(range @ run::Baseline::Range(..)) = &baseline {
        analysis.set_baseline(range.as_analyzed());
    }
    let findings = analysis.findings(snapshot);
    let diagnosis = analysis.diagnose(snapshot, &findings, reference.as_ref(), &|_| true);
    let mut out = Out::new();
    match global.format {
        OutputFormat::Text => text(&diagnosis, &mut out)?,
        _ => out.json(&object(&diagnosis))?,
    }
    out.flush()?;
    run::finish(global, &opened);
    Ok(if diagnosis.is_found() { FOUND } else { OK })
}

/// Rates of log statements in each capture at `folder`, as a baseline. Skips captures that are also
/// in `paths`.
fn reference(global: &Global, folder: &Path, paths: &[PathBuf]) -> Result<Reference, Error> {
    let own: Vec<Vec<u8>> = paths
        .iter()
        .filter(|p| p.is_file())
        .filter_map(|p| std::fs::read(p).ok())
        .collect();
    let mut files: Vec<PathBuf> = if folder.is_dir() {
        std::fs::read_dir(folder)
            .map_err(|e| format!("{}: {e}", folder.display()))?
            .flatten()
            .map(|e| e.path())
            .collect()
    } else {
        vec![folder.to_path_buf()]
    };
    files.sort();
    let mut out = Reference::new();
    for file in files {
        let is_same = |own: &Vec<u8>| {
            std::fs::metadata(&file).is_ok_and(|m| m.len() == own.len() as u64)
                && std::fs::read(&file).is_ok_and(|b| b == *own)
        };
        if paths
            .iter()
            .any(|p| std::fs::canonicalize(p).ok() == std::fs::canonicalize(&file).ok())
            || own.iter().any(is_same)
        {
            continue;
        }
        let Ok(opened) = run::open(global, std::slice::from_ref(&file)) else {
            continue;
        };
        if let Some(rates) = opened.analysis.rates(&opened.snapshot) {
            out.push(rates);
        }
    }
    if out.is_empty() {
        return Err(format!("{}: no other capture with traces found", folder.display()).into());
    }
    Ok(out)
}

fn time(t: i64) -> String {
    rfc3339(t, 3)
}

/// Output of `diagnose --format json`. Scripts depend on the keys.
pub fn object(d: &Diagnosis) -> Value {
    let causes: Vec<Value> = d
        .causes
        .iter()
        .enumerate()
        .map(|(i, c)| {
            let evidence: Vec<Value> =
                c.evidence.iter().map(|e| json!({"source": e.place.source, "line": e.place.line, "text": e.text})).collect();
            json!({"rank": i + 1, "service": c.service, "score": c.score, "summary": c.summary, "evidence": evidence})
        })
        .collect();
    let chain: Vec<Value> = d
        .chain
        .iter()
        .map(|l| json!({"service": l.service, "template_id": l.template_id, "template": l.template, "first_seen": time(l.first), "why": l.why}))
        .collect();
    let services: Vec<Value> = d
        .services
        .iter()
        .map(|s| json!({"name": s.name, "p_down": s.p_down, "band": s.band().name(), "health": s.health, "penalties": penalties(s)}))
        .collect();
    let edges: Vec<Value> = d
        .edges
        .iter()
        .map(|e| json!({"from": e.from, "to": e.to, "calls": e.calls, "source": e.source.name()}))
        .collect();
    let similar: Vec<Value> = d
        .similar
        .iter()
        .map(|s| json!({"incident": s.incident, "score": s.score, "title": s.title, "fix": s.fix}))
        .collect();
    json!({"incident": {"start": time(d.start), "end": time(d.end), "severity": d.severity.name(), "category": d.category.to_string()},
           "verdict": d.verdict, "root_causes": causes, "chain": chain, "services": services, "edges": edges, "similar": similar,
           "notes": d.notes, "elapsed_ms": d.elapsed_ms})
}

/// Points that each health rule takes from a service.
fn penalties(s: &ServiceHealth) -> Value {
    s.penalties
        .iter()
        .map(|p| (p.text.clone(), json!(p.points)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// Prints the diagnosis as text.
pub fn text(d: &Diagnosis, out: &mut Out) -> Result<(), Error> {
    lines(d).iter().try_for_each(|l| out.line(&for_terminal(l)))
}

/// The diagnosis as lines of text.
pub fn lines(d: &Diagnosis) -> Vec<String> {
    let mut out = vec![format!(
        "{} ({}, {})",
        d.verdict,
        d.severity.name(),
        d.category
    )];
    if !d.causes.is_empty() {
        out.push(String::new());
        out.push("Root causes:".into());
    }
    for (i, c) in d.causes.iter().take(5).enumerate() {
        out.push(format!(
            "  {}. {:<28} {:.2}  {}",
            i + 1,
            c.service,
            c.score,
            c.summary
        ));
        out.extend(
            c.evidence
                .iter()
                .map(|e| format!("       {}:{}  {}", e.place.source, e.place.line, e.text)),
        );
    }
    if !d.chain.is_empty() {
        out.push(String::new());
        out.push("Fault chain:".into());
    }
    for l in &d.chain {
        let why = if l.why.is_empty() {
            String::new()
        } else {
            format!("  ({})", l.why)
        };
        out.push(format!(
            "  {} {:<20} {}{why}",
            &time(l.first)[11..23],
            l.service,
            l.template
        ));
    }
    let mut services: Vec<_> = d.services.iter().filter(|s| s.p_down >= 0.05).collect();
    services.sort_by(|a, b| b.p_down.total_cmp(&a.p_down));
    if !services.is_empty() {
        out.push(String::new());
        out.push("Fault probability by service:".into());
    }
    out.extend(services.iter().take(10).map(|s| {
        format!(
            "  {:>3.0}% {:<7} {}",
            s.p_down * 100.0,
            s.band().name(),
            s.name
        )
    }));
    if !d.similar.is_empty() {
        out.push(String::new());
    }
    out.extend(d.similar.iter().map(|s| {
        format!(
            "Similar to incident {} ({:.2}): {}; fixed by: {}",
            s.incident, s.score, s.title, s.fix
        )
    }));
    out.extend(d.notes.iter().map(|n| format!("({n})")));
    out
}

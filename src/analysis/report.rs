//! The complete result as text: the corpus, the anomalies, the cause and the actions. Does not know
//! the output formats of the user interfaces.

use crate::corpus::Snapshot;
use crate::model::{Action, Diagnosis, Findings, Severity};
use crate::text::civil::{human_duration, rfc3339};

/// The data of a report.
pub struct Report<'a> {
    pub snapshot: &'a Snapshot,
    pub findings: &'a Findings,
    pub diagnosis: &'a Diagnosis,
    pub actions: &'a [Action],
}

impl Report<'_> {
    /// Returns true if there is an anomaly of medium severity or worse, or a diagnosis.
    pub fn is_anomalous(&self) -> bool {
        self.findings
            .windows
            .iter()
            .any(|w| w.severity >= Severity::Medium)
            || self.diagnosis.is_found()
    }

    /// Describes the corpus in one or two lines and the verdict in one line.
    pub fn summary(&self) -> Vec<String> {
        let s = self.snapshot;
        let mut out = vec![format!(
            "{} sources, {} lines, {} events, {} templates",
            s.sources.len(),
            s.lines,
            s.events,
            s.templates.len()
        )];
        if let Some((a, z)) = s.span() {
            out.push(format!(
                "{}..{} ({})",
                rfc3339(a, 0),
                rfc3339(z, 0),
                human_duration(z - a)
            ));
        }
        out.push(if self.is_anomalous() {
            self.diagnosis.verdict.clone()
        } else {
            "clean: no anomalies found".into()
        });
        out
    }

    /// Returns a post-mortem in Markdown: summary, timeline, cause and actions. `further` contains
    /// additional sections with their titles.
    pub fn markdown(&self, name: &str, further: &[(String, Vec<String>)]) -> Vec<String> {
        let d = self.diagnosis;
        let mut out = vec![format!("# Incident report: {name}"), String::new()];
        out.extend(self.summary().into_iter().map(|l| format!("- {l}")));
        section(&mut out, "Timeline");
        let mut windows: Vec<_> = self
            .findings
            .windows
            .iter()
            .filter(|w| w.severity >= Severity::Medium)
            .collect();
        windows.sort_by_key(|w| w.start);
        let window = |w: &&crate::model::Window| {
            format!(
                "- {}..{}: {} in {}",
                rfc3339(w.start, 0),
                rfc3339(w.end, 0),
                w.severity.name(),
                w.services.join(", ")
            )
        };
        out.extend(windows.iter().map(window));
        out.extend(d.chain.iter().map(|l| {
            format!(
                "- {} {}: `{}` {}",
                rfc3339(l.first, 3),
                l.service,
                l.template,
                l.why
            )
        }));
        section(&mut out, "Cause");
        out.extend([d.verdict.clone(), String::new()]);
        for c in d.causes.iter().take(3) {
            out.push(format!(
                "- **{}** ({:.2}): {}",
                c.service, c.score, c.summary
            ));
            out.extend(
                c.evidence
                    .iter()
                    .map(|e| format!("  - `{}:{}` {}", e.place.source, e.place.line, e.text)),
            );
        }
        out.extend(d.similar.iter().map(|s| {
            format!(
                "- similar to {} ({:.2}): {}; fixed by: {}",
                s.incident, s.score, s.title, s.fix
            )
        }));
        section(&mut out, "Actions");
        for a in self.actions.iter().take(5) {
            out.push(format!(
                "- {} (risk {}, confidence {:.2}): {}",
                a.title,
                a.risk.name(),
                a.confidence,
                a.why
            ));
            if let Some(command) = &a.command {
                out.push(format!("  `{command}`"));
            }
        }
        for (title, lines) in further.iter().filter(|f| !f.1.is_empty()) {
            section(&mut out, title);
            out.extend(lines.iter().cloned());
        }
        out
    }
}

fn section(out: &mut Vec<String>, title: &str) {
    out.extend([String::new(), format!("## {title}"), String::new()]);
}

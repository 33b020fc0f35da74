//! Adds an anomaly for each source that is the log of a failed run, with the lines that say why. Such
//! logs have no time before the failure that could be compared. The ranking is in `diagnose`.

use super::analysis::Analysis;
use crate::corpus::Snapshot;
use crate::diagnose::{FailedRun, failed_run};
use crate::model::{
    EventId, Findings, Moment, Place, Reason, ReasonKind, Severity, SourceId, TemplateIx, Window,
};
use rustc_hash::FxHashMap;

/// Longer logs are no runs whose end tells anything about all of their lines.
const MAX_EVENTS: u64 = 200_000;
/// Maximum number of sources that are read.
const MAX_SOURCES: usize = 40;
/// In a log with times, this share of the templates at the end must occur nowhere else: what a
/// service writes it writes again and again.
const NEW_AT_END: f64 = 0.6;
/// The end: this many of the last events, and what occurs nowhere else occurs in this last part.
const LAST_EVENTS: usize = 30;
const LAST_PART: usize = 8;
/// Each further line scores this much less.
const STEP: f64 = 0.1;

/// The lines of a source.
struct Lines {
    /// The text of all lines, and for each line its event and its place in the source.
    text: Vec<String>,
    of: Vec<(EventId, u64)>,
    templates: Vec<Option<TemplateIx>>,
}

impl Analysis {
    /// Adds the windows of failed runs before all others: their lines are the reasons.
    pub fn add_failed_runs(&self, snapshot: &Snapshot, out: &mut Findings) {
        if snapshot.sources.len() > MAX_SOURCES {
            return;
        }
        let mut windows = Vec::new();
        for (i, s) in snapshot.sources.iter().enumerate() {
            let is_timed = s.timed * 2 >= s.events;
            // The lines of several timed sources belong to one system.
            let can_be_run = !is_timed || snapshot.sources.len() == 1;
            if s.events == 0 || s.events > MAX_EVENTS || !can_be_run {
                continue;
            }
            let Some(lines) = self.lines_of(snapshot, SourceId::at(i)) else {
                continue;
            };
            if is_timed && !ends_differently(&lines.templates) {
                continue;
            }
            let texts: Vec<&str> = lines.text.iter().map(String::as_str).collect();
            if let Some(run) = failed_run(&texts) {
                windows.push(window(snapshot, &s.name, &s.service, &lines, &run));
            }
        }
        out.windows.splice(0..0, windows);
    }

    fn lines_of(&self, snapshot: &Snapshot, source: SourceId) -> Option<Lines> {
        let mut reader = self.corpus.reader(source)?;
        let mut out = Lines {
            text: Vec::new(),
            of: Vec::new(),
            templates: Vec::new(),
        };
        for part in snapshot.parts().filter(|p| p.source() == source) {
            for events in part.blocks(&self.corpus) {
                for e in events.iter() {
                    out.templates.push(e.template());
                    let message = reader.whole_message(e.text());
                    for (n, line) in (e.line() + 1..).zip(message.lines()) {
                        out.text.push(line.to_string());
                        out.of.push((e.id(), n));
                    }
                }
            }
        }
        Some(out)
    }
}

/// True if most of the last events have templates that occur only at the end.
fn ends_differently(templates: &[Option<TemplateIx>]) -> bool {
    let last_part = templates.len() - templates.len() / LAST_PART;
    let mut first: FxHashMap<Option<TemplateIx>, usize> = FxHashMap::default();
    for (i, t) in templates.iter().enumerate() {
        first.entry(*t).or_insert(i);
    }
    let end = &templates[templates.len().saturating_sub(LAST_EVENTS)..];
    let new = end.iter().filter(|t| first[*t] >= last_part).count();
    new as f64 >= NEW_AT_END * end.len() as f64
}

fn window(
    snapshot: &Snapshot,
    source: &str,
    service: &str,
    lines: &Lines,
    run: &FailedRun,
) -> Window {
    let time = |i: usize| -> Moment { snapshot.time(lines.of[i].0).unwrap_or(0) };
    let reason = |(n, i): (usize, &usize)| {
        let (event, line) = lines.of[*i];
        Reason {
            kind: ReasonKind::Incident,
            service: service.to_string(),
            template_id: snapshot.template_of_event(event).map(|t| t.id),
            score: (1.0 - STEP * n as f64).max(STEP),
            text: format!("before the run failed: {}", lines.text[*i].trim()),
            lines: vec![Place {
                source: source.to_string(),
                line,
            }],
            events: vec![event],
            since: time(*i),
        }
    };
    let reasons: Vec<Reason> = run.reasons.iter().enumerate().map(reason).collect();
    let first = run.reasons.first().copied().unwrap_or(run.end);

    Window {
        id: xxhash_rust::xxh3::xxh3_64(format!("run {source}").as_bytes()) >> 11,
        title: format!("{service}: the run failed: {}", lines.text[first].trim()),
        start: time(first).min(time(run.end)),
        end: time(run.end),
        score: 1.0,
        severity: Severity::High,
        tags: vec!["failed-run".into()],
        services: vec![service.to_string()],
        reasons,
    }
}

//! Finds the anomalous windows of a corpus: counts events, tests the counts, and describes
//! deviations as reasons with lines of evidence. The statistics are in `detect`.

use super::analysis::Analysis;
use super::baseline::Baseline;
use super::collect::{MIN_BINS, Series, collect, is_problem};
use super::drafts::merge;
use super::reasons::clock;
use crate::corpus::Snapshot;
use crate::detect;
use crate::model::{Findings, Place, Reason, ReasonKind, Severity, Template, TemplateIx, Window};
use crate::text::civil::human_duration;
use rustc_hash::FxHashSet;

/// Maximum number of templates to list if there is too little data for windows.
const MAX_LISTED: usize = 40;

impl Analysis {
    /// Computes the findings of a snapshot against any baseline. `Analysis::findings` caches the
    /// findings for the current baseline.
    pub fn find(&self, snapshot: &Snapshot, baseline: &Baseline) -> Findings {
        let started = std::time::Instant::now();
        let mut series = collect(self, snapshot, baseline);
        let mut out = Findings {
            events: snapshot.events,
            ..Findings::default()
        };
        out.notes = notes(&series);
        out.baseline = series
            .input
            .baseline
            .map(|(a, z)| (series.at(a as usize), series.at(z as usize)));
        self.find_windows(snapshot, &mut series, &mut out);
        if series.input.bins < MIN_BINS && series.input.baseline.is_none() {
            list_problem_templates(snapshot, &series, &mut out);
        }
        mark_unverified(snapshot, &mut out.windows);
        self.add_failed_runs(snapshot, &mut out);
        out.elapsed_ms = started.elapsed().as_millis() as u64;
        tracing::debug!(
            windows = out.windows.len(),
            elapsed_ms = out.elapsed_ms,
            "findings"
        );
        out
    }

    fn find_windows(&self, snapshot: &Snapshot, series: &mut Series, out: &mut Findings) {
        let (found, normal) = match series.input.bins < MIN_BINS && series.input.baseline.is_none()
        {
            true => Default::default(),
            false => detect::detect(&mut series.input),
        };
        if series.input.baseline.is_none() && !normal.is_empty() {
            out.baseline = longest_run(&normal).map(|(a, z)| (series.at(a), series.at(z)));
            if normal.iter().filter(|n| **n).count() * 10 < normal.len() * 3 {
                out.notes.push(
                    "less than 30% of the time is similar, so the baseline is uncertain".into(),
                );
            }
        }
        self.add_exceptions(snapshot, series);
        let drafts = merge(series, found, detect::findings(&series.input));
        out.windows = self.describe_windows(snapshot, series, &drafts);
    }
}

/// Marks the windows of services that are still being learned. What is unusual for them is not
/// known, so only what is severe by itself keeps its severity.
fn mark_unverified(snapshot: &Snapshot, windows: &mut [Window]) {
    let learned = snapshot.services_being_learned();
    for w in windows.iter_mut() {
        let is_known = |s: &String| !learned.contains(s.as_str());
        if !w.services.is_empty() && !w.services.iter().any(is_known) {
            w.tags.push("unverified".into());
            if w.severity == Severity::Medium {
                w.severity = Severity::Low;
            }
        }
    }
}

/// Lists templates of warnings and errors in order of first appearance. Used if there is too little
/// data for a baseline.
fn list_problem_templates(snapshot: &Snapshot, series: &Series, out: &mut Findings) {
    out.notes.push(format!(
        "only {} time bins of {}: too few for a baseline, so templates of warnings and errors are listed in order of appearance",
        series.input.bins,
        human_duration(series.input.width)
    ));
    let reported: FxHashSet<u64> = out
        .windows
        .iter()
        .flat_map(|w| &w.reasons)
        .filter_map(|r| r.template_id)
        .collect();
    let has_problem = |i: &usize| {
        let id = snapshot.templates[*i].id;
        is_problem(snapshot, TemplateIx::at(*i)) && !reported.contains(&id)
    };
    let mut problems: Vec<(usize, &Template)> = snapshot
        .templates
        .iter()
        .enumerate()
        .filter(|(i, _)| has_problem(i))
        .collect();
    problems.sort_by_key(|(i, t)| (t.first.is_none(), t.first, *i));
    let listed = problems.into_iter().take(MAX_LISTED);
    out.windows
        .extend(listed.map(|(_, t)| listed_window(snapshot, t)));
}

fn listed_window(snapshot: &Snapshot, t: &Template) -> Window {
    let source = snapshot.sources.get(t.example_source.index());
    let source = source.map_or_else(String::new, |s| s.name.clone());
    let place = Place {
        source,
        line: t.example_line,
    };
    let service = t.services.first().cloned().unwrap_or_default();
    let first = t
        .first
        .map_or_else(String::new, |f| format!(", first at {}", clock(f)));
    let reason = Reason {
        kind: ReasonKind::NewTemplate,
        service: service.clone(),
        template_id: Some(t.id),
        score: 0.3,
        text: format!("{} {}x{first}: {}", t.level.name(), t.count, t.text),
        events: snapshot.event_at_place(&place).into_iter().collect(),
        lines: vec![place],
        since: t.first.unwrap_or(0),
    };
    Window {
        id: t.id,
        title: String::new(),
        start: t.first.unwrap_or(0),
        end: t.last.unwrap_or(0),
        score: 0.3,
        severity: Severity::Low,
        tags: vec!["too-little-data".into()],
        services: vec![service],
        reasons: vec![reason],
    }
}

fn notes(series: &Series) -> Vec<String> {
    let mut out = Vec::new();
    if series.by_order {
        out.push(
            "most events have no time: their order is used instead, one event per second".into(),
        );
    }
    if series.sampled < 1.0 {
        let every = 1.0 / series.sampled;
        out.push(format!(
            "values of variables are read from one event in {every:.0}"
        ));
    }
    let sources = &series.input.sources;
    let count: usize = sources
        .iter()
        .map(|s| s.features.len() + s.values.len())
        .sum();
    out.push(format!(
        "{} services, {count} series, {} bins of {}",
        sources.len(),
        series.input.bins,
        human_duration(series.input.width)
    ));
    out
}

/// Returns the longest run of normal bins.
fn longest_run(normal: &[bool]) -> Option<(usize, usize)> {
    let mut best = (0, 0);
    let mut start = None;
    for i in 0..=normal.len() {
        match (normal.get(i) == Some(&true), start) {
            (true, None) => start = Some(i),
            (false, Some(s)) => {
                if i - s > best.1 - best.0 {
                    best = (s, i);
                }
                start = None;
            }
            _ => {}
        }
    }
    (best.1 > best.0).then_some(best)
}

//! Finds the anomalous windows of a corpus: counts events, tests the counts, and describes
//! deviations as reasons with lines of evidence. The statistics are in `detect`.

use super::analysis::Analysis;
use super::baseline::Baseline;
use super::collect::collect;
use super::reasons::{self, clock};
use super::series::{MIN_BINS, Series, is_problem};
use crate::corpus::Snapshot;
use crate::detect::{self, Deviation, FeatureKind, RawWindow};
use crate::model::{
    Findings, Moment, Place, Reason, ReasonKind, Severity, Template, TemplateIx, Window,
};
use crate::text::civil::human_duration;
use rustc_hash::FxHashSet;

/// Maximum number of deviations to describe in a window.
const MAX_REASONS: usize = 24;
/// Maximum number of templates to list if there is too little data for windows.
const MAX_LISTED: usize = 40;
/// A load between these factors of the normal load is not reported.
const USUAL_LOAD: std::ops::RangeInclusive<f64> = 0.8..=1.25;

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
        if series.input.bins < MIN_BINS && series.input.baseline.is_none() {
            list_problem_templates(snapshot, &series, &mut out);
        } else {
            self.find_windows(snapshot, &mut series, &mut out);
        }
        out.elapsed_ms = started.elapsed().as_millis() as u64;
        tracing::debug!(
            windows = out.windows.len(),
            elapsed_ms = out.elapsed_ms,
            "findings"
        );
        out
    }

    fn find_windows(&self, snapshot: &Snapshot, series: &mut Series, out: &mut Findings) {
        let (found, normal) = detect::detect(&mut series.input);
        if series.input.baseline.is_none() {
            out.baseline = longest_run(&normal).map(|(a, z)| (series.at(a), series.at(z)));
            if normal.iter().filter(|n| **n).count() * 10 < normal.len() * 3 {
                out.notes.push(
                    "less than 30% of the time is similar, so the baseline is uncertain".into(),
                );
            }
        }
        let mut windows: Vec<Window> = found
            .iter()
            .map(|w| self.window(snapshot, series, w))
            .collect();
        reasons::add_flapping(&mut windows);
        windows.sort_by(|a, b| {
            b.severity
                .cmp(&a.severity)
                .then(b.score.total_cmp(&a.score))
                .then(a.start.cmp(&b.start))
        });
        out.windows = windows;
    }

    fn window(&self, snapshot: &Snapshot, series: &Series, raw: &RawWindow) -> Window {
        let (start, end) = (series.at(raw.from), series.at(raw.to));
        let deviations = distinct(series, raw);
        let evidence = self.evidence(snapshot, series, &deviations);
        let mut reasons: Vec<Reason> = Vec::new();
        for (d, events) in deviations.iter().zip(evidence) {
            let first = events.first().and_then(|id| snapshot.time(*id));
            reasons.push(Reason {
                lines: events.iter().filter_map(|id| snapshot.place(*id)).collect(),
                since: first.unwrap_or_else(|| series.at(d.from as usize)),
                events,
                ..reasons::describe(snapshot, series, d)
            });
        }
        let mut services: Vec<String> = Vec::new();
        for reason in &reasons {
            if !services.contains(&reason.service) {
                services.push(reason.service.clone());
            }
        }
        reasons::add_order_of_services(&mut reasons);
        reasons.extend(load_change(raw, start));
        if raw.to + 1 < series.input.bins as usize && raw.severity >= Severity::Medium {
            let text = format!(
                "back to normal at {} after {}",
                clock(end),
                human_duration(end - start)
            );
            let kind = ReasonKind::Recovered;
            reasons.push(Reason {
                kind,
                score: 0.1,
                text,
                since: end,
                ..Reason::default()
            });
        }
        let tags = if is_start_up(series, raw) {
            vec!["start-up".to_string()]
        } else {
            vec![]
        };
        let key = format!("{start} {services:?}");
        Window {
            id: xxhash_rust::xxh3::xxh3_64(key.as_bytes()) >> 11,
            start,
            end,
            score: 1.0 - (-raw.strength / 100.0).exp(),
            severity: raw.severity,
            tags,
            services,
            reasons,
        }
    }
}

fn load_change(raw: &RawWindow, start: Moment) -> Option<Reason> {
    let load = raw.load.filter(|r| !USUAL_LOAD.contains(r))?;
    let kind = if load > 1.0 {
        ReasonKind::RateSpike
    } else {
        ReasonKind::RateDrop
    };
    let text = format!(
        "the overall load changed to {:.0}% of normal; counts that changed with the load are not listed",
        load * 100.0
    );
    Some(Reason {
        kind,
        score: 0.2,
        text,
        since: start,
        ..Reason::default()
    })
}

/// Lists templates of warnings and errors in order of first appearance. Used if there is too little
/// data for a baseline.
fn list_problem_templates(snapshot: &Snapshot, series: &Series, out: &mut Findings) {
    out.notes.push(format!(
        "only {} time bins of {}: too few for a baseline, so templates of warnings and errors are listed in order of appearance",
        series.input.bins,
        human_duration(series.input.width)
    ));
    let has_problem = |i: &usize| is_problem(snapshot, TemplateIx::at(*i));
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

/// Selects the deviations to describe: the strongest one for each service, template and direction.
fn distinct<'f>(series: &Series, raw: &'f RawWindow) -> Vec<&'f Deviation> {
    let mut seen = FxHashSet::default();
    let mut out: Vec<&Deviation> = Vec::new();
    for d in &raw.found {
        let is_total = matches!(series.kind_of(d), Some(FeatureKind::All)) && d.observed > 0.5;
        if !is_total && seen.insert((d.source, series.template_of(d), d.up)) {
            out.push(d);
        }
    }
    out.truncate(MAX_REASONS);
    out
}

/// Returns true if the window is at the start of the corpus, when most services start to log.
fn is_start_up(series: &Series, raw: &RawWindow) -> bool {
    let near = (series.input.bins / 20).max(1) as usize;
    let covered = series.input.sources.iter().filter(|s| s.to > s.from);
    let firsts: Vec<usize> = covered.map(|s| s.from as usize).collect();
    let is_starting = |f: &&usize| raw.from <= **f + near && **f <= raw.to;
    raw.from <= near && firsts.iter().filter(is_starting).count() * 2 > firsts.len()
}

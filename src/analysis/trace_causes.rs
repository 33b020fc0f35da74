//! Finds causes in traces: reports the services whose spans and log statements changed. The ranking
//! is in `diagnose`.

use super::analysis::Analysis;
use super::diagnosis::{FULL_EVIDENCE, MAX_CAUSES, PRIOR, Reference};
use super::health::trace_penalties;
use super::reasons::clock;
use super::spans::Traced;
use crate::corpus::Snapshot;
use crate::diagnose::{self, Cause};
use crate::model::{Diagnosis, Edge, EdgeSource, EventId, RootCause};
use std::collections::BTreeMap;

/// Minimum score of a reported cause.
const MIN_SCORE: f64 = 0.01;
/// A change or a slowdown is described only if its score is above this value. An unusual statement
/// is described only if its weight is above twice this value.
const MENTIONED: f64 = 0.05;
/// Maximum number of lines to show for a service that has no other lines of evidence.
const MAX_LINES: usize = 3;

impl Analysis {
    pub fn causes_from_traces(
        &self,
        snapshot: &Snapshot,
        t: &Traced,
        reference: Option<&Reference>,
        out: &mut Diagnosis,
    ) {
        let traces = &t.traces;
        let name = |s: u32| traces.services[s as usize].clone();
        let mut causes = diagnose::rank(traces);
        if let Some(reference) = reference {
            diagnose::with_reference(traces, &t.statements, &mut causes, reference);
        }
        for (from, to, calls) in traces.edges() {
            let (from, to, source) = (name(from), name(to), EdgeSource::Traces);
            out.edges.push(Edge {
                from,
                to,
                calls,
                source,
            });
        }
        let mut unhealthy: BTreeMap<String, f64> =
            traces.services.iter().map(|s| (s.clone(), PRIOR)).collect();
        for cause in &causes {
            unhealthy.insert(name(cause.service), PRIOR + FULL_EVIDENCE * cause.score);
        }
        let mut penalties = trace_penalties(t, &self.corpus.options.health);
        self.add_rollouts(snapshot, out, &mut penalties);
        self.infer(&unhealthy, &penalties, out);
        if out.end == 0 {
            out.start = traces.spans.iter().map(|s| s.start).min().unwrap_or(0);
            out.end = traces.spans.iter().map(|s| s.end).max().unwrap_or(0);
        }
        for cause in causes
            .iter()
            .filter(|c| c.score >= MIN_SCORE)
            .take(MAX_CAUSES)
        {
            let (summary, events) = describe(t, cause);
            let evidence = events
                .iter()
                .filter_map(|id| self.evidence_of(snapshot, *id))
                .collect();
            out.causes.push(RootCause {
                service: name(cause.service),
                score: cause.score,
                summary,
                evidence,
            });
        }
    }
}

/// Describes the evidence against a service, and returns the events that show it.
fn describe(t: &Traced, c: &Cause) -> (String, Vec<EventId>) {
    let mut parts = Vec::new();
    let mut events = Vec::new();
    if let Some(x) = c.changed.as_ref().filter(|x| x.score > MENTIONED) {
        let statement = |k: u32| {
            t.statements
                .get(k as usize)
                .map_or("a statement", String::as_str)
        };
        let what = x
            .key
            .map_or_else(|| "a call".to_string(), |k| format!("\"{}\"", statement(k)));
        let how = if x.appeared { "appears" } else { "stops" };
        let operation = t
            .traces
            .names
            .get(x.operation as usize)
            .map_or("", String::as_str);
        let (at, traces) = (clock(x.at), x.traces);
        parts.push(format!(
            "{what} {how} in {operation} from {at} ({traces} traces)"
        ));
        events.extend(&x.events);
    }
    if c.slow.score > MENTIONED {
        let which = if c.slow.as_callee {
            "calls to it"
        } else {
            "its own work and its calls"
        };
        let since = c.slow.at.map_or_else(
            || "in all traces".into(),
            |at| format!("from {}", clock(at)),
        );
        let (before, after, series) = (c.slow.before, c.slow.after, c.slow.series);
        parts.push(format!(
            "{which} are slow {since}: {after:.0} ms, was {before:.0} ms ({series} operations)"
        ));
    }
    if c.errors > 0.0 {
        parts.push(format!(
            "{:.0}% of its calls log an error",
            c.errors * 100.0
        ));
        events.extend(&c.error_events);
    }
    if let Some(u) = c.unusual.as_ref().filter(|u| u.weight > 2.0 * MENTIONED) {
        let (rate, usual) = (u.rate * 100.0, u.usual * 100.0);
        let statement = &u.statement;
        parts.push(format!(
            "\"{statement}\" in {rate:.0}% of its calls; normal: {usual:.0}%"
        ));
    }
    if events.is_empty() {
        events = lines_since(t, c);
    }
    (parts.join("; "), events)
}

/// Returns the first lines of a service after it became slow.
fn lines_since(t: &Traced, c: &Cause) -> Vec<EventId> {
    let started = |entry: usize| t.traces.spans[entry].start;
    let is_later = |entry: usize| c.slow.at.is_none_or(|at| started(entry) >= at);
    let own = t
        .traces
        .invocations
        .iter()
        .filter(|v| v.service == c.service && is_later(v.entry));
    let lines = own.flat_map(|v| v.spans.iter().flat_map(|s| &t.traces.logs[*s]));
    lines.map(|l| l.event).take(MAX_LINES).collect()
}

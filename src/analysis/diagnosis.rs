//! Combines findings, traces and the service map into a diagnosis: which service failed first, with
//! lines as evidence. The inference is in `diagnose`.

use super::analysis::Analysis;
use super::reasons::clock;
use crate::corpus::Snapshot;
use crate::diagnose;
use crate::model::{
    Diagnosis, EventId, Evidence, Findings, Moment, Penalty, Place, ServiceHealth, Severity, Window,
};
use crate::text::civil::human_duration;
use std::collections::BTreeMap;

/// Minimum number of invocations for a ranking from traces.
const MIN_INVOCATIONS: usize = 20;
/// The result is inconclusive if the scores of the first two causes differ by less than this share.
const INCONCLUSIVE: f64 = 0.08;
/// Prior probability that a service is at fault.
pub const PRIOR: f64 = 0.03;
/// How much full evidence adds to the prior probability.
pub const FULL_EVIDENCE: f64 = 0.95;
/// Maximum number of causes to report.
pub const MAX_CAUSES: usize = 10;

/// Rates of log statements in other captures of the same system, for comparison.
pub type Reference = Vec<diagnose::Rates>;

/// The anomalies that are diagnosed.
pub struct Suspect<'f> {
    pub windows: Vec<&'f Window>,
    pub times: Vec<(Moment, Moment)>,
}

impl Suspect<'_> {
    /// Selects the windows of medium severity or worse, or all windows if there are none.
    fn of(findings: &Findings) -> Suspect<'_> {
        let is_worse = |w: &&Window| w.severity >= Severity::Medium;
        let worse: Vec<&Window> = findings.windows.iter().filter(is_worse).collect();
        let windows = if worse.is_empty() {
            findings.windows.iter().collect()
        } else {
            worse
        };
        let times = windows.iter().map(|w| (w.start, w.end)).collect();
        Suspect { windows, times }
    }
}

impl Analysis {
    /// Diagnoses a snapshot without the cache. `Analysis::diagnosis` caches the diagnosis for the
    /// current findings. `reference` contains rates that are usual in other captures. `only`
    /// selects the inputs whose traces are used.
    pub fn diagnose(
        &self,
        snapshot: &Snapshot,
        findings: &Findings,
        reference: Option<&Reference>,
        only: &dyn Fn(&str) -> bool,
    ) -> Diagnosis {
        let started = std::time::Instant::now();
        let mut out = Diagnosis::default();
        let suspect = Suspect::of(findings);
        if let Some(w) = suspect.windows.first() {
            (out.start, out.end, out.severity) = (w.start, w.end, w.severity);
        }
        let traced = self.traced(snapshot, only);
        match traced.filter(|t| t.traces.invocations.len() >= MIN_INVOCATIONS) {
            Some(t) => {
                self.causes_from_traces(snapshot, &t, reference, &mut out);
                if t.broken > 0 {
                    out.notes
                        .push(format!("{} broken trace records were skipped", t.broken));
                }
            }
            None => self.causes_from_logs(snapshot, &suspect, &mut out),
        }
        self.add_chain(snapshot, &suspect, &mut out);
        self.classify_incident(snapshot, &suspect, &mut out);
        out.verdict = verdict(&out, findings);
        out.elapsed_ms = started.elapsed().as_millis() as u64;
        tracing::debug!(
            causes = out.causes.len(),
            elapsed_ms = out.elapsed_ms,
            "diagnosis"
        );
        out
    }

    /// Returns the rates of log statements in this capture, as a reference for other captures.
    /// Returns `None` if there are no traces.
    pub fn rates(&self, snapshot: &Snapshot) -> Option<diagnose::Rates> {
        let t = self.traced(snapshot, &|_| true)?;
        Some(diagnose::reference_rates(&t.traces, &t.statements))
    }

    /// Returns an event as evidence: its place and the first line of its message.
    pub fn evidence_of(&self, snapshot: &Snapshot, id: EventId) -> Option<Evidence> {
        self.evidence_at(snapshot, id, &snapshot.place(id)?)
    }

    /// Returns one line of an event as evidence.
    pub fn evidence_at(&self, snapshot: &Snapshot, id: EventId, place: &Place) -> Option<Evidence> {
        let event = self.corpus.event(snapshot, id)?;
        let line = place.line.saturating_sub(snapshot.place(id)?.line) as usize;
        let text = event.message.lines().nth(line).unwrap_or_default();
        Some(Evidence {
            place: place.clone(),
            text: text.to_string(),
            event: id,
        })
    }

    /// Computes the probability that each service is at fault, with a Bayesian network over the
    /// edges of `out`. Adds the results to `out`.
    pub fn infer(
        &self,
        unhealthy: &BTreeMap<String, f64>,
        penalties: &BTreeMap<String, Vec<Penalty>>,
        out: &mut Diagnosis,
    ) {
        let names: Vec<&String> = unhealthy.keys().collect();
        let at = |name: &String| names.binary_search(&name).ok();
        let mut totals: BTreeMap<&str, u64> = BTreeMap::new();
        out.edges
            .iter()
            .for_each(|e| *totals.entry(&e.from).or_default() += e.calls);
        let edges: Vec<(usize, usize, f64)> = out
            .edges
            .iter()
            .filter_map(|e| {
                let share = e.calls as f64 / totals[e.from.as_str()].max(1) as f64;
                Some((at(&e.from)?, at(&e.to)?, 0.6 + 0.35 * share))
            })
            .collect();
        let unhealthy_of = unhealthy.values().copied().collect();
        let network = diagnose::Network {
            services: names.len(),
            edges,
            unhealthy: unhealthy_of,
        };
        let posterior = network.infer();
        if !posterior.cycles.is_empty() {
            let edge = |(a, b): &(usize, usize)| format!("{} -> {}", names[*a], names[*b]);
            let edges: Vec<String> = posterior.cycles.iter().take(3).map(edge).collect();
            let (count, edges) = (posterior.cycles.len(), edges.join(", "));
            out.notes.push(format!(
                "{count} circular calls are not used for the fault probabilities ({edges})"
            ));
        }
        if posterior.dropped > 0 {
            out.notes.push(format!(
                "there are too many calls to compute exact fault probabilities: the {} weakest are not used",
                posterior.dropped
            ));
        }
        for (i, name) in names.iter().enumerate() {
            let penalties = penalties.get(*name).cloned().unwrap_or_default();
            let points: f64 = penalties.iter().map(|p| p.points).sum();
            let health = match penalties.is_empty() {
                true => 1.0 - (unhealthy[*name] - PRIOR),
                false => 1.0 - points,
            };
            out.services.push(ServiceHealth {
                name: (*name).clone(),
                p_down: posterior.down[i],
                health: health.clamp(0.0, 1.0),
                penalties,
            });
        }
    }
}

fn verdict(d: &Diagnosis, findings: &Findings) -> String {
    let Some(first) = d.causes.first() else {
        return format!(
            "No cause found: no service differs from the others in {} events",
            findings.events
        );
    };
    let is_close = |s: &&crate::model::RootCause| {
        s.score > 0.0 && first.score - s.score < INCONCLUSIVE * first.score
    };
    let since = match d.start > 0 {
        true => format!(
            ", {}..{} ({})",
            clock(d.start),
            clock(d.end),
            human_duration(d.end - d.start)
        ),
        false => String::new(),
    };
    match d.causes.get(1).filter(is_close) {
        Some(s) => format!(
            "inconclusive between {} and {}{since}",
            first.service, s.service
        ),
        None if first.summary.is_empty() => format!("{} failed first{since}", first.service),
        None => format!("{} failed first: {}{since}", first.service, first.summary),
    }
}

//! Finds causes in logs: combines the anomalies of a service with what its callers report about it.
//! The inference is in `diagnose`.

use super::analysis::Analysis;
use super::diagnosis::{FULL_EVIDENCE, MAX_CAUSES, PRIOR, Suspect};
use super::health::log_penalties;
use super::service_map::ServiceMap;
use crate::corpus::Snapshot;
use crate::model::{Diagnosis, Evidence, Reason, ReasonKind, RootCause, Window};
use std::collections::BTreeMap;

/// Maximum number of lines of evidence for a cause.
const MAX_LINES: usize = 3;
/// Maximum number of reasons in the summary of a cause.
const MAX_REASONS: usize = 2;

impl Analysis {
    pub fn causes_from_logs(
        &self,
        snapshot: &Snapshot,
        suspect: &Suspect<'_>,
        out: &mut Diagnosis,
    ) {
        let skip = self.trace_sources(snapshot);
        let names = self.service_names(snapshot, &skip);
        let map = self.service_map(snapshot, &names, &suspect.times, &skip);
        let own = own_evidence(&suspect.windows);
        let implicated = implicated(&map);
        let mut unhealthy: BTreeMap<String, f64> = BTreeMap::new();
        for service in names.iter().chain(implicated.keys()) {
            let (anomalous, silent) = own.get(service).copied().unwrap_or_default();
            let reported = implicated.get(service).copied().unwrap_or(0.0);
            // Silence is a problem only if other services report the service. Otherwise the service
            // may just be idle.
            let silent = if reported > 0.0 { silent } else { 0.0 };
            let p = 1.0 - (1.0 - anomalous) * (1.0 - reported) * (1.0 - silent);
            unhealthy.insert(service.clone(), (PRIOR + FULL_EVIDENCE * p).min(0.98));
        }
        out.edges.clone_from(&map.edges);
        let mut penalties = log_penalties(&map, &self.corpus.options.health);
        self.add_rollouts(snapshot, out, &mut penalties);
        self.infer(&unhealthy, &penalties, out);
        let mut ranked: Vec<(f64, String)> = out
            .services
            .iter()
            .map(|s| (s.p_down, s.name.clone()))
            .collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        let likely = ranked
            .into_iter()
            .filter(|(p, _)| *p > PRIOR)
            .take(MAX_CAUSES);
        out.causes
            .extend(likely.map(|(p, service)| self.cause(snapshot, suspect, &map, p, service)));
    }

    fn cause(
        &self,
        snapshot: &Snapshot,
        suspect: &Suspect<'_>,
        map: &ServiceMap,
        score: f64,
        service: String,
    ) -> RootCause {
        let all = suspect.windows.iter().flat_map(|w| &w.reasons);
        let reasons: Vec<&Reason> = all.filter(|r| r.service == service).collect();
        let mut summary: Vec<String> = reasons
            .iter()
            .take(MAX_REASONS)
            .map(|r| r.text.clone())
            .collect();
        let mut accusers: Vec<&str> = map
            .accusations
            .iter()
            .filter(|((_, to), (inside, outside))| *to == service && inside > outside)
            .map(|((from, _), _)| from.as_str())
            .collect();
        accusers.sort_unstable();
        if !accusers.is_empty() {
            summary.push(format!("named in errors of {}", accusers.join(", ")));
        }
        let lines = reasons.iter().flat_map(|r| r.events.iter().zip(&r.lines));
        let mut evidence: Vec<Evidence> = lines
            .take(MAX_LINES)
            .filter_map(|(id, place)| self.evidence_at(snapshot, *id, place))
            .collect();
        if evidence.is_empty() {
            evidence = self.lines_that_name(snapshot, &suspect.windows, &service);
        }
        RootCause {
            service,
            score,
            summary: summary.join("; "),
            evidence,
        }
    }

    /// Returns lines of evidence that contain the name of the service. The lines can be from any
    /// service.
    fn lines_that_name(
        &self,
        snapshot: &Snapshot,
        windows: &[&Window],
        service: &str,
    ) -> Vec<Evidence> {
        let all = windows
            .iter()
            .flat_map(|w| &w.reasons)
            .flat_map(|r| r.events.iter().copied());
        let lines = all.filter_map(|id| self.evidence_of(snapshot, id));
        lines
            .filter(|e| e.text.contains(service))
            .take(MAX_LINES)
            .collect()
    }
}

/// Returns two values from 0 to 1 for each service: how anomalous its lines are, and how much its
/// logging decreased.
fn own_evidence(windows: &[&Window]) -> BTreeMap<String, (f64, f64)> {
    let mut out: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    for r in windows.iter().flat_map(|w| &w.reasons) {
        let e = out.entry(r.service.clone()).or_default();
        let join = |p: f64, x: f64| 1.0 - (1.0 - p) * (1.0 - x);
        match r.kind {
            ReasonKind::NewTemplate
            | ReasonKind::Incident
            | ReasonKind::LevelShift
            | ReasonKind::ValueShift => e.0 = join(e.0, 0.6 * r.score),
            ReasonKind::RateSpike => e.0 = join(e.0, 0.2 * r.score),
            ReasonKind::Silence | ReasonKind::RateDrop => e.1 = join(e.1, 0.6 * r.score),
            _ => {}
        }
    }
    out
}

/// Returns how strongly the callers of each service report problems with it, from 0 to 1.
fn implicated(map: &ServiceMap) -> BTreeMap<String, f64> {
    let mut out: BTreeMap<String, f64> = BTreeMap::new();
    let mut blame = |to: &str, x: f64| {
        let e = out.entry(to.to_string()).or_default();
        *e = 1.0 - (1.0 - *e) * (1.0 - x);
    };
    for ((_, to), (inside, outside)) in &map.calls {
        let worse = inside.failing() - outside.failing();
        if inside.n >= 3 && worse > 0.02 {
            blame(to, (2.0 * worse + 0.3).min(0.9));
        }
        let (before, now) = (outside.quantile(0.5), inside.quantile(0.5));
        if inside.n >= 10 && outside.n >= 10 && now > 1.5 * before + 5.0 {
            blame(to, 0.6);
        }
    }
    for ((_, to), (inside, outside)) in &map.accusations {
        if *inside >= 3 && *inside > 3 * outside {
            blame(to, 0.9);
        }
    }
    out
}

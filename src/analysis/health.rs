//! The health of a service, scored as in MAIA. Each violated rule and each recent deployment is a
//! penalty. Uses the thresholds from the settings. Computes no probabilities.

use super::analysis::Analysis;
use super::service_map::{Calls, ServiceMap};
use super::spans::Traced;
use crate::config::settings::Health;
use crate::corpus::Snapshot;
use crate::model::{Diagnosis, HealthRule, Penalty};
use crate::text::civil::MINUTE;
use std::collections::BTreeMap;

/// The violated rules of each service.
pub type Penalties = BTreeMap<String, Vec<Penalty>>;

/// Health points that are subtracted for each violated rule.
const POINTS: f64 = 0.25;

/// Computes penalties from the requests that each service served in the suspect time. If there are
/// none, uses the requests outside of the suspect time.
pub fn log_penalties(map: &ServiceMap, health: &Health) -> Penalties {
    let mut out = BTreeMap::new();
    for (service, (inside, outside)) in &map.served {
        let calls = if inside.n > 0 { inside } else { outside };
        out.insert(service.clone(), penalties(calls, health));
    }
    out
}

/// Computes penalties from the invocations of each service in the traces.
pub fn trace_penalties(t: &Traced, health: &Health) -> Penalties {
    let mut calls: BTreeMap<String, Calls> = BTreeMap::new();
    for v in &t.traces.invocations {
        let entry = &t.traces.spans[v.entry];
        let c = calls
            .entry(t.traces.services[v.service as usize].clone())
            .or_default();
        c.n += 1;
        let failed = v.spans.iter().any(|s| t.traces.spans[*s].failed);
        c.good += u64::from(!failed);
        c.failed += u64::from(failed);
        c.ms.push((entry.end - entry.start) as f32 / 1e6);
    }
    calls
        .into_iter()
        .map(|(s, c)| (s, penalties(&c, health)))
        .collect()
}

fn penalties(c: &Calls, h: &Health) -> Vec<Penalty> {
    let failures = match h.failed {
        0 => "answers with 5xx".to_string(),
        n => format!("over {n} answers with 5xx"),
    };
    let rules = [
        (
            HealthRule::SlowRequest,
            format!("a request took over {} ms", h.slow_ms),
            c.ms.iter().any(|ms| f64::from(*ms) > h.slow_ms),
        ),
        (
            HealthRule::FewSuccesses,
            format!("2xx under {:.0}%", h.good_share * 100.0),
            c.n > 0 && (c.good as f64) < h.good_share * c.n as f64,
        ),
        (
            HealthRule::SlowTail,
            format!("p99 over {} ms", h.p99_ms),
            c.quantile(0.99) > h.p99_ms,
        ),
        (HealthRule::ServerErrors, failures, c.failed > h.failed),
    ];
    let violated = rules.into_iter().filter(|r| r.2);
    violated
        .map(|(rule, text, _)| Penalty {
            rule,
            text,
            points: POINTS,
        })
        .collect()
}

impl Analysis {
    /// Adds a penalty for each service that was deployed during the suspect time or shortly before
    /// it. The deployment times come from the Kubernetes objects in the bundle.
    pub fn add_rollouts(&self, snapshot: &Snapshot, d: &Diagnosis, penalties: &mut Penalties) {
        let end = || snapshot.span().map(|s| s.1);
        let Some(at) = Some(d.start).filter(|s| *s != 0).or_else(end) else {
            return;
        };
        let recent = self.corpus.options.health.deployed_min as i64 * MINUTE;
        for (service, created) in self.rollouts(snapshot) {
            // A deployment during the suspect time also counts, because it may have caused the
            // problem.
            let age = (at - created).max(0);
            if age < recent && (d.end == 0 || created <= d.end) {
                penalties.entry(service).or_default().push(Penalty {
                    rule: HealthRule::RecentDeployment,
                    text: match age / MINUTE {
                        0 => "deployed when the problem started or during it".into(),
                        minutes => format!("deployed {minutes} min before the problem"),
                    },
                    points: POINTS,
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thresholds_are_those_of_the_settings() {
        let calls = Calls {
            n: 10,
            good: 6,
            failed: 4,
            ms: vec![50.0, 1500.0],
        };
        let strict = penalties(&calls, &Health::default());
        assert_eq!(strict.len(), 4, "{strict:?}");
        let lax = Health {
            slow_ms: 2000.0,
            good_share: 0.5,
            p99_ms: 1600.0,
            failed: 4,
            deployed_min: 0,
        };
        assert!(penalties(&calls, &lax).is_empty());
    }
}

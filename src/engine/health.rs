//! Health of a service as MAIA scores it: rules broken by what it served, and by how young its deployment is. Knows the
//! corpus and the thresholds of the settings, nothing of probabilities.

use super::corpus::{Corpus, Snapshot};
use super::map::{Calls, Map};
use super::spans::Traced;
use crate::config::settings::Health;
use crate::model::Diagnosis;
use crate::text::civil::MINUTE;
use std::collections::BTreeMap;

/// By service: the rules it breaks, and what each takes from its health.
pub type Penalties = BTreeMap<String, BTreeMap<String, f64>>;

/// What one broken rule takes.
const EACH: f64 = 0.25;

/// From what a service served in the suspect time (or all of it where nothing is suspect).
pub fn log_penalties(map: &Map, health: &Health) -> Penalties {
    let mut out = BTreeMap::new();
    for (service, (inside, outside)) in &map.served {
        let calls = if inside.n > 0 { inside } else { outside };
        out.insert(service.clone(), penalties(calls, health));
    }
    out
}

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

fn penalties(c: &Calls, h: &Health) -> BTreeMap<String, f64> {
    let broken = [
        (
            format!("an answer took over {} ms", h.slow_ms),
            c.ms.iter().any(|ms| f64::from(*ms) > h.slow_ms),
        ),
        (
            format!("2xx under {:.0}%", h.good_share * 100.0),
            c.n > 0 && (c.good as f64) < h.good_share * c.n as f64,
        ),
        (
            format!("p99 over {} ms", h.p99_ms),
            c.quantile(0.99) > h.p99_ms,
        ),
        (
            if h.failed == 0 {
                "answers with 5xx".into()
            } else {
                format!("over {} answers with 5xx", h.failed)
            },
            c.failed > h.failed,
        ),
    ];
    broken
        .into_iter()
        .filter(|b| b.1)
        .map(|b| (b.0, EACH))
        .collect()
}

impl Corpus {
    /// Adds the services that were deployed shortly before the suspect time, as the objects of the bundle tell.
    pub fn add_rollouts(&self, snapshot: &Snapshot, d: &Diagnosis, penalties: &mut Penalties) {
        let Some(at) = Some(d.start)
            .filter(|s| *s != 0)
            .or_else(|| snapshot.span().map(|s| s.1))
        else {
            return;
        };
        let young = self.options.health.deployed_min as i64 * MINUTE;
        for (service, created) in self.rollouts(snapshot) {
            // The rollout itself may be what began the trouble: what was created within the time counts too.
            let age = (at - created).max(0);
            if age < young && (d.end == 0 || created <= d.end) {
                penalties
                    .entry(service)
                    .or_default()
                    .insert(format!("deployed {} min before", age / MINUTE), EACH);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_those_of_the_settings() {
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

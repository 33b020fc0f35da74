//! Ranks services as root causes from traces: changed structure, added latency, constant errors,
//! and log statements whose rates differ from other captures of the same system. The weights come
//! from experiments with real faults of one system and do not depend on service names. Does not
//! access files.

use super::latency::{self, Slow};
use super::structure::{self, Changed};
use super::traces::Traces;
use crate::model::EventId;
use rustc_hash::FxHashMap;

/// The evidence that a service is a root cause.
#[derive(Clone, Debug, Default)]
pub struct Cause {
    /// Index into [`Traces::services`].
    pub service: u32,
    /// 0..1: the scores of all evidence, combined by noisy-OR.
    pub score: f64,
    pub changed: Option<Changed>,
    pub slow: Slow,
    /// Share of its spans that log an error, 0..1.
    pub errors: f64,
    /// Up to three events that show these errors.
    pub error_events: Vec<EventId>,
    /// A log statement that is much more or less frequent than in other captures.
    pub unusual: Option<Feature>,
}

/// A log statement whose rate differs from other captures.
#[derive(Clone, Debug, Default)]
pub struct Feature {
    pub statement: String,
    /// Share of invocations that write it in this capture, 0..1.
    pub rate: f64,
    /// Median of that share over the other captures, 0..1.
    pub usual: f64,
    /// How far `rate` is outside the usual range, 0..1.
    pub weight: f64,
}

/// All services with a score above 0, highest score first.
pub fn rank(t: &Traces) -> Vec<Cause> {
    let mut changed = structure::changes(t);
    let slow = latency::explain(&latency::series(t), t.services.len() as u32);
    let errors = constant_errors(t);
    let mut out: Vec<Cause> = (0..t.services.len() as u32)
        .map(|service| {
            let changed = changed.remove(&service);
            let slow = slow[service as usize].clone();
            let (error_score, share, error_events) =
                errors.get(&service).cloned().unwrap_or_default();
            let structure = changed.as_ref().map_or(0.0, |c| c.score);
            let score = 1.0
                - (1.0 - structure.min(0.99)) * (1.0 - slow.score.min(0.99)) * (1.0 - error_score);
            Cause {
                service,
                score,
                changed,
                slow,
                errors: share,
                error_events,
                unusual: None,
            }
        })
        .filter(|c| c.score > 0.0)
        .collect();
    sort(&mut out, t);
    out
}

fn sort(causes: &mut [Cause], t: &Traces) {
    causes.sort_by(|a, b| {
        b.score
            .total_cmp(&a.score)
            .then_with(|| t.services[a.service as usize].cmp(&t.services[b.service as usize]))
    });
}

/// Service, calling service, entry operation, span name.
type Group = (u32, Option<u32>, u32, u32);

/// Per service: a score, the share of spans with an error, and up to three error events.
/// The score stays low because constant errors may be normal for the system.
fn constant_errors(t: &Traces) -> FxHashMap<u32, (f64, f64, Vec<EventId>)> {
    let mut groups: FxHashMap<Group, (f64, f64, Vec<EventId>)> = FxHashMap::default();
    let mut named: FxHashMap<u32, (f64, f64)> = FxHashMap::default();
    for (i, s) in t.spans.iter().enumerate() {
        let v = &t.invocations[t.invocation_of[i]];
        if v.entry == i {
            let n = named.entry(v.service).or_default();
            n.0 += f64::from(u8::from(v.names_other));
            n.1 += 1.0;
        }
        if v.excused {
            continue;
        }
        let calls = v.spans.iter().any(|s| {
            t.children[*s]
                .iter()
                .any(|c| t.spans[*c].service != v.service)
        });
        let group = groups
            .entry((s.service, v.caller, t.spans[v.entry].name, s.name))
            .or_default();
        group.1 += 1.0;
        if t.logs[i].iter().any(|l| l.error) {
            group.0 += if calls { 0.5 } else { 1.0 };
            group
                .2
                .extend(t.logs[i].iter().filter(|l| l.error).map(|l| l.event));
        }
    }
    let mut out: FxHashMap<u32, (f64, f64, Vec<EventId>)> = FxHashMap::default();
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_unstable_by_key(|g| g.0);
    for ((service, ..), (errors, n, mut events)) in groups {
        let (r, err) = (errors / n, 0.2 * errors / n * n / (n + 5.0));
        let best = out.entry(service).or_default();
        if err > best.0 {
            events.sort_unstable();
            events.truncate(3);
            *best = (err, r, events);
        }
    }
    for (service, (named, n)) in named {
        let best = out.entry(service).or_default();
        best.0 = best.0.max(0.05 * named / (n + 5.0));
    }
    out
}

/// By (service, operation, statement): the share of invocations that write the statement, and the
/// number of invocations.
pub type Rates = FxHashMap<(String, String, String), (f64, f64)>;

/// Rates of all log statements in a capture. `keys` are the names of the statements.
pub fn reference_rates(t: &Traces, keys: &[String]) -> Rates {
    let mut calls: FxHashMap<(u32, u32), f64> = FxHashMap::default();
    let mut with: FxHashMap<(u32, u32, u32), f64> = FxHashMap::default();
    for v in t.invocations.iter().filter(|v| !v.excused) {
        let operation = t.spans[v.entry].name;
        *calls.entry((v.service, operation)).or_default() += 1.0;
        let mut own: Vec<u32> = v
            .spans
            .iter()
            .flat_map(|s| t.logs[*s].iter().map(|l| l.key))
            .collect();
        own.sort_unstable();
        own.dedup();
        own.into_iter()
            .for_each(|k| *with.entry((v.service, operation, k)).or_default() += 1.0);
    }
    let name = |s: u32, o: u32, k: &str| {
        (
            t.services[s as usize].clone(),
            t.names[o as usize].clone(),
            k.to_string(),
        )
    };
    let mut out: FxHashMap<_, _> = with
        .into_iter()
        .map(|((s, o, k), n)| {
            (
                name(s, o, &keys[k as usize]),
                (n / calls[&(s, o)], calls[&(s, o)]),
            )
        })
        .collect();
    // An empty statement records that the operation was called at all.
    out.extend(
        calls
            .into_iter()
            .map(|((s, o), n)| (name(s, o, ""), (1.0, n))),
    );
    out
}

/// Raises the score of services whose statement rates differ from those in `others`, captures of
/// the same system. A statement is compared only if at least five of the others call its operation.
pub fn with_reference(t: &Traces, keys: &[String], causes: &mut Vec<Cause>, others: &[Rates]) {
    let here = reference_rates(t, keys);
    let mut all: Vec<(String, String, String)> = here
        .keys()
        .chain(others.iter().flat_map(|o| o.keys()))
        .cloned()
        .collect();
    all.sort_unstable();
    all.dedup();
    let mut best: FxHashMap<u32, Feature> = FxHashMap::default();
    for key in all.iter().filter(|k| !k.2.is_empty()) {
        let operation = (key.0.clone(), key.1.clone(), String::new());
        let Some((_, n)) = here.get(&operation) else {
            continue;
        };
        let mut rates: Vec<f64> = others
            .iter()
            .filter(|o| o.contains_key(&operation))
            .map(|o| o.get(key).map_or(0.0, |r| r.0))
            .collect();
        if rates.len() < 5 {
            continue;
        }
        rates.sort_by(f64::total_cmp);
        let at = |q: f64| rates[((rates.len() - 1) as f64 * q).round() as usize];
        let rate = here.get(key).map_or(0.0, |r| r.0);
        let deviation = ((rate - at(0.5)).abs() - (at(0.8) - at(0.2))).max(0.0) * n / (n + 3.0);
        let Some(service) = t.services.iter().position(|s| *s == key.0) else {
            continue;
        };
        let entry = best.entry(service as u32).or_default();
        if deviation > entry.weight {
            *entry = Feature {
                statement: key.2.clone(),
                rate,
                usual: at(0.5),
                weight: deviation,
            };
        }
    }
    for (service, feature) in best {
        if !causes.iter().any(|c| c.service == service) {
            causes.push(Cause {
                service,
                ..Cause::default()
            });
        }
        if let Some(c) = causes.iter_mut().find(|c| c.service == service) {
            c.score = 1.0 - (1.0 - c.score) * (1.0 - 0.6 * feature.weight.min(1.0));
            c.unusual = Some(feature);
        }
    }
    sort(causes, t);
}

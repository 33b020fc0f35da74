//! The policy over actions. `pi` is a softmax over weights of what is known of a situation; the weights were learnt by an
//! actor-critic in a simulator of outages and stand in policy.toml with where they come from. Each (class, action) carries
//! Beta(alpha, beta) of how often it helped here, and `pi' ~ pi E[Beta]`, mixed back towards `pi` until KL(pi' || pi) is
//! within a bound, so that one lucky outcome does not take over. Source: LLM-ID's policy-guided recovery; the formula is ours.
//! Knows numbers and names.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// KL divergence allowed, in nats.
const BOUND: f64 = 0.5;
/// Before anything is known: Beta(1/2, 1/2), by which three failures in a row weigh against any policy.
const BEFORE: f64 = 0.5;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Recovered,
    NoEffect,
    Worse,
}

/// Weights by verb and by what is known of a situation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// Where the weights come from.
    pub provenance: BTreeMap<String, String>,
    pub weights: BTreeMap<String, BTreeMap<String, f64>>,
}

impl Policy {
    /// The one that comes along.
    pub fn shipped() -> &'static Policy {
        static SHIPPED: OnceLock<Policy> = OnceLock::new();
        SHIPPED.get_or_init(|| toml::from_str(include_str!("policy.toml")).unwrap_or_default())
    }

    /// Chances of the verbs, in a situation that is told as the names of what holds in it.
    pub fn chances(&self, verbs: &[&str], situation: &[&str]) -> Vec<f64> {
        let logit = |verb: &&str| -> f64 {
            let Some(weights) = self.weights.get(*verb) else {
                return 0.0;
            };
            situation.iter().filter_map(|s| weights.get(*s)).sum()
        };
        normal(
            &verbs
                .iter()
                .map(|v| logit(v).clamp(-30.0, 30.0).exp())
                .collect::<Vec<_>>(),
        )
    }
}

/// Per fault class and verb: successes and failures seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Priors(pub BTreeMap<String, (f64, f64)>);

impl Priors {
    fn key(class: &str, verb: &str) -> String {
        format!("{class}/{verb}")
    }

    pub fn note(&mut self, class: &str, verb: &str, outcome: Outcome) {
        let e = self.0.entry(Priors::key(class, verb)).or_default();
        match outcome {
            Outcome::Recovered => e.0 += 1.0,
            Outcome::NoEffect => e.1 += 1.0,
            // Harm weighs twice.
            Outcome::Worse => e.1 += 2.0,
        }
    }

    pub fn mean(&self, class: &str, verb: &str) -> f64 {
        let (yes, no) = self
            .0
            .get(&Priors::key(class, verb))
            .copied()
            .unwrap_or_default();
        (yes + BEFORE) / (yes + no + 2.0 * BEFORE)
    }

    /// "worked 7 of 8 times here".
    pub fn told(&self, class: &str, verb: &str) -> Option<String> {
        let (yes, no) = self.0.get(&Priors::key(class, verb)).copied()?;
        Some(format!("worked {yes:.0} of {:.0} times here", yes + no))
    }
}

/// The policy's chances, shaped by what was seen here.
pub fn shape(pi: &[f64], verbs: &[&str], class: &str, priors: &Priors) -> Vec<f64> {
    let target = normal(
        &pi.iter()
            .zip(verbs)
            .map(|(p, v)| p * priors.mean(class, v))
            .collect::<Vec<_>>(),
    );
    if divergence(&target, pi) <= BOUND {
        return target;
    }
    // The largest step towards the target that keeps within the bound.
    let (mut low, mut high) = (0.0, 1.0);
    let mix = |x: f64| -> Vec<f64> {
        pi.iter()
            .zip(&target)
            .map(|(a, b)| a * (1.0 - x) + b * x)
            .collect()
    };
    for _ in 0..40 {
        let mid = (low + high) / 2.0;
        if divergence(&mix(mid), pi) <= BOUND {
            low = mid
        } else {
            high = mid
        }
    }
    mix(low)
}

fn normal(x: &[f64]) -> Vec<f64> {
    let sum: f64 = x.iter().sum();
    x.iter()
        .map(|v| if sum > 0.0 { v / sum } else { 0.0 })
        .collect()
}

fn divergence(p: &[f64], q: &[f64]) -> f64 {
    p.iter()
        .zip(q)
        .filter(|(p, q)| **p > 0.0 && **q > 0.0)
        .map(|(p, q)| p * (p / q).ln())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_lucky_outcome_does_not_take_over() {
        let mut priors = Priors::default();
        priors.note("x", "b", Outcome::Recovered);
        let p = shape(&[0.65, 0.35], &["a", "b"], "x", &priors);
        assert!(p[0] > p[1] && p[1] > 0.35, "{p:?}");
    }

    #[test]
    fn three_failures_demote() {
        let mut priors = Priors::default();
        (0..3).for_each(|_| priors.note("x", "a", Outcome::NoEffect));
        let p = shape(&[0.7, 0.3], &["a", "b"], "x", &priors);
        assert!(p[1] > p[0], "{p:?}");
        assert_eq!(
            priors.told("x", "a").as_deref(),
            Some("worked 0 of 3 times here")
        );
    }

    #[test]
    fn the_policy_moves_no_further_than_its_bound() {
        let mut priors = Priors::default();
        (0..1000).for_each(|_| priors.note("x", "a", Outcome::Worse));
        let (pi, verbs) = ([0.97, 0.03], ["a", "b"]);
        let p = shape(&pi, &verbs, "x", &priors);
        assert!(p[0] > 0.0 && (p[0] + p[1] - 1.0).abs() < 1e-9);
        assert!(divergence(&p, &pi) <= BOUND + 1e-6);
    }
}

//! The policy that orders remediation actions, adjusted by the outcomes of earlier actions.
//! The weights in policy.toml were learned by actor-critic in an outage simulator.
//! Knows numbers and names only.

use crate::config::built_in;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// Maximum KL divergence from the policy, in nats.
const BOUND: f64 = 0.5;
/// Both parameters of the prior, Beta(1/2, 1/2): weak enough that three failures in a row count
/// against any policy.
const PRIOR: f64 = 0.5;

/// The outcome of an applied action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Recovered,
    NoEffect,
    Worse,
}

/// What is known about a situation, besides its fault class. The names are keys of the policy's weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// Holds in every situation: its weight is a verb's bias.
    Always,
    /// No service is suspected.
    NoCause,
    /// The suspected service is red.
    Down,
    /// The suspected service is yellow.
    Degraded,
    /// The suspected service is green.
    Healthy,
    /// The suspected service was deployed shortly before.
    RecentRelease,
    /// Two services are about equally suspect.
    UncertainCause,
    /// The problem ended before the end of the logs.
    Ended,
}

impl Feature {
    pub const ALL: [Feature; 8] = [
        Feature::Always,
        Feature::NoCause,
        Feature::Down,
        Feature::Degraded,
        Feature::Healthy,
        Feature::RecentRelease,
        Feature::UncertainCause,
        Feature::Ended,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Feature::Always => "always",
            Feature::NoCause => "no cause",
            Feature::Down => "down",
            Feature::Degraded => "degraded",
            Feature::Healthy => "healthy",
            Feature::RecentRelease => "recent release",
            Feature::UncertainCause => "uncertain cause",
            Feature::Ended => "ended",
        }
    }
}

/// The weights of the policy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// How the weights were learned.
    pub provenance: BTreeMap<String, String>,
    /// By verb, then by feature of the situation.
    pub weights: BTreeMap<String, BTreeMap<String, f64>>,
}

impl Policy {
    /// The built-in policy.
    pub fn shipped() -> &'static Policy {
        static SHIPPED: OnceLock<Policy> = OnceLock::new();
        SHIPPED.get_or_init(|| built_in::toml("policy.toml", include_str!("policy.toml")))
    }

    /// The probability of each verb in a situation, given as the names of its features: a softmax
    /// over the sums of weights.
    pub fn probabilities(&self, verbs: &[&str], situation: &[&str]) -> Vec<f64> {
        let logit = |verb: &&str| -> f64 {
            let Some(weights) = self.weights.get(*verb) else {
                return 0.0;
            };
            situation.iter().filter_map(|s| weights.get(*s)).sum()
        };
        normalized(
            &verbs
                .iter()
                .map(|v| logit(v).clamp(-30.0, 30.0).exp())
                .collect::<Vec<_>>(),
        )
    }
}

/// Successes and failures, by `class/verb`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Priors(pub BTreeMap<String, (f64, f64)>);

impl Priors {
    fn key(class: &str, verb: &str) -> String {
        format!("{class}/{verb}")
    }

    /// Counts an outcome.
    pub fn record(&mut self, class: &str, verb: &str, outcome: Outcome) {
        let e = self.0.entry(Priors::key(class, verb)).or_default();
        match outcome {
            Outcome::Recovered => e.0 += 1.0,
            Outcome::NoEffect => e.1 += 1.0,
            // Harm counts twice.
            Outcome::Worse => e.1 += 2.0,
        }
    }

    /// Expected success rate, 0..1: the mean of the Beta posterior.
    pub fn mean(&self, class: &str, verb: &str) -> f64 {
        let (yes, no) = self
            .0
            .get(&Priors::key(class, verb))
            .copied()
            .unwrap_or_default();
        (yes + PRIOR) / (yes + no + 2.0 * PRIOR)
    }

    /// For people: "worked 7 of 8 times here". `None`: never tried.
    pub fn track_record(&self, class: &str, verb: &str) -> Option<String> {
        let (yes, no) = self.0.get(&Priors::key(class, verb)).copied()?;
        Some(format!("worked {yes:.0} of {:.0} times here", yes + no))
    }
}

/// Adjusts the policy's probabilities `pi` by the outcomes seen here.
///
/// Each verb has a Beta distribution of its successes for the class. The result is proportional to
/// `pi * E[Beta]`, mixed with `pi` until the KL divergence from `pi` is within `BOUND`, so that one
/// lucky outcome does not dominate. Based on the policy-guided recovery of LLM-ID; the formula is
/// our own.
pub fn adjust_by_outcomes(pi: &[f64], verbs: &[&str], class: &str, priors: &Priors) -> Vec<f64> {
    let target = normalized(
        &pi.iter()
            .zip(verbs)
            .map(|(p, v)| p * priors.mean(class, v))
            .collect::<Vec<_>>(),
    );
    if divergence(&target, pi) <= BOUND {
        return target;
    }
    // Find the largest step toward the target that stays within the bound.
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

/// Scales to a sum of 1.
fn normalized(x: &[f64]) -> Vec<f64> {
    let sum: f64 = x.iter().sum();
    x.iter()
        .map(|v| if sum > 0.0 { v / sum } else { 0.0 })
        .collect()
}

/// KL(p || q), in nats.
fn divergence(p: &[f64], q: &[f64]) -> f64 {
    p.iter()
        .zip(q)
        .filter(|(p, q)| **p > 0.0 && **q > 0.0)
        .map(|(p, q)| p * (p / q).ln())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::super::catalog::catalog;
    use super::*;
    use crate::model::{Category, FaultClass};

    #[test]
    fn every_weight_of_the_built_in_policy_belongs_to_a_known_verb_and_feature() {
        let categories = [Category::None, Category::Failure].map(|c| c.to_string());
        let is_known = |name: &String| {
            Feature::ALL.iter().any(|f| f.name() == name)
                || FaultClass::ALL.iter().any(|c| c.name() == name)
                || categories.contains(name)
        };
        for (verb, weights) in &Policy::shipped().weights {
            assert!(catalog().iter().any(|e| e.verb == *verb), "{verb}");
            let unknown: Vec<_> = weights.keys().filter(|n| !is_known(n)).collect();
            assert!(unknown.is_empty(), "{verb}: {unknown:?}");
        }
    }

    #[test]
    fn one_lucky_outcome_does_not_dominate() {
        let mut priors = Priors::default();
        priors.record("x", "b", Outcome::Recovered);
        let p = adjust_by_outcomes(&[0.65, 0.35], &["a", "b"], "x", &priors);
        assert!(p[0] > p[1] && p[1] > 0.35, "{p:?}");
    }

    #[test]
    fn three_failures_demote_an_action() {
        let mut priors = Priors::default();
        (0..3).for_each(|_| priors.record("x", "a", Outcome::NoEffect));
        let p = adjust_by_outcomes(&[0.7, 0.3], &["a", "b"], "x", &priors);
        assert!(p[1] > p[0], "{p:?}");
        assert_eq!(
            priors.track_record("x", "a").as_deref(),
            Some("worked 0 of 3 times here")
        );
    }

    #[test]
    fn the_adjusted_policy_stays_within_the_bound() {
        let mut priors = Priors::default();
        (0..1000).for_each(|_| priors.record("x", "a", Outcome::Worse));
        let (pi, verbs) = ([0.97, 0.03], ["a", "b"]);
        let p = adjust_by_outcomes(&pi, &verbs, "x", &priors);
        assert!(p[0] > 0.0 && (p[0] + p[1] - 1.0).abs() < 1e-9);
        assert!(divergence(&p, &pi) <= BOUND + 1e-6);
    }
}

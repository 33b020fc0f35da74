//! The policy over actions, shaped by experience. `pi` is a softmax over the catalogue's trained weights for the fault class;
//! each (class, action) carries Beta(alpha, beta) of how often it helped, and `pi' ~ pi E[Beta]`, mixed back towards `pi` until
//! KL(pi' || pi) is within a bound, so that one lucky outcome does not take over. Source: LLM-ID's policy-guided recovery;
//! the formula is ours. Knows numbers and names.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// KL divergence allowed, in nats.
const BOUND: f64 = 0.5;
/// Before anything is known: Beta(2, 2).
const BEFORE: f64 = 2.0;
const TEMPERATURE: f64 = 1.0;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Recovered,
    NoEffect,
    Worse,
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
        let (yes, no) = self.0.get(&Priors::key(class, verb)).copied().unwrap_or_default();
        (yes + BEFORE) / (yes + no + 2.0 * BEFORE)
    }

    /// "worked 7 of 8 times here".
    pub fn told(&self, class: &str, verb: &str) -> Option<String> {
        let (yes, no) = self.0.get(&Priors::key(class, verb)).copied()?;
        Some(format!("worked {yes:.0} of {:.0} times here", yes + no))
    }
}

/// Probabilities of the actions; one with weight 0 or less is not proposed.
pub fn shape(weights: &[f64], verbs: &[&str], class: &str, priors: &Priors) -> Vec<f64> {
    let exp: Vec<f64> = weights.iter().map(|w| if *w > 0.0 { (w / TEMPERATURE).exp() } else { 0.0 }).collect();
    let pi = normal(&exp);
    let target = normal(&pi.iter().zip(verbs).map(|(p, v)| p * priors.mean(class, v)).collect::<Vec<_>>());
    // The largest step towards the target that keeps within the bound.
    let (mut low, mut high) = (0.0, 1.0);
    let mix = |x: f64| -> Vec<f64> { pi.iter().zip(&target).map(|(a, b)| a * (1.0 - x) + b * x).collect() };
    if divergence(&target, &pi) <= BOUND {
        return target;
    }
    for _ in 0..40 {
        let mid = (low + high) / 2.0;
        if divergence(&mix(mid), &pi) <= BOUND { low = mid } else { high = mid }
    }
    mix(low)
}

fn normal(x: &[f64]) -> Vec<f64> {
    let sum: f64 = x.iter().sum();
    x.iter().map(|v| if sum > 0.0 { v / sum } else { 0.0 }).collect()
}

fn divergence(p: &[f64], q: &[f64]) -> f64 {
    p.iter().zip(q).filter(|(p, q)| **p > 0.0 && **q > 0.0).map(|(p, q)| p * (p / q).ln()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_lucky_outcome_does_not_take_over() {
        let mut priors = Priors::default();
        priors.note("x", "b", Outcome::Recovered);
        let p = shape(&[3.0, 1.0], &["a", "b"], "x", &priors);
        assert!(p[0] > p[1]);
    }

    #[test]
    fn three_failures_demote() {
        let mut priors = Priors::default();
        (0..3).for_each(|_| priors.note("x", "a", Outcome::NoEffect));
        let p = shape(&[2.0, 1.7], &["a", "b"], "x", &priors);
        assert!(p[1] > p[0], "{p:?}");
        assert_eq!(priors.told("x", "a").as_deref(), Some("worked 0 of 3 times here"));
    }

    #[test]
    fn the_policy_moves_no_further_than_its_bound() {
        let mut priors = Priors::default();
        (0..1000).for_each(|_| priors.note("x", "a", Outcome::Worse));
        let p = shape(&[4.0, 0.5], &["a", "b"], "x", &priors);
        assert!(p[0] > 0.0 && (p[0] + p[1] - 1.0).abs() < 1e-9);
    }
}

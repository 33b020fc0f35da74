//! The planner's policy: an actor-critic method learns it in the simulator of outages, and recorded
//! outcomes adjust it. `cargo test --test policy -- --ignored` trains it again and writes the data
//! file.

mod support;

use faultline::remediate::{Feature, Outcome, Policy, Priors, adjust_by_outcomes, catalog};
use std::collections::BTreeMap;
use support::outages::{CLASSES, Outage};
use support::rng::Rng;

const SEED: u64 = 7;
const EPISODES: usize = 400_000;
/// Weight of the entropy bonus. Without it the policy settles on one action and cannot learn
/// others.
const ENTROPY: f64 = 1.0;
const FILE: &str = "src/remediate/policy.toml";

/// Verbs with their fault classes, and whether they fit every class.
fn verbs() -> Vec<(String, Vec<String>, bool)> {
    catalog()
        .iter()
        .map(|e| {
            let classes = e.classes.iter().map(|c| c.name().to_string()).collect();
            (e.verb.clone(), classes, e.any)
        })
        .collect()
}

/// Names of all features that a situation can have.
fn features() -> Vec<&'static str> {
    use Feature::*;
    [
        Always,
        Down,
        Degraded,
        RecentRelease,
        UncertainCause,
        Ended,
        NoCause,
    ]
    .map(Feature::name)
    .into_iter()
    .chain(CLASSES.iter().map(|c| c.0))
    .collect()
}

/// A softmax policy with a linear value function, both over the features of a situation.
struct Learner {
    verbs: Vec<(String, Vec<String>, bool)>,
    features: Vec<&'static str>,
    /// Weights of the policy, by verb and feature.
    actor: Vec<Vec<f64>>,
    /// Weights of the value function, by feature.
    critic: Vec<f64>,
}

impl Learner {
    fn new() -> Learner {
        let (verbs, features) = (verbs(), features());
        Learner {
            actor: vec![vec![0.0; features.len()]; verbs.len()],
            critic: vec![0.0; features.len()],
            verbs,
            features,
        }
    }

    /// Indices of the features that hold in an outage.
    fn active(&self, outage: &Outage) -> Vec<usize> {
        outage
            .situation()
            .iter()
            .map(|s| self.features.iter().position(|f| f == s).unwrap())
            .collect()
    }

    /// Probability of each usable verb.
    fn probabilities(&self, usable: &[usize], active: &[usize]) -> Vec<f64> {
        let e: Vec<f64> = usable
            .iter()
            .map(|v| {
                active
                    .iter()
                    .map(|f| self.actor[*v][*f])
                    .sum::<f64>()
                    .clamp(-30.0, 30.0)
                    .exp()
            })
            .collect();
        let sum: f64 = e.iter().sum();
        e.into_iter().map(|x| x / sum).collect()
    }

    fn value(&self, active: &[usize]) -> f64 {
        active.iter().map(|f| self.critic[*f]).sum()
    }

    /// Plays one outage to its end. After every step the temporal-difference error updates the
    /// value and the policy (Sutton and Barto, one-step actor-critic).
    fn episode(&mut self, rng: &mut Rng, rate: f64) {
        let mut outage = Outage::draw(rng);
        loop {
            let (active, usable) = (self.active(&outage), outage.usable(&self.verbs));
            let pi = self.probabilities(&usable, &active);
            let chosen = sample(&pi, rng);
            let verb = self.verbs[usable[chosen]].0.clone();
            let (reward, over) = outage.step(&verb, usable[chosen], rng);
            let next = if over {
                0.0
            } else {
                self.value(&self.active(&outage))
            };
            let error = reward + next - self.value(&active);
            active.iter().for_each(|f| self.critic[*f] += rate * error);
            let entropy: f64 = -pi
                .iter()
                .filter(|p| **p > 0.0)
                .map(|p| p * p.ln())
                .sum::<f64>();
            for (k, v) in usable.iter().enumerate() {
                let gradient = f64::from(u8::from(k == chosen)) - pi[k];
                let entropy_gradient = -pi[k] * (pi[k].max(1e-12).ln() + entropy);
                active.iter().for_each(|f| {
                    self.actor[*v][*f] += rate * (error * gradient + ENTROPY * entropy_gradient)
                });
            }
            if over {
                return;
            }
        }
    }

    fn learn() -> Learner {
        let (mut learner, mut rng) = (Learner::new(), Rng(SEED));
        for n in 0..EPISODES {
            learner.episode(&mut rng, 0.03 * (1.0 - n as f64 / EPISODES as f64) + 0.001);
        }
        learner
    }

    /// The policy with weights rounded to two decimals, and how it was made.
    fn policy(&self) -> Policy {
        let row = |weights: &[f64]| -> BTreeMap<String, f64> {
            let rounded = weights.iter().map(|w| (w * 100.0).round() / 100.0);
            self.features
                .iter()
                .zip(rounded)
                .filter(|(_, w)| *w != 0.0)
                .map(|(f, w)| ((*f).to_string(), w))
                .collect()
        };
        let weights: BTreeMap<_, _> = self
            .verbs
            .iter()
            .zip(&self.actor)
            .map(|(v, w)| (v.0.clone(), row(w)))
            .collect();
        let mut out = Policy {
            weights,
            provenance: BTreeMap::new(),
        };
        let provenance = [
            (
                "by",
                "actor-critic with an entropy bonus, in the simulator of tests/support/outages.rs"
                    .to_string(),
            ),
            ("command", "cargo test --test policy -- --ignored".into()),
            ("seed and outages", format!("{SEED}, {EPISODES}")),
            (
                "mean return on other outages",
                format!(
                    "{:.2}; by chance alone {:.2}",
                    mean_return(&out),
                    mean_return(&Policy::default())
                ),
            ),
        ];
        out.provenance = provenance
            .into_iter()
            .map(|(k, v)| (k.to_string(), v))
            .collect();
        out
    }
}

/// Draws an index with the given probabilities.
fn sample(chances: &[f64], rng: &mut Rng) -> usize {
    let mut at = (rng.next() >> 11) as f64 / (1u64 << 53) as f64;
    chances
        .iter()
        .position(|p| {
            at -= p;
            at < 0.0
        })
        .unwrap_or(chances.len() - 1)
}

/// Mean return on outages that were not used for training, if the most likely action is always
/// taken. A policy without weights acts at random.
fn mean_return(policy: &Policy) -> f64 {
    let (verbs, mut rng, mut sum) = (verbs(), Rng(SEED + 1_000_003), 0.0);
    const TRIED: usize = 20_000;
    for _ in 0..TRIED {
        let mut outage = Outage::draw(&mut rng);
        loop {
            let usable = outage.usable(&verbs);
            let names: Vec<&str> = usable.iter().map(|v| verbs[*v].0.as_str()).collect();
            let pi = policy.probabilities(&names, &outage.situation());
            let chosen = if policy.weights.is_empty() {
                sample(&pi, &mut rng)
            } else {
                best(&pi)
            };
            let (reward, over) = outage.step(names[chosen], usable[chosen], &mut rng);
            sum += reward;
            if over {
                break;
            }
        }
    }
    sum / TRIED as f64
}

/// Index of the highest probability.
fn best(chances: &[f64]) -> usize {
    (0..chances.len())
        .max_by(|a, b| chances[*a].total_cmp(&chances[*b]))
        .unwrap()
}

#[test]
#[ignore = "trains the policy and overwrites its data file"]
fn retrain() {
    let policy = Learner::learn().policy();
    let text = format!(
        "# Written by training, not by hand: see [provenance].\n{}",
        toml::to_string(&policy).unwrap()
    );
    std::fs::write(FILE, text).unwrap();
    eprintln!("{:#?}", policy.provenance);
}

#[test]
fn the_data_file_equals_the_trained_policy() {
    let (trained, shipped) = (Learner::learn().policy(), Policy::shipped());
    for (verb, weights) in &trained.weights {
        for feature in features() {
            let of = |w: &BTreeMap<String, f64>| w.get(feature).copied().unwrap_or(0.0);
            let (new, old) = (of(weights), of(&shipped.weights[verb]));
            // Logarithms differ between machines, so another machine may draw other outages. With
            // other seeds the weights differ by up to 0.4.
            assert!(
                (new - old).abs() < 0.5,
                "{verb} {feature}: {old} in the file, {new} trained; train again with the command in {FILE}"
            );
        }
    }
}

#[test]
fn the_trained_policy_beats_chance_and_every_fixed_first_action() {
    let (trained, chance) = (
        mean_return(Policy::shipped()),
        mean_return(&Policy::default()),
    );
    for always in ["restart", "undo", "escalate", "nothing"] {
        let mut one = Policy::default();
        one.weights
            .insert(always.into(), [("always".to_string(), 9.0)].into());
        let fixed = mean_return(&one);
        eprintln!("trained {trained:.2}, by chance {chance:.2}, {always} first {fixed:.2}");
        assert!(
            trained > fixed + 0.3,
            "{always} first: {fixed:.2}, trained: {trained:.2}"
        );
    }
    assert!(
        trained > chance + 1.0,
        "trained {trained:.2}, by chance {chance:.2}"
    );
}

/// Verbs with their probabilities in a plan, for a service that is down; the most likely first.
fn plan_of(class: &str, priors: &Priors) -> Vec<(String, f64)> {
    let usable: Vec<String> = verbs()
        .into_iter()
        .filter(|v| v.2 || v.1.iter().any(|c| c == class))
        .map(|v| v.0)
        .collect();
    let names: Vec<&str> = usable.iter().map(String::as_str).collect();
    let shaped = adjust_by_outcomes(
        &Policy::shipped().probabilities(&names, &["always", class, "down"]),
        &names,
        class,
        priors,
    );
    let mut out: Vec<(String, f64)> = usable.iter().cloned().zip(shaped).collect();
    out.sort_by(|a, b| b.1.total_cmp(&a.1));
    out
}

#[test]
fn three_failures_demote_the_first_action_of_every_class() {
    for (class, _) in CLASSES {
        let first = plan_of(class, &Priors::default())[0].0.clone();
        if matches!(first.as_str(), "escalate" | "nothing" | "look-further") {
            // Advice is not applied, so it has no recorded outcome.
            continue;
        }
        let mut priors = Priors::default();
        (0..3).for_each(|_| priors.record(class, &first, Outcome::NoEffect));
        assert_ne!(
            plan_of(class, &priors)[0].0,
            first,
            "{class}: {:?}",
            &plan_of(class, &priors)[..3]
        );
    }
}

#[test]
fn one_lucky_outcome_does_not_put_an_unlikely_action_first() {
    for (class, _) in CLASSES {
        let plain = plan_of(class, &Priors::default());
        for (verb, p) in plain.iter().filter(|v| v.1 < 0.6 * plain[0].1) {
            let mut priors = Priors::default();
            priors.record(class, verb, Outcome::Recovered);
            assert_eq!(
                plan_of(class, &priors)[0].0,
                plain[0].0,
                "{class}: {verb} ({p:.2})"
            );
        }
    }
}

#[test]
fn the_first_action_fits_well_known_fault_classes() {
    for (class, wanted) in [
        ("pool exhausted", "restart"),
        ("deadlock", "restart"),
        ("out of memory", "set-memory"),
        ("crash loop", "undo"),
        ("certificate", "escalate"),
        ("kernel or machine", "escalate"),
    ] {
        let plan = plan_of(class, &Priors::default());
        assert_eq!(plan[0].0, wanted, "{class}: {:?}", &plan[..3]);
    }
}

//! Learns from labelled messages which ones report a problem: a linear model over words and pairs of
//! words, and the nearest labelled messages. They correct the general score of the words. Knows
//! nothing about levels, counts or times.

use super::words::{log_odds, words};
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;

/// Strength of the regularization: few examples change little.
const PENALTY: f64 = 1.0;
/// A similarity above this value counts, with this weight.
const MIN_SIMILARITY: f64 = 0.4;
const NEAREST: f64 = 3.0;
/// Steps of the gradient descent, and its rate.
const STEPS: usize = 400;
const RATE: f64 = 0.3;

/// A message as a set of features: its words, and its pairs of words.
struct Features {
    words: BTreeSet<String>,
    pairs: Vec<String>,
    general: f64,
}

impl Features {
    fn of(text: &str) -> Features {
        let words = words(text);
        Features {
            pairs: words.windows(2).map(|w| w.join(" ")).collect(),
            words: words.into_iter().collect(),
            general: log_odds(text),
        }
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.words.iter().chain(&self.pairs).map(String::as_str)
    }

    /// Value of each feature, so that long messages do not weigh more.
    fn value(&self) -> f64 {
        1.0 / (self.names().count().max(1) as f64).sqrt()
    }
}

/// A model that was trained on labelled messages.
pub struct Learned {
    weights: FxHashMap<String, f64>,
    bias: f64,
    /// The labelled messages, and whether they report problems.
    examples: Vec<(Features, bool)>,
    /// How rare each word is among the examples.
    rarity: FxHashMap<String, f64>,
}

impl Learned {
    /// Trains on messages; `true`: the message reports a problem. `None` if all labels are equal.
    pub fn train(examples: &[(String, bool)]) -> Option<Learned> {
        let problems = examples.iter().filter(|e| e.1).count();
        if problems == 0 || problems == examples.len() {
            return None;
        }
        let examples: Vec<(Features, bool)> = examples
            .iter()
            .map(|(t, label)| (Features::of(t), *label))
            .collect();
        let mut rarity: FxHashMap<String, f64> = FxHashMap::default();
        for word in examples.iter().flat_map(|(f, _)| &f.words) {
            *rarity.entry(word.clone()).or_default() += 1.0;
        }
        let n = examples.len() as f64;
        rarity.values_mut().for_each(|c| *c = ((n + 1.0) / *c).ln());
        let mut out = Learned {
            weights: FxHashMap::default(),
            bias: 0.0,
            examples,
            rarity,
        };
        out.descend();
        Some(out)
    }

    /// Logistic regression by gradient descent with a rate for each weight (AdaGrad, Duchi et al.
    /// 2011).
    fn descend(&mut self) {
        let mut squares: FxHashMap<String, f64> = FxHashMap::default();
        let mut of_bias = 1e-6;
        for _ in 0..STEPS {
            let mut gradient: FxHashMap<&str, f64> = FxHashMap::default();
            let mut bias = PENALTY * self.bias;
            for (f, label) in &self.examples {
                let p = 1.0 / (1.0 + (-f.general - self.linear(f)).exp());
                let error = p - f64::from(u8::from(*label));
                let value = f.value();
                f.names()
                    .for_each(|w| *gradient.entry(w).or_default() += error * value);
                bias += error;
            }
            let mut steps: Vec<(String, f64)> = Vec::with_capacity(gradient.len());
            for (word, g) in gradient {
                let g = g + PENALTY * self.weights.get(word).copied().unwrap_or(0.0);
                let square = squares.entry(word.to_string()).or_insert(1e-6);
                *square += g * g;
                steps.push((word.to_string(), RATE * g / square.sqrt()));
            }
            for (word, step) in steps {
                *self.weights.entry(word).or_default() -= step;
            }
            of_bias += bias * bias;
            self.bias -= RATE * bias / f64::sqrt(of_bias);
        }
    }

    fn linear(&self, f: &Features) -> f64 {
        let weight = |w: &str| self.weights.get(w).copied().unwrap_or(0.0);
        self.bias + f.value() * f.names().map(weight).sum::<f64>()
    }

    /// What the examples add to the log-odds that a message reports a problem.
    pub fn correction(&self, text: &str) -> f64 {
        let f = Features::of(text);
        let nearest = |label: bool| {
            let own = self.examples.iter().filter(|e| e.1 == label);
            let best = own.map(|(e, _)| self.similarity(&f, e)).fold(0.0, f64::max);
            (best - MIN_SIMILARITY).max(0.0)
        };
        self.linear(&f) + NEAREST * (nearest(true) - nearest(false))
    }

    /// Cosine similarity of the words of two messages, weighted by their rarity.
    fn similarity(&self, a: &Features, b: &Features) -> f64 {
        let unknown = (self.examples.len() as f64 + 1.0).ln();
        let square = |w: &String| self.rarity.get(w).copied().unwrap_or(unknown).powi(2);
        let length = |f: &Features| f.words.iter().map(square).sum::<f64>();
        let common: f64 = a.words.intersection(&b.words).map(square).sum();
        common / (length(a) * length(b)).sqrt().max(1e-9)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_generalizes_from_labelled_messages_against_the_general_words() {
        let rooms = [
            "beam", "hall", "gate", "door", "attic", "cellar", "stair", "porch",
        ];
        let quiet = rooms.map(|x| (format!("{x} probe failed, retry later"), false));
        let loud = rooms.map(|x| (format!("{x} interlock opened"), true));
        let examples: Vec<(String, bool)> = quiet.into_iter().chain(loud).collect();
        let model = Learned::train(&examples).unwrap();
        let score = |text: &str| log_odds(text) + model.correction(text);
        assert!(score("roof interlock opened") > 0.0);
        assert!(score("roof probe failed, retry later") < 0.0);
        assert!(Learned::train(&examples[..8]).is_none(), "one label only");
    }
}

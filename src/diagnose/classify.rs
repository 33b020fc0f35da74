//! Classifies log templates: severity, category and confidence. Uses the user's verdicts on similar
//! templates, rules for well-known patterns, known incidents, and a general score from words and
//! levels. Rules and words are data files. Knows nothing about how often a template occurs.

use crate::config::built_in;
use crate::model::{Category, ClassifiedBy, FaultClass, Level, Severity};
use crate::text::embed::{Embedding, embed, similarity};
use serde::{Deserialize, Serialize};
use std::sync::OnceLock;

/// The class of a template.
#[derive(Clone, Debug, PartialEq)]
pub struct Class {
    pub severity: Severity,
    pub category: Category,
    /// 0..1; a class below 0.7 is not shown.
    pub confidence: f64,
    pub by: ClassifiedBy,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    category: FaultClass,
    severity: Severity,
    any: Vec<String>,
}

#[derive(Deserialize)]
struct Rules {
    rule: Vec<Rule>,
}

/// The user's verdict on a template, stored as an example.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    pub text: String,
    /// `true`: the template is a problem; `false`: it is noise.
    pub up: bool,
}

/// Minimum cosine similarity at which a template gets the verdict or the incident of another.
const MIN_SIMILARITY: f32 = 0.85;

/// Classifies templates with the given verdicts and incidents.
#[derive(Default)]
pub struct Classifier {
    verdicts: Vec<(Embedding, Verdict)>,
    incidents: Vec<(Embedding, String, Severity)>,
}

fn rules() -> &'static [Rule] {
    static ALL: OnceLock<Vec<Rule>> = OnceLock::new();
    ALL.get_or_init(|| built_in::toml::<Rules>("rules.toml", include_str!("rules.toml")).rule)
}

fn words() -> &'static [(String, f64)] {
    static ALL: OnceLock<Vec<(String, f64)>> = OnceLock::new();
    ALL.get_or_init(|| {
        let lines = include_str!("words.txt")
            .lines()
            .filter(|l| !l.starts_with('#'));
        lines
            .filter_map(|l| {
                l.split_once(' ')
                    .and_then(|(w, n)| Some((w.replace('_', " "), n.parse().ok()?)))
            })
            .collect()
    })
}

/// Log-odds before any word is counted. Negative, because most templates are not a problem.
const BIAS: f64 = -1.3;

/// How strongly a text indicates a problem, 0..1: the logistic function of the sum of its word
/// weights. A text without letters scores 0.
pub fn words_score(text: &str) -> f64 {
    let plain: String = text
        .replace("<*>", " ")
        .chars()
        .map(|c| {
            if c.is_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                ' '
            }
        })
        .collect();
    let tokens: Vec<&str> = plain.split_whitespace().collect();
    let letters: Vec<&str> = tokens
        .iter()
        .copied()
        .filter(|t| t.chars().any(char::is_alphabetic))
        .collect();
    if letters.is_empty() {
        return 0.0;
    }
    let joined = format!(" {} ", tokens.join(" "));
    let mut sum = BIAS;
    for (word, weight) in words() {
        let hit = if word.contains(' ') {
            joined.contains(&format!(" {word} "))
        } else {
            letters.iter().any(|t| {
                t == word
                    || word.len() >= 5
                        && (t.starts_with(word.as_str()) || t.ends_with(word.as_str()))
            })
        };
        if hit {
            sum += weight;
        }
    }
    1.0 / (1.0 + (-sum).exp())
}

impl Classifier {
    /// `incidents`: a template of each known incident, the incident's id, and its severity.
    pub fn new(verdicts: &[Verdict], incidents: &[(String, String, Severity)]) -> Classifier {
        Classifier {
            verdicts: verdicts
                .iter()
                .map(|v| (embed(&v.text), v.clone()))
                .collect(),
            incidents: incidents
                .iter()
                .map(|(text, id, severity)| (embed(text), id.clone(), *severity))
                .collect(),
        }
    }

    /// Tries verdicts, rules and incidents in this order; the first match wins. Without a match,
    /// uses words and level.
    pub fn classify(&self, text: &str, level: Level) -> Class {
        let embedding =
            (!self.verdicts.is_empty() || !self.incidents.is_empty()).then(|| embed(text));
        if let Some(embedding) = &embedding {
            let near = self
                .verdicts
                .iter()
                .map(|(e, v)| (similarity(embedding, e), v))
                .filter(|(s, _)| *s >= MIN_SIMILARITY);
            if let Some((s, v)) = near.max_by(|a, b| a.0.total_cmp(&b.0)) {
                let severity = if v.up { Severity::High } else { Severity::None };
                return Class {
                    severity,
                    category: Category::UserVerdict,
                    confidence: f64::from(s),
                    by: ClassifiedBy::Verdict,
                };
            }
        }
        let lower = text.to_lowercase();
        let informational = matches!(level, Level::Info | Level::Debug | Level::Trace);
        if !informational
            && let Some(rule) = rules()
                .iter()
                .find(|r| r.any.iter().any(|p| lower.contains(p.as_str())))
        {
            let score = words_score(text);
            // A rule matches a pattern; the other words may contradict it (`... corrected`, `retry
            // succeeded`).
            if score > 0.5 || level >= Level::Warn {
                let confidence = if level >= Level::Warn { 0.95 } else { 0.75 };
                return Class {
                    severity: rule.severity,
                    category: Category::Fault(rule.category),
                    confidence,
                    by: ClassifiedBy::Rule,
                };
            }
        }
        if let Some(embedding) = &embedding {
            let near = self
                .incidents
                .iter()
                .map(|(e, id, s)| (similarity(embedding, e), id, *s))
                .filter(|(s, ..)| *s >= MIN_SIMILARITY);
            if let Some((s, id, severity)) = near
                .max_by(|a, b| a.0.total_cmp(&b.0))
                .filter(|_| !informational)
            {
                return Class {
                    severity,
                    category: Category::Incident(id.clone()),
                    confidence: f64::from(s),
                    by: ClassifiedBy::Incident,
                };
            }
        }
        scored(text, level)
    }
}

/// Combines the word score with the level. A level has about the weight of one significant word.
fn scored(text: &str, level: Level) -> Class {
    let log_odds = |p: f64| (p / (1.0 - p)).ln();
    let by_level = match level {
        Level::Fatal => 2.0,
        Level::Error => 1.0,
        Level::Warn => 0.0,
        Level::Unknown => 0.0,
        _ => -1.5,
    };
    let words = words_score(text);
    let p = if words <= 0.0 {
        0.02
    } else {
        1.0 / (1.0 + (-(log_odds(words.clamp(0.001, 0.999)) + by_level)).exp())
    };
    let severity = match p {
        p if p >= 0.9 => Severity::High,
        p if p >= 0.5 => Severity::Medium,
        p if p >= 0.25 => Severity::Low,
        _ => Severity::None,
    };
    let category = if severity >= Severity::Medium {
        Category::Failure
    } else {
        Category::None
    };
    Class {
        severity,
        category,
        confidence: p.max(1.0 - p),
        by: ClassifiedBy::Scorer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_known_patterns_are_classified_by_rule() {
        let c = Classifier::default();
        let oom = c.classify(
            "Memory cgroup out of memory: Killed process <*>",
            Level::Error,
        );
        assert_eq!(
            (oom.severity, oom.by),
            (Severity::Critical, ClassifiedBy::Rule)
        );
        assert_eq!(
            c.classify("retry of connection refused <*> succeeded", Level::Info)
                .severity,
            Severity::None
        );
    }

    #[test]
    fn words_separate_problems_from_noise() {
        let c = Classifier::default();
        assert!(c.classify("system epilog failed", Level::Unknown).severity >= Severity::Medium);
        assert!(
            c.classify("<*> ddr error(s) detected and corrected", Level::Unknown)
                .severity
                < Severity::Medium
        );
        assert!(
            c.classify("r16=0x0033492c r17=0x09c4b2b0", Level::Unknown)
                .severity
                < Severity::Medium
        );
    }

    #[test]
    fn a_verdict_applies_to_similar_templates() {
        let c = Classifier::new(
            &[Verdict {
                text: "order <*> was rejected by the bank".into(),
                up: false,
            }],
            &[],
        );
        let got = c.classify("order <*> rejected by the bank", Level::Error);
        assert_eq!(
            (got.severity, got.by),
            (Severity::None, ClassifiedBy::Verdict)
        );
    }

    #[test]
    fn every_line_of_the_word_list_has_a_weight() {
        let lines = include_str!("words.txt")
            .lines()
            .filter(|l| !l.starts_with('#'));
        assert_eq!(words().len(), lines.count());
    }
}

//! Classifies log templates: severity, category and confidence. Uses the user's verdicts on similar
//! templates, rules for well-known patterns, known incidents, and a general score from words and
//! levels. Rules and words are data files. Knows nothing about how often a template occurs.

use super::learned::Learned;
use super::words::log_odds;
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
    /// One such line is an incident, however rare it is.
    #[serde(default)]
    alone: bool,
    any: Vec<String>,
}

impl Rule {
    /// The first rule that matches a lowercase text.
    fn matching(lower: &str) -> Option<&'static Rule> {
        rules().iter().find(|r| r.matches(lower))
    }

    fn matches(&self, lower: &str) -> bool {
        self.any.iter().any(|p| lower.contains(p.as_str()))
    }
}

/// Log-odds below which a line is not an incident by itself, whatever it contains: its words take it
/// back, or its level is too low.
const MIN_ALONE: f64 = -0.5;

/// What general knowledge says about a message, before its frequency is known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Prior {
    /// Log-odds that the message reports a problem, by its words and its level.
    pub log_odds: f64,
    /// One such line is an incident.
    pub alone: bool,
}

impl Prior {
    pub fn of(text: &str, level: Level) -> Prior {
        let log_odds = log_odds(text) + level_weight(level);
        let alone = log_odds > MIN_ALONE && {
            let lower = text.to_lowercase();
            rules().iter().any(|r| r.alone && r.matches(&lower))
        };
        Prior { log_odds, alone }
    }
}

/// Weight of a level in log-odds. A level has about the weight of one word.
fn level_weight(level: Level) -> f64 {
    match level {
        Level::Fatal => 4.5,
        Level::Error => 2.5,
        Level::Warn => 0.0,
        Level::Unknown => 0.0,
        Level::Info => -1.0,
        Level::Debug | Level::Trace => -2.0,
    }
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

/// Learned correction of the log-odds that overrules a rule at level warn or worse.
const MIN_CONTRADICTION: f64 = 2.0;
/// Confidence from which on a class is shown.
const MIN_SHOWN: f64 = 0.7;
/// Minimum cosine similarity at which a template gets the verdict or the incident of another.
const MIN_SIMILARITY: f32 = 0.85;

/// Classifies templates with the given verdicts and incidents.
#[derive(Default)]
pub struct Classifier {
    verdicts: Vec<(Embedding, Verdict)>,
    incidents: Vec<(Embedding, String, Severity)>,
    learned: Option<Learned>,
}

fn rules() -> &'static [Rule] {
    static ALL: OnceLock<Vec<Rule>> = OnceLock::new();
    ALL.get_or_init(|| built_in::toml::<Rules>("rules.toml", include_str!("rules.toml")).rule)
}

impl Classifier {
    /// `incidents`: a template of each known incident, the incident's id, and its severity.
    pub fn new(verdicts: &[Verdict], incidents: &[(String, String, Severity)]) -> Classifier {
        let examples: Vec<(String, bool)> =
            verdicts.iter().map(|v| (v.text.clone(), v.up)).collect();
        Classifier {
            learned: Learned::train(&examples),
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
    /// uses words and level. What was learned from the verdicts corrects words and rules.
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
        let correction = self.learned.as_ref().map_or(0.0, |l| l.correction(text));
        if !informational && let Some(rule) = Rule::matching(&lower) {
            // A rule matches a pattern; the other words may contradict it (`... corrected`, `retry
            // succeeded`), and so may the examples.
            let is_problem = log_odds(text) + correction > 0.0;
            if is_problem || level >= Level::Warn && correction > -MIN_CONTRADICTION {
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
        // Combines the words with the level, and with what was learned.
        let log_odds = Prior::of(text, level).log_odds + correction;
        class_of(1.0 / (1.0 + (-log_odds).exp()))
    }
}

/// The class of a message that reports a problem with this probability. From medium severity on, a
/// class is certain enough to be shown.
fn class_of(p: f64) -> Class {
    let severity = match p {
        p if p >= 0.9 => Severity::High,
        p if p >= MIN_SHOWN => Severity::Medium,
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
}

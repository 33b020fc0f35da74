//! A template -> severity, category, confidence: rules for well-known patterns, the user's verdicts on like templates, known
//! incidents, and a general scorer of words and levels. Rules and words are data. Knows texts and levels, no counts.

use crate::model::{Level, Severity};
use crate::text::embed::{Embedding, embed, similarity};
use serde::{Deserialize, Serialize};
use std::sync::OnceLock;

#[derive(Clone, Debug, PartialEq)]
pub struct Class {
    pub severity: Severity,
    pub category: String,
    /// 0..1; under 0.7 it is no verdict to show.
    pub confidence: f64,
    /// `rule`, `incident`, `scorer` or `verdict`.
    pub by: &'static str,
}

#[derive(Deserialize)]
struct Rule {
    category: String,
    severity: Severity,
    any: Vec<String>,
}

#[derive(Deserialize)]
struct Rules {
    rule: Vec<Rule>,
}

/// A verdict of the user's on a template, kept as an example.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    pub text: String,
    /// Is it trouble?
    pub up: bool,
}

/// Like templates inherit a verdict.
const ALIKE: f32 = 0.85;

#[derive(Default)]
pub struct Classifier {
    verdicts: Vec<(Embedding, Verdict)>,
    incidents: Vec<(Embedding, String, Severity)>,
}

fn rules() -> &'static [Rule] {
    static ALL: OnceLock<Vec<Rule>> = OnceLock::new();
    ALL.get_or_init(|| {
        toml::from_str::<Rules>(include_str!("rules.toml"))
            .map(|r| r.rule)
            .unwrap_or_default()
    })
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

/// Before any word: most templates are not trouble.
const BIAS: f64 = -1.3;

/// How much a text speaks of trouble: 0..1, a logistic sum of the weights of its words.
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

    pub fn classify(&self, text: &str, level: Level) -> Class {
        let own = (!self.verdicts.is_empty() || !self.incidents.is_empty()).then(|| embed(text));
        if let Some(own) = &own {
            let near = self
                .verdicts
                .iter()
                .map(|(e, v)| (similarity(own, e), v))
                .filter(|(s, _)| *s >= ALIKE);
            if let Some((s, v)) = near.max_by(|a, b| a.0.total_cmp(&b.0)) {
                let severity = if v.up { Severity::High } else { Severity::None };
                return Class {
                    severity,
                    category: "as you judged".into(),
                    confidence: f64::from(s),
                    by: "verdict",
                };
            }
        }
        let lower = text.to_lowercase();
        let quiet = matches!(level, Level::Info | Level::Debug | Level::Trace);
        if !quiet
            && let Some(rule) = rules()
                .iter()
                .find(|r| r.any.iter().any(|p| lower.contains(p.as_str())))
        {
            let score = words_score(text);
            // A rule speaks of a pattern; the words around it may still take it back (`... corrected`, `retry succeeded`).
            if score > 0.5 || level >= Level::Warn {
                let sure = if level >= Level::Warn { 0.95 } else { 0.75 };
                return Class {
                    severity: rule.severity,
                    category: rule.category.clone(),
                    confidence: sure,
                    by: "rule",
                };
            }
        }
        if let Some(own) = &own {
            let near = self
                .incidents
                .iter()
                .map(|(e, id, s)| (similarity(own, e), id, *s))
                .filter(|(s, ..)| *s >= ALIKE);
            if let Some((s, id, severity)) =
                near.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|_| !quiet)
            {
                return Class {
                    severity,
                    category: id.clone(),
                    confidence: f64::from(s),
                    by: "incident",
                };
            }
        }
        scored(text, level)
    }
}

/// Words, then the level: a stated level weighs as much as a telling word.
fn scored(text: &str, level: Level) -> Class {
    let odds = |p: f64| (p / (1.0 - p)).ln();
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
        1.0 / (1.0 + (-(odds(words.clamp(0.001, 0.999)) + by_level)).exp())
    };
    let severity = match p {
        p if p >= 0.9 => Severity::High,
        p if p >= 0.5 => Severity::Medium,
        p if p >= 0.25 => Severity::Low,
        _ => Severity::None,
    };
    let category = if severity >= Severity::Medium {
        "failure"
    } else {
        "none"
    };
    Class {
        severity,
        category: category.into(),
        confidence: p.max(1.0 - p),
        by: "scorer",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_known_patterns_are_told_by_rule() {
        let c = Classifier::default();
        let oom = c.classify(
            "Memory cgroup out of memory: Killed process <*>",
            Level::Error,
        );
        assert_eq!((oom.severity, oom.by), (Severity::Critical, "rule"));
        assert_eq!(
            c.classify("retry of connection refused <*> succeeded", Level::Info)
                .severity,
            Severity::None
        );
    }

    #[test]
    fn words_tell_trouble_from_noise() {
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
    fn a_verdict_holds_for_like_templates() {
        let c = Classifier::new(
            &[Verdict {
                text: "order <*> was rejected by the bank".into(),
                up: false,
            }],
            &[],
        );
        let got = c.classify("order <*> rejected by the bank", Level::Error);
        assert_eq!((got.severity, got.by), (Severity::None, "verdict"));
    }
}

//! Known incidents, with their templates, causes and fixes, and a search for those that a corpus
//! resembles. The score combines the cosine similarity of embeddings with BM25 scores of
//! their words. Knows texts only: no files and no index.

use crate::config::built_in;
use crate::text::embed::{Embedding, embed, similarity};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A known incident.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    pub id: String,
    pub title: String,
    /// Log templates that were seen during the incident.
    pub templates: Vec<String>,
    pub services: Vec<String>,
    pub cause: String,
    pub fix: String,
    /// A person confirmed the cause.
    pub verified: bool,
    /// Fault class.
    pub category: String,
}

/// A list of known incidents, as in `incidents.toml`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Library {
    #[serde(rename = "incident", default)]
    pub incidents: Vec<Incident>,
}

/// A known incident that a corpus resembles.
#[derive(Clone, Debug, PartialEq)]
pub struct Matched {
    pub id: String,
    /// Similarity, 0..1.
    pub score: f64,
}

/// Incidents with a lower score are not reported.
const MIN_SCORE: f64 = 0.45;

impl Library {
    /// The incidents that are built into the program.
    pub fn shipped() -> Library {
        built_in::toml("incidents.toml", include_str!("incidents.toml"))
    }

    pub fn get(&self, id: &str) -> Option<&Incident> {
        self.incidents.iter().find(|i| i.id == id)
    }

    /// At most `limit` incidents that resemble the templates of a corpus, most similar first.
    pub fn resembling(&self, templates: &[&str], limit: usize) -> Vec<Matched> {
        if templates.is_empty() {
            return Vec::new();
        }
        let words = bm25(&self.texts(), templates);
        let ours: Vec<Embedding> = templates.iter().map(|t| embed(t)).collect();
        let top = words.iter().copied().fold(0.0, f64::max).max(1e-9);
        let mut out: Vec<Matched> = self
            .incidents
            .iter()
            .enumerate()
            .map(|(n, i)| (i, words.get(n).copied().unwrap_or(0.0)))
            .filter(|(i, _)| !i.templates.is_empty())
            .map(|(incident, words)| {
                let best = |t: &String| {
                    let e = embed(t);
                    ours.iter()
                        .map(|o| f64::from(similarity(o, &e)))
                        .fold(0.0, f64::max)
                };
                let near = incident.templates.iter().map(best).sum::<f64>()
                    / incident.templates.len() as f64;
                Matched {
                    id: incident.id.clone(),
                    score: (0.75 * near + 0.25 * (words / top)).clamp(0.0, 1.0)
                        * near.min(1.0).sqrt(),
                }
            })
            .filter(|m| m.score >= MIN_SCORE)
            .collect();
        out.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.id.cmp(&b.id)));
        out.truncate(limit);
        out
    }

    /// The text of each incident for the lexical search.
    fn texts(&self) -> Vec<String> {
        self.incidents
            .iter()
            .map(|i| i.templates.join(" ").replace("<*>", " "))
            .collect()
    }
}

/// Usual parameters of BM25: saturation of the term frequency, and weight of the text's length.
const K1: f64 = 1.2;
const B: f64 = 0.75;

/// BM25 score of each text for all words of the queries together (Robertson and Zaragoza 2009). Words have three letters or
/// more.
fn bm25(texts: &[String], queries: &[&str]) -> Vec<f64> {
    let words = |text: &str| -> Vec<String> {
        let words = text
            .split(|c: char| !c.is_alphanumeric())
            .filter(|w| w.len() > 2);
        words.map(str::to_lowercase).collect()
    };
    let documents: Vec<Vec<String>> = texts.iter().map(|t| words(t)).collect();
    let wanted: BTreeSet<String> = queries.iter().flat_map(|q| words(q)).collect();
    let n = documents.len() as f64;
    let mean = documents.iter().map(Vec::len).sum::<usize>() as f64 / n.max(1.0);
    let mut scores = vec![0.0; documents.len()];
    for word in &wanted {
        let counts: Vec<f64> = documents
            .iter()
            .map(|d| d.iter().filter(|w| *w == word).count() as f64)
            .collect();
        let containing = counts.iter().filter(|c| **c > 0.0).count() as f64;
        let idf = (1.0 + (n - containing + 0.5) / (containing + 0.5)).ln();
        for ((score, tf), document) in scores.iter_mut().zip(counts).zip(&documents) {
            let length = 1.0 - B + B * document.len() as f64 / mean.max(1.0);
            *score += idf * tf * (K1 + 1.0) / (tf + K1 * length);
        }
    }
    scores
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::FaultClass;

    #[test]
    fn shipped_incidents_match_their_own_templates() {
        let library = Library::shipped();
        assert!(library.incidents.len() >= 10);
        let got = library.resembling(
            &[
                "connection pool exhausted",
                "remaining connection slots are reserved for non-replication superuser connections",
            ],
            3,
        );
        assert!(
            got.first()
                .is_some_and(|m| library.get(&m.id).unwrap().category == "pool exhausted"),
            "{got:?}"
        );
        assert!(library.resembling(&["user <*> logged in"], 3).is_empty());
    }

    #[test]
    fn every_shipped_incident_has_a_known_fault_class() {
        for incident in Library::shipped().incidents {
            let known = FaultClass::ALL
                .iter()
                .any(|c| c.name() == incident.category);
            assert!(
                known,
                "{}: unknown class {}",
                incident.id, incident.category
            );
        }
    }

    #[test]
    fn a_rare_word_scores_higher_than_a_common_one() {
        let texts = ["disk full on node", "disk slow", "disk replaced"].map(String::from);
        let scores = bm25(&texts, &["node disk"]);
        assert!(scores[0] > scores[1] && scores[1] > 0.0, "{scores:?}");
        assert_eq!(bm25(&texts, &["unrelated"]), [0.0; 3]);
    }
}

//! Known incidents: what they looked like, what caused them, what fixed them; and which of them a corpus resembles: cosine
//! of embeddings, with the BM25 that a lexical search gives. Knows texts, no files and no index.

use crate::text::embed::{Embedding, embed, similarity};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    pub id: String,
    pub title: String,
    /// Templates that it showed.
    pub templates: Vec<String>,
    pub services: Vec<String>,
    pub cause: String,
    pub fix: String,
    /// Someone verified the cause.
    pub verified: bool,
    pub category: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Library {
    #[serde(rename = "incident", default)]
    pub incidents: Vec<Incident>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Matched {
    pub id: String,
    /// 0..1.
    pub score: f64,
}

/// Less alike is no resemblance.
const LEAST: f64 = 0.45;

impl Library {
    /// The ones that come along.
    pub fn shipped() -> Library {
        toml::from_str(include_str!("incidents.toml")).unwrap_or_default()
    }

    pub fn get(&self, id: &str) -> Option<&Incident> {
        self.incidents.iter().find(|i| i.id == id)
    }

    /// Incidents that the templates of a corpus resemble, nearest first. `words`: BM25 of each of `texts` for the templates.
    pub fn resembling(&self, templates: &[&str], words: &[f64], most: usize) -> Vec<Matched> {
        if templates.is_empty() {
            return Vec::new();
        }
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
            .filter(|m| m.score >= LEAST)
            .collect();
        out.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.id.cmp(&b.id)));
        out.truncate(most);
        out
    }

    /// What lexical search is to look at: the words of each incident.
    pub fn texts(&self) -> Vec<String> {
        self.incidents
            .iter()
            .map(|i| i.templates.join(" ").replace("<*>", " "))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_incidents_are_found_again() {
        let library = Library::shipped();
        assert!(library.incidents.len() >= 10);
        let got = library.resembling(
            &[
                "connection pool exhausted",
                "remaining connection slots are reserved for non-replication superuser connections",
            ],
            &[],
            3,
        );
        assert!(
            got.first()
                .is_some_and(|m| library.get(&m.id).unwrap().category == "pool exhausted"),
            "{got:?}"
        );
        assert!(
            library
                .resembling(&["user <*> logged in"], &[], 3)
                .is_empty()
        );
    }
}

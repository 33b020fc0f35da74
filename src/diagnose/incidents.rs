//! Known incidents: what they looked like, what caused them, what fixed them; and which of them a corpus resembles. Cosine of
//! embeddings and BM25 over words, both of the most telling templates. Knows texts, no files.

use crate::text::embed::{Embedding, embed, similarity};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

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
const K1: f64 = 1.2;
const B: f64 = 0.75;

impl Library {
    /// The ones that come along.
    pub fn shipped() -> Library {
        toml::from_str(include_str!("incidents.toml")).unwrap_or_default()
    }

    pub fn get(&self, id: &str) -> Option<&Incident> {
        self.incidents.iter().find(|i| i.id == id)
    }

    /// Incidents that the templates of a corpus resemble, nearest first.
    pub fn resembling(&self, templates: &[&str], most: usize) -> Vec<Matched> {
        if templates.is_empty() {
            return Vec::new();
        }
        let ours: Vec<Embedding> = templates.iter().map(|t| embed(t)).collect();
        let bm25 = self.bm25(templates);
        let top = bm25.iter().copied().fold(0.0, f64::max).max(1e-9);
        let mut out: Vec<Matched> = self
            .incidents
            .iter()
            .zip(bm25)
            .filter(|(i, _)| !i.templates.is_empty())
            .map(|(incident, words)| {
                let best = |t: &String| {
                    let e = embed(t);
                    ours.iter().map(|o| f64::from(similarity(o, &e))).fold(0.0, f64::max)
                };
                let near = incident.templates.iter().map(best).sum::<f64>() / incident.templates.len() as f64;
                Matched { id: incident.id.clone(), score: (0.75 * near + 0.25 * (words / top)).clamp(0.0, 1.0) * near.min(1.0).sqrt() }
            })
            .filter(|m| m.score >= LEAST)
            .collect();
        out.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.id.cmp(&b.id)));
        out.truncate(most);
        out
    }

    /// BM25 of each incident's words for the corpus' words as the query.
    fn bm25(&self, query: &[&str]) -> Vec<f64> {
        let documents: Vec<Vec<String>> = self.incidents.iter().map(|i| words(&i.templates.join(" "))).collect();
        let n = documents.len().max(1) as f64;
        let average = documents.iter().map(Vec::len).sum::<usize>() as f64 / n;
        let mut with: BTreeMap<&str, f64> = BTreeMap::new();
        for d in &documents {
            d.iter().map(String::as_str).collect::<BTreeSet<_>>().into_iter().for_each(|w| *with.entry(w).or_default() += 1.0);
        }
        let asked: BTreeSet<String> = query.iter().flat_map(|q| words(q)).collect();
        documents
            .iter()
            .map(|d| {
                let one = |w: &String| {
                    let tf = d.iter().filter(|x| *x == w).count() as f64;
                    let df = with.get(w.as_str()).copied().unwrap_or(0.0);
                    let idf = ((n - df + 0.5) / (df + 0.5)).ln_1p();
                    idf * tf * (K1 + 1.0) / (tf + K1 * (1.0 - B + B * d.len() as f64 / average.max(1.0)))
                };
                asked.iter().map(one).sum()
            })
            .collect()
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|w| w.len() > 2).map(str::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_incidents_are_found_again() {
        let library = Library::shipped();
        assert!(library.incidents.len() >= 10);
        let got = library.resembling(
            &["connection pool exhausted", "remaining connection slots are reserved for non-replication superuser connections"],
            3,
        );
        assert!(got.first().is_some_and(|m| library.get(&m.id).unwrap().category == "pool exhausted"), "{got:?}");
        assert!(library.resembling(&["user <*> logged in"], 3).is_empty());
    }
}

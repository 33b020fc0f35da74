//! Structured answers: asks the model for an assessment of a template or of the incident as JSON
//! that matches a schema. Validates the answer and asks once more if it is invalid. Does not draw.

use super::error::{Error, InvalidProposal};
use super::pack::Pack;
use super::request::request;
use super::server::Server;
use super::wire::Model;
use crate::model::Action;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// How long the assessment of a template is cached.
const CACHE_TTL: Duration = Duration::from_secs(3600);
const SEVERITIES: [&str; 5] = ["none", "low", "medium", "high", "critical"];

/// A model's assessment of a template or of the whole incident.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Assessment {
    /// One of `SEVERITIES`.
    pub severity: String,
    pub category: String,
    pub component: String,
    pub hypothesis: String,
    /// 0..1.
    pub confidence: f64,
    /// 1-based numbers of the planned actions that the model recommends, best first.
    #[serde(default)]
    pub actions: Vec<usize>,
    /// Marks of the evidence: `L..`, `T..`, `W..`, `S:..`.
    pub evidence: Vec<String>,
}

/// The JSON schema of the answer. `actions` is the number of planned actions to choose from.
pub fn schema(actions: usize) -> Value {
    let text = json!({"type": "string"});
    let mut properties = json!({"severity": {"type": "string", "enum": SEVERITIES}, "category": text, "component": text, "hypothesis": text,
        "confidence": {"type": "number", "minimum": 0, "maximum": 1}, "evidence": {"type": "array", "items": text}});
    let mut required = vec![
        "severity",
        "category",
        "component",
        "hypothesis",
        "confidence",
        "evidence",
    ];
    if actions > 0 {
        properties["actions"] = json!({"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": actions}});
        required.push("actions");
    }
    json!({"type": "object", "properties": properties, "required": required})
}

/// Parses and validates an answer. The error says what is wrong with it, for the model and the
/// user.
pub fn read(text: &str, actions: usize, pack: &Pack) -> Result<Assessment, InvalidProposal> {
    let assessment: Assessment =
        serde_json::from_str(text.trim()).map_err(|e| InvalidProposal::Schema(e.to_string()))?;
    if !SEVERITIES.contains(&assessment.severity.as_str()) {
        return Err(InvalidProposal::Severity(assessment.severity));
    }
    if !(0.0..=1.0).contains(&assessment.confidence) {
        return Err(InvalidProposal::Confidence);
    }
    if let Some(n) = assessment
        .actions
        .iter()
        .find(|n| **n == 0 || **n > actions)
    {
        return Err(InvalidProposal::Action(*n));
    }
    let known = |m: &&String| pack.marks.contains_key(m.trim_matches(['[', ']']));
    if assessment.evidence.iter().filter(known).count() == 0 {
        return Err(InvalidProposal::Evidence);
    }
    Ok(assessment)
}

/// Asks for a structured answer. An invalid answer is sent back to the model once, with the prompt
/// `repair` and the error.
pub async fn ask(
    server: &Server,
    model: &Model,
    num_ctx: u64,
    mut messages: Vec<Value>,
    (actions, pack, repair): (usize, &Pack, &str),
) -> Result<Assessment, Error> {
    let mut error = None;
    for _ in 0..2 {
        let mut body = request(model, &messages, num_ctx, (true, false));
        body["format"] = schema(actions);
        body["options"]["temperature"] = json!(0);
        let reply = server.chat(&body, &mut |_| true).await?;
        match read(&reply.content, actions, pack) {
            Ok(assessment) => return Ok(assessment),
            Err(e) => {
                messages.push(json!({"role": "assistant", "content": reply.content}));
                messages.push(json!({"role": "user", "content": format!("{repair} {e}")}));
                error = Some(e);
            }
        }
    }
    Err(error.map_or(Error::EndedEarly, Error::InvalidProposal))
}

/// The numbered list of actions that the model chooses from.
pub fn numbered(actions: &[Action]) -> String {
    actions
        .iter()
        .enumerate()
        .map(|(n, a)| {
            format!(
                "{}. {} (risk {}): {}\n",
                n + 1,
                a.title,
                a.risk.name(),
                a.why
            )
        })
        .collect()
}

/// The assessment as text, each sentence with its evidence.
pub fn to_text(assessment: &Assessment, actions: &[Action]) -> String {
    let marks: String = assessment
        .evidence
        .iter()
        .map(|m| format!("[{}]", m.trim_matches(['[', ']'])))
        .collect();
    let mut out = format!(
        "Severity {} ({}, component {}, confidence {:.0}%): {} {marks}.",
        assessment.severity,
        assessment.category,
        assessment.component,
        assessment.confidence * 100.0,
        assessment.hypothesis.trim_end_matches('.')
    );
    for (n, action) in assessment
        .actions
        .iter()
        .filter_map(|n| actions.get(n - 1))
        .enumerate()
    {
        out.push_str(&format!(
            "\n{}. {} (risk {}) {marks}",
            n + 1,
            action.title,
            action.risk.name()
        ));
    }
    out
}

/// Template id, model and version of the prompts.
type Key = (u64, String, String);

fn cache() -> std::sync::MutexGuard<'static, HashMap<Key, (Instant, Assessment)>> {
    static CACHE: OnceLock<Mutex<HashMap<Key, (Instant, Assessment)>>> = OnceLock::new();
    CACHE
        .get_or_init(Mutex::default)
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}

/// The assessment of a template, if it is in the cache and not expired.
pub fn cached(key: &Key) -> Option<Assessment> {
    cache()
        .get(key)
        .filter(|entry| entry.0.elapsed() < CACHE_TTL)
        .map(|entry| entry.1.clone())
}

/// Adds an assessment to the cache and removes expired ones.
pub fn store(key: Key, assessment: Assessment) {
    let mut cache = cache();
    cache.retain(|_, entry| entry.0.elapsed() < CACHE_TTL);
    cache.insert(key, (Instant::now(), assessment));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::pack::Mark;

    #[test]
    fn only_answers_that_match_the_schema_and_cite_existing_evidence_are_accepted() {
        let mut pack = Pack::default();
        pack.marks.insert(
            "W1".into(),
            Mark {
                event: None,
                text: String::new(),
            },
        );
        let good = json!({"severity": "high", "category": "disk", "component": "db", "hypothesis": "The disk is full.", "confidence": 0.8,
                          "actions": [2], "evidence": ["[W1]", "L9"]});
        let assessment = read(&good.to_string(), 2, &pack).unwrap();
        let actions = [
            Action {
                title: "describe the pod".into(),
                ..Action::default()
            },
            Action {
                title: "grow the volume".into(),
                ..Action::default()
            },
        ];
        let text = to_text(&assessment, &actions);
        assert!(
            text.contains("The disk is full [W1][L9].") && text.contains("1. grow the volume"),
            "{text}"
        );
        for (key, value) in [
            ("severity", json!("terrible")),
            ("confidence", json!(7)),
            ("actions", json!([3])),
            ("evidence", json!(["L404"])),
            ("category", Value::Null),
        ] {
            let mut bad = good.clone();
            bad[key] = value;
            assert!(read(&bad.to_string(), 2, &pack).is_err(), "{key}");
        }
        assert!(read("rm -rf /", 2, &pack).is_err());
        assert_eq!(schema(2)["properties"]["actions"]["items"]["maximum"], 2);
    }

    #[test]
    fn an_assessment_is_cached_per_model_and_prompts() {
        let key = (77, "m".to_string(), "v".to_string());
        store(
            key.clone(),
            Assessment {
                category: "disk".into(),
                ..Assessment::default()
            },
        );
        assert_eq!(cached(&key).unwrap().category, "disk");
        assert!(cached(&(77, "m".into(), "w".into())).is_none());
    }
}

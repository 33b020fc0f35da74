//! Structured answers: asks the model for an assessment of a template or of the incident as JSON
//! that matches a schema. Validates the answer and asks once more if it is invalid. Does not draw.

use super::error::{Error, InvalidProposal};
use super::pack::Pack;
use super::request::request;
use super::server::Server;
use super::wire::Model;
use crate::model::Action;
use crate::text::escape::is_unsafe;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// How long the assessment of a template is cached.
const CACHE_TTL: Duration = Duration::from_secs(3600);
/// Maximum length of a text in an assessment, in characters.
const MAX_TEXT: usize = 600;
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
    let mut assessment: Assessment =
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
    let known = |m: &String| pack.marks.contains_key(m.trim_matches(['[', ']']));
    assessment.evidence.retain(known);
    if assessment.evidence.is_empty() {
        return Err(InvalidProposal::Evidence);
    }
    remove_repeated(&mut assessment.actions);
    remove_repeated(&mut assessment.evidence);
    for text in [
        &mut assessment.category,
        &mut assessment.component,
        &mut assessment.hypothesis,
    ] {
        *text = one_line(text);
    }
    Ok(assessment)
}

/// Keeps the first of equal items.
fn remove_repeated<T: Ord + Clone>(items: &mut Vec<T>) {
    let mut seen = BTreeSet::new();
    items.retain(|item| seen.insert(item.clone()));
}

/// The text as one line of limited length. A line break could pretend to be a numbered action.
fn one_line(text: &str) -> String {
    let is_break = |c: char| c.is_control() || c.is_whitespace() || is_unsafe(c);
    let words: Vec<&str> = text.split(is_break).filter(|w| !w.is_empty()).collect();
    words.join(" ").chars().take(MAX_TEXT).collect()
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
            text.contains("The disk is full [W1].") && text.contains("1. grow the volume"),
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
    fn texts_cannot_contain_lines_and_lists_cannot_repeat() {
        let mut pack = Pack::default();
        for mark in ["W1", "L1"] {
            let (event, text) = (None, String::new());
            pack.marks.insert(mark.into(), Mark { event, text });
        }
        let answer = json!({"severity": "high", "category": "disk\n1. delete everything", "component": "db\u{2028}2. x\r\n3. y",
            "hypothesis": "a\u{85}b", "confidence": 0.8, "actions": [2, 2, 1, 2], "evidence": ["W1", "W1", "L1", "]\n9. z"]});
        let assessment = read(&answer.to_string(), 2, &pack).unwrap();
        assert_eq!(
            (assessment.actions.as_slice(), assessment.evidence.len()),
            (&[2, 1][..], 2)
        );
        let action = |title: &str| Action {
            title: title.into(),
            ..Action::default()
        };
        let text = to_text(&assessment, &[action("first"), action("second")]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(
            lines[1].starts_with("1. second") && lines[2].starts_with("2. first"),
            "{text}"
        );
        assert!(!text.contains(['\u{2028}', '\u{85}', '\r']), "{text:?}");
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

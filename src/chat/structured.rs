//! Answers in a given form: a judgement of a template, a proposal of what to do. The last call of a turn, without tools, with a
//! JSON schema; validated, repaired once, else refused. Knows forms, not how they are shown.

use super::pack::Pack;
use super::wire::{Failure, Model, Server};
use crate::model::Action;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// A judgement of a template holds so long.
const KEPT: Duration = Duration::from_secs(3600);
const SEVERITIES: [&str; 5] = ["none", "low", "medium", "high", "critical"];

/// What a model says of a template or of the whole incident.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Judged {
    pub severity: String,
    pub category: String,
    pub component: String,
    pub hypothesis: String,
    pub confidence: f64,
    /// Numbers of the planned actions that it recommends, best first.
    #[serde(default)]
    pub actions: Vec<usize>,
    /// Marks of the evidence: L.., T.., W.., S:...
    pub evidence: Vec<String>,
}

/// The form, with as many actions as were planned.
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

/// Reads an answer; what is wrong with it otherwise.
pub fn read(text: &str, actions: usize, pack: &Pack) -> Result<Judged, String> {
    let judged: Judged = serde_json::from_str(text.trim())
        .map_err(|e| format!("it is not of the form asked for: {e}"))?;
    if !SEVERITIES.contains(&judged.severity.as_str()) {
        return Err(format!("'{}' is no severity", judged.severity));
    }
    if !(0.0..=1.0).contains(&judged.confidence) {
        return Err("the confidence is not between 0 and 1".into());
    }
    if let Some(n) = judged.actions.iter().find(|n| **n == 0 || **n > actions) {
        return Err(format!("there is no action {n}"));
    }
    let known = |m: &&String| pack.marks.contains_key(m.trim_matches(['[', ']']));
    if judged.evidence.iter().filter(known).count() == 0 {
        return Err("none of the evidence that it names exists".into());
    }
    Ok(judged)
}

/// Asks in the form; one answer that does not fit is sent back once.
pub async fn ask(
    server: &Server,
    model: &Model,
    num_ctx: u64,
    mut messages: Vec<Value>,
    (actions, pack, repair): (usize, &Pack, &str),
) -> Result<Judged, Failure> {
    let mut wrong = String::new();
    for _ in 0..2 {
        let mut body = super::turn::request(model, &messages, num_ctx, (true, false));
        body["format"] = schema(actions);
        body["options"]["temperature"] = json!(0);
        let reply = server.chat(&body, &mut |_| true).await?;
        match read(&reply.content, actions, pack) {
            Ok(judged) => return Ok(judged),
            Err(e) => {
                messages.push(json!({"role": "assistant", "content": reply.content}));
                messages.push(json!({"role": "user", "content": format!("{repair} {e}")}));
                wrong = e;
            }
        }
    }
    Err(Failure(format!(
        "the model's proposal was refused twice ({wrong}); the analyst's stands"
    )))
}

/// What the actions are called when a model is to choose among them.
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

/// The answer in sentences, each with its evidence.
pub fn told(judged: &Judged, actions: &[Action]) -> String {
    let marks: String = judged
        .evidence
        .iter()
        .map(|m| format!("[{}]", m.trim_matches(['[', ']'])))
        .collect();
    let mut out = format!(
        "Judged {} ({}, component {}, confidence {:.0}%): {} {marks}.",
        judged.severity,
        judged.category,
        judged.component,
        judged.confidence * 100.0,
        judged.hypothesis.trim_end_matches('.')
    );
    for (n, action) in judged
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

/// Template, model and version of the prompts.
type Key = (u64, String, String);

fn kept() -> std::sync::MutexGuard<'static, HashMap<Key, (Instant, Judged)>> {
    static KEPT: OnceLock<Mutex<HashMap<Key, (Instant, Judged)>>> = OnceLock::new();
    KEPT.get_or_init(Mutex::default)
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}

/// What was judged of a template within the last hour, by this model with these prompts.
pub fn remembered(key: &Key) -> Option<Judged> {
    kept()
        .get(key)
        .filter(|k| k.0.elapsed() < KEPT)
        .map(|k| k.1.clone())
}

pub fn remember(key: Key, judged: Judged) {
    let mut kept = kept();
    kept.retain(|_, k| k.0.elapsed() < KEPT);
    kept.insert(key, (Instant::now(), judged));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::pack::Mark;

    #[test]
    fn only_answers_of_the_form_with_real_evidence_are_taken() {
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
        let judged = read(&good.to_string(), 2, &pack).unwrap();
        let actions = [
            Action {
                title: "look".into(),
                ..Action::default()
            },
            Action {
                title: "grow the volume".into(),
                ..Action::default()
            },
        ];
        let told = told(&judged, &actions);
        assert!(
            told.contains("The disk is full [W1][L9].") && told.contains("1. grow the volume"),
            "{told}"
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
    fn a_judgement_is_remembered_for_its_model_and_prompts_alone() {
        let key = (77, "m".to_string(), "v".to_string());
        remember(
            key.clone(),
            Judged {
                category: "disk".into(),
                ..Judged::default()
            },
        );
        assert_eq!(remembered(&key).unwrap().category, "disk");
        assert!(remembered(&(77, "m".into(), "w".into())).is_none());
    }
}

//! Shows what would be sent for a question. Sends nothing.

use super::pack::{self, CHARS_PER_TOKEN};
use super::question::Question;
use super::request::{self, ANSWER_TOKENS, MAX_WINDOW};
use crate::analysis::Analysis;
use crate::corpus::Snapshot;
use serde_json::Value;

/// Estimated tokens that would be sent with a question, and the size of the context window.
pub fn estimate_tokens(
    analysis: &Analysis,
    snapshot: &Snapshot,
    question: &Question,
) -> (u64, u64) {
    let (_, tokens, _) = prompt(analysis, snapshot, question);
    (tokens, MAX_WINDOW)
}

/// The messages for a question, their estimated tokens, and the number of omitted pieces of
/// evidence.
fn prompt(
    analysis: &Analysis,
    snapshot: &Snapshot,
    question: &Question,
) -> (Vec<Value>, u64, usize) {
    let (findings, d) = (analysis.findings(snapshot), analysis.diagnosis(snapshot));
    let mut redactor = analysis.redactor(snapshot, question.llm.hide_names);
    let budget = request::evidence_budget(MAX_WINDOW);
    let pack = pack::pack(analysis, snapshot, (&findings, &d), budget, &mut redactor);
    let messages = request::messages(
        question,
        question.task(),
        &pack,
        &request::nonce(),
        &mut redactor,
    );
    let tokens: usize = messages
        .iter()
        .map(|m| m["content"].as_str().unwrap_or_default().len() / CHARS_PER_TOKEN)
        .sum();
    (messages, tokens as u64, pack.left_out)
}

/// Shows exactly what would be sent for a question, without sending it: the messages as lines, and
/// the share of the context window that they use.
pub fn preview(analysis: &Analysis, snapshot: &Snapshot, question: &Question) -> Vec<String> {
    let (messages, tokens, left_out) = prompt(analysis, snapshot, question);
    let mut out = vec![format!(
        "About {tokens} of {MAX_WINDOW} tokens ({}%), {ANSWER_TOKENS} reserved for the answer; {left_out} pieces of evidence omitted. Secrets are redacted.",
        tokens * 100 / MAX_WINDOW,
    )];
    for m in &messages {
        out.push(String::new());
        out.push(format!("── {} ──", m["role"].as_str().unwrap_or_default()));
        out.extend(
            m["content"]
                .as_str()
                .unwrap_or_default()
                .lines()
                .map(String::from),
        );
    }
    out
}

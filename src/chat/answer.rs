//! The answer to a question, and the progress of a turn. Plain data.

use super::cite::Cited;
use crate::model::Action;

/// Progress of a turn.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// Description of the current step.
    Step(String),
    /// A piece of the answer.
    Piece(String),
    /// A piece of the model's thinking.
    Thinking(String),
}

/// Receives the progress of a turn. Returns false to stop.
pub type Listener<'l> = dyn FnMut(Progress) -> bool + Send + 'l;

/// Who answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AnsweredBy {
    Model,
    /// The built-in analyst.
    #[default]
    Analyst,
}

impl AnsweredBy {
    pub fn name(self) -> &'static str {
        match self {
            AnsweredBy::Model => "model",
            AnsweredBy::Analyst => "analyst",
        }
    }
}

/// The answer to a question.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    pub cited: Cited,
    /// Planned actions, recommended ones first.
    pub actions: Vec<Action>,
    /// Number of tool calls.
    pub tool_calls: usize,
    /// Empty if the analyst answered.
    pub model: String,
    pub prompt_tokens: u64,
    pub answer_tokens: u64,
    /// Requested context window in tokens; 0 without a model.
    pub window: u64,
    pub prompt_version: String,
    pub by: AnsweredBy,
    /// True if the user asked for a fix: the first actions are part of the answer.
    pub is_fix: bool,
    /// The model's thinking before the answer.
    pub thinking: String,
    /// Share of the model in GPU memory, in percent.
    pub gpu_percent: Option<u64>,
    /// Warnings: failures, omitted evidence, suspicious log lines.
    pub notes: Vec<String>,
}

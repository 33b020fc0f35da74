//! State of the chat pane. Plain data.

use crate::config::settings::Llm;
use crate::model::EventId;
use serde::{Deserialize, Serialize};

/// A question and its answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    pub question: String,
    pub answer: String,
    /// Who answered: a model with its figures, or the analyst.
    pub by: String,
    pub notes: Vec<String>,
    /// Ids of the cited events.
    pub events: Vec<EventId>,
    /// The model's thinking.
    #[serde(default)]
    pub thinking: String,
    /// Titles of the recommended actions: the first ones of the plan.
    #[serde(default)]
    pub cards: Vec<String>,
}

/// State of the chat pane.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chat {
    pub turns: Vec<Turn>,
    /// Earlier conversations, latest last.
    pub earlier: Vec<Vec<Turn>>,
    /// Settings of the model server and the prompts.
    pub llm: Llm,
    /// The server is on another machine.
    pub is_remote: bool,
    /// A question is being answered.
    pub busy: bool,
    /// The question that is being answered.
    pub question: String,
    /// The answer so far.
    pub partial: String,
    /// The model's thinking so far.
    pub thinking: String,
    /// What the chat is doing now.
    pub step: String,
    /// Whether the model's thinking is shown.
    pub is_thinking_shown: bool,
    /// Tokens that a question sends, and the size of the context window in tokens.
    pub tokens: Option<(u64, u64)>,
    /// The question that waits for consent to be sent to another machine.
    pub waiting: String,
}

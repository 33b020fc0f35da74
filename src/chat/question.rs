//! A question to the chat: its task, its text, and what it refers to. Answers nothing.

use crate::cluster::Connection;
use crate::config::args::Task;
use crate::config::settings::Llm;
use crate::model::TemplateKey;

/// A question with its settings and history.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Question {
    /// `None` means that the task is guessed from the text.
    pub task: Option<Task>,
    pub text: String,
    pub llm: Llm,
    /// Earlier turns, oldest first: question and answer.
    pub history: Vec<(String, String)>,
    /// The cluster that the tools may read.
    pub cluster: Option<Connection>,
}

impl Question {
    /// The task that the user named. If there is none, the task is guessed from the text.
    pub fn task(&self) -> Task {
        self.task.unwrap_or_else(|| task_of(&self.text))
    }
}

/// Guesses the task of a question from its words.
fn task_of(question: &str) -> Task {
    let q = question.to_lowercase();
    let any = |words: &[&str]| words.iter().any(|w| q.contains(w));
    match () {
        () if any(&[
            "fix",
            "recommend",
            "what to do",
            "what should",
            "solve",
            "remedy",
        ]) =>
        {
            Task::Fix
        }
        () if any(&["why", "cause", "reason", "first", "blame", "who failed"]) => Task::Cause,
        () if any(&["abnormal", "anomal", "unusual", "not normal", "wrong"]) => Task::Anomalies,
        () if any(&["timeline", "time line", "when", "order of"]) => Task::Timeline,
        () if any(&["template", "parse"]) => Task::Parse,
        () if any(&["explain", "mean", "interpret"]) => Task::Explain,
        () if any(&["compare", "differ"]) => Task::Compare,
        () => Task::Summarise,
    }
}

/// Id of the first template that a question names.
pub fn template_in(question: &str) -> Option<TemplateKey> {
    question
        .split(['[', ']', ' '])
        .find_map(|w| w.strip_prefix('T')?.parse().ok())
}

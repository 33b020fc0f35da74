//! One turn of the chat: sends the redacted evidence pack to the model, runs the tools that it
//! calls, and checks the answer. The built-in analyst answers if there is no server or the request
//! fails. Does not draw and does not apply actions.

use super::analyst;
use super::answer::{Answer, AnsweredBy, Listener, Progress};
use super::cite;
use super::error::Error;
use super::pack::{self, CHARS_PER_TOKEN, Pack};
use super::question::Question;
use super::request::{self, MAX_WINDOW};
use super::server::Server;
use super::tools;
use super::wire::{self, Model, Piece, Reply};
use crate::analysis::Analysis;
use crate::config::args::Task;
use crate::corpus::Snapshot;
use crate::model::Action;
use crate::text::addressed::addresses_model;
use crate::text::redact::Redactor;
use serde_json::{Value, json};

/// Maximum number of rounds with tool calls.
const MAX_STEPS: usize = 6;
/// Minimum number of tokens for evidence. With fewer tokens, an answer would be a guess.
const MIN_EVIDENCE: usize = 300;
/// Maximum number of tool calls that are answered in one round, and in one turn.
const MAX_CALLS: usize = 8;
const MAX_TURN_CALLS: usize = 24;
/// Maximum number of bytes of all answers of a model in one turn.
const MAX_TURN: usize = 4 << 20;
/// Maximum number of characters in the result of a tool.
const MAX_RESULT: usize = 6000;

/// Answers a question.
pub async fn ask(
    analysis: &Analysis,
    snapshot: &Snapshot,
    question: &Question,
    each: &mut Listener<'_>,
) -> Answer {
    let (findings, d) = (analysis.findings(snapshot), analysis.diagnosis(snapshot));
    let actions = analysis.plan(snapshot);
    let task = question.task();
    let mut answer = Answer::default();
    if !question.llm.off {
        let server = Server::find(question.llm.ollama.as_deref());
        match with_model(analysis, snapshot, question, &actions, &server, each).await {
            Ok(mut done) => {
                done.is_fix = task == Task::Fix;
                if done.actions.is_empty() {
                    done.actions = actions;
                }
                return done;
            }
            Err(e) => {
                tracing::info!(error = %e, "the model did not answer");
                answer.notes.push(e.to_string());
            }
        }
    }
    let mut redactor = analysis.redactor(snapshot, false);
    let budget = MAX_WINDOW as usize;
    let pack = pack::pack(analysis, snapshot, (&findings, &d), budget, &mut redactor);
    let text = analyst::answer(
        analysis,
        snapshot,
        (&findings, &d, &actions),
        &pack,
        (task, &question.text),
    );
    answer.cited = cite::collect(analysis, snapshot, &pack, &text);
    answer.actions = actions;
    answer.is_fix = task == Task::Fix;
    answer
}

/// State of a turn with a model.
pub struct Turn<'t> {
    pub analysis: &'t Analysis,
    pub snapshot: &'t Snapshot,
    pub question: &'t Question,
    pub server: &'t Server,
    pub model: Model,
    pub num_ctx: u64,
    pub pack: Pack,
    pub redactor: Redactor,
    pub messages: Vec<Value>,
    /// The mark of data in the messages.
    pub nonce: String,
    pub answer: Answer,
}

async fn with_model(
    analysis: &Analysis,
    snapshot: &Snapshot,
    question: &Question,
    actions: &[Action],
    server: &Server,
    each: &mut Listener<'_>,
) -> Result<Answer, Error> {
    let llm = &question.llm;
    server.check()?;
    if !server.is_local() && !llm.allow_remote {
        return Err(Error::RemoteNotAllowed(format!(
            "the server {}",
            server.url
        )));
    }
    each(Progress::Step("contacting the model server".into()));
    let name = match &llm.model {
        Some(name) => name.clone(),
        None => {
            let first = wire::models(server).await?.into_iter().next();
            first.map(|m| m.name).ok_or(Error::NoModels)?
        }
    };
    let model = server.show(&name).await?;
    if model.remote && !llm.allow_remote {
        let reason = format!("the model {name}, which {} offers,", server.url);
        return Err(Error::RemoteNotAllowed(reason));
    }
    let num_ctx = model.context.min(MAX_WINDOW);
    let budget = request::evidence_budget(num_ctx);
    if budget < MIN_EVIDENCE {
        return Err(Error::WindowTooSmall {
            model: name,
            window: num_ctx,
        });
    }
    let (findings, d) = (analysis.findings(snapshot), analysis.diagnosis(snapshot));
    let mut redactor = analysis.redactor(snapshot, llm.hide_names);
    let pack = pack::pack(analysis, snapshot, (&findings, &d), budget, &mut redactor);
    let nonce = request::nonce();
    let messages = request::messages(question, question.task(), &pack, &nonce, &mut redactor);
    let answer = Answer {
        by: AnsweredBy::Model,
        model: name,
        window: num_ctx,
        prompt_version: llm.prompts.version(),
        ..Answer::default()
    };
    let mut turn = Turn {
        analysis,
        snapshot,
        question,
        server,
        model,
        num_ctx,
        pack,
        redactor,
        messages,
        nonce,
        answer,
    };
    turn.add_evidence_warnings();
    match question.task() {
        Task::Classify => turn.classify().await?,
        _ => turn.converse(each).await?,
    }
    if question.task() == Task::Fix {
        each(Progress::Step(
            "asking the model to choose from the planned actions".into(),
        ));
        turn.propose(actions).await;
    }
    turn.check_server().await;
    Ok(turn.answer)
}

impl Turn<'_> {
    fn add_evidence_warnings(&mut self) {
        if self.pack.left_out > 0 {
            self.answer.notes.push(format!(
                "{} pieces of evidence did not fit into the context window",
                self.pack.left_out
            ));
        }
        if self.pack.text.lines().any(addresses_model) {
            self.answer
                .notes
                .push("possible prompt injection in a log line; it was sent as data".into());
        }
    }

    /// Sends requests until the model answers without a tool call.
    async fn converse(&mut self, each: &mut Listener<'_>) -> Result<(), Error> {
        let mut previous: Vec<String> = Vec::new();
        let mut received = 0;
        for step in 0..=MAX_STEPS {
            let last = step == MAX_STEPS || self.answer.tool_calls >= MAX_TURN_CALLS;
            let reply = self.round(last, each).await?;
            received += reply.content.len() + reply.thinking.len();
            if received > MAX_TURN {
                return Err(Error::TurnTooLong(received));
            }
            let mut calls: Vec<(String, Value)> = reply
                .calls
                .iter()
                .map(|c| {
                    let name = c["function"]["name"].as_str().unwrap_or_default();
                    (name.to_string(), c["function"]["arguments"].clone())
                })
                .collect();
            calls.extend(if calls.is_empty() {
                tools::call_in_text(&reply.content)
            } else {
                None
            });
            if calls.is_empty() || last {
                let text = self.clean(&reply.content);
                self.answer.thinking = self.clean(&reply.thinking);
                self.answer.cited = cite::check(self.analysis, self.snapshot, &self.pack, &text);
                self.messages
                    .push(json!({"role": "assistant", "content": reply.content}));
                return Ok(());
            }
            let shown = &reply.calls[..reply.calls.len().min(MAX_CALLS)];
            self.messages
                .push(json!({"role": "assistant", "content": reply.content, "tool_calls": shown}));
            if calls.len() > MAX_CALLS {
                let left_out = calls.len() - MAX_CALLS;
                let note = format!(
                    "the model called {} tools at once; {left_out} calls were not run",
                    calls.len()
                );
                self.answer.notes.push(note);
                calls.truncate(MAX_CALLS);
            }
            for (tool, arguments) in calls {
                self.call(&tool, &arguments, &mut previous, each);
            }
        }
        Err(Error::ToolsWithoutEnd)
    }

    /// Prepares text of the model for display: restores redacted names and removes control
    /// characters.
    pub fn clean(&self, text: &str) -> String {
        self.redactor
            .restore(text)
            .chars()
            .filter(|c| !c.is_control() || *c == '\n')
            .collect()
    }

    /// Sends the messages once and counts the tokens. If `last` is true, the model gets no tools.
    async fn round(&mut self, last: bool, each: &mut Listener<'_>) -> Result<Reply, Error> {
        let body = request::request(
            &self.model,
            &self.messages,
            self.num_ctx,
            (last, self.question.llm.think),
        );
        let estimate: u64 = self
            .messages
            .iter()
            .map(|m| {
                m["content"]
                    .as_str()
                    .map_or(0, |c| c.len() / CHARS_PER_TOKEN) as u64
            })
            .sum();
        let mut forward = |piece: Piece<'_>| {
            each(match piece {
                Piece::Answer(text) => Progress::Piece(text.to_string()),
                Piece::Thinking(text) => Progress::Thinking(text.to_string()),
            })
        };
        let reply = self.server.chat(&body, &mut forward).await?;
        let answer = &mut self.answer;
        answer.prompt_tokens = reply.prompt_tokens.unwrap_or(estimate);
        answer.answer_tokens += reply
            .answer_tokens
            .unwrap_or((reply.content.len() / CHARS_PER_TOKEN) as u64);
        if reply
            .prompt_tokens
            .is_some_and(|n| n * 2 < estimate && estimate > 1000)
        {
            answer.notes.push("the server processed fewer tokens than were sent; its context window may be smaller than reported".into());
        }
        if reply.remote {
            answer
                .notes
                .push("the model runs on another machine (remote_host)".into());
        }
        Ok(reply)
    }

    /// Runs a tool call and appends the redacted result to the messages.
    fn call(
        &mut self,
        tool: &str,
        arguments: &Value,
        previous: &mut Vec<String>,
        each: &mut Listener<'_>,
    ) {
        let key = format!("{tool} {arguments}");
        each(Progress::Step(key.clone()));
        let result = if previous.contains(&key) {
            "repeated call; use the earlier result".to_string()
        } else {
            tools::run(
                self.analysis,
                self.snapshot,
                (tool, arguments),
                self.question.cluster.as_ref(),
                &mut self.redactor,
            )
        };
        previous.push(key);
        self.answer.tool_calls += 1;
        let content: String = self
            .redactor
            .redact(&result)
            .chars()
            .take(MAX_RESULT)
            .collect();
        let content = request::fenced(&self.nonce, &content);
        self.messages
            .push(json!({"role": "tool", "tool_name": tool, "content": content}));
    }

    /// Asks the server for the real GPU share and context window. Adds a warning if the window is
    /// too small.
    async fn check_server(&mut self) {
        let Ok(loaded) = self.server.loaded().await else {
            return;
        };
        let Some((_, loaded)) = loaded.into_iter().find(|l| l.0 == self.model.name) else {
            return;
        };
        self.answer.gpu_percent = Some(loaded.gpu_percent);
        if loaded.window > 0 && loaded.window < self.num_ctx {
            let warning = format!(
                "the server allocated a context window of {} tokens instead of {}; the prompt may be truncated",
                loaded.window, self.num_ctx
            );
            self.answer.notes.push(warning);
        }
    }
}

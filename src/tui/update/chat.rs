//! The chat: questions, commands such as `/new`, and answers. Does no I/O: the model is asked
//! elsewhere.

use crate::chat::{Answer, AnsweredBy, ModelInfo, Question};
use crate::config::args::Task;
use crate::text::escape::for_terminal;
use crate::tui::layout::Layout;
use crate::tui::panes::rows;
use crate::tui::state::State;
use crate::tui::state::chat::Turn;
use crate::tui::state::msg::Effect;
use crate::tui::state::overlay::{Choice, Overlay, Picker, Prompt, PromptKind};
use crate::tui::state::pane::Pane;
use clap::ValueEnum;

/// Opens the prompt for a question.
pub fn ask(state: &mut State, text: String) -> Vec<Effect> {
    state.pane = Pane::Chat;
    let origin = state.events.scroll.cursor;
    let estimate = Effect::EstimateTokens(Box::new(request(state, &text)));
    state
        .overlays
        .push(Overlay::Prompt(Prompt::new(PromptKind::Chat, text, origin)));
    vec![estimate]
}

/// `@` in a question: opens the list of things that a question can refer to.
pub fn pick_mention(state: &mut State) {
    let mut choices: Vec<Choice<String>> = Vec::new();
    let mut add = |reference: String, label: String, hint: &str| {
        choices.push(Choice {
            label: for_terminal(&label),
            hint: hint.to_string(),
            value: reference,
        });
    };
    for ((source, line), mark) in &state.marks {
        let note = if mark.note.is_empty() {
            "bookmark"
        } else {
            &mark.note
        };
        add(format!("{source}:{line}"), format!("{source}:{line}"), note);
    }
    for (n, w) in state
        .analysis
        .findings
        .iter()
        .flat_map(|f| f.windows.iter().enumerate())
    {
        let at = crate::text::civil::rfc3339(w.start, 0);
        add(
            format!("[W{}]", n + 1),
            format!(
                "W{} {} {at} {}",
                n + 1,
                w.severity.name(),
                w.services.join(", ")
            ),
            "anomaly",
        );
    }
    for s in state.analysis.diagnosis.iter().flat_map(|d| &d.services) {
        add(format!("[S:{}]", s.name), s.name.clone(), "service");
    }
    for t in state.snapshot.templates.iter().take(2_000) {
        add(format!("[T{}]", t.id), t.text.clone(), "template");
    }
    state.overlays.push(Overlay::Mention(Picker::new(
        "Insert an anomaly, service, template or bookmark",
        choices,
    )));
}

/// Inserts the chosen reference into the question.
pub fn insert_mention(state: &mut State, reference: Option<String>) {
    if let (Some(reference), Some(Overlay::Prompt(p))) = (reference, state.overlays.last_mut()) {
        p.insert(&format!("{reference} "));
    }
}

/// Opens the list of the models on the server.
pub fn show_models(state: &mut State, models: Vec<ModelInfo>) {
    let choice = |m: ModelInfo| {
        let gpu = match m.loaded {
            Some(l) if l.gpu_percent >= 100 => ", loaded, 100% GPU".to_string(),
            Some(l) => format!(
                ", loaded, {}% GPU and {}% CPU",
                l.gpu_percent,
                100 - l.gpu_percent
            ),
            None => String::new(),
        };
        Choice {
            label: for_terminal(&m.name),
            hint: format!("{:.1} GB{gpu}", m.size as f64 / 1e9),
            value: m.name,
        }
    };
    state.overlays.push(Overlay::Models(Picker::new(
        "Models on the server",
        models.into_iter().map(choice).collect(),
    )));
}

/// Starts a question about the event or template under the cursor.
pub fn ask_about(state: &mut State) -> Vec<Effect> {
    let about = match state.pane {
        Pane::Templates => state
            .selected_template()
            .map(|t| format!("[T{}] ", state.snapshot.templates[t.index()].id)),
        _ => state.selected().map(|id| format!("[L{id}] ")),
    };
    ask(state, format!("/explain {}", about.unwrap_or_default()))
}

/// The user entered a question or a command. A remote server needs the user's consent first.
pub fn submit(state: &mut State, text: String) -> Vec<Effect> {
    if text.trim().is_empty() || state.chat.busy {
        return vec![];
    }
    if let Some(effects) = chat_command(state, &text) {
        return effects;
    }
    let llm = &state.chat.llm;
    if !llm.off && !llm.allow_remote && state.chat.is_remote {
        state.chat.waiting = text;
        let origin = state.events.scroll.cursor;
        state.overlays.push(Overlay::Prompt(Prompt::new(
            PromptKind::Remote,
            String::new(),
            origin,
        )));
        return vec![];
    }
    send(state, text)
}

fn send(state: &mut State, text: String) -> Vec<Effect> {
    set_busy(state, text.clone(), "preparing the evidence");
    vec![Effect::Ask(Box::new(request(state, &text)))]
}

fn set_busy(state: &mut State, question: String, step: &str) {
    state.chat.busy = true;
    state.chat.question = question;
    state.chat.partial.clear();
    state.chat.thinking.clear();
    state.chat.step = step.into();
    to_end(state);
}

/// The user answered whether a question may be sent to a remote server. The consent is stored with
/// the corpus.
pub fn remote_consent_entered(state: &mut State, text: &str) -> Vec<Effect> {
    let question = std::mem::take(&mut state.chat.waiting);
    if text != "yes" {
        state.notice = Some("canceled: nothing was sent".into());
        return vec![];
    }
    state.chat.llm.allow_remote = true;
    let mut effects = send(state, question);
    effects.push(Effect::Save);
    effects
}

/// The question with everything the model needs. A text that starts with `/` names a task.
fn request(state: &State, text: &str) -> Question {
    let history = state
        .chat
        .turns
        .iter()
        .map(|t| (t.question.clone(), t.answer.clone()))
        .collect();
    let (task, text) = match text.strip_prefix('/') {
        Some(rest) => {
            let (task, text) = rest.split_once(' ').unwrap_or((rest, ""));
            (Task::from_str(task, true).ok(), text.trim())
        }
        None => (None, text),
    };
    Question {
        task,
        text: text.to_string(),
        llm: state.chat.llm.clone(),
        history,
        cluster: state.plan.cluster.clone(),
    }
}

/// Runs a command about the chat itself, such as `/new`. `None` if the text is a question for the
/// model.
fn chat_command(state: &mut State, text: &str) -> Option<Vec<Effect>> {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let rest = rest.trim();
    match word {
        "/new" => {
            let current = std::mem::take(&mut state.chat.turns);
            state
                .chat
                .earlier
                .extend(Some(current).filter(|t| !t.is_empty()));
            Some(vec![Effect::Save])
        }
        "/back" => {
            if let Some(last) = state.chat.earlier.pop() {
                let current = std::mem::replace(&mut state.chat.turns, last);
                state
                    .chat
                    .earlier
                    .splice(0..0, Some(current).filter(|t| !t.is_empty()));
            }
            Some(vec![Effect::Save])
        }
        "/retry" | "/edit" => {
            let last = state
                .chat
                .turns
                .pop()
                .map(|t| t.question)
                .unwrap_or_default();
            Some(if word == "/edit" {
                ask(state, last)
            } else {
                submit(state, last)
            })
        }
        "/preview" => {
            let question = if rest.is_empty() { "/cause" } else { rest };
            Some(vec![Effect::Preview(Box::new(request(state, question)))])
        }
        "/models" => Some(vec![Effect::Models(state.chat.llm.clone())]),
        "/pull" if rest.is_empty() => {
            state.notice = Some("no model given; example: /pull qwen3:8b".into());
            Some(vec![])
        }
        "/pull" => {
            set_busy(state, text.to_string(), "requesting the model");
            Some(vec![Effect::Pull(rest.to_string(), state.chat.llm.clone())])
        }
        "/think" => {
            state.chat.llm.think ^= true;
            let mode = if state.chat.llm.think {
                "on: models that support it think first (slower)"
            } else {
                "off: models answer directly"
            };
            state.notice = Some(format!("thinking {mode}"));
            Some(vec![])
        }
        "/thoughts" => {
            state.chat.is_thinking_shown ^= true;
            Some(vec![])
        }
        "/model" => {
            choose_model(state, Some(rest.to_string()).filter(|m| !m.is_empty()));
            Some(vec![])
        }
        "/allow-remote" => {
            state.chat.llm.allow_remote = true;
            state.notice =
                Some("questions about this corpus may now be sent to a remote server".into());
            Some(vec![Effect::Save])
        }
        _ if is_unknown_task(word) => {
            let word = for_terminal(word);
            state.notice = Some(format!(
                "no command {word}; an empty chat lists the commands"
            ));
            Some(vec![])
        }
        _ => None,
    }
}

fn is_unknown_task(word: &str) -> bool {
    word.strip_prefix('/')
        .is_some_and(|task| Task::from_str(task, true).is_err())
}

/// Sets the model for the next questions. `None`: the first model on the server.
pub fn choose_model(state: &mut State, model: Option<String>) {
    let name = model.as_deref().unwrap_or("the first one on the server");
    state.notice = Some(format!(
        "model for the next questions: {}",
        for_terminal(name)
    ));
    state.chat.llm.model = model;
}

/// Adds an answer to the conversation, with notes about wrong citations.
pub fn answer_received(state: &mut State, answer: Answer) {
    let mut notes = answer.notes;
    if answer.cited.missing > 0 {
        notes.push(format!(
            "{} citations do not exist; they are marked (?)",
            answer.cited.missing
        ));
    }
    if answer.cited.uncited + answer.cited.unsupported > 0 && answer.by == AnsweredBy::Model {
        let (uncited, other) = (answer.cited.uncited, answer.cited.unsupported);
        notes.push(format!(
            "{uncited} sentences have no citation, {other} cite unrelated lines; both are marked"
        ));
    }
    let by = if answer.model.is_empty() {
        answer.by.name().to_string()
    } else {
        let (used, window) = (answer.prompt_tokens, answer.window.max(1));
        let share = used * 100 / window;
        format!(
            "{}, {used} of {window} context tokens ({share}%), {} generated, prompts {}{}",
            answer.model,
            answer.answer_tokens,
            answer.prompt_version,
            answer
                .gpu_percent
                .map_or_else(String::new, |gpu| format!(", {gpu}% GPU"))
        )
    };
    let question = std::mem::take(&mut state.chat.question);
    if answer.is_fix && answer.by == AnsweredBy::Model {
        let by = format!("{}, prompts {}", answer.model, answer.prompt_version);
        state.plan.advised.extend(
            answer
                .actions
                .iter()
                .take(3)
                .map(|a| (a.id.clone(), by.clone())),
        );
        state
            .plan
            .actions
            .iter_mut()
            .for_each(|a| a.advised_by = state.plan.advised.get(&a.id).cloned());
    }
    let cards = if answer.is_fix {
        answer
            .actions
            .iter()
            .take(3)
            .map(|a| a.title.clone())
            .collect()
    } else {
        vec![]
    };
    state.chat.turns.push(Turn {
        question,
        answer: answer.cited.text,
        by,
        notes,
        events: answer.cited.events,
        thinking: answer.thinking,
        cards,
    });
    state.chat.busy = false;
    to_end(state);
}

/// The download of a model ended, with an error message if it failed.
pub fn model_pulled(state: &mut State, model: String, error: Option<String>) {
    state.chat.busy = false;
    state.notice = Some(match error {
        Some(e) => e,
        None => {
            let message = format!(
                "{} is downloaded and answers the next questions",
                for_terminal(&model)
            );
            state.chat.llm.model = Some(model);
            message
        }
    });
}

fn to_end(state: &mut State) {
    let len = rows(state, Pane::Chat).len();
    let height = Layout::of(state).list_lines();
    if state.pane == Pane::Chat {
        state.report.to(len.saturating_sub(1), len, height);
    }
}

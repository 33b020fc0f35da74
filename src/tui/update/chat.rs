//! The conversation: questions, words about the conversation itself, answers. No I/O.

use super::super::msg::Effect;
use super::super::overlay::{Asking, Choice, Overlay, Picker, Prompt};
use super::super::state::{Pane, State, Turn};
use super::super::view::report::rows;
use crate::chat::{Answer, Asked, Listed, Server};
use crate::text::escape::for_terminal;

/// Opens the question line.
pub fn ask(state: &mut State, text: String) -> Vec<Effect> {
    state.pane = Pane::Chat;
    let origin = state.stream.cursor;
    let meter = Effect::Meter(Box::new(turn(state, &text)));
    state
        .overlays
        .push(Overlay::Prompt(Prompt::new(Asking::Chat, text, origin)));
    vec![meter]
}

/// `@` in a question: what can be named, to be narrowed by typing.
pub fn mention(state: &mut State) {
    let mut choices: Vec<Choice<String>> = Vec::new();
    let mut add = |mark: String, label: String, hint: &str| {
        choices.push(Choice {
            label: for_terminal(&label),
            hint: hint.to_string(),
            value: mark,
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
            "window",
        );
    }
    for s in state.diagnosis.iter().flat_map(|d| &d.services) {
        add(format!("[S:{}]", s.name), s.name.clone(), "service");
    }
    for t in state.snapshot.templates.iter().take(2_000) {
        add(format!("[T{}]", t.id), t.text.clone(), "template");
    }
    state.overlays.push(Overlay::Mention(Picker::new(
        "Name a window, service, template or bookmark",
        choices,
    )));
}

/// Puts what was chosen into the question that waits below.
pub fn mentioned(state: &mut State, mark: Option<String>) {
    if let (Some(mark), Some(Overlay::Prompt(p))) = (mark, state.overlays.last_mut()) {
        p.insert(&format!("{mark} "));
    }
}

/// The server's models, to choose from.
pub fn listed(state: &mut State, models: Vec<Listed>) {
    let choice = |m: Listed| {
        let gpu = match m.loaded {
            Some(l) if l.gpu >= 100 => ", in memory, 100% GPU".to_string(),
            Some(l) => format!(", in memory, {}% GPU and {}% CPU", l.gpu, 100 - l.gpu),
            None => String::new(),
        };
        Choice {
            label: for_terminal(&m.name),
            hint: format!("{:.1} GB{gpu}", m.size as f64 / 1e9),
            value: m.name,
        }
    };
    state.overlays.push(Overlay::Models(Picker::new(
        "Models of the server",
        models.into_iter().map(choice).collect(),
    )));
}

/// A question about what is under the cursor.
pub fn ask_about(state: &mut State) -> Vec<Effect> {
    let about = match state.pane {
        Pane::Templates => state
            .selected_template()
            .map(|t| format!("[T{}] ", state.snapshot.templates[t].id)),
        _ => state.selected().map(|id| format!("[L{id}] ")),
    };
    ask(state, format!("/explain {}", about.unwrap_or_default()))
}

pub fn asked(state: &mut State, text: String) -> Vec<Effect> {
    if text.trim().is_empty() || state.chat.busy {
        return vec![];
    }
    if let Some(effects) = managed(state, &text) {
        return effects;
    }
    let llm = &state.chat.llm;
    if !llm.off && !llm.allow_remote && !Server::find(llm.ollama.as_deref()).is_local() {
        state.chat.waiting = text;
        let origin = state.stream.cursor;
        state.overlays.push(Overlay::Prompt(Prompt::new(
            Asking::Remote,
            String::new(),
            origin,
        )));
        return vec![];
    }
    begin(state, text)
}

fn begin(state: &mut State, text: String) -> Vec<Effect> {
    busy(state, text.clone(), "packing the evidence");
    vec![Effect::Ask(Box::new(turn(state, &text)))]
}

fn busy(state: &mut State, asked: String, step: &str) {
    state.chat.busy = true;
    state.chat.asked = asked;
    state.chat.partial.clear();
    state.chat.thought.clear();
    state.chat.step = step.into();
    to_end(state);
}

/// The word on whether a question may leave this machine: kept with the corpus.
pub fn allowed(state: &mut State, text: &str) -> Vec<Effect> {
    let question = std::mem::take(&mut state.chat.waiting);
    if text != "yes" {
        state.notice = Some("not asked: nothing was sent".into());
        return vec![];
    }
    state.chat.llm.allow_remote = true;
    let mut effects = begin(state, question);
    effects.push(Effect::Save);
    effects
}

fn turn(state: &State, text: &str) -> Asked {
    let before = state
        .chat
        .turns
        .iter()
        .map(|t| (t.question.clone(), t.answer.clone()))
        .collect();
    let (task, question) = match text.strip_prefix('/') {
        Some(rest) => {
            let (task, question) = rest.split_once(' ').unwrap_or((rest, ""));
            (Some(task.to_string()), question.trim().to_string())
        }
        None => (None, text.to_string()),
    };
    Asked {
        task,
        question,
        llm: state.chat.llm.clone(),
        before,
        context: state.recovery.plan_for().context,
    }
}

/// Words that are about the conversation itself and go to no model.
fn managed(state: &mut State, text: &str) -> Option<Vec<Effect>> {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let rest = rest.trim();
    match word {
        "/new" => {
            let ended = std::mem::take(&mut state.chat.turns);
            state
                .chat
                .earlier
                .extend(Some(ended).filter(|t| !t.is_empty()));
            Some(vec![Effect::Save])
        }
        "/back" => {
            if let Some(last) = state.chat.earlier.pop() {
                let ended = std::mem::replace(&mut state.chat.turns, last);
                state
                    .chat
                    .earlier
                    .splice(0..0, Some(ended).filter(|t| !t.is_empty()));
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
                asked(state, last)
            })
        }
        "/preview" => {
            let question = if rest.is_empty() { "/cause" } else { rest };
            Some(vec![Effect::Preview(Box::new(turn(state, question)))])
        }
        "/models" => Some(vec![Effect::Models(state.chat.llm.clone())]),
        "/pull" if rest.is_empty() => {
            state.notice = Some("which one? /pull qwen3:8b".into());
            Some(vec![])
        }
        "/pull" => {
            busy(state, text.to_string(), "asking the server for the model");
            Some(vec![Effect::Pull(rest.to_string(), state.chat.llm.clone())])
        }
        "/think" => {
            state.chat.llm.think ^= true;
            let how = if state.chat.llm.think {
                "think before they answer (slower)"
            } else {
                "answer at once"
            };
            state.notice = Some(format!("models that can think {how}"));
            Some(vec![])
        }
        "/thoughts" => {
            state.chat.unfolded ^= true;
            Some(vec![])
        }
        "/model" => {
            choose(state, Some(rest.to_string()).filter(|m| !m.is_empty()));
            Some(vec![])
        }
        "/allow-remote" => {
            state.chat.llm.allow_remote = true;
            state.notice =
                Some("a server on another machine may be asked about this corpus".into());
            Some(vec![Effect::Save])
        }
        _ => None,
    }
}

/// The model that is asked from here on; none: the first that the server has.
pub fn choose(state: &mut State, model: Option<String>) {
    let named = model.as_deref().unwrap_or("the first that the server has");
    state.notice = Some(format!("the next question goes to {}", for_terminal(named)));
    state.chat.llm.model = model;
}

pub fn answered(state: &mut State, answer: Answer) {
    let mut notes = answer.notes;
    if answer.cited.wrong > 0 {
        notes.push(format!(
            "{} citations do not exist: marked (?)",
            answer.cited.wrong
        ));
    }
    if answer.cited.bare + answer.cited.unsupported > 0 && answer.by == "model" {
        let (bare, other) = (answer.cited.bare, answer.cited.unsupported);
        notes.push(format!("{bare} sentences cite nothing, {other} cite what speaks of something else: both are marked"));
    }
    let by = if answer.model.is_empty() {
        answer.by.to_string()
    } else {
        let (read, window) = (answer.prompt_tokens, answer.window.max(1));
        let share = read * 100 / window;
        format!(
            "{}, {read} of {window} tokens read ({share}%), {} written, prompts {}{}",
            answer.model,
            answer.answer_tokens,
            answer.prompt_version,
            answer
                .gpu
                .map_or_else(String::new, |gpu| format!(", {gpu}% GPU"))
        )
    };
    let question = std::mem::take(&mut state.chat.asked);
    if answer.recommends && answer.by == "model" {
        let by = format!("{}, prompts {}", answer.model, answer.prompt_version);
        state.recovery.advised.extend(
            answer
                .actions
                .iter()
                .take(3)
                .map(|a| (a.id.clone(), by.clone())),
        );
        state
            .actions
            .iter_mut()
            .for_each(|a| a.advised_by = state.recovery.advised.get(&a.id).cloned());
    }
    let cards = if answer.recommends {
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

/// The server has the model now, or says why not.
pub fn pulled(state: &mut State, model: String, failed: Option<String>) {
    state.chat.busy = false;
    state.notice = Some(match failed {
        Some(e) => e,
        None => {
            let told = format!(
                "{} is here; the next question goes to it",
                for_terminal(&model)
            );
            state.chat.llm.model = Some(model);
            told
        }
    });
}

fn to_end(state: &mut State) {
    let len = rows(state, Pane::Chat).len();
    let height = state.heights().list;
    if state.pane == Pane::Chat {
        state.report.to(len.saturating_sub(1), len, height);
    }
}

//! Handles keys while an overlay is open: prompt, picker, text or help. Does no I/O.

use super::{apply, chat, command, filter, guide, jump, search, templates};
use crate::tui::state::State;
use crate::tui::state::guide::Mark;
use crate::tui::state::msg::{Effect, Purpose};
use crate::tui::state::overlay::{Overlay, Prompt, PromptKind};
use crate::tui::state::pane::Pane;

/// Passes a key to the topmost overlay.
pub fn key(state: &mut State, key: &str) -> Vec<Effect> {
    let Some(top) = state.overlays.last_mut() else {
        return vec![];
    };
    match top {
        Overlay::Help { top } => {
            match key {
                "down" | "j" => *top += 1,
                "up" | "k" => *top = top.saturating_sub(1),
                "pagedown" | "space" => *top += 10,
                "pageup" | "b" => *top = top.saturating_sub(10),
                _ => {
                    state.overlays.pop();
                }
            }
            vec![]
        }
        Overlay::Text {
            template: Some(id), ..
        } if key == "enter" => {
            let id = *id;
            state.overlays.pop();
            templates::show_events(state, id)
        }
        Overlay::Text { lines, top, .. } => {
            let last = lines.len().saturating_sub(1);
            match key {
                "down" | "j" => *top = (*top + 1).min(last),
                "up" | "k" => *top = top.saturating_sub(1),
                "pagedown" | "space" => *top = (*top + 10).min(last),
                "pageup" | "b" => *top = top.saturating_sub(10),
                _ => {
                    state.overlays.pop();
                }
            }
            vec![]
        }
        Overlay::Palette(picker) => match key {
            "esc" | "ctrl-c" => close(state),
            "enter" => {
                let chosen = picker.chosen().copied();
                state.overlays.pop();
                chosen.map_or_else(Vec::new, |c| command::run(state, c))
            }
            key => {
                picker.edit(key);
                vec![]
            }
        },
        Overlay::Open(picker) => match key {
            "esc" | "ctrl-c" => vec![Effect::Quit],
            "enter" => picker
                .chosen()
                .cloned()
                .map_or_else(Vec::new, |paths| vec![Effect::Open(paths)]),
            key => {
                picker.edit(key);
                vec![]
            }
        },
        Overlay::Mention(picker) | Overlay::Models(picker) => match key {
            "esc" | "ctrl-c" => close(state),
            "enter" => {
                let chosen = picker.chosen().cloned();
                match state.overlays.pop() {
                    Some(Overlay::Models(_)) => {
                        let model = chosen.or(state.chat.llm.model.take());
                        chat::choose_model(state, model);
                    }
                    _ => chat::insert_mention(state, chosen),
                }
                vec![]
            }
            key => {
                picker.edit(key);
                vec![]
            }
        },
        Overlay::Prompt(_) => prompt_key(state, key),
    }
}

fn close(state: &mut State) -> Vec<Effect> {
    state.overlays.pop();
    vec![]
}

fn prompt_key(state: &mut State, key: &str) -> Vec<Effect> {
    let Some(Overlay::Prompt(prompt)) = state.overlays.last_mut() else {
        return vec![];
    };
    match key {
        "enter" => {
            let Some(Overlay::Prompt(prompt)) = state.overlays.pop() else {
                return vec![];
            };
            accept(state, prompt)
        }
        "esc" | "ctrl-c" => {
            let (asking, origin) = (prompt.kind, prompt.origin);
            state.overlays.pop();
            if asking == PromptKind::Search {
                jump::to(state, origin);
                state.events.found = None;
                state.events.search.clear();
                return vec![Effect::CancelSearch(Purpose::Search)];
            }
            vec![]
        }
        "up" | "down" if prompt.kind == PromptKind::Chat => {
            let questions: Vec<&String> = state.chat.turns.iter().map(|t| &t.question).collect();
            prompt.recall(&questions, key == "up");
            vec![]
        }
        "@" if prompt.kind == PromptKind::Chat => {
            chat::pick_mention(state);
            vec![]
        }
        key => {
            if prompt.edit(key) {
                prompt.error = None;
                return search::text_changed(state);
            }
            vec![]
        }
    }
}

/// Inserts pasted text into the prompt or the palette.
pub fn paste(state: &mut State, text: &str) -> Vec<Effect> {
    match state.overlays.last_mut() {
        Some(Overlay::Prompt(p)) => {
            p.insert(text);
            search::text_changed(state)
        }
        Some(Overlay::Palette(p)) => {
            p.prompt.insert(text);
            p.narrow();
            vec![]
        }
        _ => vec![],
    }
}

/// Handles Enter in a prompt.
fn accept(state: &mut State, prompt: Prompt) -> Vec<Effect> {
    let text = prompt.text.trim().to_string();
    match prompt.kind {
        PromptKind::Search if state.pane == Pane::Templates => vec![],
        PromptKind::Search => {
            state.events.search.clone_from(&text);
            if text.is_empty() {
                return vec![];
            }
            if let Some(e) = crate::corpus::check_query(&text).err() {
                state.notice = Some(e.to_string());
                return vec![];
            }
            state.events.follow = false;
            vec![]
        }
        PromptKind::Filter => {
            if let Some(e) = crate::corpus::check_query(&text).err() {
                state.notice = Some(e.to_string());
                return vec![];
            }
            state.events.filter.text = text;
            filter::refilter(state)
        }
        PromptKind::Context => apply::context_entered(state, text),
        PromptKind::Value => apply::value_entered(state, text),
        PromptKind::Consent => apply::consent_entered(state, &text),
        PromptKind::Chat => chat::submit(state, text),
        PromptKind::Why => guide::note_entered(state, text),
        PromptKind::Remote => chat::remote_consent_entered(state, &text),
        PromptKind::Mask | PromptKind::Name => templates::prompt_accepted(state, prompt.kind, text),
        PromptKind::Time => {
            match jump::parse(state, &text) {
                Some(at) => jump::to_moment(state, at),
                None => {
                    state.notice = Some(format!(
                        "'{text}' is not a time; use 10:15, 2024-03-01T10:15:00Z or -5m"
                    ))
                }
            }
            vec![]
        }
        PromptKind::Note => {
            let Some(key) = state.selected_event().map(|e| state.mark_key(e)) else {
                return vec![];
            };
            state.marks.insert(key, Mark { note: text });
            vec![Effect::Save]
        }
    }
}

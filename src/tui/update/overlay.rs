//! Keys while something lies over the panes. No I/O.

use super::super::msg::{Effect, Purpose};
use super::super::overlay::{Asking, Overlay, Prompt};
use super::super::state::{Mark, Pane, State};
use super::{apply, chat, command, guide, jump, templates};

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
                        chat::choose(state, model);
                    }
                    _ => chat::mentioned(state, chosen),
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
            let (asking, origin) = (prompt.asking, prompt.origin);
            state.overlays.pop();
            if asking == Asking::Search {
                jump::to(state, origin);
                state.found = None;
                state.search.clear();
                return vec![Effect::CancelSearch(Purpose::Search)];
            }
            vec![]
        }
        "up" | "down" if prompt.asking == Asking::Chat => {
            let asked: Vec<&String> = state.chat.turns.iter().map(|t| &t.question).collect();
            prompt.recall(&asked, key == "up");
            vec![]
        }
        "@" if prompt.asking == Asking::Chat => {
            chat::mention(state);
            vec![]
        }
        key => {
            if prompt.edit(key) {
                prompt.error = None;
                return changed(state);
            }
            vec![]
        }
    }
}

pub fn paste(state: &mut State, text: &str) -> Vec<Effect> {
    match state.overlays.last_mut() {
        Some(Overlay::Prompt(p)) => {
            p.insert(text);
            changed(state)
        }
        Some(Overlay::Palette(p)) => {
            p.prompt.insert(text);
            p.narrow();
            vec![]
        }
        _ => vec![],
    }
}

/// Searches as one types; the latest wins.
fn changed(state: &mut State) -> Vec<Effect> {
    let Some(Overlay::Prompt(p)) = state.overlays.last() else {
        return vec![];
    };
    if p.asking != Asking::Search {
        return vec![];
    }
    let text = p.text.clone();
    if state.pane == Pane::Templates {
        return vec![Effect::FindTemplates(text)];
    }
    if text.trim().is_empty() {
        state.found = None;
        return vec![Effect::CancelSearch(Purpose::Search)];
    }
    vec![Effect::Search {
        purpose: Purpose::Search,
        query: text,
        context: 0,
    }]
}

/// The stream shows the first match at or after where the search began.
pub fn preview(state: &mut State) {
    let Some(Overlay::Prompt(p)) = state.overlays.last() else {
        return;
    };
    let from = state.row_at(p.origin) as u32;
    let row = state.found.as_ref().and_then(|f| {
        f.rows
            .get(f.rows.partition_point(|r| *r < from))
            .or(f.rows.first())
            .copied()
    });
    if let Some(row) = row {
        let place = state.place_of(row as usize);
        jump::to(state, place);
    }
}

fn accept(state: &mut State, prompt: Prompt) -> Vec<Effect> {
    let text = prompt.text.trim().to_string();
    match prompt.asking {
        Asking::Search if state.pane == Pane::Templates => vec![],
        Asking::Search => {
            state.search.clone_from(&text);
            if text.is_empty() {
                return vec![];
            }
            if let Some(e) = crate::engine::check_query(&text).err() {
                state.notice = Some(e);
                return vec![];
            }
            state.follow = false;
            vec![]
        }
        Asking::Filter => {
            if let Some(e) = crate::engine::check_query(&text).err() {
                state.notice = Some(e);
                return vec![];
            }
            state.filter.text = text;
            command::refilter(state)
        }
        Asking::Context => apply::named(state, text),
        Asking::Value => apply::valued(state, text),
        Asking::Consent => apply::consented(state, &text),
        Asking::Chat => chat::asked(state, text),
        Asking::Why => guide::noted(state, text),
        Asking::Remote => chat::allowed(state, &text),
        Asking::Mask | Asking::Name => templates::answered(state, prompt.asking, text),
        Asking::Time => {
            match jump::parse(state, &text) {
                Some(at) => jump::to_moment(state, at),
                None => {
                    state.notice = Some(format!(
                        "'{text}' is no time: 10:15, 2024-03-01T10:15:00Z or -5m"
                    ))
                }
            }
            vec![]
        }
        Asking::Note => {
            let Some(key) = state.selected_event().map(|e| state.mark_key(e)) else {
                return vec![];
            };
            state.marks.insert(key, Mark { note: text });
            vec![Effect::Save]
        }
    }
}

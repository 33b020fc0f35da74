//! Templates in the user's hand: merge, split, mask, name, pin, undo. No I/O.

use super::super::msg::Effect;
use super::super::overlay::{Asking, Overlay, Prompt};
use super::super::state::State;
use crate::config::keymap::Command;
use crate::engine::{Edit, common, masked};
use crate::text::escape::for_terminal;

pub fn run(state: &mut State, command: Command) -> Vec<Effect> {
    if command == Command::UndoEdit {
        return vec![Effect::UndoEdit];
    }
    let Some(text) = selected(state) else {
        state.notice = Some("no template is under the cursor".into());
        return vec![];
    };
    match command {
        Command::MergeTemplates => merge(state, text),
        Command::SplitTemplate => {
            state.notice = Some("split into what it was merged from; ctrl-x takes it back".into());
            vec![Effect::Edit(Edit::Split { text })]
        }
        Command::PinTemplate => vec![Effect::Edit(Edit::Pin { text })],
        Command::MaskWord => ask(state, Asking::Mask, String::new()),
        _ => {
            let name = state
                .selected_template()
                .and_then(|t| state.snapshot.templates[t].name.clone())
                .unwrap_or_default();
            ask(state, Asking::Name, name)
        }
    }
}

fn selected(state: &State) -> Option<String> {
    state
        .selected_template()
        .map(|t| state.snapshot.templates[t].text.clone())
}

fn ask(state: &mut State, asking: Asking, text: String) -> Vec<Effect> {
    let origin = state.stream.cursor;
    state
        .overlays
        .push(Overlay::Prompt(Prompt::new(asking, text, origin)));
    vec![]
}

/// The first key marks a template, the second merges it with the one under the cursor then.
fn merge(state: &mut State, text: String) -> Vec<Effect> {
    match state.merging.take() {
        Some(other) if other != text => {
            let to = common(&other, &text);
            state.notice = Some(format!(
                "merged as: {}; ctrl-x takes it back",
                for_terminal(&to)
            ));
            vec![Effect::Edit(Edit::Merge {
                from: vec![other, text],
                to,
            })]
        }
        Some(_) => {
            state.notice = Some("not merged: it is the same template".into());
            vec![]
        }
        None => {
            state.notice =
                Some("go to the template to merge it with and press the key again".into());
            state.merging = Some(text);
            vec![]
        }
    }
}

/// The answer to a prompt about the template under the cursor.
pub fn answered(state: &mut State, asking: Asking, answer: String) -> Vec<Effect> {
    let Some(text) = selected(state) else {
        return vec![];
    };
    if asking == Asking::Name {
        return vec![Effect::Edit(Edit::Name { text, name: answer })];
    }
    let words: Vec<&str> = text.split(' ').collect();
    let at = answer
        .parse::<usize>()
        .ok()
        .and_then(|n| n.checked_sub(1))
        .filter(|n| *n < words.len());
    let at = words.iter().position(|w| *w == answer).or(at);
    match at.and_then(|n| masked(&text, n)) {
        Some(to) => {
            state.notice = Some(format!("now: {}; ctrl-x takes it back", for_terminal(&to)));
            vec![Effect::Edit(Edit::Merge {
                from: vec![text],
                to,
            })]
        }
        None => {
            state.notice = Some(format!(
                "'{}' is no constant word of this template",
                for_terminal(&answer)
            ));
            vec![]
        }
    }
}

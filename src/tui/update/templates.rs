//! The template table: its order, and the edits by the user (merge, split, mask, name, pin, undo).
//! Does no I/O.

use super::filter;
use crate::config::keymap::Command;
use crate::corpus::{Edit, common, masked};
use crate::model::{Level, Template, TemplateIx, TemplateKey};
use crate::text::escape::for_terminal;
use crate::tui::layout::Layout;
use crate::tui::state::State;
use crate::tui::state::events::Filter;
use crate::tui::state::msg::Effect;
use crate::tui::state::overlay::{Overlay, Prompt, PromptKind};
use crate::tui::state::pane::{Pane, Scroll};
use crate::tui::state::templates::SortBy;

/// Asks for the values of the template under the cursor.
pub fn explain(state: &mut State) -> Vec<Effect> {
    let Some(template) = state.selected_template() else {
        return vec![];
    };
    state.notice = Some("reading the values of this template…".into());
    vec![Effect::ExplainTemplate(template)]
}

/// Shows the events of a template.
pub fn show_events(state: &mut State, id: TemplateKey) -> Vec<Effect> {
    state.events.filter = Filter {
        only_templates: vec![id],
        ..Filter::default()
    };
    state.pane = Pane::Events;
    filter::refilter(state)
}

/// Runs a template command on the template under the cursor.
pub fn run(state: &mut State, command: Command) -> Vec<Effect> {
    if command == Command::UndoEdit {
        return vec![Effect::UndoEdit];
    }
    let Some(text) = selected(state) else {
        state.notice = Some("no template selected".into());
        return vec![];
    };
    match command {
        Command::MergeTemplates => merge(state, text),
        Command::SplitTemplate => {
            state.notice = Some("split into the original templates; ctrl-x undoes it".into());
            vec![Effect::Edit(Edit::Split { text })]
        }
        Command::PinTemplate => vec![Effect::Edit(Edit::Pin { text })],
        Command::MaskWord => ask(state, PromptKind::Mask, String::new()),
        _ => {
            let name = state
                .selected_template()
                .and_then(|t| state.snapshot.templates[t.index()].name.clone())
                .unwrap_or_default();
            ask(state, PromptKind::Name, name)
        }
    }
}

/// The text of the template under the cursor.
fn selected(state: &State) -> Option<String> {
    state
        .selected_template()
        .map(|t| state.snapshot.templates[t.index()].text.clone())
}

fn ask(state: &mut State, asking: PromptKind, text: String) -> Vec<Effect> {
    let origin = state.events.scroll.cursor;
    state
        .overlays
        .push(Overlay::Prompt(Prompt::new(asking, text, origin)));
    vec![]
}

/// First press: remembers the template. Second press: merges it with the one under the cursor.
fn merge(state: &mut State, text: String) -> Vec<Effect> {
    match state.templates.merging.take() {
        Some(other) if other != text => {
            let to = common(&other, &text);
            state.notice = Some(format!(
                "merged into: {}; ctrl-x undoes it",
                for_terminal(&to)
            ));
            vec![Effect::Edit(Edit::Merge {
                from: vec![other, text],
                to,
            })]
        }
        Some(_) => {
            state.notice = Some("not merged: both are the same template".into());
            vec![]
        }
        None => {
            state.notice = Some("go to the other template and press the key again".into());
            state.templates.merging = Some(text);
            vec![]
        }
    }
}

/// The user entered a name for the template under the cursor, or the word to mask in it (the word
/// itself or its 1-based number).
pub fn prompt_accepted(state: &mut State, asking: PromptKind, answer: String) -> Vec<Effect> {
    let Some(text) = selected(state) else {
        return vec![];
    };
    if asking == PromptKind::Name {
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
            state.notice = Some(format!(
                "new template: {}; ctrl-x undoes it",
                for_terminal(&to)
            ));
            vec![Effect::Edit(Edit::Merge {
                from: vec![text],
                to,
            })]
        }
        None => {
            state.notice = Some(format!(
                "'{}' is not a constant word in this template",
                for_terminal(&answer)
            ));
            vec![]
        }
    }
}

/// Sorts the template table by the next column.
pub fn next_order(state: &mut State) {
    state.templates.sort = state.templates.sort.next();
    sort(state);
    let order = state.templates.sort.name();
    state.notice = Some(format!("templates sorted by {order}"));
}

/// Sorts the template table. The cursor stays on its template, except at the top of the table.
pub fn sort(state: &mut State) {
    let table = &state.snapshot.templates;
    let id = |ix: TemplateIx| table.get(ix.index()).map(|t| t.id);
    let cursor = state.templates.scroll.cursor;
    let selected = state.templates.rows.get(cursor).and_then(|ix| id(*ix));
    let mut rows: Vec<TemplateIx> = (0..table.len()).map(TemplateIx::at).collect();
    let at = |ix: &TemplateIx| &table[ix.index()];
    let difference = |ix: &TemplateIx| (at(ix).change - 1.0).abs();
    match state.templates.sort {
        SortBy::Count => {}
        SortBy::Change => rows.sort_by(|a, b| difference(b).total_cmp(&difference(a))),
        SortBy::FirstSeen => rows.sort_by_key(|ix| (at(ix).first.is_none(), at(ix).first)),
        SortBy::Level => rows.sort_by_key(|ix| std::cmp::Reverse(worst(at(ix)))),
    }
    rows.sort_by_key(|ix| !at(ix).pinned);
    let place = rows
        .iter()
        .position(|ix| id(*ix) == selected)
        .filter(|_| cursor > 0);
    state.templates.rows = rows;
    let (len, height) = (state.templates.rows.len(), Layout::of(state).list_lines());
    state
        .templates
        .scroll
        .to(place.unwrap_or(cursor), len, height);
}

/// Index of the highest level that occurs.
fn worst(template: &Template) -> usize {
    template
        .levels
        .iter()
        .rposition(|n| *n > 0)
        .unwrap_or(Level::Unknown.index())
}

/// Shows the templates that a search found.
pub fn found(state: &mut State, text: &str, ids: &[TemplateKey]) {
    if state.pane != Pane::Templates || text.is_empty() {
        return;
    }
    let mut rows: Vec<TemplateIx> = ids
        .iter()
        .filter_map(|id| state.snapshot.template_by_id(*id))
        .collect();
    rows.dedup();
    if rows.is_empty() {
        state.notice = Some(format!("no template matches '{text}'"));
    } else {
        state.templates.rows = rows;
        state.templates.scroll = Scroll::default();
    }
}

//! Applies each command to the state. Does no I/O.

use super::{analysis, apply, chat, filter, guide, jump, scroll, search, templates, zoom};
use crate::config::keymap::Command;
use crate::model::Level;
use crate::text::redact::Redactor;
use crate::tui::state::State;
use crate::tui::state::events::Filter;
use crate::tui::state::msg::{Effect, Purpose};
use crate::tui::state::overlay::{Overlay, Prompt, PromptKind, palette};
use crate::tui::state::pane::Pane;

/// Runs a command. Returns the effects that it needs.
pub fn run(state: &mut State, command: Command) -> Vec<Effect> {
    if command != Command::Cancel {
        state.cancelled_once = false;
    }
    state.first_run = false;
    match command {
        Command::Open => open(state),
        Command::Back => back(state),
        Command::NextError => seek(state, true, Level::Error),
        Command::PreviousError => seek(state, false, Level::Error),
        Command::NextWarning => seek(state, true, Level::Warn),
        Command::PreviousWarning => seek(state, false, Level::Warn),
        Command::OnlyTemplate
        | Command::HideTemplate
        | Command::OnlyService
        | Command::HideService
        | Command::MinLevel => filter::change(state, command),
        Command::ClearFilters => filter::clear(state),
        Command::Context => filter::next_context(state),
        Command::ThumbsUp => analysis::verdict(state, true),
        Command::ThumbsDown => analysis::verdict(state, false),
        Command::Mute => analysis::mute(state),
        Command::Apply => apply::run(state),
        Command::Undo => apply::undo(state),
        Command::MarkBaseline => analysis::mark_baseline(state),
        Command::MarkRange => analysis::mark_range(state),
        Command::AskAbout => chat::ask_about(state),
        Command::MergeTemplates
        | Command::SplitTemplate
        | Command::MaskWord
        | Command::NameTemplate
        | Command::PinTemplate
        | Command::UndoEdit => templates::run(state, command),
        Command::ZoomIn => zoom::zoom(state, true),
        Command::ZoomOut => zoom::zoom(state, false),
        Command::Bookmark => bookmark(state),
        Command::Copy => copy(state, false),
        Command::CopyRedacted => copy(state, true),
        Command::Redraw => vec![Effect::Redraw],
        Command::Suspend => vec![Effect::Suspend],
        Command::Cancel => cancel(state),
        Command::Quit => vec![Effect::Quit],
        command => {
            change_view(state, command);
            vec![]
        }
    }
}

/// Runs a command that only changes what is shown.
fn change_view(state: &mut State, command: Command) {
    match command {
        Command::Left => scroll::sideways(state, false),
        Command::Right => scroll::sideways(state, true),
        Command::Search => prompt(state, PromptKind::Search),
        Command::FilterText => prompt(state, PromptKind::Filter),
        Command::GoToTime => prompt(state, PromptKind::Time),
        Command::Note if state.pane == Pane::Guide => guide::note(state),
        Command::Note => prompt(state, PromptKind::Note),
        Command::NextMatch => search::next_match(state, true),
        Command::PreviousMatch => search::next_match(state, false),
        Command::NextWindow => analysis::next_window(state, true),
        Command::PreviousWindow => analysis::next_window(state, false),
        Command::NextItem => analysis::next_item(state, true),
        Command::PreviousItem => analysis::next_item(state, false),
        Command::NextBookmark => jump::to_mark(state, true),
        Command::PreviousBookmark => jump::to_mark(state, false),
        Command::Sort => templates::next_order(state),
        Command::Follow => follow(state),
        Command::Wrap => state.events.wrap = !state.events.wrap,
        Command::Theme => next_theme(state),
        Command::Palette => state
            .overlays
            .push(Overlay::Palette(palette(&state.keymap))),
        Command::Help => state.overlays.push(Overlay::Help { top: 0 }),
        command if scroll::is_move(command) => scroll::move_by(state, command),
        command => show_pane(state, command),
    }
}

fn follow(state: &mut State) {
    state.events.follow = !state.events.follow;
    if state.events.follow {
        jump::to_end(state);
    }
}

fn show_pane(state: &mut State, command: Command) {
    let at = Pane::ALL.iter().position(|p| *p == state.pane).unwrap_or(0);
    let pane = match command {
        Command::Stream => Pane::Events,
        Command::Templates => Pane::Templates,
        Command::Detail => Pane::Detail,
        Command::Sources => Pane::Sources,
        Command::Anomalies => Pane::Anomalies,
        Command::Diagnosis => Pane::Diagnosis,
        Command::Plan => Pane::Plan,
        Command::Chat => Pane::Chat,
        Command::Guide => Pane::Guide,
        Command::NextPane => Pane::ALL[(at + 1) % Pane::ALL.len()],
        Command::PreviousPane => Pane::ALL[(at + Pane::ALL.len() - 1) % Pane::ALL.len()],
        _ => return,
    };
    jump::to_pane(state, pane);
}

/// Enter: goes from an event to its detail, from a template to its values, from a source to its
/// first event.
fn open(state: &mut State) -> Vec<Effect> {
    match state.pane {
        Pane::Events => state.pane = Pane::Detail,
        Pane::Detail => state.pane = Pane::Events,
        Pane::Guide => return guide::open(state),
        Pane::Anomalies | Pane::Diagnosis | Pane::Plan | Pane::Chat => {
            return analysis::open(state);
        }
        Pane::Templates => return templates::explain(state),
        Pane::Sources => {
            let Some(source) = crate::tui::panes::sources::source_at(state, state.sources.cursor)
            else {
                return vec![];
            };
            if let Some(id) = state.snapshot.first_event_of(source) {
                let place = state.place_of(state.snapshot.row_of(id));
                jump::to(state, place);
                state.pane = Pane::Events;
            }
        }
    }
    vec![]
}

/// Esc: cancels what is running, or goes back one step.
fn back(state: &mut State) -> Vec<Effect> {
    if state.chat.busy && state.pane == Pane::Chat {
        return vec![Effect::StopAsking];
    }
    if state.events.filtering.as_ref().is_some_and(|f| !f.finished) {
        state.events.filter = Filter::default();
        return filter::refilter(state);
    }
    if state.events.found.is_some() {
        state.events.found = None;
        state.events.search.clear();
        return vec![Effect::CancelSearch(Purpose::Search)];
    }
    if state.pane == Pane::Templates && state.templates.rows.len() != state.snapshot.templates.len()
    {
        templates::sort(state);
    } else if state.pane != Pane::Events {
        state.pane = Pane::Events;
    } else if state.timeline.range.take().is_some() {
        state.timeline.zoomed = None;
    } else if state.events.rows.is_some() {
        state.notice = Some("press 0 to clear the filter".into());
    }
    vec![]
}

/// Opens a prompt with the current text, if there is one.
fn prompt(state: &mut State, asking: PromptKind) {
    let text = match asking {
        PromptKind::Filter => state.events.filter.text.clone(),
        PromptKind::Note => state
            .selected_event()
            .map(|e| state.mark_key(e))
            .and_then(|k| state.marks.get(&k))
            .map_or_else(String::new, |m| m.note.clone()),
        _ => String::new(),
    };
    let origin = state.events.scroll.cursor;
    state
        .overlays
        .push(Overlay::Prompt(Prompt::new(asking, text, origin)));
}

fn seek(state: &mut State, forward: bool, level: Level) -> Vec<Effect> {
    state.events.seeking = true;
    state.events.follow = false;
    vec![Effect::Seek {
        from: state.events.scroll.cursor,
        forward,
        level,
    }]
}

fn bookmark(state: &mut State) -> Vec<Effect> {
    let Some(key) = state.selected_event().map(|e| state.mark_key(e)) else {
        return vec![];
    };
    if state.marks.remove(&key).is_none() {
        state.marks.insert(key, Default::default());
    }
    vec![Effect::Save]
}

/// Copies what is under the cursor. `redacted`: with secrets replaced by placeholders.
fn copy(state: &mut State, redacted: bool) -> Vec<Effect> {
    if state.pane == Pane::Plan {
        return analysis::copy(state);
    }
    let text = match state.pane {
        Pane::Templates => state
            .selected_template()
            .map(|t| state.snapshot.templates[t.index()].text.clone()),
        _ => state.selected_event().map(|e| e.raw.clone()),
    };
    match text {
        Some(text) if redacted => {
            let mut redactor = Redactor::new(state.chat.llm.hide_names);
            let text = redactor.redact(&text);
            state.notice = Some(format!("copied; secrets replaced: {}", redactor.count()));
            vec![Effect::Copy(text)]
        }
        Some(text) => {
            state.notice = Some("copied".into());
            vec![Effect::Copy(text)]
        }
        None => vec![],
    }
}

fn next_theme(state: &mut State) {
    let at = state.themes.iter().position(|t| t.name == state.theme.name);
    let next = at.map_or(0, |at| (at + 1) % state.themes.len());
    if let Some(theme) = state.themes.get(next).cloned() {
        state.notice = Some(format!("theme: {}", theme.name));
        state.theme = theme;
    }
}

/// Ctrl-C: cancels what is running; the second time in a row, quits.
fn cancel(state: &mut State) -> Vec<Effect> {
    let busy = state.events.filtering.as_ref().is_some_and(|f| !f.finished)
        || state.events.found.as_ref().is_some_and(|f| !f.finished);
    if state.cancelled_once && !busy {
        return vec![Effect::Quit];
    }
    state.cancelled_once = true;
    state.notice = Some("canceled; press Ctrl-C again to quit".into());
    vec![
        Effect::CancelSearch(Purpose::Search),
        Effect::CancelSearch(Purpose::Filter),
    ]
}

//! What each command does to the state. No I/O.

use super::super::msg::{Effect, Purpose};
use super::super::overlay::{Asking, Overlay, Prompt, palette};
use super::super::state::{Filter, Pane, Scroll, State};
use super::{apply, chat, guide, jump, report, sort_templates, templates};
use crate::config::keymap::Command;
use crate::model::Level;

pub fn run(state: &mut State, command: Command) -> Vec<Effect> {
    if command != Command::Cancel {
        state.cancelled_once = false;
    }
    state.first_run = false;
    match command {
        Command::Down
        | Command::Up
        | Command::PageDown
        | Command::PageUp
        | Command::HalfDown
        | Command::HalfUp
        | Command::Top
        | Command::Bottom => move_by(state, command),
        Command::Left | Command::Right => sideways(state, command == Command::Right),
        Command::Stream
        | Command::Templates
        | Command::Detail
        | Command::Sources
        | Command::Anomalies
        | Command::Diagnosis
        | Command::Plan
        | Command::Chat
        | Command::Guide
        | Command::NextPane
        | Command::PreviousPane => show_pane(state, command),
        Command::Open => return open(state),
        Command::Back => return back(state),
        Command::Search => prompt(state, Asking::Search),
        Command::FilterText => prompt(state, Asking::Filter),
        Command::GoToTime => prompt(state, Asking::Time),
        Command::Note if state.pane == Pane::Guide => guide::note(state),
        Command::Note => prompt(state, Asking::Note),
        Command::NextMatch | Command::PreviousMatch => {
            next_match(state, command == Command::NextMatch)
        }
        Command::NextError => return seek(state, true, Level::Error),
        Command::PreviousError => return seek(state, false, Level::Error),
        Command::NextWarning => return seek(state, true, Level::Warn),
        Command::PreviousWarning => return seek(state, false, Level::Warn),
        Command::OnlyTemplate
        | Command::HideTemplate
        | Command::OnlyService
        | Command::HideService
        | Command::MinLevel => {
            return filter(state, command);
        }
        Command::ClearFilters => {
            state.filter = Filter::default();
            return refilter(state);
        }
        Command::Context => {
            state.context = if state.context == 0 {
                3
            } else if state.context == 3 {
                10
            } else {
                0
            };
            state.notice = Some(format!(
                "{} lines of context around what the filter shows",
                state.context
            ));
            return refilter(state);
        }
        Command::Sort => {
            state.sort = state.sort.next();
            sort_templates(state);
            state.notice = Some(format!("templates sorted by {}", state.sort.name()));
        }
        Command::NextWindow | Command::PreviousWindow => {
            report::next_window(state, command == Command::NextWindow)
        }
        Command::ThumbsUp | Command::ThumbsDown => {
            return report::verdict(state, command == Command::ThumbsUp);
        }
        Command::Mute => return report::mute(state),
        Command::NextItem => report::next_item(state, true),
        Command::PreviousItem => report::next_item(state, false),
        Command::Apply => return apply::run(state),
        Command::TakeBack => return apply::take_back(state),
        Command::MarkBaseline => return report::mark_baseline(state),
        Command::MarkRange => return report::mark_range(state),
        Command::AskAbout => return chat::ask_about(state),
        Command::MergeTemplates
        | Command::SplitTemplate
        | Command::MaskWord
        | Command::NameTemplate
        | Command::PinTemplate
        | Command::UndoEdit => return templates::run(state, command),
        Command::ZoomIn | Command::ZoomOut => return zoom(state, command == Command::ZoomIn),
        Command::Bookmark => return bookmark(state),
        Command::NextBookmark | Command::PreviousBookmark => {
            jump::to_mark(state, command == Command::NextBookmark)
        }
        Command::Follow => {
            state.follow = !state.follow;
            if state.follow {
                jump::to_end(state);
            }
        }
        Command::Wrap => state.wrap = !state.wrap,
        Command::Copy => return copy(state),
        Command::Theme => return next_theme(state),
        Command::Palette => state
            .overlays
            .push(Overlay::Palette(palette(&state.keymap))),
        Command::Help => state.overlays.push(Overlay::Help { top: 0 }),
        Command::Redraw => return vec![Effect::Redraw],
        Command::Suspend => return vec![Effect::Suspend],
        Command::Cancel => return cancel(state),
        Command::Quit => return vec![Effect::Quit],
    }
    vec![]
}

fn scrolled(state: &mut State) -> (&mut Scroll, usize, usize) {
    let heights = state.heights();
    match state.pane {
        Pane::Stream => {
            let len = state.shown();
            (&mut state.stream, len, heights.stream)
        }
        Pane::Templates => (
            &mut state.templates,
            state.template_rows.len(),
            heights.list,
        ),
        Pane::Sources => {
            let len = super::super::view::sources::len(state);
            (&mut state.sources, len, heights.list)
        }
        Pane::Detail => {
            let len = super::super::view::detail::len(state);
            (&mut state.detail, len, 1)
        }
        pane => {
            let len = super::super::view::report::rows(state, pane).len();
            (&mut state.report, len, heights.list)
        }
    }
}

pub fn scroll(state: &mut State, lines: i64) {
    if let Some(Overlay::Help { top }) = state.overlays.last_mut() {
        *top = (*top as i64 + lines).max(0) as usize;
        return;
    }
    let (scroll, len, height) = scrolled(state);
    scroll.by(lines, len, height);
    // Going up leaves the end; coming back to it does not follow by itself.
    if state.pane == Pane::Stream && lines < 0 {
        state.follow = false;
    }
}

/// Puts the cursor on a line of the pane's window.
pub fn put_cursor(state: &mut State, line: usize) {
    let (scroll, len, height) = scrolled(state);
    let to = scroll.top + line;
    scroll.to(to, len, height);
    state.follow &= state.pane != Pane::Stream;
}

fn move_by(state: &mut State, command: Command) {
    let heights = state.heights();
    let page = if state.pane == Pane::Stream {
        heights.stream
    } else {
        heights.list
    }
    .max(2) as i64;
    let lines = match command {
        Command::Down => 1,
        Command::Up => -1,
        Command::PageDown => page - 1,
        Command::PageUp => 1 - page,
        Command::HalfDown => page / 2,
        Command::HalfUp => -page / 2,
        Command::Top => i64::MIN / 2,
        _ => i64::MAX / 2,
    };
    scroll(state, lines);
}

fn sideways(state: &mut State, right: bool) {
    let step = (state.size.0 / 3).max(8) as usize;
    state.left = if right {
        state.left + step
    } else {
        state.left.saturating_sub(step)
    };
}

fn show_pane(state: &mut State, command: Command) {
    let at = Pane::ALL.iter().position(|p| *p == state.pane).unwrap_or(0);
    let pane = match command {
        Command::Stream => Pane::Stream,
        Command::Templates => Pane::Templates,
        Command::Detail => Pane::Detail,
        Command::Sources => Pane::Sources,
        Command::Anomalies => Pane::Anomalies,
        Command::Diagnosis => Pane::Diagnosis,
        Command::Plan => Pane::Plan,
        Command::Chat => Pane::Chat,
        Command::Guide => Pane::Guide,
        Command::NextPane => Pane::ALL[(at + 1) % Pane::ALL.len()],
        _ => Pane::ALL[(at + Pane::ALL.len() - 1) % Pane::ALL.len()],
    };
    go_to(state, pane);
}

/// Shows a pane from its top; the guide where it was left.
pub fn go_to(state: &mut State, pane: Pane) {
    state.pane = pane;
    state.report = Scroll::default();
    state.left = 0;
    if state.pane == Pane::Guide {
        state.report.cursor = state.guide.cursor;
    }
}

/// Enter: from the stream to the detail, from a template to its events, from a source to its first event.
fn open(state: &mut State) -> Vec<Effect> {
    match state.pane {
        Pane::Stream => state.pane = Pane::Detail,
        Pane::Detail => state.pane = Pane::Stream,
        Pane::Guide => return guide::open(state),
        Pane::Anomalies | Pane::Diagnosis | Pane::Plan | Pane::Chat => return report::open(state),
        Pane::Templates => {
            let Some(t) = state.selected_template() else {
                return vec![];
            };
            let id = state.snapshot.templates[t].id;
            state.filter = Filter {
                only_templates: vec![id],
                ..Filter::default()
            };
            state.pane = Pane::Stream;
            return refilter(state);
        }
        Pane::Sources => {
            let Some(source) = super::super::view::sources::source_at(state, state.sources.cursor)
            else {
                return vec![];
            };
            let first = state
                .snapshot
                .chunks
                .iter()
                .find(|c| c.source == source)
                .map(|c| c.first_event);
            if let Some(id) = first {
                let place = state.place_of(state.snapshot.row_of(id));
                jump::to(state, place);
                state.pane = Pane::Stream;
            }
        }
    }
    vec![]
}

fn back(state: &mut State) -> Vec<Effect> {
    if state.chat.busy && state.pane == Pane::Chat {
        return vec![Effect::StopAsking];
    }
    if state.filtering.as_ref().is_some_and(|f| !f.finished) {
        state.filter = Filter::default();
        return refilter(state);
    }
    if state.found.is_some() {
        state.found = None;
        state.search.clear();
        return vec![Effect::CancelSearch(Purpose::Search)];
    }
    if state.pane == Pane::Templates && state.template_rows.len() != state.snapshot.templates.len()
    {
        sort_templates(state);
    } else if state.pane != Pane::Stream {
        state.pane = Pane::Stream;
    } else if state.zoom.take().is_some() {
        state.zoomed = None;
    } else if state.rows.is_some() {
        state.notice = Some("0 shows everything again".into());
    }
    vec![]
}

fn prompt(state: &mut State, asking: Asking) {
    let text = match asking {
        Asking::Filter => state.filter.text.clone(),
        Asking::Note => state
            .selected_event()
            .map(|e| state.mark_key(e))
            .and_then(|k| state.marks.get(&k))
            .map_or_else(String::new, |m| m.note.clone()),
        _ => String::new(),
    };
    let origin = state.stream.cursor;
    state
        .overlays
        .push(Overlay::Prompt(Prompt::new(asking, text, origin)));
}

pub fn next_match(state: &mut State, forward: bool) {
    let Some(found) = &state.found else {
        state.notice = Some("nothing searched yet: / searches".into());
        return;
    };
    let here = state.row_at(state.stream.cursor) as u32;
    let at = found
        .rows
        .partition_point(|r| if forward { *r <= here } else { *r < here });
    // Only matches that the filter shows.
    let shown = |row: &u32| {
        state
            .rows
            .as_ref()
            .is_none_or(|rows| rows.binary_search(row).is_ok())
    };
    let next = if forward {
        found.rows[at..].iter().find(|r| shown(r))
    } else {
        found.rows[..at].iter().rev().find(|r| shown(r))
    };
    match next.copied() {
        Some(row) => {
            let place = state.place_of(row as usize);
            state.follow = false;
            jump::to(state, place);
        }
        None => {
            state.notice = Some(
                if found.rows.is_empty() {
                    "no match"
                } else {
                    "no further match in this direction"
                }
                .into(),
            )
        }
    }
}

fn seek(state: &mut State, forward: bool, level: Level) -> Vec<Effect> {
    state.seeking = true;
    state.follow = false;
    vec![Effect::Seek {
        from: state.stream.cursor,
        forward,
        level,
    }]
}

fn filter(state: &mut State, command: Command) -> Vec<Effect> {
    let template = state
        .selected_template()
        .map(|t| state.snapshot.templates[t].id);
    let service = state.selected_event().map(|e| e.service.clone());
    let filter = &mut state.filter;
    match (command, template, service) {
        (Command::OnlyTemplate, Some(t), _) => filter.only_templates = vec![t],
        (Command::HideTemplate, Some(t), _) => filter.hidden_templates.push(t),
        (Command::OnlyService, _, Some(s)) => filter.only_services = vec![s],
        (Command::HideService, _, Some(s)) => filter.hidden_services.push(s),
        (Command::MinLevel, ..) => {
            filter.min_level = match filter.min_level {
                None => Some(Level::Info),
                Some(Level::Info) => Some(Level::Warn),
                Some(Level::Warn) => Some(Level::Error),
                Some(_) => None,
            };
        }
        _ => {
            state.notice = Some("nothing under the cursor to filter by".into());
            return vec![];
        }
    }
    refilter(state)
}

/// Runs the filter, or drops it when it is empty.
pub fn refilter(state: &mut State) -> Vec<Effect> {
    let query = state.filter.query();
    if query.is_empty() {
        let row = state.row_at(state.stream.cursor);
        state.rows = None;
        state.filtering = None;
        jump::to(state, row);
        return vec![Effect::CancelSearch(Purpose::Filter)];
    }
    vec![Effect::Search {
        purpose: Purpose::Filter,
        query,
        context: state.context,
    }]
}

fn zoom(state: &mut State, closer: bool) -> Vec<Effect> {
    let (start, end) = super::super::view::timeline::range(state);
    if end <= start {
        state.notice = Some("no event has a time: there is no time line to zoom".into());
        return vec![];
    }
    let centre = state
        .selected()
        .and_then(|id| state.snapshot.time(id))
        .unwrap_or(start)
        .clamp(start, end);
    let width = end - start;
    let (full_start, full_end) = super::super::view::timeline::full(state);
    if !closer && width * 4 >= full_end - full_start {
        (state.zoom, state.zoomed) = (None, None);
        return vec![];
    }
    let half = if closer {
        (width / 8).max(500_000)
    } else {
        width * 2
    };
    let range = (
        (centre - half).max(full_start),
        (centre + half).min(full_end),
    );
    state.zoom = Some(range);
    vec![Effect::Histogram(range.0, range.1)]
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

fn copy(state: &mut State) -> Vec<Effect> {
    if state.pane == Pane::Plan {
        return report::copy(state);
    }
    let text = match state.pane {
        Pane::Templates => state
            .selected_template()
            .map(|t| state.snapshot.templates[t].text.clone()),
        _ => state.selected_event().map(|e| e.raw.clone()),
    };
    match text {
        Some(text) => {
            state.notice = Some("copied".into());
            vec![Effect::Copy(text)]
        }
        None => vec![],
    }
}

fn next_theme(state: &mut State) -> Vec<Effect> {
    let at = state
        .themes
        .iter()
        .position(|t| *t == state.theme.name)
        .unwrap_or(0);
    let name = state.themes[(at + 1) % state.themes.len()].clone();
    let plain = state.theme.style("error").fg.is_none();
    match crate::config::theme::load(&name, &|_| None) {
        Ok(theme) => {
            state.theme = if plain { theme.without_colour() } else { theme };
            state.notice = Some(format!("theme {name}"));
        }
        Err(e) => state.notice = Some(e),
    }
    vec![]
}

fn cancel(state: &mut State) -> Vec<Effect> {
    let busy = state.filtering.as_ref().is_some_and(|f| !f.finished)
        || state.found.as_ref().is_some_and(|f| !f.finished);
    if state.cancelled_once && !busy {
        return vec![Effect::Quit];
    }
    state.cancelled_once = true;
    state.notice = Some("stopped; Ctrl-C again quits".into());
    vec![
        Effect::CancelSearch(Purpose::Search),
        Effect::CancelSearch(Purpose::Filter),
    ]
}

//! `update`: applies a message to the state and returns the effects to run. Does no I/O, takes no
//! locks and reads no clock.

mod analysis;
mod apply;
mod chat;
mod command;
mod filter;
mod guide;
mod jump;
mod overlay;
mod scroll;
mod search;
mod templates;
mod zoom;

use crate::corpus::{SearchResults, Snapshot};
use crate::model::{
    Diagnosis, EventId, Findings, Level, Reason, ReasonKind, Severity, TemplateKey,
};
use crate::tui::layout::{Layout, is_wide};
use crate::tui::state::State;
use crate::tui::state::detail::TemplateFacts;
use crate::tui::state::msg::{Effect, Mouse, Msg, Purpose};
use crate::tui::state::overlay::{Overlay, PromptKind};
use crate::tui::state::pane::Pane;
use std::sync::Arc;

/// Parsed events kept in memory for drawing. Above this number, all of them are dropped.
const MAX_EVENTS: usize = 4_000;

/// Applies a message to the state. Returns the effects that the caller must run.
pub fn update(state: &mut State, msg: Msg) -> Vec<Effect> {
    let mut effects = match msg {
        Msg::Key(key) => key_pressed(state, &key),
        Msg::Paste(text) => overlay::paste(state, &text),
        Msg::Mouse(mouse, x, y) => mouse_event(state, mouse, x, y),
        Msg::Snapshot(snapshot) => new_snapshot(state, snapshot),
        Msg::ClusterChosen(cluster) => apply::cluster_chosen(state, cluster),
        Msg::WatchUpdated(watched) => apply::watch_updated(state, watched),
        Msg::ChatDone(answer) => {
            chat::answer_received(state, *answer);
            vec![Effect::Save]
        }
        msg => {
            take_result(state, msg);
            vec![]
        }
    };
    effects.extend(load_missing(state));
    effects
}

/// Takes the messages that need no further effect.
fn take_result(state: &mut State, msg: Msg) {
    match msg {
        Msg::Resize(w, h) => {
            state.size = (w, h);
            keep_in_view(state);
        }
        Msg::Found(purpose, found) => new_found(state, purpose, found),
        Msg::Events(events) => {
            if state.events.loaded.len() > MAX_EVENTS {
                state.events.loaded.clear();
                state.events.requested.clear();
            }
            state
                .events
                .loaded
                .extend(events.into_iter().map(|e| (e.id, e)));
        }
        Msg::Detail(detail) => state.detail.shown = Some(*detail),
        Msg::Facts(facts) => state.detail.facts = Some(facts),
        Msg::SeekDone(found, level) => seek_done(state, found, level),
        Msg::Histogram(timeline) => state.timeline.zoomed = Some(timeline),
        Msg::Templates(text, ids) => templates::found(state, &text, &ids),
        Msg::Analyzed(findings, diagnosis, actions) => {
            analyzed(state, findings, diagnosis);
            apply::set_plan(state, actions);
        }
        Msg::PreflightDone(command, checked) => apply::preflight_done(state, command, *checked),
        Msg::Applied(lines, rollback) => apply::action_done(state, lines, rollback.map(|r| *r)),
        Msg::Planned(actions) => apply::set_plan(state, actions),
        Msg::Feedback(feedback) => state.analysis.feedback = feedback,
        Msg::ChatStep(step) => state.chat.step = step,
        Msg::ChatPiece(piece) => state.chat.partial.push_str(&piece),
        Msg::ChatThinking(piece) => state.chat.thinking.push_str(&piece),
        Msg::Models(models) => chat::show_models(state, models),
        Msg::Pulled(model, error) => chat::model_pulled(state, model, error),
        Msg::TokensEstimated(tokens, window) => state.chat.tokens = Some((tokens, window)),
        Msg::ShowText(title, lines) => show_text(state, title, lines, None),
        Msg::ShowTemplate(id, lines) => {
            state.notice = None;
            show_text(state, "Template: values and reasons", lines, Some(id));
        }
        Msg::Notice(text) => state.notice = Some(text),
        Msg::Key(_) | Msg::Paste(_) | Msg::Mouse(..) | Msg::Snapshot(_) => {}
        Msg::ClusterChosen(_) | Msg::WatchUpdated(_) | Msg::ChatDone(_) => {}
    }
}

fn seek_done(state: &mut State, found: Option<usize>, level: Level) {
    state.events.seeking = false;
    match found {
        Some(at) => jump::to(state, at),
        None => {
            let what = if level == Level::Warn {
                "warnings"
            } else {
                "errors"
            };
            state.notice = Some(format!("no more {what} in this direction"));
        }
    }
}

fn analyzed(state: &mut State, findings: Arc<Findings>, diagnosis: Arc<Diagnosis>) {
    let windows = findings
        .windows
        .iter()
        .filter(|w| w.severity >= Severity::Medium);
    // A line shows that something is too frequent or wrong. It does not show that others are
    // missing, or that only some of its values are unusual.
    let shows = |r: &&Reason| {
        !matches!(
            r.kind,
            ReasonKind::Silence | ReasonKind::RateDrop | ReasonKind::ValueShift
        )
    };
    state.analysis.anomalous_templates = windows
        .flat_map(|w| {
            let shown = w.reasons.iter().filter(shows);
            shown.map(move |r| (r.template_id, w.start, w.end))
        })
        .filter_map(|(id, start, end)| Some((id?, start, end)))
        .collect();
    state.analysis.findings = Some(findings);
    state.analysis.diagnosis = Some(diagnosis);
    state.analysis.is_running = false;
}

fn key_pressed(state: &mut State, key: &str) -> Vec<Effect> {
    state.notice = None;
    if !state.overlays.is_empty() {
        return overlay::key(state, key);
    }
    match state.keymap.command(key) {
        Some(command) => command::run(state, command),
        None => {
            state.notice = Some(format!("no command for {key}; press ? for help"));
            vec![]
        }
    }
}

fn mouse_event(state: &mut State, mouse: Mouse, x: u16, y: u16) -> Vec<Effect> {
    let layout = Layout::of(state);
    match mouse {
        Mouse::Up | Mouse::Down => {
            let lines = if mouse == Mouse::Up { -3 } else { 3 };
            scroll::scroll(state, lines);
            vec![]
        }
        Mouse::Click => {
            if !state.overlays.is_empty() {
                state.overlays.pop();
                return vec![];
            }
            if let Some(fraction) = layout.timeline_at(x, y) {
                return jump::to_fraction(state, fraction);
            }
            if let Some((pane, line)) = layout.line_at(x, y) {
                state.pane = pane;
                if let Some(line) = line {
                    scroll::put_cursor(state, line);
                }
            }
            vec![]
        }
    }
}

fn new_snapshot(state: &mut State, snapshot: Arc<Snapshot>) -> Vec<Effect> {
    let rows_changed = snapshot.rows != state.snapshot.rows;
    // A merge can move events to other rows. The cursor stays on its event.
    let selected = state.selected();
    let reordered = snapshot.order_bytes() != state.snapshot.order_bytes();
    let finished = snapshot.progress.finished && !state.snapshot.progress.finished;
    state.snapshot = snapshot;
    state.templates.novelty = state.snapshot.novelty();
    templates::sort(state);
    if reordered {
        state.events.found = None;
        if let Some(id) =
            selected.filter(|_| state.events.scroll.cursor > 0 && state.events.rows.is_none())
        {
            let row = state.snapshot.row_of(id);
            jump::to(state, row);
        }
    }
    let mut effects = Vec::new();
    if !state.events.filter.query().is_empty() && (rows_changed || finished) {
        effects.extend(filter::refilter(state));
    }
    if !state.events.search.is_empty()
        && (finished || rows_changed && state.events.found.as_ref().is_none_or(|f| f.finished))
    {
        effects.push(Effect::Search {
            purpose: Purpose::Search,
            query: state.events.search.clone(),
            context: 0,
        });
    }
    if state.events.follow {
        jump::to_end(state);
    }
    // The analysis runs when the corpus is complete, and again each time a followed corpus has
    // grown by 5%.
    let due = state.snapshot.events > state.analysis.events + state.analysis.events / 20;
    if state.snapshot.progress.finished && due && !state.analysis.is_running {
        (state.analysis.is_running, state.analysis.events) = (true, state.snapshot.events);
        effects.push(Effect::Analyze(state.plan.plan_for()));
    }
    keep_in_view(state);
    effects
}

fn new_found(state: &mut State, purpose: Purpose, found: SearchResults) {
    match purpose {
        Purpose::Filter => {
            let row = state.row_at(state.events.scroll.cursor);
            if found.error.is_none() && (found.finished || !found.rows.is_empty()) {
                state.events.rows = Some(found.rows.clone());
                let place = state.place_of(row);
                if state.events.follow {
                    jump::to_end(state)
                } else {
                    jump::to(state, place)
                }
            }
            if let Some(e) = &found.error {
                state.notice = Some(e.to_string());
            }
            state.events.filtering = Some(found);
        }
        Purpose::Search => {
            let typing = matches!(state.overlays.last(), Some(Overlay::Prompt(p)) if p.kind == PromptKind::Search);
            let error = found.error.as_ref().map(ToString::to_string);
            state.events.found = Some(found);
            if let Some(Overlay::Prompt(p)) = state.overlays.last_mut() {
                p.error = error;
            }
            // While the user types, the first match after the start of the search is shown.
            if typing {
                search::preview(state);
            }
        }
    }
}

fn keep_in_view(state: &mut State) {
    let (shown, height) = (state.shown(), Layout::of(state).event_lines());
    state
        .events
        .scroll
        .to(state.events.scroll.cursor, shown, height);
    state.events.placed |= shown > 0;
}

/// Requests the data that the screen needs and that is not loaded yet.
fn load_missing(state: &mut State) -> Vec<Effect> {
    let height = Layout::of(state).event_lines();
    let from = state.events.scroll.top;
    let ids: Vec<EventId> = (from..(from + height).min(state.shown()))
        .filter_map(|i| state.event_at(i))
        .collect();
    let missing: Vec<EventId> = ids
        .into_iter()
        .filter(|id| !state.events.loaded.contains_key(id) && state.events.requested.insert(*id))
        .collect();
    let mut effects: Vec<Effect> = apply::next_preflight(state).into_iter().collect();
    if !missing.is_empty() {
        effects.push(Effect::Load(missing));
    }
    let detail_visible = state.pane == Pane::Detail || is_wide(state.size);
    if detail_visible
        && let Some(id) = state.selected()
        && state.detail.requested != Some(id)
    {
        state.detail.requested = Some(id);
        state.detail.scroll = Default::default();
        effects.push(Effect::Detail(id));
    }
    if detail_visible
        && let Some(t) = state.selected_template()
        && let id = state.snapshot.templates[t.index()].id
        && state.detail.facts.as_ref().map(|f| f.id) != Some(id)
        && state.snapshot.progress.finished
    {
        state.detail.facts = Some(TemplateFacts {
            id,
            ..TemplateFacts::default()
        });
        effects.push(Effect::TemplateFacts(t));
    }
    effects
}

fn show_text(
    state: &mut State,
    title: &'static str,
    lines: Vec<String>,
    template: Option<TemplateKey>,
) {
    state.overlays.push(Overlay::Text {
        title,
        lines,
        top: 0,
        template,
    });
}

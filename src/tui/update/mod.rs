//! `update`: a message changes the state and says what is to be done. No I/O, no locks, no clock.

mod apply;
mod chat;
mod command;
mod guide;
mod jump;
mod overlay;
mod report;
mod templates;

use super::msg::{Effect, Mouse, Msg, Purpose, TemplateFacts};
use super::overlay::Overlay;
use super::state::{Pane, SortBy, State};
use crate::engine::{Found, Snapshot};
use crate::model::{Level, Severity};
use std::sync::Arc;

/// Parsed events kept for drawing.
const KEPT: usize = 4_000;

pub fn update(state: &mut State, msg: Msg) -> Vec<Effect> {
    let mut effects = match msg {
        Msg::Key(key) => key_pressed(state, &key),
        Msg::Paste(text) => overlay::paste(state, &text),
        Msg::Mouse(mouse, x, y) => mouse_used(state, mouse, x, y),
        Msg::Resize(w, h) => {
            state.size = (w, h);
            keep_in_view(state);
            vec![]
        }
        Msg::Snapshot(snapshot) => new_snapshot(state, snapshot),
        Msg::Found(purpose, found) => new_found(state, purpose, found),
        Msg::Events(events) => {
            if state.events.len() > KEPT {
                state.events.clear();
                state.asked.clear();
            }
            events.into_iter().for_each(|e| {
                state.events.insert(e.id, e);
            });
            vec![]
        }
        Msg::Detail(detail) => {
            state.shown_detail = Some(*detail);
            vec![]
        }
        Msg::Facts(facts) => {
            state.facts = Some(facts);
            vec![]
        }
        Msg::Sought(found, level) => {
            state.seeking = false;
            match found {
                Some(at) => jump::to(state, at),
                None => {
                    state.notice = Some(format!("no further {} in this direction", level.name()))
                }
            }
            vec![]
        }
        Msg::Histogram(timeline) => {
            state.zoomed = Some(timeline);
            vec![]
        }
        Msg::Templates(text, ids) => templates_found(state, &text, &ids),
        Msg::Analysed(findings, diagnosis, actions) => {
            let windows = findings
                .windows
                .iter()
                .filter(|w| w.severity >= Severity::Medium);
            state.odd = windows
                .flat_map(|w| {
                    w.reasons
                        .iter()
                        .filter_map(|r| Some((r.template_id?, w.start, w.end)))
                })
                .collect();
            (state.findings, state.diagnosis) = (Some(findings), Some(diagnosis));
            apply::planned(state, actions);
            state.analysing = false;
            vec![]
        }
        Msg::Armed(armed) => apply::armed(state, armed),
        Msg::Looked(argv, card) => {
            apply::looked(state, argv, card.map(|c| *c));
            vec![]
        }
        Msg::Applied(lines, back) => {
            apply::applied(state, lines, back.map(|b| *b));
            vec![]
        }
        Msg::Watched(watched) => apply::watched(state, watched),
        Msg::Planned(actions) => {
            apply::planned(state, actions);
            vec![]
        }
        Msg::Judged(judged) => {
            state.judged = judged;
            vec![]
        }
        Msg::ChatStep(step) => {
            state.chat.step = step;
            vec![]
        }
        Msg::ChatPiece(piece) => {
            state.chat.partial.push_str(&piece);
            vec![]
        }
        Msg::ChatThought(piece) => {
            state.chat.thought.push_str(&piece);
            vec![]
        }
        Msg::Models(models) => {
            chat::listed(state, models);
            vec![]
        }
        Msg::Pulled(model, failed) => {
            chat::pulled(state, model, failed);
            vec![]
        }
        Msg::Meter(tokens, window) => {
            state.chat.meter = Some((tokens, window));
            vec![]
        }
        Msg::ChatDone(answer) => {
            chat::answered(state, *answer);
            vec![Effect::Save]
        }
        Msg::Told(title, lines) => {
            state.overlays.push(Overlay::Text {
                title,
                lines,
                top: 0,
            });
            vec![]
        }
        Msg::Notice(text) => {
            state.notice = Some(text);
            vec![]
        }
    };
    effects.extend(wanted(state));
    effects
}

fn key_pressed(state: &mut State, key: &str) -> Vec<Effect> {
    state.notice = None;
    if !state.overlays.is_empty() {
        return overlay::key(state, key);
    }
    match state.keymap.command(key) {
        Some(command) => command::run(state, command),
        None => {
            state.notice = Some(format!("{key}: no command; ? shows the keys"));
            vec![]
        }
    }
}

fn mouse_used(state: &mut State, mouse: Mouse, x: u16, y: u16) -> Vec<Effect> {
    let layout = super::view::layout::Layout::of(state);
    match mouse {
        Mouse::Up | Mouse::Down => {
            let lines = if mouse == Mouse::Up { -3 } else { 3 };
            command::scroll(state, lines);
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
            if let Some((pane, line)) = layout.line_at(state, x, y) {
                state.pane = pane;
                if let Some(line) = line {
                    command::put_cursor(state, line);
                }
            }
            vec![]
        }
    }
}

fn new_snapshot(state: &mut State, snapshot: Arc<Snapshot>) -> Vec<Effect> {
    let grown = snapshot.rows != state.snapshot.rows;
    // A merge changes which event stands in which row; keep to the event.
    let held = state.selected();
    let reordered = snapshot.order.bytes() != state.snapshot.order.bytes();
    let finished = snapshot.progress.finished && !state.snapshot.progress.finished;
    state.snapshot = snapshot;
    state.novelty = state.snapshot.novelty();
    sort_templates(state);
    if reordered {
        state.found = None;
        if let Some(id) = held.filter(|_| state.stream.cursor > 0 && state.rows.is_none()) {
            let row = state.snapshot.row_of(id);
            jump::to(state, row);
        }
    }
    let mut effects = Vec::new();
    if !state.filter.query().is_empty() && (grown || finished) {
        effects.extend(command::refilter(state));
    }
    if !state.search.is_empty()
        && (finished || grown && state.found.as_ref().is_none_or(|f| f.finished))
    {
        effects.push(Effect::Search {
            purpose: Purpose::Search,
            query: state.search.clone(),
            context: 0,
        });
    }
    if state.follow {
        jump::to_end(state);
    }
    // What is not normal is worked out when the corpus is whole, and again as a followed one grows.
    let due = state.snapshot.events > state.analysed_events + state.analysed_events / 20;
    if state.snapshot.progress.finished && due && !state.analysing {
        (state.analysing, state.analysed_events) = (true, state.snapshot.events);
        effects.push(Effect::Analyse(state.recovery.plan_for()));
    }
    keep_in_view(state);
    effects
}

fn new_found(state: &mut State, purpose: Purpose, found: Found) -> Vec<Effect> {
    match purpose {
        Purpose::Filter => {
            let row = state.row_at(state.stream.cursor);
            if found.error.is_none() && (found.finished || !found.rows.is_empty()) {
                state.rows = Some(found.rows.clone());
                let place = state.place_of(row);
                if state.follow {
                    jump::to_end(state)
                } else {
                    jump::to(state, place)
                }
            }
            if let Some(e) = &found.error {
                state.notice = Some(e.clone());
            }
            state.filtering = Some(found);
        }
        Purpose::Search => {
            let typing = matches!(state.overlays.last(), Some(Overlay::Prompt(p)) if p.asking == super::overlay::Asking::Search);
            let error = found.error.clone();
            state.found = Some(found);
            if let Some(Overlay::Prompt(p)) = state.overlays.last_mut() {
                p.error = error;
            }
            // As one types the stream goes to the first match after where it stood.
            if typing {
                overlay::preview(state);
            }
        }
    }
    vec![]
}

fn templates_found(state: &mut State, text: &str, ids: &[u64]) -> Vec<Effect> {
    if state.pane == Pane::Templates && !text.is_empty() {
        let mut rows: Vec<usize> = ids
            .iter()
            .filter_map(|id| state.snapshot.template_by_id(*id))
            .collect();
        rows.dedup();
        if rows.is_empty() {
            state.notice = Some(format!("no template has words like '{text}'"));
        } else {
            state.template_rows = rows;
            state.templates = Default::default();
        }
    }
    vec![]
}

/// Orders the template table anew, keeping the cursor on its template.
pub fn sort_templates(state: &mut State) {
    let held = state
        .template_rows
        .get(state.templates.cursor)
        .and_then(|i| state.snapshot.templates.get(*i))
        .map(|t| t.id);
    let templates = &state.snapshot.templates;
    let mut rows: Vec<usize> = (0..templates.len()).collect();
    match state.sort {
        SortBy::Count => {}
        SortBy::Change => rows.sort_by(|a, b| {
            (templates[*b].change - 1.0)
                .abs()
                .total_cmp(&(templates[*a].change - 1.0).abs())
        }),
        SortBy::FirstSeen => {
            rows.sort_by_key(|i| (templates[*i].first.is_none(), templates[*i].first))
        }
        SortBy::Level => rows.sort_by_key(|i| std::cmp::Reverse(worst(&templates[*i].levels))),
    }
    rows.sort_by_key(|i| !templates[*i].pinned);
    state.template_rows = rows;
    let height = state.heights().list;
    let len = state.template_rows.len();
    let cursor = held
        .and_then(|id| {
            state
                .template_rows
                .iter()
                .position(|i| state.snapshot.templates[*i].id == id)
        })
        .filter(|_| state.templates.cursor > 0);
    state
        .templates
        .to(cursor.unwrap_or(state.templates.cursor), len, height);
}

fn worst(levels: &[u64; Level::COUNT]) -> usize {
    levels.iter().rposition(|n| *n > 0).unwrap_or(0)
}

fn keep_in_view(state: &mut State) {
    let heights = state.heights();
    let shown = state.shown();
    state.stream.to(state.stream.cursor, shown, heights.stream);
    state.placed |= shown > 0;
}

/// What the screen needs and does not have yet.
fn wanted(state: &mut State) -> Vec<Effect> {
    let height = state.heights().stream;
    let from = state.stream.top;
    let ids: Vec<u32> = (from..(from + height).min(state.shown()))
        .filter_map(|i| state.event_at(i))
        .collect();
    let missing: Vec<u32> = ids
        .into_iter()
        .filter(|id| !state.events.contains_key(id) && state.asked.insert(*id))
        .collect();
    let mut effects: Vec<Effect> = apply::wanted(state).into_iter().collect();
    if !missing.is_empty() {
        effects.push(Effect::Load(missing));
    }
    let detail_seen = state.pane == Pane::Detail || state.is_wide();
    if detail_seen
        && let Some(id) = state.selected()
        && state.detail_asked != Some(id)
    {
        state.detail_asked = Some(id);
        state.detail = Default::default();
        effects.push(Effect::Detail(id));
    }
    if detail_seen
        && let Some(t) = state.selected_template()
        && let id = state.snapshot.templates[t].id
        && state.facts.as_ref().map(|f| f.id) != Some(id)
        && state.snapshot.progress.finished
    {
        state.facts = Some(TemplateFacts {
            id,
            ..TemplateFacts::default()
        });
        effects.push(Effect::Values(t));
    }
    effects
}

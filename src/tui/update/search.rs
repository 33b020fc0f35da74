//! Search: starts it while the user types, and goes from match to match. Does no I/O.

use super::jump;
use crate::tui::state::State;
use crate::tui::state::msg::{Effect, Purpose};
use crate::tui::state::overlay::{Overlay, PromptKind};
use crate::tui::state::pane::Pane;

/// Moves to the next search match, or to the previous one.
pub fn next_match(state: &mut State, forward: bool) {
    let Some(found) = &state.events.found else {
        state.notice = Some("no search yet; press / to search".into());
        return;
    };
    let here = state.row_at(state.events.scroll.cursor) as u32;
    let at = found
        .rows
        .partition_point(|r| if forward { *r <= here } else { *r < here });
    // Matches that the filter hides are skipped.
    let shown = |row: &u32| {
        state
            .events
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
            state.events.follow = false;
            jump::to(state, place);
        }
        None => {
            state.notice = Some(
                if found.rows.is_empty() {
                    "no match"
                } else if forward {
                    "no more matches below"
                } else {
                    "no more matches above"
                }
                .into(),
            )
        }
    }
}

/// The text of a prompt changed. A search starts with each change and replaces the one before.
pub fn text_changed(state: &mut State) -> Vec<Effect> {
    let Some(Overlay::Prompt(p)) = state.overlays.last() else {
        return vec![];
    };
    if p.kind != PromptKind::Search {
        return vec![];
    }
    let text = p.text.clone();
    if state.pane == Pane::Templates {
        return vec![Effect::FindTemplates(text)];
    }
    if text.trim().is_empty() {
        state.events.found = None;
        return vec![Effect::CancelSearch(Purpose::Search)];
    }
    vec![Effect::Search {
        purpose: Purpose::Search,
        query: text,
        context: 0,
    }]
}

/// Shows the first match at or after the row where the search began.
pub fn preview(state: &mut State) {
    let Some(Overlay::Prompt(p)) = state.overlays.last() else {
        return;
    };
    let from = state.row_at(p.origin) as u32;
    let row = state.events.found.as_ref().and_then(|f| {
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

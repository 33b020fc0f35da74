//! Commands of the filter: restricts the events to a template, a service or a level. Does no I/O.

use super::jump;
use crate::config::keymap::Command;
use crate::model::Level;
use crate::tui::state::State;
use crate::tui::state::events::Filter;
use crate::tui::state::msg::{Effect, Purpose};

/// Changes the filter by what is under the cursor.
pub fn change(state: &mut State, command: Command) -> Vec<Effect> {
    let template = state
        .selected_template()
        .map(|t| state.snapshot.templates[t.index()].id);
    let service = state.selected_event().map(|e| e.service.clone());
    let filter = &mut state.events.filter;
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
            state.notice = Some("nothing to filter by under the cursor".into());
            return vec![];
        }
    }
    refilter(state)
}

/// Starts the filter, or shows all events if it is empty.
pub fn refilter(state: &mut State) -> Vec<Effect> {
    let query = state.events.filter.query();
    if query.is_empty() {
        let row = state.row_at(state.events.scroll.cursor);
        state.events.rows = None;
        state.events.filtering = None;
        jump::to(state, row);
        return vec![Effect::CancelSearch(Purpose::Filter)];
    }
    vec![Effect::Search {
        purpose: Purpose::Filter,
        query,
        context: state.events.context,
    }]
}

/// Shows all events again.
pub fn clear(state: &mut State) -> Vec<Effect> {
    state.events.filter = Filter::default();
    refilter(state)
}

/// Changes the number of context lines: 0, 3, 10.
pub fn next_context(state: &mut State) -> Vec<Effect> {
    state.events.context = match state.events.context {
        0 => 3,
        3 => 10,
        _ => 0,
    };
    let lines = state.events.context;
    state.notice = Some(format!("{lines} context lines around filtered events"));
    refilter(state)
}

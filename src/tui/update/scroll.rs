//! Moves the cursor of the current pane, and scrolls sideways. Does no I/O.

use crate::config::keymap::Command;
use crate::tui::layout::Layout;
use crate::tui::panes;
use crate::tui::state::State;
use crate::tui::state::overlay::Overlay;
use crate::tui::state::pane::{Pane, Scroll};

/// The scroll position of the current pane, its number of rows, and the visible height.
fn scroll_of_pane(state: &mut State) -> (&mut Scroll, usize, usize) {
    let layout = Layout::of(state);
    let list = layout.list_lines();
    match state.pane {
        Pane::Events => {
            let len = state.shown();
            (&mut state.events.scroll, len, layout.event_lines())
        }
        Pane::Templates => {
            let len = state.templates.rows.len();
            (&mut state.templates.scroll, len, list)
        }
        Pane::Sources => {
            let len = panes::sources::len(state);
            (&mut state.sources, len, list)
        }
        Pane::Detail => {
            let len = panes::detail::lines(state).len();
            (&mut state.detail.scroll, len, 1)
        }
        pane => {
            let len = panes::rows(state, pane).len();
            (&mut state.report, len, list)
        }
    }
}

/// Moves the cursor of the current pane, or the text of the help.
pub fn scroll(state: &mut State, lines: i64) {
    if let Some(Overlay::Help { top }) = state.overlays.last_mut() {
        *top = (*top as i64 + lines).max(0) as usize;
        return;
    }
    let (scroll, len, height) = scroll_of_pane(state);
    scroll.by(lines, len, height);
    // Moving up stops following. Moving back to the end does not start it again.
    if state.pane == Pane::Events && lines < 0 {
        state.events.follow = false;
    }
}

/// Moves the cursor to a row of the current pane, counted from the first visible row.
pub fn put_cursor(state: &mut State, line: usize) {
    let (scroll, len, height) = scroll_of_pane(state);
    let to = scroll.top + line;
    scroll.to(to, len, height);
    state.events.follow &= state.pane != Pane::Events;
}

/// Whether a command moves the cursor up or down.
pub fn is_move(command: Command) -> bool {
    matches!(
        command,
        Command::Down
            | Command::Up
            | Command::PageDown
            | Command::PageUp
            | Command::HalfDown
            | Command::HalfUp
            | Command::Top
            | Command::Bottom
    )
}

/// Moves the cursor by a line, a page, or to an end.
pub fn move_by(state: &mut State, command: Command) {
    let layout = Layout::of(state);
    let page = match state.pane {
        Pane::Events => layout.event_lines(),
        _ => layout.list_lines(),
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

pub fn sideways(state: &mut State, right: bool) {
    let step = (state.size.0 / 3).max(8) as usize;
    state.events.left = if right {
        state.events.left + step
    } else {
        state.events.left.saturating_sub(step)
    };
}

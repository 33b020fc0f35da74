//! Commands of the report panes (5 to 9), of the baseline and of the feedback. Does no I/O.

use super::{apply, chat, guide, jump};
use crate::model::EventId;
use crate::text::escape::for_terminal;
use crate::tui::layout::Layout;
use crate::tui::panes::row::Row;
use crate::tui::panes::rows;
use crate::tui::state::State;
use crate::tui::state::msg::Effect;
use crate::tui::state::pane::Pane;

/// Enter: goes to the log line of the row. Copies the command in the plan, and opens the question
/// prompt in the chat.
pub fn open(state: &mut State) -> Vec<Effect> {
    if state.pane == Pane::Chat && current_row(state).is_none_or(|r| r.event.is_none()) {
        return chat::ask(state, String::new());
    }
    let Some(row) = current_row(state) else {
        return vec![];
    };
    if state.pane == Pane::Plan {
        return copy(state);
    }
    let Some(id) = row.event else {
        state.notice = Some("this row has no log line; rows marked › have one".into());
        return vec![];
    };
    go_to_event(state, id);
    vec![]
}

/// Copies the command of the action under the cursor.
pub fn copy(state: &mut State) -> Vec<Effect> {
    let action = current_row(state)
        .and_then(|r| r.item)
        .and_then(|i| state.plan.actions.get(i))
        .and_then(|a| a.command.as_ref());
    match action.map(ToString::to_string) {
        Some(text) => {
            state.notice = Some("copied; replace <CONTEXT> with your kubectl context".into());
            vec![Effect::Copy(text)]
        }
        None => {
            state.notice = Some("no command to copy: this action is advice only".into());
            vec![]
        }
    }
}

/// Moves the cursor to the next heading (an action, anomaly, cause or step), or to the previous one.
pub fn next_item(state: &mut State, forward: bool) {
    if !state.pane.is_report() {
        state.notice = Some("headings are only in panes 5 to 9".into());
        return;
    }
    let rows = rows(state, state.pane);
    let heading = |i: &usize| rows[*i].is_heading;
    let here = state.report.cursor;
    let next = if forward {
        (here + 1..rows.len()).find(heading)
    } else {
        (0..here.min(rows.len())).rev().find(heading)
    };
    if let Some(at) = next {
        let height = Layout::of(state).list_lines();
        state.report.to(at, rows.len(), height);
    }
}

fn current_row(state: &State) -> Option<Row> {
    rows(state, state.pane).into_iter().nth(state.report.cursor)
}

/// Shows an event in the events pane. Clears the filter, which might hide it.
fn go_to_event(state: &mut State, id: EventId) {
    let row = state.snapshot.row_of(id);
    if state.events.rows.is_some() {
        state.events.filter = Default::default();
        state.events.rows = None;
        state.events.filtering = None;
    }
    let place = state.place_of(row);
    state.events.follow = false;
    state.pane = Pane::Events;
    jump::to(state, place);
}

/// Moves the cursor to the next anomaly in time, or to the previous one.
pub fn next_window(state: &mut State, forward: bool) {
    let Some(f) = state.analysis.findings.clone() else {
        state.notice = Some("the analysis is still running".into());
        return;
    };
    let here = state.selected_time().unwrap_or(i64::MIN);
    let mut starts: Vec<(i64, usize)> = f
        .windows
        .iter()
        .enumerate()
        .map(|(i, w)| (w.start, i))
        .collect();
    starts.sort_unstable();
    let next = if forward {
        starts.iter().find(|s| s.0 > here)
    } else {
        starts.iter().rev().find(|s| s.0 < here)
    };
    match next {
        Some((start, i)) => {
            jump::to_moment(state, *start);
            let w = &f.windows[*i];
            let why = w.reasons.first().map_or("", |r| r.text.as_str());
            state.notice = Some(format!("{}: {}", w.severity.name(), for_terminal(why)));
        }
        None => {
            state.notice = Some(
                if f.windows.is_empty() {
                    "no anomalies"
                } else if forward {
                    "no more anomalies below"
                } else {
                    "no more anomalies above"
                }
                .into(),
            )
        }
    }
}

/// Records the user's verdict on an anomaly, or on the template under the cursor.
pub fn verdict(state: &mut State, up: bool) -> Vec<Effect> {
    if state.pane == Pane::Guide {
        return guide::judge(state, up);
    }
    if state.pane == Pane::Plan {
        return apply::rate(state, up);
    }
    let template = match state.pane {
        Pane::Anomalies => None,
        _ => match state.selected_template() {
            Some(t) => Some(state.snapshot.templates[t.index()].text.clone()),
            None => return vec![],
        },
    };
    state.notice = Some(match (&template, up) {
        (None, true) => "marked as a real anomaly".into(),
        (None, false) => "marked as a false alarm".into(),
        (Some(_), true) => "marked as a problem; also applies to similar templates".into(),
        (Some(_), false) => "marked as no problem; also applies to similar templates".into(),
    });
    vec![Effect::Verdict { template, up }]
}

/// Mutes the anomaly under the cursor. On a reason, mutes its template, or its kind if it has no
/// template. The same key again unmutes it.
pub fn mute(state: &mut State) -> Vec<Effect> {
    if state.pane != Pane::Anomalies {
        state.notice = Some("mute is only available in the anomalies pane (press 5)".into());
        return vec![];
    }
    let Some(what) = current_row(state).and_then(|r| r.mute) else {
        state.notice = Some("select an anomaly or a reason to mute".into());
        return vec![];
    };
    state.notice = Some(format!(
        "muted: {}; press x again to unmute",
        for_terminal(&what)
    ));
    vec![Effect::Mute(what)]
}

/// First press: the range starts here. Second press: it ends here, and is compared with the range
/// of the same length before it.
pub fn mark_range(state: &mut State) -> Vec<Effect> {
    let Some(here) = state.selected_time() else {
        state.notice = Some("the selected event has no timestamp".into());
        return vec![];
    };
    match state.range_start.take() {
        Some(start) if start != here => vec![Effect::Compare(start.min(here), start.max(here))],
        Some(_) => {
            state.notice = Some("the range is empty; mark its start again".into());
            vec![]
        }
        None => {
            state.range_start = Some(here);
            state.notice = Some("range starts here; go to its end and press the key again".into());
            vec![]
        }
    }
}

/// First press: the baseline starts here. Second press: it ends here, and the analysis runs again.
/// If both are the same event, the automatic baseline is used.
pub fn mark_baseline(state: &mut State) -> Vec<Effect> {
    let Some(here) = state.selected_time() else {
        state.notice = Some("the selected event has no timestamp".into());
        return vec![];
    };
    let Some(start) = state.range_start.take() else {
        state.range_start = Some(here);
        state.notice = Some("baseline starts here; go to its end and press the key again".into());
        return vec![];
    };
    let range = (start != here).then_some((start.min(here), start.max(here)));
    state.notice = Some(
        if range.is_some() {
            "analyzing with this baseline…"
        } else {
            "analyzing with the automatic baseline…"
        }
        .into(),
    );
    state.analysis.findings = None;
    vec![Effect::SetBaseline(range, state.plan.plan_for())]
}

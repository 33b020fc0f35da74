//! The report panes: windows, diagnosis, plan. No I/O.

use super::super::msg::Effect;
use super::super::state::{Pane, State};
use super::super::view::report::rows;
use super::{chat, jump};

/// Enter: to the line that the report speaks of; on a plan the command is copied; in the chat a question is asked.
pub fn open(state: &mut State) -> Vec<Effect> {
    if state.pane == Pane::Chat && current(state).is_none_or(|r| r.event.is_none()) {
        return chat::ask(state, String::new());
    }
    let Some(row) = current(state) else {
        return vec![];
    };
    if state.pane == Pane::Plan {
        return copy(state);
    }
    let Some(id) = row.event else {
        state.notice = Some("no line stands behind this; › marks those that have one".into());
        return vec![];
    };
    go(state, id);
    vec![]
}

/// The command of the action under the cursor.
pub fn copy(state: &mut State) -> Vec<Effect> {
    let action = current(state)
        .and_then(|r| r.item)
        .and_then(|i| state.actions.get(i))
        .filter(|a| !a.argv.is_empty());
    match action.map(|a| a.argv.join(" ")) {
        Some(text) => {
            state.notice = Some("copied: put your context in place of <CONTEXT>".into());
            vec![Effect::Copy(text)]
        }
        None => {
            state.notice = Some("this is advice: there is no command to copy".into());
            vec![]
        }
    }
}

/// The next line that is not indented, or the one before: an action, a window, a cause, a step.
pub fn next_item(state: &mut State, forward: bool) {
    if !state.pane.is_report() {
        state.notice = Some("headings are in the panes 5 to 9".into());
        return;
    }
    let rows = rows(state, state.pane);
    let heading = |i: &usize| !rows[*i].text.is_empty() && !rows[*i].text.starts_with(' ');
    let here = state.report.cursor;
    let next = if forward {
        (here + 1..rows.len()).find(heading)
    } else {
        (0..here.min(rows.len())).rev().find(heading)
    };
    if let Some(at) = next {
        let height = state.heights().list;
        state.report.to(at, rows.len(), height);
    }
}

fn current(state: &State) -> Option<super::super::report::Row> {
    rows(state, state.pane).into_iter().nth(state.report.cursor)
}

fn go(state: &mut State, id: u32) {
    let row = state.snapshot.row_of(id);
    if state.rows.is_some() {
        state.filter = Default::default();
        state.rows = None;
        state.filtering = None;
    }
    let place = state.place_of(row);
    state.follow = false;
    state.pane = Pane::Stream;
    jump::to(state, place);
}

/// The next window after the time under the cursor, or the one before.
pub fn next_window(state: &mut State, forward: bool) {
    let Some(f) = state.findings.clone() else {
        state.notice = Some("what is not normal is not worked out yet".into());
        return;
    };
    let here = state
        .selected()
        .and_then(|id| state.snapshot.time(id))
        .unwrap_or(i64::MIN);
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
            state.notice = Some(format!(
                "{}: {}",
                w.severity.name(),
                crate::text::escape::for_terminal(why)
            ));
        }
        None => {
            state.notice = Some(
                if f.windows.is_empty() {
                    "nothing is out of the ordinary"
                } else {
                    "no further window in this direction"
                }
                .into(),
            )
        }
    }
}

/// The user's word on a window, or on the template under the cursor.
pub fn verdict(state: &mut State, up: bool) -> Vec<Effect> {
    if state.pane == Pane::Guide {
        return super::guide::judge(state, up);
    }
    if state.pane == Pane::Plan {
        return super::apply::judge(state, up);
    }
    let template = match state.pane {
        Pane::Anomalies => None,
        _ => match state.selected_template() {
            Some(t) => Some(state.snapshot.templates[t].text.clone()),
            None => return vec![],
        },
    };
    state.notice = Some(match (&template, up) {
        (None, true) => "kept: a right alarm".into(),
        (None, false) => "kept: a false alarm".into(),
        (Some(_), true) => "kept: trouble; like templates are judged so from now on".into(),
        (Some(_), false) => "kept: no trouble; like templates are judged so from now on".into(),
    });
    vec![Effect::Verdict { template, up }]
}

/// Hides the window under the cursor, the findings of a reason's template, or of its kind where no template stands behind it.
pub fn mute(state: &mut State) -> Vec<Effect> {
    if state.pane != Pane::Anomalies {
        state.notice = Some("muting works among the windows (5)".into());
        return vec![];
    }
    let Some(what) = current(state).and_then(|r| r.mute) else {
        state.notice = Some("put the cursor on a window or a reason to mute it".into());
        return vec![];
    };
    state.notice = Some(format!(
        "muted: {}; x again shows it",
        crate::text::escape::for_terminal(&what)
    ));
    vec![Effect::Mute(what)]
}

/// First key: the range begins here. Second: it ends here, and is compared with the time before it.
pub fn mark_range(state: &mut State) -> Vec<Effect> {
    let Some(here) = state.selected().and_then(|id| state.snapshot.time(id)) else {
        state.notice = Some("the event under the cursor has no time".into());
        return vec![];
    };
    match state.range_start.take() {
        Some(start) if start != here => vec![Effect::Compare(start.min(here), start.max(here))],
        Some(_) => {
            state.notice = Some("the range is empty; mark its beginning again".into());
            vec![]
        }
        None => {
            state.range_start = Some(here);
            state.notice = Some("range begins here; go to its end and press the key again".into());
            vec![]
        }
    }
}

/// First key: the normal stretch begins here. Second: it ends here, and everything is judged by it.
pub fn mark_baseline(state: &mut State) -> Vec<Effect> {
    let Some(here) = state.selected().and_then(|id| state.snapshot.time(id)) else {
        state.notice = Some("the event under the cursor has no time".into());
        return vec![];
    };
    let Some(start) = state.range_start.take() else {
        state.range_start = Some(here);
        state.notice =
            Some("what is normal begins here; go to its end and press the key again".into());
        return vec![];
    };
    let range = (start != here).then_some((start.min(here), start.max(here)));
    state.notice = Some(
        if range.is_some() {
            "judging everything by this stretch…"
        } else {
            "what is normal is chosen automatically again…"
        }
        .into(),
    );
    state.findings = None;
    vec![Effect::Rebase(range, state.recovery.plan_for())]
}

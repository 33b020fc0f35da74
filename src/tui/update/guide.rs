//! The guided triage: where its lines lead, the user's word on hypotheses, the report. No I/O.

use super::super::guide::{Way, lines, report};
use super::super::msg::Effect;
use super::super::overlay::{Asking, Overlay, Prompt};
use super::super::state::{Pane, Stance, State};
use super::command;

fn way(state: &State) -> Option<Way> {
    lines(state).into_iter().nth(state.report.cursor)?.1
}

/// Service of the hypothesis under the cursor.
fn hypothesis(state: &mut State) -> Option<String> {
    let found = match way(state) {
        Some(Way::Hypothesis(n)) => state
            .diagnosis
            .as_ref()
            .and_then(|d| d.causes.get(n))
            .map(|c| c.service.clone()),
        _ => None,
    };
    if found.is_none() {
        state.notice = Some("put the cursor on a hypothesis of step 5 first".into());
    }
    found
}

/// Enter: to the pane of the step; the last step writes the report.
pub fn open(state: &mut State) -> Vec<Effect> {
    state.guide.cursor = state.report.cursor;
    let pane = match way(state) {
        Some(Way::To(pane)) => pane,
        Some(Way::Hypothesis(_)) => Pane::Diagnosis,
        Some(Way::Write) => return report(state).map(Effect::Write).into_iter().collect(),
        None => return vec![],
    };
    command::go_to(state, pane);
    vec![Effect::Save]
}

/// `+` confirms the hypothesis under the cursor, `D` rejects it; again takes the word back.
pub fn judge(state: &mut State, up: bool) -> Vec<Effect> {
    let Some(service) = hypothesis(state) else {
        return vec![];
    };
    let wanted = if up {
        Stance::Confirmed
    } else {
        Stance::Rejected
    };
    let stance = state.guide.stances.entry(service).or_default();
    *stance = if *stance == wanted {
        Stance::Open
    } else {
        wanted
    };
    vec![Effect::Save]
}

/// Opens the line for a note on the hypothesis under the cursor.
pub fn note(state: &mut State) {
    if let Some(service) = hypothesis(state) {
        state.guide.cursor = state.report.cursor;
        let text = state.guide.notes.get(&service).cloned().unwrap_or_default();
        let origin = state.stream.cursor;
        state
            .overlays
            .push(Overlay::Prompt(Prompt::new(Asking::Why, text, origin)));
    }
}

pub fn noted(state: &mut State, text: String) -> Vec<Effect> {
    let Some(service) = hypothesis(state) else {
        return vec![];
    };
    if text.is_empty() {
        state.guide.notes.remove(&service);
    } else {
        state.guide.notes.insert(service.clone(), text);
        state.guide.stances.entry(service).or_default();
    }
    vec![Effect::Save]
}

//! The guided triage: opens its steps, and records the user's verdicts and notes on hypotheses.
//! Does no I/O.

use super::jump;
use crate::tui::panes::guide::{Target, lines, report};
use crate::tui::state::State;
use crate::tui::state::guide::Stance;
use crate::tui::state::msg::Effect;
use crate::tui::state::overlay::{Overlay, Prompt, PromptKind};
use crate::tui::state::pane::Pane;

/// What the row under the cursor leads to.
fn target(state: &State) -> Option<Target> {
    lines(state).into_iter().nth(state.report.cursor)?.1
}

/// Service of the hypothesis under the cursor.
fn hypothesis(state: &mut State) -> Option<String> {
    let found = match target(state) {
        Some(Target::Hypothesis(n)) => state
            .analysis
            .diagnosis
            .as_ref()
            .and_then(|d| d.causes.get(n))
            .map(|c| c.service.clone()),
        _ => None,
    };
    if found.is_none() {
        state.notice = Some("select a hypothesis in step 5 first".into());
    }
    found
}

/// Enter: goes to the pane of the step. The last step writes the report.
pub fn open(state: &mut State) -> Vec<Effect> {
    state.guide.cursor = state.report.cursor;
    let pane = match target(state) {
        Some(Target::To(pane)) => pane,
        Some(Target::Hypothesis(_)) => Pane::Diagnosis,
        Some(Target::Write) => return report(state).map(Effect::Write).into_iter().collect(),
        None => return vec![],
    };
    jump::to_pane(state, pane);
    vec![Effect::Save]
}

/// `+` confirms the hypothesis under the cursor, `D` rejects it. The same key again undoes it.
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

/// Opens the prompt for a note on the hypothesis under the cursor.
pub fn note(state: &mut State) {
    if let Some(service) = hypothesis(state) {
        state.guide.cursor = state.report.cursor;
        let text = state.guide.notes.get(&service).cloned().unwrap_or_default();
        let origin = state.events.scroll.cursor;
        state
            .overlays
            .push(Overlay::Prompt(Prompt::new(PromptKind::Why, text, origin)));
    }
}

/// Saves the note on the hypothesis under the cursor. An empty text removes it.
pub fn note_entered(state: &mut State, text: String) -> Vec<Effect> {
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

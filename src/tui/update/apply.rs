//! One planned action through the gate: arm a context once, look before the leap, then one key. No I/O.

use super::super::msg::Effect;
use super::super::overlay::{Asking, Overlay, Prompt};
use super::super::state::{Pane, State};
use super::super::view::report::rows;
use crate::engine::Preflight;
use crate::model::{Action, Risk};
use crate::text::escape::for_terminal;

/// `A`: without a context it asks for one; then it looks; then, all green, it applies.
pub fn run(state: &mut State) -> Vec<Effect> {
    if state.pane != Pane::Plan {
        state.notice = Some("actions are in the plan: 7".into());
        return vec![];
    }
    if state.read_only {
        state.notice = Some("started with --read-only: nothing is applied".into());
        return vec![];
    }
    let Some(action) = selected(state) else {
        state.notice = Some("put the cursor on an action that has a command".into());
        return vec![];
    };
    if state.cluster.is_none() {
        return ask(state, Asking::Context);
    }
    match &state.card {
        Some((id, card)) if *id == action.id && card.green() => match action.risk {
            Risk::None | Risk::Low => apply(state),
            _ => ask(state, Asking::Consent),
        },
        Some((id, _)) if *id == action.id => {
            state.notice = Some("a check failed: it is not applied".into());
            vec![]
        }
        _ => {
            state.notice = Some("looking before the leap…".into());
            vec![Effect::Preflight(Box::new(action))]
        }
    }
}

fn selected(state: &State) -> Option<Action> {
    let item = rows(state, Pane::Plan).into_iter().nth(state.report.cursor)?.item?;
    state.actions.get(item).filter(|a| !a.argv.is_empty()).cloned()
}

fn ask(state: &mut State, asking: Asking) -> Vec<Effect> {
    let origin = state.stream.cursor;
    state.overlays.push(Overlay::Prompt(Prompt::new(asking, String::new(), origin)));
    vec![]
}

/// The context is armed for this run; the plan is made anew with it.
pub fn armed(state: &mut State, context: String) -> Vec<Effect> {
    if context.is_empty() {
        return vec![];
    }
    state.notice = Some(format!("armed: {}; A looks at what the action would change", for_terminal(&context)));
    state.cluster = Some(context.clone());
    state.card = None;
    vec![Effect::Replan(context)]
}

/// What the look found, as a text to read.
pub fn looked(state: &mut State, action: &Action, card: Preflight) {
    let mut lines: Vec<String> = vec![action.title.clone(), String::new()];
    lines.extend(card.checks.iter().map(|(ok, t)| format!("{} {t}", if *ok { "ok  " } else { "FAIL" })));
    lines.extend(card.diff.iter().map(|d| format!("     {d}")));
    lines.push(String::new());
    lines.push(format!("run:  {}", card.argv.join(" ")));
    lines.extend(card.rollback.as_ref().map(|r| format!("back: {}", r.join(" "))));
    lines.push(match (card.green(), action.risk) {
        (false, _) => "Not applied: a check failed. Any key closes this.".into(),
        (_, Risk::None | Risk::Low) => "All green. Close this, then A applies it.".into(),
        (_, Risk::Medium) => "All green. Close this, then A asks for a yes.".into(),
        _ => "All green. Close this, then A asks for the target's name.".into(),
    });
    state.card = Some((action.id.clone(), card));
    state.overlays.push(Overlay::Text { title: "Before it is applied", lines, top: 0 });
}

/// Medium risk takes a `yes`, high risk the target's name; anything else is a no.
pub fn consented(state: &mut State, text: &str) -> Vec<Effect> {
    let Some(action) = selected(state) else { return vec![] };
    let wanted = if action.risk == Risk::High { action.target.name.as_str() } else { "yes" };
    if text == wanted {
        return apply(state);
    }
    state.notice = Some("not applied".into());
    vec![]
}

/// What came of it, and the way back.
pub fn applied(state: &mut State, mut lines: Vec<String>, back: Option<Action>) {
    if let Some(back) = &back {
        lines.push(String::new());
        lines.push(format!("V takes it back: {}", back.argv.join(" ")));
    }
    let told = lines.iter().filter(|l| !l.is_empty()).cloned().collect::<Vec<_>>().join("; ");
    state.guide.applied.push(told);
    state.notice = None;
    state.back = back;
    state.overlays.push(Overlay::Text { title: "What came of it", lines, top: 0 });
}

/// `V` (revert): the action applied last is taken back; it was consented to, so only its checks stand before it.
pub fn take_back(state: &mut State) -> Vec<Effect> {
    match (state.back.take(), state.cluster.clone()) {
        (Some(back), Some(context)) => {
            state.notice = Some(format!("{}…", for_terminal(&back.title)));
            vec![Effect::TakeBack(Box::new(back), context)]
        }
        _ => {
            state.notice = Some("nothing was applied that could be taken back".into());
            vec![]
        }
    }
}

fn apply(state: &mut State) -> Vec<Effect> {
    let (Some(action), Some(context)) = (selected(state), state.cluster.clone()) else { return vec![] };
    let Some((_, card)) = state.card.take() else { return vec![] };
    state.notice = Some(format!("applying {}…", for_terminal(&action.title)));
    vec![Effect::Apply { action: Box::new(action), context, card: Box::new(card) }]
}

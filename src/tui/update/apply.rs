//! One planned action through the gate: arm a context once, look before the leap, then one key. No I/O.

use super::super::msg::Effect;
use super::super::overlay::{Asking, Overlay, Prompt};
use super::super::report::Row;
use super::super::state::{Pane, State};
use super::super::view::report::rows;
use crate::engine::{Armed, Outcome, Preflight, Watched};
use crate::model::{Action, Risk};
use crate::text::escape::for_terminal;

/// `A`: without a context it asks for one; what an action leaves open it asks for; then, all green, it applies.
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
    if state.recovery.armed.is_none() {
        let proposed = state.recovery.proposed.clone().unwrap_or_default();
        return ask(state, Asking::Context, proposed);
    }
    if state.recovery.applying {
        state.notice = Some("an action is under way; wait for its end".into());
        return vec![];
    }
    if let Some(open) = action.asks.iter().find(|a| a.open) {
        let known = state
            .recovery
            .card_of(&action)
            .and_then(|c| c.as_ref().ok());
        let proposed = known.and_then(|c| c.suggestions.iter().find(|s| s.name == open.name));
        let text = proposed.map_or_else(|| open.value.clone(), |s| s.value.clone());
        state.notice = Some(match proposed {
            Some(s) => format!("{}; now it is {}", open.what, for_terminal(&s.now)),
            None => open.what.clone(),
        });
        state.recovery.asking.clone_from(&open.name);
        return ask(state, Asking::Value, text);
    }
    match state.recovery.card_of(&action) {
        Some(Ok(card)) if card.green() => match action.risk {
            Risk::None | Risk::Low => apply(state),
            _ => ask(state, Asking::Consent, String::new()),
        },
        Some(Ok(card)) => {
            let failed = card
                .checks
                .iter()
                .find(|c| !c.0)
                .map_or("a check failed", |c| c.1.as_str());
            state.notice = Some(format!("not applied: {}", for_terminal(failed)));
            vec![]
        }
        Some(Err(why)) => {
            state.notice = Some(for_terminal(why));
            state.recovery.card = None;
            vec![]
        }
        None => {
            state.notice = Some(
                "still looking at what it would change; A again when the checks are there".into(),
            );
            vec![]
        }
    }
}

/// The action under the cursor; above all of them it is the first.
fn selected(state: &State) -> Option<Action> {
    let item = rows(state, Pane::Plan)
        .into_iter()
        .skip(state.report.cursor)
        .find_map(|r| r.item)?;
    state
        .actions
        .get(item)
        .filter(|a| !a.argv.is_empty())
        .cloned()
}

/// Lines come and go as actions are looked at: the cursor stays on its action, so that no key falls on another.
fn held<T>(state: &mut State, change: impl FnOnce(&mut State) -> T) -> T {
    // The action under the cursor, and whether the cursor is on its first line.
    let place = |state: &State| {
        let rows = rows(state, Pane::Plan);
        let item = rows.get(state.report.cursor)?.item?;
        let first = state
            .report
            .cursor
            .checked_sub(1)
            .and_then(|above| rows[above].item)
            != Some(item);
        state.actions.get(item).map(|a| (a.id.clone(), first))
    };
    let was = place(state);
    let out = change(state);
    if state.pane == Pane::Plan
        && let Some((id, first)) = &was
        && (place(state).map(|p| p.0).as_ref() != Some(id) || *first)
    {
        let rows = rows(state, Pane::Plan);
        let is = |r: &Row| {
            r.item
                .and_then(|i| state.actions.get(i))
                .is_some_and(|a| a.id == *id)
        };
        if let Some(at) = rows.iter().position(is) {
            let height = state.heights().list;
            state.report.to(at, rows.len(), height);
        }
    }
    out
}

fn ask(state: &mut State, asking: Asking, text: String) -> Vec<Effect> {
    let origin = state.stream.cursor;
    state
        .overlays
        .push(Overlay::Prompt(Prompt::new(asking, text, origin)));
    vec![]
}

/// A context was named: see where it leads.
pub fn named(state: &mut State, context: String) -> Vec<Effect> {
    if context.is_empty() {
        return vec![];
    }
    state.notice = Some(format!("asking where {} leads…", for_terminal(&context)));
    vec![Effect::Arm(context, state.actions.clone())]
}

/// The context is armed for this run; the plan is made anew with it.
pub fn armed(state: &mut State, armed: Armed) -> Vec<Effect> {
    let mut lines = armed.lines();
    lines.push(String::new());
    lines.push(
        "This is where actions go from now on, until faultline ends. Nothing is changed yet:"
            .into(),
    );
    lines.push("the action under the cursor is checked by itself, and A applies it.".into());
    state.notice = None;
    held(state, |s| {
        s.recovery.armed = Some(armed);
        s.recovery.card = None;
    });
    state.overlays.push(Overlay::Text {
        title: "Armed for this run",
        lines,
        top: 0,
    });
    vec![Effect::Replan(state.recovery.plan_for())]
}

/// A value that an action asks for.
pub fn valued(state: &mut State, text: String) -> Vec<Effect> {
    let name = std::mem::take(&mut state.recovery.asking);
    state.recovery.given.insert(name, text);
    vec![Effect::Replan(state.recovery.plan_for())]
}

/// The plan that was made anew. What only its moment tells from the one before stays as it was looked at.
pub fn planned(state: &mut State, mut actions: Vec<Action>) {
    if state.recovery.armed.is_some() {
        for new in &mut actions {
            let same = |old: &&Action| {
                let context = |a: &Action| a.argv.get(2).cloned();
                old.id == new.id
                    && old.asks == new.asks
                    && old.target == new.target
                    && old.class == new.class
                    && context(old) == context(new)
            };
            if let Some(old) = state.actions.iter().find(same) {
                (new.argv, new.rollback) = (old.argv.clone(), old.rollback.clone());
            }
        }
    }
    // What was given but is still asked for did not fit.
    for ask in actions.iter().flat_map(|a| &a.asks).filter(|a| a.open) {
        if let Some(text) = state.recovery.given.remove(&ask.name) {
            state.notice = Some(format!(
                "'{}' is no value for: {}",
                for_terminal(&text),
                ask.what
            ));
        }
    }
    for action in &mut actions {
        action.advised_by = state.recovery.advised.get(&action.id).cloned();
    }
    held(state, |s| s.actions = actions);
}

/// What is to be looked at: the action under the cursor, once a cluster is armed.
pub fn wanted(state: &mut State) -> Option<Effect> {
    if state.pane != Pane::Plan || state.recovery.applying {
        return None;
    }
    let armed = state.recovery.armed.clone()?;
    let action = selected(state).filter(|a| a.argv.get(2) == Some(&armed.context))?;
    if state.recovery.card_of(&action).is_some()
        || state.recovery.looking.as_ref() == Some(&action.argv)
    {
        return None;
    }
    held(state, |s| s.recovery.looking = Some(action.argv.clone()));
    Some(Effect::Preflight(Box::new(action), armed))
}

/// What the look found.
pub fn looked(state: &mut State, argv: Vec<String>, card: Result<Preflight, String>) {
    if state.recovery.looking.as_ref() == Some(&argv) {
        held(state, |s| {
            s.recovery.looking = None;
            s.recovery.card = Some((argv, card));
        });
    }
}

/// Medium risk takes a `yes`, high risk the target's name; anything else is a no.
pub fn consented(state: &mut State, text: &str) -> Vec<Effect> {
    let Some(action) = selected(state) else {
        return vec![];
    };
    let wanted = if action.risk == Risk::High {
        action.target.name.as_str()
    } else {
        "yes"
    };
    if text == wanted {
        return apply(state);
    }
    state.notice = Some("not applied".into());
    vec![]
}

fn apply(state: &mut State) -> Vec<Effect> {
    let (Some(action), Some(armed)) = (selected(state), state.recovery.armed.clone()) else {
        return vec![];
    };
    let Some((_, Ok(card))) =
        held(state, |s| s.recovery.card.take()).filter(|c| c.0 == action.argv)
    else {
        return vec![];
    };
    held(state, |s| {
        s.recovery.applying = true;
        s.recovery.watched = None;
    });
    state.notice = Some(format!("applying {}…", for_terminal(&action.title)));
    vec![Effect::Apply {
        action: Box::new(action),
        armed,
        card: Some(Box::new(card)),
    }]
}

/// What came of it, and the way back.
pub fn applied(state: &mut State, mut lines: Vec<String>, back: Option<Action>) {
    if let Some(back) = &back {
        lines.push(String::new());
        lines.push(format!(
            "V takes it back: {}",
            crate::model::shown(&back.argv)
        ));
    }
    let told = lines
        .iter()
        .filter(|l| !l.is_empty())
        .cloned()
        .collect::<Vec<_>>()
        .join("; ");
    state.guide.applied.push(told);
    state.notice = None;
    held(state, |s| {
        s.recovery.applying = false;
        s.recovery.card = None;
        s.recovery.back = back;
    });
    state.overlays.push(Overlay::Text {
        title: "What came of it",
        lines,
        top: 0,
    });
}

/// How it stands in the followed logs; at the end it is part of the story, and the way back is offered where it got worse.
pub fn watched(state: &mut State, watched: Watched) -> Vec<Effect> {
    let mut told = watched.told;
    if watched.outcome == Some(Outcome::Worse) && state.recovery.back.is_some() {
        told.push_str("; V takes it back");
    }
    held(state, |s| s.recovery.watched = Some(told.clone()));
    if !watched.over {
        return vec![];
    }
    state.notice = Some(for_terminal(&told));
    state.guide.applied.push(told);
    vec![Effect::Replan(state.recovery.plan_for()), Effect::Save]
}

/// `V` (revert): the action applied last is taken back; it was consented to, so only its checks stand before it.
pub fn take_back(state: &mut State) -> Vec<Effect> {
    if state.recovery.applying {
        state.notice = Some("an action is under way; wait for its end".into());
        return vec![];
    }
    match (state.recovery.back.take(), state.recovery.armed.clone()) {
        (Some(back), Some(armed)) => {
            state.recovery.applying = true;
            state.notice = Some(format!("{}…", for_terminal(&back.title)));
            vec![Effect::Apply {
                action: Box::new(back),
                armed,
                card: None,
            }]
        }
        _ => {
            state.notice = Some("nothing was applied that could be taken back".into());
            vec![]
        }
    }
}

/// The user's word on an action: it helped, or it did not.
pub fn judge(state: &mut State, helped: bool) -> Vec<Effect> {
    let Some(action) = selected(state) else {
        state.notice = Some("put the cursor on an action that has a command".into());
        return vec![];
    };
    state.notice = Some(format!(
        "kept: {} {}; the plan heeds it from now on",
        for_terminal(&action.title),
        if helped { "helped" } else { "did not help" }
    ));
    vec![Effect::JudgeAction(
        Box::new(action),
        helped,
        state.recovery.plan_for(),
    )]
}

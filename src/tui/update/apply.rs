//! Steps of applying a planned action: choose a cluster once, check the action against it, then
//! apply with one key. Does no I/O: kubectl runs elsewhere.

use crate::analysis::Outcome;
use crate::cluster::{Connection, WatchState};
use crate::model::{Action, Command, Risk};
use crate::text::escape::for_terminal;
use crate::tui::layout::Layout;
use crate::tui::panes::row::Row;
use crate::tui::panes::rows;
use crate::tui::state::State;
use crate::tui::state::msg::Effect;
use crate::tui::state::overlay::{Overlay, Prompt, PromptKind};
use crate::tui::state::pane::Pane;
use crate::tui::state::plan::Checked;

/// `A`: asks for a cluster if none is chosen, asks for missing values of the action, and applies it
/// if all checks passed.
pub fn run(state: &mut State) -> Vec<Effect> {
    if state.pane != Pane::Plan {
        state.notice = Some("actions are in the plan (press 7)".into());
        return vec![];
    }
    if state.read_only {
        state.notice = Some("started with --read-only: applying actions is disabled".into());
        return vec![];
    }
    let Some(action) = selected(state) else {
        state.notice = Some("select an action that has a command".into());
        return vec![];
    };
    if state.plan.cluster.is_none() {
        let proposed = state.plan.proposed_context.clone().unwrap_or_default();
        return ask(state, PromptKind::Context, proposed);
    }
    if state.plan.applying {
        state.notice = Some("an action is still running; wait until it ends".into());
        return vec![];
    }
    if let Some(open) = action.parameters.iter().find(|p| !p.is_set) {
        let checked = state.plan.checked(&action).and_then(|c| c.as_ref().ok());
        let proposed = checked.and_then(|c| c.suggestions.iter().find(|s| s.name == open.name));
        let text = proposed.map_or_else(|| open.value.clone(), |s| s.value.clone());
        state.notice = Some(match proposed {
            Some(s) => {
                format!(
                    "{}; current value: {}",
                    open.description,
                    for_terminal(&s.current)
                )
            }
            None => open.description.clone(),
        });
        state.plan.asks_for.clone_from(&open.name);
        return ask(state, PromptKind::Value, text);
    }
    match state.plan.checked(&action) {
        Some(Ok(checked)) if checked.passed() => match action.risk {
            Risk::None | Risk::Low => apply(state),
            _ => ask(state, PromptKind::Consent, String::new()),
        },
        Some(Ok(checked)) => {
            let failed = checked.checks.iter().find(|c| !c.passed);
            let failed = failed.map_or("a check failed", |c| c.text.as_str());
            state.notice = Some(format!(
                "not applied; this check failed: {}",
                for_terminal(failed)
            ));
            vec![]
        }
        Some(Err(why)) => {
            state.notice = Some(for_terminal(why));
            state.plan.checked = None;
            vec![]
        }
        None => {
            state.notice =
                Some("the checks are still running; press A again when they are done".into());
            vec![]
        }
    }
}

/// The action under the cursor, or the first action if the cursor is above the list. `None` if it
/// has no command.
fn selected(state: &State) -> Option<Action> {
    let item = rows(state, Pane::Plan)
        .into_iter()
        .skip(state.report.cursor)
        .find_map(|r| r.item)?;
    state
        .plan
        .actions
        .get(item)
        .filter(|a| a.command.is_some())
        .cloned()
}

/// Makes a change to the plan and keeps the cursor on its action. Checks add and remove rows, and a
/// key must not act on another action because of that.
fn keep_cursor_on_action<T>(state: &mut State, change: impl FnOnce(&mut State) -> T) -> T {
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
        state.plan.actions.get(item).map(|a| (a.id.clone(), first))
    };
    let before = place(state);
    let out = change(state);
    if state.pane == Pane::Plan
        && let Some((id, first)) = &before
        && (place(state).map(|p| p.0).as_ref() != Some(id) || *first)
    {
        let rows = rows(state, Pane::Plan);
        let belongs = |r: &Row| {
            r.item
                .and_then(|i| state.plan.actions.get(i))
                .is_some_and(|a| a.id == *id)
        };
        if let Some(at) = rows.iter().position(belongs) {
            let height = Layout::of(state).list_lines();
            state.report.to(at, rows.len(), height);
        }
    }
    out
}

/// Opens a prompt with a default text.
fn ask(state: &mut State, asking: PromptKind, text: String) -> Vec<Effect> {
    let origin = state.events.scroll.cursor;
    state
        .overlays
        .push(Overlay::Prompt(Prompt::new(asking, text, origin)));
    vec![]
}

/// The user entered a kubectl context: find out which cluster it points to.
pub fn context_entered(state: &mut State, context: String) -> Vec<Effect> {
    if context.is_empty() {
        return vec![];
    }
    state.notice = Some(format!("checking context {}…", for_terminal(&context)));
    vec![Effect::ChooseCluster(context, state.plan.actions.clone())]
}

/// A cluster was chosen: shows it and requests a plan for it.
pub fn cluster_chosen(state: &mut State, cluster: Connection) -> Vec<Effect> {
    let mut lines = cluster.lines();
    lines.push(String::new());
    lines.push(
        "Actions run on this cluster until you quit faultline. Nothing has changed yet:".into(),
    );
    lines.push("the selected action is checked automatically, and A applies it.".into());
    state.notice = None;
    keep_cursor_on_action(state, |s| {
        s.plan.cluster = Some(cluster);
        s.plan.checked = None;
    });
    state.overlays.push(Overlay::Text {
        title: "Cluster chosen for this session",
        lines,
        top: 0,
        template: None,
    });
    vec![Effect::Replan(state.plan.plan_for())]
}

/// The user entered a value that an action needs.
pub fn value_entered(state: &mut State, text: String) -> Vec<Effect> {
    let name = std::mem::take(&mut state.plan.asks_for);
    state.plan.given.insert(name, text);
    vec![Effect::Replan(state.plan.plan_for())]
}

/// Replaces the plan. An action that differs only in its timestamp keeps its old command, so that
/// its checks stay valid.
pub fn set_plan(state: &mut State, mut actions: Vec<Action>) {
    if state.plan.cluster.is_some() {
        for new in &mut actions {
            if let Some(old) = state.plan.actions.iter().find(|old| is_same(old, new)) {
                (new.command, new.rollback) = (old.command.clone(), old.rollback.clone());
            }
        }
    }
    // A value that was entered but is still asked for was not valid.
    for open in actions
        .iter()
        .flat_map(|a| &a.parameters)
        .filter(|p| !p.is_set)
    {
        if let Some(text) = state.plan.given.remove(&open.name) {
            let text = for_terminal(&text);
            state.notice = Some(format!("'{text}' is not valid for: {}", open.description));
        }
    }
    for action in &mut actions {
        action.advised_by = state.plan.advised.get(&action.id).cloned();
    }
    keep_cursor_on_action(state, |s| s.plan.actions = actions);
}

/// Two actions differ at most in the time that is part of their commands.
fn is_same(old: &Action, new: &Action) -> bool {
    let context = |a: &Action| a.command.as_ref().map(|c| c.context.clone());
    old.id == new.id
        && old.parameters == new.parameters
        && old.target == new.target
        && old.category == new.category
        && context(old) == context(new)
}

/// Requests the checks of the action under the cursor, if a cluster is chosen and they are not
/// done yet.
pub fn next_preflight(state: &mut State) -> Option<Effect> {
    if state.pane != Pane::Plan || state.plan.applying {
        return None;
    }
    let cluster = state.plan.cluster.clone()?;
    let action = selected(state)?;
    let is_for_cluster = |c: &Command| c.context == cluster.context();
    if !action.command.as_ref().is_some_and(is_for_cluster)
        || state.plan.checked(&action).is_some()
        || state.plan.is_checking(&action)
    {
        return None;
    }
    keep_cursor_on_action(state, |s| s.plan.checking.clone_from(&action.command));
    Some(Effect::Preflight(Box::new(action), cluster))
}

/// Takes the result of the checks, unless the user has moved on to another action.
pub fn preflight_done(state: &mut State, command: Command, checked: Checked) {
    if state.plan.checking.as_ref() == Some(&command) {
        keep_cursor_on_action(state, |s| {
            s.plan.checking = None;
            s.plan.checked = Some((command, checked));
        });
    }
}

/// The user answered the consent prompt. Medium risk needs `yes`, high risk the name of the target;
/// anything else means no.
pub fn consent_entered(state: &mut State, text: &str) -> Vec<Effect> {
    let Some(action) = selected(state) else {
        return vec![];
    };
    let expected = if action.risk == Risk::High {
        action.target.name.as_str()
    } else {
        "yes"
    };
    if text == expected {
        return apply(state);
    }
    state.notice = Some("not applied: not confirmed".into());
    vec![]
}

fn apply(state: &mut State) -> Vec<Effect> {
    let (Some(action), Some(cluster)) = (selected(state), state.plan.cluster.clone()) else {
        return vec![];
    };
    let checked = keep_cursor_on_action(state, |s| s.plan.checked.take());
    let Some((_, Ok(checked))) = checked.filter(|c| Some(&c.0) == action.command.as_ref()) else {
        return vec![];
    };
    keep_cursor_on_action(state, |s| {
        s.plan.applying = true;
        s.plan.watched = None;
    });
    state.notice = Some(format!("applying {}…", for_terminal(&action.title)));
    vec![Effect::Apply {
        action: Box::new(action),
        cluster,
        checked: Some(Box::new(checked)),
    }]
}

/// An action ended: shows its output and how to undo it.
pub fn action_done(state: &mut State, mut lines: Vec<String>, rollback: Option<Action>) {
    if let Some(command) = rollback.as_ref().and_then(|r| r.command.as_ref()) {
        lines.push(String::new());
        lines.push(format!("V undoes it: {command}"));
    }
    let summary = lines
        .iter()
        .filter(|l| !l.is_empty())
        .cloned()
        .collect::<Vec<_>>()
        .join("; ");
    state.guide.applied.push(summary);
    state.notice = None;
    keep_cursor_on_action(state, |s| {
        s.plan.applying = false;
        s.plan.checked = None;
        s.plan.undo = rollback;
    });
    state.overlays.push(Overlay::Text {
        title: "Action result",
        lines,
        top: 0,
        template: None,
    });
}

/// Shows the effect of the last action on the followed logs. The final result goes into the report,
/// and undo is offered if the situation got worse.
pub fn watch_updated(state: &mut State, watched: WatchState) -> Vec<Effect> {
    let mut message = watched.message;
    if watched.outcome == Some(Outcome::Worse) && state.plan.undo.is_some() {
        message.push_str("; V undoes it");
    }
    keep_cursor_on_action(state, |s| s.plan.watched = Some(message.clone()));
    if !watched.is_over {
        return vec![];
    }
    state.notice = Some(for_terminal(&message));
    state.guide.applied.push(message);
    vec![Effect::Replan(state.plan.plan_for()), Effect::Save]
}

/// `V`: undoes the last applied action. Its checks run again, but it needs no second consent.
pub fn undo(state: &mut State) -> Vec<Effect> {
    if state.plan.applying {
        state.notice = Some("an action is still running; wait until it ends".into());
        return vec![];
    }
    match (state.plan.undo.take(), state.plan.cluster.clone()) {
        (Some(rollback), Some(cluster)) => {
            state.plan.applying = true;
            state.notice = Some(format!("{}…", for_terminal(&rollback.title)));
            vec![Effect::Apply {
                action: Box::new(rollback),
                cluster,
                checked: None,
            }]
        }
        _ => {
            state.notice = Some("nothing to undo".into());
            vec![]
        }
    }
}

/// Records the user's feedback on an action: it helped, or it did not.
pub fn rate(state: &mut State, helped: bool) -> Vec<Effect> {
    let Some(action) = selected(state) else {
        state.notice = Some("select an action that has a command".into());
        return vec![];
    };
    state.notice = Some(format!(
        "saved: {} {}; future plans will use this",
        for_terminal(&action.title),
        if helped { "helped" } else { "did not help" }
    ));
    vec![Effect::RateAction(
        Box::new(action),
        helped,
        state.plan.plan_for(),
    )]
}

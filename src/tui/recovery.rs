//! What is armed, looked at, applied and watched, and the plan as lines. Plain data and pure functions.

use super::report::{Row, row, short};
use super::state::State;
use crate::engine::{Armed, PlanFor, Preflight};
use crate::model::{Action, Risk, shown};
use std::collections::BTreeMap;

#[derive(Clone, Debug, Default)]
pub struct Recovery {
    /// The cluster that is armed for this run.
    pub armed: Option<Armed>,
    /// The context that live logs come from: proposed when one is to be armed.
    pub proposed: Option<String>,
    pub given: BTreeMap<String, String>,
    /// The value that is being asked for.
    pub asking: String,
    /// What a look found, by the argv that it was for; an error in words.
    pub card: Option<(Vec<String>, Result<Preflight, String>)>,
    /// The argv that is being looked at.
    pub looking: Option<Vec<String>>,
    /// An action is under way.
    pub applying: bool,
    /// How the action that was applied last stands in the followed logs.
    pub watched: Option<String>,
    /// What takes it back.
    pub back: Option<Action>,
    /// Models that recommended actions, by the action.
    pub advised: BTreeMap<String, String>,
}

impl Recovery {
    pub fn plan_for(&self) -> PlanFor {
        let armed = self.armed.as_ref();
        PlanFor {
            context: armed.map(|a| a.context.clone()),
            given: self.given.clone(),
            node: armed.and_then(|a| a.node.clone()),
        }
    }

    pub fn card_of(&self, action: &Action) -> Option<&Result<Preflight, String>> {
        self.card
            .as_ref()
            .filter(|c| c.0 == action.argv)
            .map(|c| &c.1)
    }
}

pub fn rows(state: &State) -> Vec<Row> {
    let mut out = head(state);
    for (i, a) in state.actions.iter().enumerate() {
        out.extend(action(state, i, a));
    }
    out
}

fn head(state: &State) -> Vec<Row> {
    let r = &state.recovery;
    let mut out = vec![match (&r.armed, state.read_only) {
        (_, true) => row(
            "Started with --read-only: nothing is applied. Enter or y copies a command.",
            "dim",
        ),
        (Some(a), _) => row(
            format!(
                "Armed: context {}, user {}, {}, namespace {}. A applies what is under the cursor, V takes it back.",
                a.context, a.user, a.server, a.namespace
            ),
            "warn",
        ),
        (None, _) => row(
            "Offline: Enter or y copies the command, <CONTEXT> stands for yours. A connects a context; until then nothing is run. + or D: it helped, it did not.",
            "dim",
        ),
    }];
    out.extend(r.armed.iter().flat_map(|a| &a.warnings).map(|w| {
        row(
            format!("! {w}: are these the logs of this cluster?"),
            "warn",
        )
    }));
    out.extend(
        r.watched
            .iter()
            .map(|w| row(format!("Did it work? {w}"), "title")),
    );
    out
}

fn action(state: &State, i: usize, a: &Action) -> Vec<Row> {
    let item = Some(i);
    let mut out = vec![Row {
        text: format!(
            "{}. {}   risk {}, confidence {:.0}%",
            i + 1,
            a.title,
            a.risk.name(),
            a.confidence * 100.0
        ),
        role: "title",
        item,
        ..Row::default()
    }];
    let mut add = |text: String, role| {
        out.push(Row {
            text,
            role,
            item,
            ..Row::default()
        })
    };
    // First what it would change: on a small screen the rest lies below.
    for (text, role) in card(state, a) {
        add(text, role);
    }
    add(format!("     why: {}", a.why), "text");
    if !a.evidence.is_empty() && !a.argv.is_empty() {
        add(format!("     because of: {}", proof(a)), "dim");
    }
    if !a.changes.is_empty() {
        add(format!("     changes: {}", a.changes), "text");
    }
    for ask in &a.asks {
        let value = if ask.value.is_empty() {
            "not given".to_string()
        } else {
            ask.value.clone()
        };
        add(
            format!(
                "     {}: {value}{}",
                ask.what,
                if ask.open { "  (A asks for it)" } else { "" }
            ),
            "text",
        );
    }
    if !a.argv.is_empty() {
        add(format!("     run: {}", shown(&a.argv)), "variable");
    }
    if let Some(r) = &a.rollback {
        add(format!("     back: {}", shown(r)), "dim");
    }
    add(format!("     worked when: {}", a.verify), "dim");
    out
}

/// The lines that speak for it, by their place: a source is named once.
fn proof(a: &Action) -> String {
    let mut lines: Vec<(&str, Vec<String>)> = Vec::new();
    for place in &a.evidence {
        match lines.iter_mut().find(|l| l.0 == place.source) {
            Some(known) => known.1.push(place.line.to_string()),
            None => lines.push((&place.source, vec![place.line.to_string()])),
        }
    }
    lines
        .iter()
        .map(|(source, lines)| format!("{}:{}", short(source), lines.join(", ")))
        .collect::<Vec<_>>()
        .join("; ")
}

/// What the look found, and what the key does next.
fn card(state: &State, a: &Action) -> Vec<(String, &'static str)> {
    let r = &state.recovery;
    if r.looking.as_ref() == Some(&a.argv) && !a.argv.is_empty() {
        return vec![(
            "     ┃ looking at the cluster before anything is changed…".into(),
            "dim",
        )];
    }
    let card = match r.card_of(a) {
        None => return vec![],
        Some(Err(why)) => return vec![(format!("     ┃ FAIL {why}"), "error")],
        Some(Ok(card)) => card,
    };
    let open = a.asks.iter().any(|a| a.open);
    let next = match (card.green(), a.risk) {
        _ if open => "A asks for what is open.".to_string(),
        (false, _) => "Not to be applied: a check failed.".into(),
        (_, Risk::None) => "A runs it: a look, nothing is changed.".into(),
        (_, Risk::Low) => "All green: A applies it.".into(),
        (_, Risk::Medium) => "All green: A asks for a yes, then applies it.".into(),
        (_, Risk::High) => format!(
            "All green: A asks for the name {}, then applies it.",
            a.target.name
        ),
    };
    let mut out = vec![(format!("     ┃ {next}"), "title")];
    out.extend(
        card.diff
            .iter()
            .map(|d| (format!("     ┃ {d}"), "variable")),
    );
    let mut checks: Vec<&(bool, String)> = card.checks.iter().collect();
    checks.sort_by_key(|c| c.0);
    out.extend(checks.iter().map(|(ok, t)| {
        (
            format!("     ┃ {} {t}", if *ok { "ok  " } else { "FAIL" }),
            if *ok { "text" } else { "error" },
        )
    }));
    if card.green() && a.risk > Risk::None {
        out.push((format!("     ┃ runs: {}", shown(&card.argv)), "dim"));
        out.extend(
            card.rollback
                .as_ref()
                .map(|r| (format!("     ┃ back: {}", shown(r)), "dim")),
        );
    }
    out
}

//! `plan` and `apply`: remediation actions in order, and one of them through the gate.

use super::run::{self, Out};
use super::{FOUND, OK};
use crate::config::args::{Global, OutputFormat};
use crate::engine::{self, PlanFor};
use crate::model::{Action, Risk, shown};
use crate::text::escape::for_terminal;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;

pub fn plan(global: &Global, paths: &[PathBuf]) -> Result<u8, String> {
    let (session, snapshot) = run::open(global, paths)?;
    let diagnosis = session.corpus.diagnosis_of(&snapshot);
    let actions = session.corpus.plan(&snapshot, &diagnosis);
    let mut out = Out::new();
    match global.format {
        OutputFormat::Text => lines(&actions)
            .iter()
            .try_for_each(|l| out.line(&for_terminal(l)))?,
        _ => out.json(&object(&actions, "offline"))?,
    }
    out.flush()?;
    run::finish(global, &session.corpus);
    Ok(if diagnosis.is_found() { FOUND } else { OK })
}

/// The contract of `plan --format json`.
pub fn object(actions: &[Action], mode: &str) -> Value {
    json!({"actions": actions, "mode": mode})
}

pub fn lines(actions: &[Action]) -> Vec<String> {
    let mut out = Vec::new();
    for a in actions {
        out.push(format!(
            "{:.2}  {:<22} risk {:<6} {}",
            a.confidence,
            a.id,
            a.risk.name(),
            a.title
        ));
        out.push(format!("      why: {}", a.why));
        if !a.argv.is_empty() {
            out.push(format!("      run: {}", shown(&a.argv)));
        }
        if !a.evidence.is_empty() {
            let places: Vec<String> = a
                .evidence
                .iter()
                .map(|p| format!("{}:{}", p.source, p.line))
                .collect();
            out.push(format!("      because of: {}", places.join(", ")));
        }
        if !a.changes.is_empty() {
            out.push(format!("      changes: {}", a.changes));
        }
        if let Some(r) = &a.rollback {
            out.push(format!("      back: {}", shown(r)));
        }
        out.push(format!("      works when: {}", a.verify));
    }
    out
}

/// What `apply` was asked for.
pub struct Wanted<'a> {
    pub id: &'a str,
    pub context: Option<&'a str>,
    pub yes: bool,
    /// `NAME=VALUE` for what the action asks.
    pub set: &'a [String],
}

pub fn apply(global: &Global, wanted: &Wanted<'_>, paths: &[PathBuf]) -> Result<u8, String> {
    if global.read_only {
        eprintln!("faultline: --read-only: nothing is applied");
        return Ok(FOUND);
    }
    let Some(context) = wanted.context else {
        eprintln!(
            "faultline: no cluster is connected; name its context with --context. Nothing was touched."
        );
        return Ok(FOUND);
    };
    let given = given(wanted.set)?;
    let (session, snapshot) = run::open(global, paths)?;
    let diagnosis = session.corpus.diagnosis_of(&snapshot);
    let mut whom = PlanFor {
        context: Some(context.into()),
        given,
        node: None,
    };
    let plan = session.corpus.plan_for(&snapshot, &diagnosis, &whom);
    if let Some(action) = plan.iter().find(|a| a.id == wanted.id) {
        applicable(action, &whom.given)?;
    }
    let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    if !wanted.yes && !terminal {
        eprintln!("faultline: off a terminal an action needs --yes. Nothing was touched.");
        return Ok(FOUND);
    }
    let armed = match engine::arm(context, &plan) {
        Ok(armed) => armed,
        Err(why) => return refused(&why),
    };
    // What the cluster tells brings up actions that the logs alone do not.
    whom.node.clone_from(&armed.node);
    let plan = session.corpus.plan_for(&snapshot, &diagnosis, &whom);
    let Some(action) = plan.iter().find(|a| a.id == wanted.id) else {
        let known: Vec<&str> = plan.iter().map(|a| a.id.as_str()).collect();
        return Err(format!(
            "the plan has no action '{}'; it has: {}",
            wanted.id,
            known.join(", ")
        ));
    };
    applicable(action, &whom.given)?;
    through_the_gate(&session.corpus, action, &armed, wanted.yes)
        .map_or_else(|why| refused(&why), |()| Ok(OK))
}

fn refused(why: &str) -> Result<u8, String> {
    eprintln!("faultline: {}", for_terminal(why));
    Ok(FOUND)
}

/// Looks, asks, applies; an error is why nothing, or nothing more, was done.
fn through_the_gate(
    corpus: &engine::Corpus,
    action: &Action,
    armed: &engine::Armed,
    yes: bool,
) -> Result<(), String> {
    let mut out = Out::new();
    armed
        .lines()
        .iter()
        .try_for_each(|l| out.line(&for_terminal(l)))?;
    let checked = engine::preflight(action, armed)?;
    for (ok, text) in &checked.checks {
        out.line(&for_terminal(&format!(
            "{} {text}",
            if *ok { "ok  " } else { "FAIL" }
        )))?;
    }
    checked
        .diff
        .iter()
        .try_for_each(|d| out.line(&for_terminal(&format!("     {d}"))))?;
    out.line(&for_terminal(&format!("run: {}", shown(&checked.argv))))?;
    if let Some(back) = &checked.rollback {
        out.line(&for_terminal(&format!("back: {}", shown(back))))?;
    }
    out.flush()?;
    if !checked.green() {
        return Err("a check failed; nothing was touched".into());
    }
    if !yes && !confirmed(action)? {
        return Err("not applied".into());
    }
    let applied = engine::apply(corpus, action, armed, &checked)?;
    let mut out = Out::new();
    applied
        .told
        .lines()
        .try_for_each(|l| out.line(&for_terminal(l)))?;
    out.flush()?;
    let outcome = applied.stuck.then_some(engine::Outcome::NoEffect);
    engine::remember(
        corpus,
        action,
        armed,
        &applied.run,
        outcome,
        "the logs were not followed",
    )
}

/// Values by name.
fn given(set: &[String]) -> Result<BTreeMap<String, String>, String> {
    let pair = |text: &String| {
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| format!("'{text}': --set takes NAME=VALUE"))?;
        Ok((name.to_string(), value.to_string()))
    };
    set.iter().map(pair).collect()
}

/// It has a command; what was given is of the action and of the right form, and nothing that it asks for is missing.
fn applicable(action: &Action, given: &BTreeMap<String, String>) -> Result<(), String> {
    if action.argv.is_empty() {
        return Err(format!(
            "'{}' is advice, not something to apply: {}",
            action.id, action.title
        ));
    }
    let names = || {
        action
            .asks
            .iter()
            .map(|a| format!("{} ({})", a.name, a.what))
            .collect::<Vec<_>>()
            .join(", ")
    };
    for (name, value) in given {
        match action.asks.iter().find(|a| a.name == *name) {
            None if action.asks.is_empty() => {
                return Err(format!(
                    "'{}' asks for nothing, so --set {name} has no meaning",
                    action.id
                ));
            }
            None => {
                return Err(format!(
                    "'{}' does not ask for {name}; it asks for: {}",
                    action.id,
                    names()
                ));
            }
            Some(a) if a.open => {
                return Err(format!("'{value}' is no value for {name} ({})", a.what));
            }
            Some(_) => {}
        }
    }
    match action.asks.iter().find(|a| a.value.is_empty()) {
        Some(a) => Err(format!(
            "'{}' asks for {}: give it as --set {}=VALUE",
            action.id, a.what, a.name
        )),
        None => Ok(()),
    }
}

/// Low risk: Enter. Medium: `yes`. High: the target's name.
fn confirmed(action: &Action) -> Result<bool, String> {
    let wanted = match action.risk {
        Risk::None | Risk::Low => "",
        Risk::Medium => "yes",
        Risk::High => action.target.name.as_str(),
    };
    let ask = if wanted.is_empty() {
        "Enter applies, Ctrl-C leaves: ".to_string()
    } else {
        format!("type '{wanted}' to apply: ")
    };
    eprint!("{ask}");
    std::io::stderr().flush().ok();
    let mut line = String::new();
    std::io::stdin()
        .read_line(&mut line)
        .map_err(|e| e.to_string())?;
    Ok(line.trim() == wanted)
}

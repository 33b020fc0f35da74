//! `plan` and `apply`: remediation actions in order, and one of them through the gate.

use super::run::{self, Out};
use super::{FOUND, OK};
use crate::config::args::{Global, OutputFormat};
use crate::engine;
use crate::model::{Action, Risk, shown};
use crate::text::escape::for_terminal;
use serde_json::{Value, json};
use std::io::{IsTerminal, Write};
use std::path::PathBuf;

pub fn plan(global: &Global, paths: &[PathBuf]) -> Result<u8, String> {
    let (session, snapshot) = run::open(global, paths)?;
    let diagnosis = session.corpus.diagnosis_of(&snapshot);
    let actions = session.corpus.plan(&snapshot, &diagnosis, None);
    let mut out = Out::new();
    match global.format {
        OutputFormat::Text => lines(&actions).iter().try_for_each(|l| out.line(&for_terminal(l)))?,
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
        out.push(format!("{:.2}  {:<22} risk {:<6} {}", a.confidence, a.id, a.risk.name(), a.title));
        out.push(format!("      why: {}", a.why));
        if !a.argv.is_empty() {
            out.push(format!("      run: {}", shown(&a.argv)));
        }
        if let Some(r) = &a.rollback {
            out.push(format!("      back: {}", shown(r)));
        }
        out.push(format!("      works when: {}", a.verify));
    }
    out
}

pub fn apply(global: &Global, id: &str, paths: &[PathBuf], context: Option<&str>, yes: bool) -> Result<u8, String> {
    if global.read_only {
        eprintln!("faultline: --read-only: nothing is applied");
        return Ok(FOUND);
    }
    let Some(context) = context else {
        eprintln!("faultline: no cluster is connected; name its context with --context. Nothing was touched.");
        return Ok(FOUND);
    };
    let (session, snapshot) = run::open(global, paths)?;
    let diagnosis = session.corpus.diagnosis_of(&snapshot);
    let actions = session.corpus.plan(&snapshot, &diagnosis, Some(context));
    let Some(action) = actions.iter().find(|a| a.id == id) else {
        let known: Vec<&str> = actions.iter().map(|a| a.id.as_str()).collect();
        return Err(format!("the plan has no action '{id}'; it has: {}", known.join(", ")));
    };
    if action.argv.is_empty() {
        return Err(format!("'{id}' is advice, not something to apply: {}", action.title));
    }
    let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    if !yes && !terminal {
        eprintln!("faultline: off a terminal an action needs --yes. Nothing was touched.");
        return Ok(FOUND);
    }
    let checked = engine::preflight(action, context)?;
    let mut out = Out::new();
    for (ok, text) in &checked.checks {
        out.line(&for_terminal(&format!("{} {text}", if *ok { "ok  " } else { "FAIL" })))?;
    }
    checked.diff.iter().try_for_each(|d| out.line(&for_terminal(&format!("     {d}"))))?;
    out.line(&for_terminal(&format!("run: {}", shown(&checked.argv))))?;
    if !checked.green() {
        out.flush()?;
        eprintln!("faultline: a check failed; nothing was touched");
        return Ok(FOUND);
    }
    if !yes && !confirmed(action)? {
        eprintln!("faultline: not applied");
        return Ok(FOUND);
    }
    match engine::apply(&session.corpus, action, context, &checked) {
        Ok(told) => {
            out.line(&for_terminal(&told))?;
            out.flush()?;
            Ok(OK)
        }
        Err(e) => {
            out.flush()?;
            eprintln!("faultline: {}", for_terminal(&e));
            Ok(FOUND)
        }
    }
}

/// Low risk: Enter. Medium: `yes`. High: the target's name.
fn confirmed(action: &Action) -> Result<bool, String> {
    let wanted = match action.risk {
        Risk::None | Risk::Low => "",
        Risk::Medium => "yes",
        Risk::High => action.target.name.as_str(),
    };
    let ask = if wanted.is_empty() { "Enter applies, Ctrl-C leaves: ".to_string() } else { format!("type '{wanted}' to apply: ") };
    eprint!("{ask}");
    std::io::stderr().flush().ok();
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).map_err(|e| e.to_string())?;
    Ok(line.trim() == wanted)
}

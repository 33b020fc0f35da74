//! `faultline plan` and `faultline apply`: prints the recommended actions in order; checks and
//! applies one of them. Does not talk to the cluster directly.

use super::error::Error;
use super::exit_code::{FOUND, OK};
use super::run::{self, Out};
use crate::analysis::{Analysis, Outcome, PlanFor};
use crate::cluster::{self, Connection};
use crate::config::args::{Global, OutputFormat};
use crate::model::{Action, Risk};
use crate::text::escape::for_terminal;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, IsTerminal, Write};
use std::path::PathBuf;

/// Prints the plan.
pub fn plan(global: &Global, paths: &[PathBuf]) -> Result<u8, Error> {
    let opened = run::open(global, paths)?;
    let (analysis, snapshot) = (&opened.analysis, &opened.snapshot);
    let diagnosis = analysis.diagnosis(snapshot);
    let actions = analysis.plan(snapshot);
    let mut out = Out::new();
    match global.format {
        OutputFormat::Text => lines(&actions)
            .iter()
            .try_for_each(|l| out.line(&for_terminal(l)))?,
        _ => out.json(&object(&actions, "offline"))?,
    }
    out.flush()?;
    run::finish(global, &opened);
    Ok(if diagnosis.is_found() { FOUND } else { OK })
}

/// Output of `plan --format json`. Scripts depend on the keys.
pub fn object(actions: &[Action], mode: &str) -> Value {
    json!({"actions": actions, "mode": mode})
}

/// The plan as lines of text.
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
        if let Some(command) = &a.command {
            out.push(format!("      run: {command}"));
        }
        if !a.evidence.is_empty() {
            let places: Vec<String> = a
                .evidence
                .iter()
                .map(|p| format!("{}:{}", p.source, p.line))
                .collect();
            out.push(format!("      evidence: {}", places.join(", ")));
        }
        if !a.changes.is_empty() {
            out.push(format!("      changes: {}", a.changes));
        }
        if let Some(r) = &a.rollback {
            out.push(format!("      rollback: {r}"));
        }
        out.push(format!("      success when: {}", a.verify));
    }
    out
}

/// Arguments of `apply`.
pub struct ApplyArgs<'a> {
    /// Action id, as printed by `plan`.
    pub id: &'a str,
    /// Kubeconfig context.
    pub context: Option<&'a str>,
    /// Do not ask for confirmation.
    pub yes: bool,
    /// Parameters of the action, as `NAME=VALUE`.
    pub set: &'a [String],
}

/// Checks an action against the cluster, asks for confirmation, and applies it. Returns `FOUND` if
/// the action was not applied.
pub fn apply(global: &Global, args: &ApplyArgs<'_>, paths: &[PathBuf]) -> Result<u8, Error> {
    if global.read_only {
        eprintln!("faultline: --read-only is set. Nothing was changed.");
        return Ok(FOUND);
    }
    let Some(context) = args.context else {
        eprintln!(
            "faultline: no cluster given; choose its context with --context. Nothing was changed."
        );
        return Ok(FOUND);
    };
    let given = parameters(args.set)?;
    let opened = run::open(global, paths)?;
    let (analysis, snapshot) = (&opened.analysis, &opened.snapshot);
    let mut plan_for = PlanFor {
        context: Some(context.into()),
        given,
        node: None,
    };
    let plan = analysis.plan_for(snapshot, &plan_for);
    if let Some(action) = plan.iter().find(|a| a.id == args.id) {
        check_parameters(action, &plan_for.given)?;
    }
    let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    if !args.yes && !terminal {
        eprintln!("faultline: --yes is required when not run in a terminal. Nothing was changed.");
        return Ok(FOUND);
    }
    let connection = match cluster::connect(context, &plan) {
        Ok(connection) => connection,
        Err(why) => return refused(&why.into()),
    };
    // With the node from the cluster, the plan has actions that the logs alone cannot provide.
    plan_for.node.clone_from(&connection.node);
    let plan = analysis.plan_for(snapshot, &plan_for);
    let Some(action) = plan.iter().find(|a| a.id == args.id) else {
        let known: Vec<&str> = plan.iter().map(|a| a.id.as_str()).collect();
        return Err(format!(
            "no action '{}' in the plan; available actions: {}",
            args.id,
            known.join(", ")
        )
        .into());
    };
    check_parameters(action, &plan_for.given)?;
    check_and_apply(analysis, action, &connection, args.yes)
        .map_or_else(|why| refused(&why), |()| Ok(OK))
}

fn refused(why: &Error) -> Result<u8, Error> {
    eprintln!("faultline: {}", for_terminal(&why.0));
    Ok(FOUND)
}

/// Runs the checks, asks for confirmation, applies the action and records the result. The error
/// says why it stopped.
fn check_and_apply(
    analysis: &Analysis,
    action: &Action,
    connection: &Connection,
    yes: bool,
) -> Result<(), Error> {
    let mut out = Out::new();
    connection
        .lines()
        .iter()
        .try_for_each(|l| out.line(&for_terminal(l)))?;
    let checked = cluster::preflight(action, connection)?;
    for check in &checked.checks {
        out.line(&for_terminal(&format!(
            "{} {}",
            if check.passed { "ok  " } else { "FAIL" },
            check.text
        )))?;
    }
    checked
        .diff
        .iter()
        .try_for_each(|d| out.line(&for_terminal(&format!("     {d}"))))?;
    if let Some(command) = &checked.command {
        out.line(&for_terminal(&format!("run: {command}")))?;
    }
    if let Some(rollback) = &checked.rollback {
        out.line(&for_terminal(&format!("rollback: {rollback}")))?;
    }
    out.flush()?;
    if !checked.passed() {
        return Err("a check failed; nothing was changed".into());
    }
    if !yes && !confirmed(action, &mut std::io::stdin().lock())? {
        return Err("not confirmed; nothing was changed".into());
    }
    let applied = cluster::apply(analysis, action, connection, &checked)?;
    let mut out = Out::new();
    applied
        .output
        .lines()
        .try_for_each(|l| out.line(&for_terminal(l)))?;
    out.flush()?;
    let outcome = applied.is_stuck.then_some(Outcome::NoEffect);
    let message = "not verified: the logs were not watched";
    cluster::record_outcome(
        analysis,
        action,
        connection,
        &applied.run,
        (outcome, message),
    )?;
    Ok(())
}

/// Parses `NAME=VALUE` pairs.
fn parameters(set: &[String]) -> Result<BTreeMap<String, String>, Error> {
    let pair = |text: &String| {
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| format!("invalid value '{text}' for --set: expected NAME=VALUE"))?;
        Ok((name.to_string(), value.to_string()))
    };
    set.iter().map(pair).collect()
}

/// Checks that the action has a command, and that its parameters are known, valid and complete.
fn check_parameters(action: &Action, given: &BTreeMap<String, String>) -> Result<(), Error> {
    if action.command.is_none() {
        return Err(format!(
            "'{}' is advice and has no command: {}",
            action.id, action.title
        )
        .into());
    }
    let names = || {
        action
            .parameters
            .iter()
            .map(|a| format!("{} ({})", a.name, a.description))
            .collect::<Vec<_>>()
            .join(", ")
    };
    for (name, value) in given {
        match action.parameters.iter().find(|a| a.name == *name) {
            None if action.parameters.is_empty() => {
                return Err(
                    format!("'{}' has no parameters; remove --set {name}", action.id).into(),
                );
            }
            None => {
                return Err(format!(
                    "'{}' has no parameter '{name}'; its parameters: {}",
                    action.id,
                    names()
                )
                .into());
            }
            Some(a) if !a.is_set => {
                return Err(
                    format!("invalid value '{value}' for {name} ({})", a.description).into(),
                );
            }
            Some(_) => {}
        }
    }
    match action.parameters.iter().find(|a| a.value.is_empty()) {
        Some(a) => Err(format!(
            "'{}' needs a value for {}: use --set {}=VALUE",
            action.id, a.description, a.name
        )
        .into()),
        None => Ok(()),
    }
}

/// Asks for confirmation. The user types Enter for low risk, `yes` for medium, and the name of the
/// target for high.
fn confirmed(action: &Action, input: &mut impl BufRead) -> Result<bool, Error> {
    let expected = match action.risk {
        Risk::None | Risk::Low => "",
        Risk::Medium => "yes",
        Risk::High => action.target.name.as_str(),
    };
    let question = if expected.is_empty() {
        "Press Enter to apply, Ctrl-C to cancel: ".to_string()
    } else {
        format!("Type '{expected}' to apply: ")
    };
    eprint!("{question}");
    std::io::stderr().flush().ok();
    let mut line = String::new();
    let read = input.read_line(&mut line).map_err(|e| e.to_string())?;
    // The end of the input is not an answer.
    Ok(read > 0 && line.trim() == expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_typed_answer_is_a_consent() {
        let asked = |risk: Risk, typed: &str| {
            let mut action = Action {
                risk,
                ..Action::default()
            };
            action.target.name = "payment".into();
            confirmed(&action, &mut typed.as_bytes()).unwrap()
        };
        for risk in [Risk::Low, Risk::Medium, Risk::High] {
            assert!(!asked(risk, ""), "the end of the input");
            assert!(!asked(risk, "no\n"));
        }
        assert!(
            asked(Risk::Low, "\n") && !asked(Risk::Medium, "\n") && !asked(Risk::High, "yes\n")
        );
        assert!(asked(Risk::Medium, "yes\n") && asked(Risk::High, "payment\n"));
    }
}

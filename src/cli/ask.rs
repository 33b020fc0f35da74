//! `faultline ask`: prints the answer to one question. Applies no action.

use super::error::Error;
use super::exit_code::OK;
use super::run::{self, Out};
use crate::chat::{self, Question};
use crate::config::args::{Global, OutputFormat, Task};
use crate::text::escape::for_terminal;
use serde_json::json;
use std::path::PathBuf;

pub fn run(global: &Global, task: Option<Task>, words: &[String]) -> Result<u8, Error> {
    // The first word is the question, unless a task is given and the word is a path. A pattern with
    // `?` could be a question.
    let is_path = |w: &String| {
        w == "-" || std::path::Path::new(w).exists() || w.contains('*') && !w.contains(' ')
    };
    let (text, paths) = match words.split_first() {
        Some((first, rest)) if !(task.is_some() && is_path(first)) => (first.clone(), rest),
        _ => (String::new(), words),
    };
    if paths.is_empty() {
        return Err("no PATH given after the question".into());
    }
    let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
    let opened = run::open(global, &paths)?;
    let (analysis, snapshot) = (&opened.analysis, &opened.snapshot);
    let question = Question {
        task,
        text,
        llm: opened.settings.llm.clone(),
        ..Question::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| format!("cannot start the async runtime: {e}"))?;
    let answer = runtime.block_on(chat::ask(analysis, snapshot, &question, &mut |_| true));
    for note in &answer.notes {
        eprintln!("faultline: {}", for_terminal(note));
    }
    let mut out = Out::new();
    if global.format == OutputFormat::Json {
        let places: Vec<_> = answer
            .cited
            .places
            .iter()
            .map(|p| json!({"source": p.source, "line": p.line}))
            .collect();
        out.json(&json!({"answer": answer.cited.text, "citations": places, "actions": answer.actions, "tool_calls": answer.tool_calls,
                         "model": answer.model, "tokens": {"prompt": answer.prompt_tokens, "answer": answer.answer_tokens}, "by": answer.by.name(),
                         "prompt_version": answer.prompt_version,
                         "notes": answer.notes}))?;
    } else {
        for line in answer.cited.text.lines() {
            out.line(&for_terminal(line))?;
        }
        let mut warnings = String::new();
        for (count, problem) in [
            (answer.cited.missing, "citations that do not exist"),
            (answer.cited.unsupported, "unsupported sentences"),
            (answer.cited.uncited, "sentences without a citation"),
        ] {
            if count > 0 {
                warnings.push_str(&format!("; {problem}: {count}"));
            }
        }
        out.line(&format!(
            "\n(by {}{}{warnings})",
            answer.by.name(),
            if answer.model.is_empty() {
                String::new()
            } else {
                format!(" {}", answer.model)
            }
        ))?;
    }
    out.flush()?;
    run::finish(global, &opened);
    Ok(OK)
}

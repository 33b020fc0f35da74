//! `ask`: one turn of the chat, answered on standard output.

use super::OK;
use super::run::{self, Out};
use crate::chat::{self, Asked};
use crate::config::args::{Global, OutputFormat, Task};
use crate::text::escape::for_terminal;
use serde_json::json;
use std::path::PathBuf;

pub fn run(global: &Global, task: Option<Task>, words: &[String]) -> Result<u8, String> {
    // The question is the first word unless a task is named and everything given exists as a path.
    let is_path = |w: &String| {
        w == "-" || std::path::Path::new(w).exists() || w.contains(['*', '?']) && !w.contains(' ')
    };
    let (question, paths) = match words.split_first() {
        Some((first, rest)) if !(task.is_some() && is_path(first)) => (first.clone(), rest),
        _ => (String::new(), words),
    };
    if paths.is_empty() {
        return Err("no PATH given behind the question".into());
    }
    let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
    let (session, snapshot) = run::open(global, &paths)?;
    let llm = run::options(global, &paths)?.1.llm;
    let asked = Asked {
        task: task.map(|t| t.name().to_string()),
        question,
        llm,
        before: Vec::new(),
        context: None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| format!("cannot start: {e}"))?;
    let answer = runtime.block_on(chat::ask(&session.corpus, &snapshot, &asked, &mut |_| true));
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
                         "model": answer.model, "tokens": {"prompt": answer.prompt_tokens, "answer": answer.answer_tokens}, "by": answer.by,
                         "prompt_version": answer.prompt_version,
                         "notes": answer.notes}))?;
    } else {
        for line in answer.cited.text.lines() {
            out.line(&for_terminal(line))?;
        }
        let wrong = if answer.cited.wrong > 0 {
            format!("; {} citations do not exist", answer.cited.wrong)
        } else {
            String::new()
        };
        let other = answer.cited.unsupported;
        let wrong = if other > 0 {
            format!("{wrong}; {other} sentences cite what speaks of something else")
        } else {
            wrong
        };
        let bare = if answer.cited.bare > 0 {
            format!("; {} sentences cite nothing", answer.cited.bare)
        } else {
            String::new()
        };
        out.line(&format!(
            "\n(by {}{}{wrong}{bare})",
            answer.by,
            if answer.model.is_empty() {
                String::new()
            } else {
                format!(" {}", answer.model)
            }
        ))?;
    }
    out.flush()?;
    run::finish(global, &session.corpus);
    Ok(OK)
}

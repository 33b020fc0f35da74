//! The chat pane as lines: Markdown as plain text, code with syntax colors, the model's thinking
//! folded, recommended actions as cards. Pure functions from data to lines.

use super::highlight::highlight_code;
use super::row::{Row, heading, row};
use crate::tui::state::State;
use crate::tui::state::chat::Turn;

const GREETING: [&str; 5] = [
    "Press Enter to ask a question about these logs. Without a model server, the built-in analyst answers from faultline's own analysis.",
    "Tasks: /anomalies /cause /fix /explain /classify /summarise /timeline /parse /compare. i asks about the selected line or template, @ inserts a reference.",
    "/preview QUESTION shows the request without sending it. /retry repeats the last question, /edit changes it. /new starts a conversation, /back returns to the previous one.",
    "/models chooses a model, /pull NAME downloads one. /think turns thinking before the answer on or off, /thoughts shows or hides it.",
    "To use a local model: run `ollama serve`, then /pull qwen3:8b. Set OLLAMA_HOST to use another server.",
];

pub fn rows(state: &State) -> Vec<Row> {
    let chat = &state.chat;
    let mut out = Vec::new();
    if chat.turns.is_empty() && !chat.busy {
        out.extend(GREETING.map(|line| row(line, "dim")));
    }
    for turn in &chat.turns {
        out.push(heading(format!("▸ {}", turn.question), "focus"));
        thoughts(&turn.thinking, chat.is_thinking_shown, &mut out);
        markdown(turn, &mut out);
        for (n, card) in turn.cards.iter().enumerate() {
            out.push(row(
                format!(
                    "  ┃ action {}: {card}  (details in pane 7; A there applies it after its checks)",
                    n + 1
                ),
                "variable",
            ));
        }
        out.push(row(format!("(answered by {})", turn.by), "dim"));
        out.extend(turn.notes.iter().map(|n| row(format!("({n})"), "notice")));
        out.push(row("", "dim"));
    }
    if chat.busy {
        out.push(heading(format!("▸ {}", chat.question), "focus"));
        thoughts(&chat.thinking, chat.is_thinking_shown, &mut out);
        out.extend(chat.partial.lines().map(|l| row(l, "text")));
        out.push(row(format!("… {} (Esc cancels)", chat.step), "dim"));
    }
    out
}

fn thoughts(text: &str, is_shown: bool, out: &mut Vec<Row>) {
    if text.is_empty() {
        return;
    }
    let words = text.split_whitespace().count();
    out.push(row(
        format!(
            "(thinking: {words} words; /thoughts {} it)",
            if is_shown { "hides" } else { "shows" }
        ),
        "dim",
    ));
    if is_shown {
        out.extend(text.lines().map(|l| row(format!("  {l}"), "dim")));
    }
}

/// Shows headings, lists, emphasis and code. Enter on a line with a citation opens the cited event.
fn markdown(turn: &Turn, out: &mut Vec<Row>) {
    let mut code: Option<(String, String)> = None;
    for line in turn.answer.lines() {
        let fence = line.trim_start().strip_prefix("```");
        match (&mut code, fence) {
            (Some((language, text)), Some(_)) => {
                colored(language, text, out);
                code = None;
            }
            (Some((_, text)), None) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, Some(language)) => code = Some((language.trim().to_string(), String::new())),
            (None, None) => {
                let event = turn
                    .events
                    .iter()
                    .find(|id| line.contains(&format!("[L{id}]")))
                    .copied();
                let heading = line.trim_start_matches('#');
                let (text, role) = if heading.len() < line.len() {
                    (heading.trim(), "title")
                } else {
                    (line, "text")
                };
                out.push(Row {
                    event,
                    ..row(plain(text), role)
                });
            }
        }
    }
    if let Some((language, text)) = code {
        colored(&language, &text, out);
    }
}

fn colored(language: &str, text: &str, out: &mut Vec<Row>) {
    for line in highlight_code(text, language) {
        let strip = std::iter::once(("dim", "  │ ".to_string())).chain(line);
        out.push(Row {
            strip: strip.collect(),
            ..row("", "text")
        });
    }
}

/// Removes emphasis marks from a line. A dash that starts a list item becomes a bullet.
fn plain(line: &str) -> String {
    let indent = line.len() - line.trim_start().len();
    let (head, rest) = line.split_at(indent);
    let rest = match rest.strip_prefix("- ").or_else(|| rest.strip_prefix("* ")) {
        Some(item) => format!("• {item}"),
        None => rest.to_string(),
    };
    format!("{head}{}", rest.replace("**", "").replace('`', ""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::EventId;

    #[test]
    fn markdown_becomes_plain_text_and_code_is_colored() {
        let turn = Turn {
            answer: "## Cause\n- **payment** failed `now` [L7].\n```json\n{\"a\": 1}\n```\nend"
                .into(),
            events: vec![EventId(7)],
            ..Turn::default()
        };
        let mut out = Vec::new();
        markdown(&turn, &mut out);
        let texts: Vec<&str> = out.iter().map(|r| r.text.as_str()).collect();
        assert_eq!(texts, ["Cause", "• payment failed now [L7].", "", "end"]);
        assert_eq!((out[0].role, out[1].event), ("title", Some(EventId(7))));
        let code: String = out[2].strip.iter().map(|s| s.1.as_str()).collect();
        assert!(
            code.contains("{\"a\": 1}") && out[2].strip.len() > 3,
            "{:?}",
            out[2].strip
        );
    }

    #[test]
    fn thinking_is_hidden_until_the_user_shows_it() {
        let (mut folded, mut open) = (Vec::new(), Vec::new());
        thoughts("one two\nthree", false, &mut folded);
        thoughts("one two\nthree", true, &mut open);
        assert!(folded.len() == 1 && folded[0].text.contains("3 words") && open.len() == 3);
    }
}

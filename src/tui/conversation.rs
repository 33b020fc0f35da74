//! The conversation as lines: Markdown as far as a terminal can show it, code coloured, thinking folded, actions as cards.
//! Pure: from data to lines.

use super::highlight::named;
use super::report::{Row, row};
use super::state::{State, Turn};

const GREETING: [&str; 5] = [
    "Ask the corpus: Enter opens the question line. Without a model server the built-in analyst answers from the engine's own results.",
    "/anomalies /cause /fix /explain /classify /summarise /timeline /parse /compare, or a question of your own. i asks about what is under the cursor, @ names things.",
    "/preview QUESTION shows what would be sent; /retry and /edit the last question; /new begins a conversation, /back the one before.",
    "/models chooses a model, /pull NAME gets one, /think lets it think first, /thoughts unfolds what it thought.",
    "A local model: start `ollama serve`, then /pull qwen3:8b; OLLAMA_HOST names another server.",
];

pub fn rows(state: &State) -> Vec<Row> {
    let chat = &state.chat;
    let mut out = Vec::new();
    if chat.turns.is_empty() && !chat.busy {
        out.extend(GREETING.map(|line| row(line, "dim")));
    }
    for turn in &chat.turns {
        out.push(row(format!("▸ {}", turn.question), "focus"));
        thoughts(&turn.thinking, chat.unfolded, &mut out);
        markdown(turn, &mut out);
        for (n, card) in turn.cards.iter().enumerate() {
            out.push(row(
                format!(
                    "  ┃ action {}: {card}  (pane 7 shows it whole; A there starts its checks)",
                    n + 1
                ),
                "variable",
            ));
        }
        out.push(row(format!("(by {})", turn.by), "dim"));
        out.extend(turn.notes.iter().map(|n| row(format!("({n})"), "notice")));
        out.push(row("", "dim"));
    }
    if chat.busy {
        out.push(row(format!("▸ {}", chat.asked), "focus"));
        thoughts(&chat.thought, chat.unfolded, &mut out);
        out.extend(chat.partial.lines().map(|l| row(l, "text")));
        out.push(row(format!("… {} (Esc stops)", chat.step), "dim"));
    }
    out
}

fn thoughts(text: &str, unfolded: bool, out: &mut Vec<Row>) {
    if text.is_empty() {
        return;
    }
    let words = text.split_whitespace().count();
    out.push(row(
        format!(
            "(thought for {words} words; /thoughts {})",
            if unfolded { "folds them" } else { "shows them" }
        ),
        "dim",
    ));
    if unfolded {
        out.extend(text.lines().map(|l| row(format!("  {l}"), "dim")));
    }
}

/// Headings, lists, emphasis and code; a citation leads to its line.
fn markdown(turn: &Turn, out: &mut Vec<Row>) {
    let mut code: Option<(String, String)> = None;
    for line in turn.answer.lines() {
        let fence = line.trim_start().strip_prefix("```");
        match (&mut code, fence) {
            (Some((language, text)), Some(_)) => {
                coloured(language, text, out);
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
        coloured(&language, &text, out);
    }
}

fn coloured(language: &str, text: &str, out: &mut Vec<Row>) {
    for line in named(text, language).lines {
        let strip = std::iter::once(("  │ ".to_string(), "dim"))
            .chain(line.into_iter().map(|(role, text)| (text, role)));
        out.push(Row {
            strip: strip.collect(),
            ..row("", "text")
        });
    }
}

/// A line without the signs of emphasis; a dash that begins an item becomes a dot.
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

    #[test]
    fn markdown_reads_as_text_and_code_is_coloured() {
        let turn = Turn {
            answer: "## Cause\n- **payment** failed `now` [L7].\n```json\n{\"a\": 1}\n```\nend"
                .into(),
            events: vec![7],
            ..Turn::default()
        };
        let mut out = Vec::new();
        markdown(&turn, &mut out);
        let texts: Vec<&str> = out.iter().map(|r| r.text.as_str()).collect();
        assert_eq!(texts, ["Cause", "• payment failed now [L7].", "", "end"]);
        assert_eq!((out[0].role, out[1].event), ("title", Some(7)));
        let code: String = out[2].strip.iter().map(|s| s.0.as_str()).collect();
        assert!(
            code.contains("{\"a\": 1}") && out[2].strip.len() > 3,
            "{:?}",
            out[2].strip
        );
    }

    #[test]
    fn thinking_is_folded_until_it_is_asked_for() {
        let (mut folded, mut open) = (Vec::new(), Vec::new());
        thoughts("one two\nthree", false, &mut folded);
        thoughts("one two\nthree", true, &mut open);
        assert!(folded.len() == 1 && folded[0].text.contains("3 words") && open.len() == 3);
    }
}

//! Syntax highlighting of JSON, YAML, SQL and stack traces with syntect: splits text into pieces
//! with theme roles. Knows nothing about the terminal.

use crate::text::escape::for_terminal;
use crate::tui::state::detail::StyledLine;
use std::sync::OnceLock;
use syntect::parsing::{ParseState, ScopeStack, SyntaxReference, SyntaxSet};

/// Longer texts are not highlighted, in bytes.
const MAX: usize = 64 * 1024;

fn syntaxes() -> &'static SyntaxSet {
    static SET: OnceLock<SyntaxSet> = OnceLock::new();
    SET.get_or_init(SyntaxSet::load_defaults_newlines)
}

/// Highlights a log message. JSON is pretty-printed over several lines.
pub fn highlight(message: &str) -> Vec<StyledLine> {
    if message.len() > MAX {
        return plain(message);
    }
    let (text, name) = language(message);
    match name.and_then(|n| syntaxes().find_syntax_by_name(n)) {
        Some(syntax) => colored(&text, syntax),
        None => plain(&text),
    }
}

/// Highlights code in a language named by a model, such as `json`, `yaml` or `sh`.
pub fn highlight_code(code: &str, language: &str) -> Vec<StyledLine> {
    match syntaxes().find_syntax_by_token(language) {
        Some(syntax) if !language.is_empty() && code.len() <= MAX => colored(code, syntax),
        _ => plain(code),
    }
}

fn language(message: &str) -> (String, Option<&'static str>) {
    let trimmed = message.trim();
    if trimmed.starts_with(['{', '['])
        && let Ok(value) = serde_json::from_str::<serde_json::Value>(trimmed)
        && (value.is_object() || value.is_array())
    {
        return (
            serde_json::to_string_pretty(&value).unwrap_or_else(|_| message.to_string()),
            Some("JSON"),
        );
    }
    let has = |words: &[&str]| words.iter().any(|w| trimmed.contains(w));
    let name = match () {
        () if has(&[
            "SELECT ",
            "INSERT INTO ",
            "UPDATE ",
            "DELETE FROM ",
            "select ",
            "insert into ",
        ]) =>
        {
            Some("SQL")
        }
        () if has(&["\n\tat ", "\n    at ", "Caused by: "]) => Some("Java"),
        () if has(&["Traceback (most recent call last)"]) => Some("Python"),
        () if has(&["goroutine "]) && has(&[".go:"]) => Some("Go"),
        () if has(&["panicked at "]) => Some("Rust"),
        () if trimmed.lines().count() > 2
            && (trimmed.starts_with("apiVersion:") || trimmed.starts_with("---\n")) =>
        {
            Some("YAML")
        }
        () => None,
    };
    (message.to_string(), name)
}

fn plain(text: &str) -> Vec<StyledLine> {
    text.lines()
        .map(|l| vec![("text", for_terminal(l))])
        .collect()
}

fn colored(text: &str, syntax: &SyntaxReference) -> Vec<StyledLine> {
    let mut state = ParseState::new(syntax);
    let mut stack = ScopeStack::new();
    let mut lines = Vec::new();
    for line in text.lines() {
        let with_end = format!("{line}\n");
        let Ok(ops) = state.parse_line(&with_end, syntaxes()) else {
            return plain(text);
        };
        let mut pieces: StyledLine = Vec::new();
        let mut done = 0;
        for (at, op) in ops {
            push(
                &mut pieces,
                role(&stack),
                line.get(done..at.min(line.len())),
            );
            done = at.min(line.len()).max(done);
            if stack.apply(&op).is_err() {
                return plain(text);
            }
        }
        push(&mut pieces, role(&stack), line.get(done..));
        lines.push(pieces);
    }
    lines
}

fn push(pieces: &mut StyledLine, role: &'static str, text: Option<&str>) {
    let Some(text) = text.filter(|t| !t.is_empty()) else {
        return;
    };
    match pieces.last_mut() {
        Some((last, piece)) if *last == role => piece.push_str(&for_terminal(text)),
        _ => pieces.push((role, for_terminal(text))),
    }
}

/// The theme role of the innermost scope that has one.
fn role(stack: &ScopeStack) -> &'static str {
    for scope in stack.scopes.iter().rev() {
        let name = scope.build_string();
        let starts = |prefix: &str| name.starts_with(prefix);
        match () {
            () if starts("meta.mapping.key")
                || starts("support.type.property")
                || starts("entity.name.tag") =>
            {
                return "key";
            }
            () if starts("string") => {
                return if stack.scopes.iter().any(|s| {
                    s.build_string()
                        .starts_with("meta.structure.dictionary.key")
                }) {
                    "key"
                } else {
                    "string"
                };
            }
            () if starts("constant") => return "number",
            () if starts("keyword") || starts("storage") => return "keyword",
            () if starts("comment") => return "comment",
            () if starts("entity.name") || starts("support") => return "service",
            () => {}
        }
    }
    "text"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roles(text: &str) -> Vec<&'static str> {
        highlight(text)
            .into_iter()
            .flatten()
            .map(|(r, _)| r)
            .collect()
    }

    #[test]
    fn json_is_pretty_printed_and_highlighted() {
        let h = highlight(r#"{"a":1,"b":"x"}"#);
        assert_eq!(h.len(), 4);
        assert!(roles(r#"{"a":1,"b":"x"}"#).contains(&"number"));
    }

    #[test]
    fn sql_is_highlighted_and_plain_text_is_escaped() {
        assert!(roles("SELECT * FROM t WHERE a = 1").contains(&"keyword"));
        assert_eq!(roles("just a line"), ["text"]);
        assert!(highlight("x\u{1b}[31m")[0][0].1.contains("\\e"));
    }
}

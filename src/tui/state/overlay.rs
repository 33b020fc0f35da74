//! Overlays above the panes, as data: prompts, pickers, the command palette, help, texts. They form
//! a stack, and the topmost one receives the keys. Does not draw.

use crate::config::keymap::{Command, Keymap, ROWS};
use crate::model::TemplateKey;
use fuzzy_matcher::FuzzyMatcher;
use fuzzy_matcher::skim::SkimMatcherV2;
use std::path::PathBuf;

/// One overlay of the stack.
#[derive(Clone, Debug)]
pub enum Overlay {
    Prompt(Prompt),
    Palette(Picker<Command>),
    Open(Picker<Vec<PathBuf>>),
    /// Items that a question can refer to.
    Mention(Picker<String>),
    /// The models of the server.
    Models(Picker<String>),
    /// The keys, from the line `top`.
    Help {
        top: usize,
    },
    /// A text to read, from the line `top`.
    Text {
        title: &'static str,
        lines: Vec<String>,
        top: usize,
        /// The template that the text is about. Enter shows its events.
        template: Option<TemplateKey>,
    },
}

/// What a prompt asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromptKind {
    Search,
    Filter,
    Time,
    Note,
    /// A note on a hypothesis.
    Why,
    /// A word of the template to replace with a variable.
    Mask,
    /// A name for the template.
    Name,
    /// A question for the chat.
    Chat,
    /// Consent to send evidence to a server on another machine.
    Remote,
    /// The context of the cluster to use.
    Context,
    /// A value that an action needs.
    Value,
    /// Consent to apply an action.
    Consent,
}

impl PromptKind {
    /// The label of the prompt.
    pub fn label(self) -> &'static str {
        match self {
            PromptKind::Search => "search",
            PromptKind::Filter => "filter",
            PromptKind::Time => "go to time",
            PromptKind::Note => "note",
            PromptKind::Why => "note on this hypothesis",
            PromptKind::Mask => "word to replace with a variable (or its position)",
            PromptKind::Context => "kubectl context of the cluster to use in this run",
            PromptKind::Value => "value (Enter: use it and repeat the checks, Esc: cancel)",
            PromptKind::Consent => {
                "type yes (high risk: the target's name) to apply; anything else cancels"
            }
            PromptKind::Chat => "ask",
            PromptKind::Remote => {
                "the server is on another machine: type yes to send the evidence there; anything else cancels"
            }
            PromptKind::Name => "template name",
        }
    }
}

/// A line of input with a cursor, as an index of characters.
#[derive(Clone, Debug)]
pub struct Prompt {
    pub kind: PromptKind,
    pub text: String,
    pub cursor: usize,
    pub error: Option<String>,
    /// The row of the event list before the prompt, to return to on Esc.
    pub origin: usize,
}

impl Prompt {
    pub fn new(kind: PromptKind, text: String, origin: usize) -> Prompt {
        let cursor = text.chars().count();
        Prompt {
            kind,
            text,
            cursor,
            error: None,
            origin,
        }
    }

    /// Byte position of a character.
    fn byte(&self, chars: usize) -> usize {
        self.text
            .char_indices()
            .nth(chars)
            .map_or(self.text.len(), |(i, _)| i)
    }

    /// Handles an editing key. Returns whether the text changed.
    pub fn edit(&mut self, key: &str) -> bool {
        let len = self.text.chars().count();
        match key {
            "left" => self.cursor = self.cursor.saturating_sub(1),
            "right" => self.cursor = (self.cursor + 1).min(len),
            "home" | "ctrl-a" => self.cursor = 0,
            "end" | "ctrl-e" => self.cursor = len,
            "backspace" if self.cursor > 0 => {
                self.text
                    .replace_range(self.byte(self.cursor - 1)..self.byte(self.cursor), "");
                self.cursor -= 1;
                return true;
            }
            "delete" if self.cursor < len => {
                self.text
                    .replace_range(self.byte(self.cursor)..self.byte(self.cursor + 1), "");
                return true;
            }
            "ctrl-u" => {
                self.text.replace_range(..self.byte(self.cursor), "");
                self.cursor = 0;
                return true;
            }
            "ctrl-w" => {
                let head: Vec<char> = self.text.chars().take(self.cursor).collect();
                let end = head
                    .iter()
                    .rposition(|c| !c.is_whitespace())
                    .map_or(0, |i| i + 1);
                let start = head[..end]
                    .iter()
                    .rposition(|c| c.is_whitespace())
                    .map_or(0, |i| i + 1);
                self.text
                    .replace_range(self.byte(start)..self.byte(self.cursor), "");
                self.cursor = start;
                return true;
            }
            "space" => return self.insert(" "),
            key if key.chars().count() == 1 => return self.insert(key),
            _ => {}
        }
        false
    }

    /// Replaces the text with the previous or the next question of the history.
    pub fn recall(&mut self, questions: &[&String], earlier: bool) {
        let at = questions.iter().rposition(|q| **q == self.text);
        let next = match (at, earlier) {
            (Some(at), true) => at.checked_sub(1),
            (None, true) => questions.len().checked_sub(1),
            (Some(at), false) => Some(at + 1),
            (None, false) => None,
        };
        if let Some(q) = next {
            self.text = questions.get(q).map_or_else(String::new, |q| (*q).clone());
            self.cursor = self.text.chars().count();
        }
    }

    /// Inserts typed or pasted text, without control characters. Returns whether the text changed.
    pub fn insert(&mut self, text: &str) -> bool {
        let clean: String = text.chars().filter(|c| !c.is_control()).collect();
        let at = self.byte(self.cursor);
        self.text.insert_str(at, &clean);
        self.cursor += clean.chars().count();
        !clean.is_empty()
    }
}

/// A list of choices that typing narrows.
#[derive(Clone, Debug)]
pub struct Picker<T> {
    pub title: &'static str,
    pub prompt: Prompt,
    pub choices: Vec<Choice<T>>,
    /// Indexes of the choices that match the typed text, best match first.
    pub fitting: Vec<usize>,
    pub cursor: usize,
}

/// A choice of a picker.
#[derive(Clone, Debug)]
pub struct Choice<T> {
    pub label: String,
    pub hint: String,
    pub value: T,
}

impl<T> Picker<T> {
    pub fn new(title: &'static str, choices: Vec<Choice<T>>) -> Picker<T> {
        let fitting = (0..choices.len()).collect();
        Picker {
            title,
            prompt: Prompt::new(PromptKind::Search, String::new(), 0),
            choices,
            fitting,
            cursor: 0,
        }
    }

    /// Handles a key: moves the cursor or edits the typed text.
    pub fn edit(&mut self, key: &str) {
        match key {
            "down" | "ctrl-n" | "tab" => {
                self.cursor = (self.cursor + 1).min(self.fitting.len().saturating_sub(1))
            }
            "up" | "ctrl-p" | "backtab" => self.cursor = self.cursor.saturating_sub(1),
            key => {
                if self.prompt.edit(key) {
                    self.narrow();
                }
            }
        }
    }

    /// Matches the choices against the typed text.
    pub fn narrow(&mut self) {
        let matcher = SkimMatcherV2::default();
        let text = &self.prompt.text;
        let score = |c: &Choice<T>| matcher.fuzzy_match(&format!("{} {}", c.label, c.hint), text);
        let mut scored: Vec<(i64, usize)> = self
            .choices
            .iter()
            .enumerate()
            .filter_map(|(i, c)| score(c).map(|s| (s, i)))
            .collect();
        scored.sort_by_key(|(s, i)| (std::cmp::Reverse(*s), *i));
        self.fitting = scored.into_iter().map(|(_, i)| i).collect();
        self.cursor = 0;
    }

    /// The value of the choice under the cursor.
    pub fn chosen(&self) -> Option<&T> {
        self.fitting
            .get(self.cursor)
            .map(|i| &self.choices[*i].value)
    }
}

/// The command palette: all commands with their descriptions and keys.
pub fn palette(keymap: &Keymap) -> Picker<Command> {
    let choice = |r: &crate::config::keymap::Row| Choice {
        label: r.name.to_string(),
        hint: format!("{}  [{}]", r.desc, keymap.keys(r.run).join(" ")),
        value: r.run,
    };
    Picker::new("Commands", ROWS.iter().map(choice).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_is_edited_by_characters_and_recalls_earlier_questions() {
        let mut p = Prompt::new(PromptKind::Search, "größe x".into(), 0);
        p.edit("ctrl-w");
        assert_eq!(p.text, "größe ");
        p.edit("left");
        p.edit("backspace");
        assert_eq!((p.text.as_str(), p.cursor), ("größ ", 4));
        let (one, two) = ("one".to_string(), "two".to_string());
        let mut q = Prompt::new(PromptKind::Chat, String::new(), 0);
        for (earlier, want) in [
            (true, "two"),
            (true, "one"),
            (true, "one"),
            (false, "two"),
            (false, ""),
        ] {
            q.recall(&[&one, &two], earlier);
            assert_eq!(q.text, want);
        }
        p.insert("\u{1b}[31mä");
        assert_eq!(p.text, "größ[31mä ");
    }

    #[test]
    fn the_palette_finds_a_command_by_an_abbreviation() {
        let mut p = palette(&Keymap::new(&Default::default()).unwrap());
        "nexterr".chars().for_each(|c| p.edit(&c.to_string()));
        assert_eq!(p.chosen(), Some(&Command::NextError));
    }
}

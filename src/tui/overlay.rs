//! What lies over the panes: prompts, the palette, help, pickers. A stack, as data; the topmost gets the keys.

use crate::config::keymap::{Command, Keymap, ROWS};
use fuzzy_matcher::FuzzyMatcher;
use fuzzy_matcher::skim::SkimMatcherV2;
use std::path::PathBuf;

#[derive(Clone, Debug)]
pub enum Overlay {
    Prompt(Prompt),
    Palette(Picker<Command>),
    Open(Picker<Vec<PathBuf>>),
    /// What a question may name.
    Mention(Picker<String>),
    /// Models of the server.
    Models(Picker<String>),
    Help {
        top: usize,
    },
    Text {
        title: &'static str,
        lines: Vec<String>,
        top: usize,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asking {
    Search,
    Filter,
    Time,
    Note,
    /// Why a hypothesis is held or not.
    Why,
    /// A word of the template to make variable.
    Mask,
    /// A name for the template.
    Name,
    Chat,
    /// Consent to ask a server on another machine.
    Remote,
    /// The context to arm; a value that an action asks for; consent to it.
    Context,
    Value,
    Consent,
}

impl Asking {
    pub fn label(self) -> &'static str {
        match self {
            Asking::Search => "search",
            Asking::Filter => "show only",
            Asking::Time => "go to time",
            Asking::Note => "note",
            Asking::Why => "what speaks for or against it",
            Asking::Mask => "word (or its number) to make a variable",
            Asking::Context => "context of the cluster to act in, for this run",
            Asking::Value => "the value; Enter takes it and looks again, Esc leaves it",
            Asking::Consent => {
                "type yes (high risk: the target's name) to apply; anything else is a no"
            }
            Asking::Chat => "ask",
            Asking::Remote => {
                "the server is another machine: type yes to send the evidence there; anything else is a no"
            }
            Asking::Name => "name of the template",
        }
    }
}

/// One line of input with a cursor (in characters).
#[derive(Clone, Debug)]
pub struct Prompt {
    pub asking: Asking,
    pub text: String,
    pub cursor: usize,
    pub error: Option<String>,
    /// Row at which the stream stood, to go back to on Esc.
    pub origin: usize,
}

impl Prompt {
    pub fn new(asking: Asking, text: String, origin: usize) -> Prompt {
        let cursor = text.chars().count();
        Prompt {
            asking,
            text,
            cursor,
            error: None,
            origin,
        }
    }

    fn byte(&self, chars: usize) -> usize {
        self.text
            .char_indices()
            .nth(chars)
            .map_or(self.text.len(), |(i, _)| i)
    }

    /// Edits by a key; true when the text changed.
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

    /// The question before the one shown, or the one after it.
    pub fn recall(&mut self, asked: &[&String], earlier: bool) {
        let at = asked.iter().rposition(|q| **q == self.text);
        let next = match (at, earlier) {
            (Some(at), true) => at.checked_sub(1),
            (None, true) => asked.len().checked_sub(1),
            (Some(at), false) => Some(at + 1),
            (None, false) => None,
        };
        if let Some(q) = next {
            self.text = asked.get(q).map_or_else(String::new, |q| (*q).clone());
            self.cursor = self.text.chars().count();
        }
    }

    /// Inserts typed or pasted text, without control characters.
    pub fn insert(&mut self, text: &str) -> bool {
        let clean: String = text.chars().filter(|c| !c.is_control()).collect();
        let at = self.byte(self.cursor);
        self.text.insert_str(at, &clean);
        self.cursor += clean.chars().count();
        !clean.is_empty()
    }
}

/// Choices narrowed by typing.
#[derive(Clone, Debug)]
pub struct Picker<T> {
    pub title: &'static str,
    pub prompt: Prompt,
    pub choices: Vec<Choice<T>>,
    /// Choices that fit what was typed, best first.
    pub fitting: Vec<usize>,
    pub cursor: usize,
}

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
            prompt: Prompt::new(Asking::Search, String::new(), 0),
            choices,
            fitting,
            cursor: 0,
        }
    }

    /// Moves or narrows by a key.
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

    pub fn chosen(&self) -> Option<&T> {
        self.fitting
            .get(self.cursor)
            .map(|i| &self.choices[*i].value)
    }
}

/// Every command, by name and what it does.
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
    fn prompts_edit_by_characters() {
        let mut p = Prompt::new(Asking::Search, "größe x".into(), 0);
        p.edit("ctrl-w");
        assert_eq!(p.text, "größe ");
        p.edit("left");
        p.edit("backspace");
        assert_eq!((p.text.as_str(), p.cursor), ("größ ", 4));
        let (one, two) = ("one".to_string(), "two".to_string());
        let mut q = Prompt::new(Asking::Chat, String::new(), 0);
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
    fn the_palette_finds_commands_by_what_they_do() {
        let mut p = palette(&Keymap::new(&Default::default()).unwrap());
        "nexterr".chars().for_each(|c| p.edit(&c.to_string()));
        assert_eq!(p.chosen(), Some(&Command::NextError));
    }
}

//! Explains a template: for each of its words, why it is a variable or a constant. Knows only
//! shapes and the templates that they were resolved to.

use super::display::{WILDCARD, display};
use super::kinds::Shape;
use super::resolve::{Resolved, masked_shape};
use super::values::variables;
use crate::model::TemplateKey;
use std::collections::BTreeSet;

/// Largest number of texts of a position, and of similar templates, that are listed.
const MOST: usize = 8;

/// Why a word of a template is what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// A variable: the text has the form of a number, an address, a path, an id or a time.
    Form,
    /// A variable: otherwise equal messages have these texts at this place.
    Texts(Vec<String>),
    /// A variable: the lines come from one call site.
    Statement(Vec<String>),
    /// A constant: every event has it.
    Same,
    /// A constant: there are other templates that differ only here. Too few different words for a
    /// variable, or different events.
    Siblings(Vec<(TemplateKey, String)>),
}

/// A word of a template, separated by spaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    pub text: String,
    pub why: Why,
}

/// Explains the words of a template. `None` if there is no template with this id.
pub fn explain(shapes: &[Shape], resolved: &Resolved, id: TemplateKey) -> Option<Vec<Word>> {
    let template = resolved.ids.iter().position(|i| *i == id)?;
    let text = &resolved.texts[template];
    let members: Vec<&Shape> = shapes
        .iter()
        .zip(&resolved.of_shape)
        .filter(|(_, t)| **t as usize == template)
        .map(|(shape, _)| shape)
        .collect();
    let by_statement = members.iter().all(|s| !s.caller.is_empty());
    let own: BTreeSet<String> = members.iter().map(|s| display(&masked_shape(s))).collect();
    // For each variable of the template, the texts that the single shapes have there.
    let mut texts: Vec<BTreeSet<String>> = Vec::new();
    for own in &own {
        for (n, value) in variables(text, own).into_iter().enumerate() {
            texts.resize_with(texts.len().max(n + 1), BTreeSet::new);
            texts[n].insert(value);
        }
    }
    let mut nth = 0;
    let words: Vec<&str> = text.split(' ').collect();
    let explained = words.iter().enumerate().map(|(i, word)| {
        let inside = word.matches(WILDCARD).count();
        let why = if inside == 0 {
            let siblings = siblings(resolved, template, &words, i);
            if siblings.is_empty() {
                Why::Same
            } else {
                Why::Siblings(siblings)
            }
        } else {
            let found: BTreeSet<&String> = texts.iter().skip(nth).take(inside).flatten().collect();
            let named: Vec<String> = found
                .into_iter()
                .filter(|t| t.as_str() != WILDCARD)
                .take(MOST)
                .cloned()
                .collect();
            match named.is_empty() {
                true => Why::Form,
                false if by_statement => Why::Statement(named),
                false => Why::Texts(named),
            }
        };
        nth += inside;
        Word {
            text: (*word).to_string(),
            why,
        }
    });
    Some(explained.collect())
}

/// Templates that differ from `words` only at word `at`, which is constant in both.
fn siblings(
    resolved: &Resolved,
    template: usize,
    words: &[&str],
    at: usize,
) -> Vec<(TemplateKey, String)> {
    let differs_here = |text: &str| -> Option<String> {
        let mut other = None;
        let mut count = 0;
        for (i, word) in text.split(' ').enumerate() {
            count += 1;
            if i == at {
                other = Some(word).filter(|w| !w.contains(WILDCARD) && *w != words[at]);
            } else if words.get(i) != Some(&word) {
                return None;
            }
        }
        other.filter(|_| count == words.len()).map(str::to_string)
    };
    resolved
        .texts
        .iter()
        .zip(&resolved.ids)
        .enumerate()
        .filter(|(n, _)| *n != template && words.len() > 1)
        .filter_map(|(_, (text, id))| Some((*id, differs_here(text)?)))
        .take(MOST)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::edits::Edits;
    use super::super::resolve::{resolve, template_id};
    use super::*;

    #[test]
    fn every_word_of_a_template_has_a_reason() {
        let lines = [
            "session 1 opened for user ann",
            "session 2 opened for user bob",
            "session 3 closed for user ann",
            "session 4 closed for user bob",
            "disk is full",
        ];
        let shapes: Vec<Shape> = lines
            .iter()
            .map(|l| Shape {
                example: (*l).into(),
                varied: vec![true; 4],
                count: 1,
                ..Shape::default()
            })
            .collect();
        let resolved = resolve(&shapes, &Edits::default());
        let id = template_id("session <*> opened for user <*>");
        let words = explain(&shapes, &resolved, id).unwrap();
        assert_eq!(words[1].why, Why::Form);
        assert_eq!(words[5].why, Why::Texts(vec!["ann".into(), "bob".into()]));
        let closed = template_id("session <*> closed for user <*>");
        assert_eq!(words[2].why, Why::Siblings(vec![(closed, "closed".into())]));
        assert_eq!(words[0].why, Why::Same);
        assert_eq!(explain(&shapes, &resolved, 1), None);
    }
}

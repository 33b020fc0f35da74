//! What the user made of templates: merged, split, masked, named, pinned. Rewrites of template texts in the order in
//! which they were made, so that undo takes back the last one. Knows texts, not counts: no edit can lose an event.

use super::display::VARIABLE;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "do")]
pub enum Edit {
    /// These texts read `to` from now on.
    Merge {
        from: Vec<String>,
        to: String,
    },
    /// The template falls apart into the texts that it was merged from.
    Split {
        text: String,
    },
    Name {
        text: String,
        name: String,
    },
    Pin {
        text: String,
    },
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Edits {
    pub list: Vec<Edit>,
}

impl Edits {
    /// Text of a template after all edits. `own` is what it read before it was merged with others.
    pub fn apply(&self, text: String, own: &str) -> String {
        self.list.iter().fold(text, |text, edit| match edit {
            Edit::Merge { from, to } if from.contains(&text) => to.clone(),
            Edit::Split { text: split } if *split == text => own.to_string(),
            _ => text,
        })
    }

    /// Names that the user gave, by text.
    pub fn names(&self) -> BTreeMap<&str, &str> {
        let mut out = BTreeMap::new();
        for edit in &self.list {
            if let Edit::Name { text, name } = edit {
                out.insert(text.as_str(), name.as_str());
            }
        }
        out.retain(|_, name| !name.is_empty());
        out
    }

    /// A template is pinned while the number of its pins is odd.
    pub fn is_pinned(&self, text: &str) -> bool {
        self.list
            .iter()
            .filter(|e| matches!(e, Edit::Pin { text: t } if t == text))
            .count()
            % 2
            == 1
    }
}

/// The text that two templates share: what differs between their common beginning and end is one variable; with as many
/// words in both, word by word.
pub fn common(a: &str, b: &str) -> String {
    let (x, y): (Vec<&str>, Vec<&str>) = (a.split(' ').collect(), b.split(' ').collect());
    if x.len() == y.len() {
        return x
            .iter()
            .zip(&y)
            .map(|(p, q)| if p == q { p } else { VARIABLE })
            .collect::<Vec<_>>()
            .join(" ");
    }
    let head = x.iter().zip(&y).take_while(|(p, q)| p == q).count();
    let tail = x[head..]
        .iter()
        .rev()
        .zip(y[head..].iter().rev())
        .take_while(|(p, q)| p == q)
        .count();
    let mut out: Vec<&str> = x[..head].to_vec();
    out.push(VARIABLE);
    out.extend(&x[x.len() - tail..]);
    out.join(" ")
}

/// The text with its `n`th word (blank-separated, from 0) a variable.
pub fn masked(text: &str, n: usize) -> Option<String> {
    let mut words: Vec<&str> = text.split(' ').collect();
    let word = words.get_mut(n).filter(|w| **w != VARIABLE)?;
    *word = VARIABLE;
    Some(words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_rewrite_in_order_and_undo_takes_back_the_last() {
        let mut edits = Edits::default();
        edits.list.push(Edit::Merge {
            from: vec!["a x".into(), "a y".into()],
            to: "a <*>".into(),
        });
        edits.list.push(Edit::Split {
            text: "a <*>".into(),
        });
        assert_eq!(edits.apply("a x".into(), "a x"), "a x");
        edits.list.pop();
        assert_eq!(edits.apply("a x".into(), "a x"), "a <*>");
    }

    #[test]
    fn the_common_text_of_two_templates() {
        assert_eq!(common("job a done", "job b done"), "job <*> done");
        assert_eq!(common("job a b done", "job done"), "job <*> done");
        assert_eq!(masked("took 5 ms", 1).as_deref(), Some("took <*> ms"));
        assert_eq!(masked("took <*> ms", 1), None);
    }
}

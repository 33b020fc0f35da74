//! The user's edits of templates: merge, split, mask, name, pin. Edits rewrite template texts in
//! the order in which they were made; undo removes the last one. Knows nothing about counts, so no
//! edit can lose an event.

use super::display::WILDCARD;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One edit of a template.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "do")]
pub enum Edit {
    /// Replaces each text in `from`, and every other text that `to` covers, with `to`.
    Merge { from: Vec<String>, to: String },
    /// Splits the template into the texts that it was merged from.
    Split { text: String },
    /// Names the template. An empty name removes the name.
    Name { text: String, name: String },
    /// Pins the template, or unpins it if it is pinned.
    Pin { text: String },
}

/// All edits, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Edits {
    pub list: Vec<Edit>,
}

impl Edits {
    /// Returns the text of a template after all edits. `own` is its text before it was merged with
    /// other templates.
    pub fn apply(&self, text: String, own: &str) -> String {
        self.list.iter().fold(text, |text, edit| match edit {
            Edit::Merge { from, to } if from.contains(&text) || covers(to, &text) => to.clone(),
            Edit::Split { text: split } if *split == text => own.to_string(),
            _ => text,
        })
    }

    /// Names given by the user, by template text.
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

    /// Whether the template is pinned. Each `Edit::Pin` toggles this.
    pub fn is_pinned(&self, text: &str) -> bool {
        self.list
            .iter()
            .filter(|e| matches!(e, Edit::Pin { text: t } if t == text))
            .count()
            % 2
            == 1
    }
}

/// Whether a template matches another one, so that what the user merged in one corpus is merged in
/// the next one too. The template needs two constant words, and each of its variables matches at
/// least one character.
fn covers(template: &str, text: &str) -> bool {
    let constant = template
        .split(' ')
        .filter(|w| !w.contains(WILDCARD) && w.contains(char::is_alphabetic));
    let mut pieces = template.split(WILDCARD);
    let Some(mut rest) = pieces.next().and_then(|head| text.strip_prefix(head)) else {
        return false;
    };
    if constant.count() < 2 || !template.contains(WILDCARD) {
        return false;
    }
    let pieces: Vec<&str> = pieces.collect();
    for (n, piece) in pieces.iter().enumerate() {
        let last = n + 1 == pieces.len();
        let skip = rest.chars().next().map_or(0, char::len_utf8);
        let found = match (last, skip) {
            (_, 0) => None,
            (true, _) => rest[skip..].ends_with(piece).then_some(rest.len()),
            (false, _) => rest[skip..].find(piece).map(|at| skip + at + piece.len()),
        };
        match found {
            Some(end) => rest = &rest[end..],
            None => return false,
        }
    }
    true
}

/// Returns a template that covers both templates. Templates with the same number of words are
/// compared word by word. Otherwise everything between their common start and their common end
/// becomes one variable.
pub fn common(a: &str, b: &str) -> String {
    let (x, y): (Vec<&str>, Vec<&str>) = (a.split(' ').collect(), b.split(' ').collect());
    if x.len() == y.len() {
        return x
            .iter()
            .zip(&y)
            .map(|(p, q)| if p == q { p } else { WILDCARD })
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
    out.push(WILDCARD);
    out.extend(&x[x.len() - tail..]);
    out.join(" ")
}

/// Replaces the `n`th word (separated by spaces, from 0) with the wildcard. Returns `None` if there
/// is no such word or if it is already the wildcard.
pub fn masked(text: &str, n: usize) -> Option<String> {
    let mut words: Vec<&str> = text.split(' ').collect();
    let word = words.get_mut(n).filter(|w| **w != WILDCARD)?;
    *word = WILDCARD;
    Some(words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_apply_in_order_and_removing_the_last_one_undoes_it() {
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
    fn a_merge_also_applies_to_texts_of_the_next_corpus() {
        let mut edits = Edits::default();
        edits.list.push(Edit::Merge {
            from: vec!["job a is done".into(), "job b is done".into()],
            to: "job <*> is done".into(),
        });
        assert_eq!(edits.apply("job c is done".into(), ""), "job <*> is done");
        for other in [
            "job is done",
            "job c is late",
            "the job c is done",
            "job  is done",
        ] {
            assert_ne!(edits.apply(other.into(), ""), "job <*> is done", "{other}");
        }
    }

    #[test]
    fn words_that_differ_or_are_masked_become_wildcards() {
        assert_eq!(common("job a done", "job b done"), "job <*> done");
        assert_eq!(common("job a b done", "job done"), "job <*> done");
        assert_eq!(masked("took 5 ms", 1).as_deref(), Some("took <*> ms"));
        assert_eq!(masked("took <*> ms", 1), None);
    }
}

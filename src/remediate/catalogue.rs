//! The catalogue: actions as data, and what they ask of the user. Knows no diagnosis.

use crate::model::Risk;
use serde::Deserialize;
use std::sync::OnceLock;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    pub verb: String,
    pub title: String,
    pub risk: Risk,
    #[serde(default)]
    pub reversible: bool,
    /// What it acts on, where that is not the workload itself.
    #[serde(default)]
    pub on: On,
    /// What of the object it changes, in words; empty for a look.
    #[serde(default)]
    pub changes: String,
    /// What must be so before it is applied: see [`crate::model::Action::needs`].
    #[serde(default)]
    pub needs: Vec<String>,
    /// Arguments behind `kubectl --context C -n NS`; `{kind}`, `{name}`, `{container}`, `{at}`, `{class}` and what it asks for
    /// are filled in.
    #[serde(default)]
    pub args: Vec<String>,
    #[serde(default)]
    pub asks: Vec<Ask>,
    /// The way back; a word in `<...>` is filled in from the state that is seen before the action.
    #[serde(default)]
    pub rollback: Vec<String>,
    pub verify: String,
    pub why: String,
    /// Fault classes that it is for; `any`: for every one.
    #[serde(default)]
    pub classes: Vec<String>,
    #[serde(default)]
    pub any: bool,
}

/// A value that the user sets, or confirms.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    pub name: String,
    /// In words.
    pub what: String,
    pub form: Form,
    /// Stands while nothing is given; without it the action cannot be applied until it is.
    #[serde(default)]
    pub usual: String,
    /// Where the object holds the value now: a JSON pointer, or `container/...` for one below the container.
    #[serde(default)]
    pub now: String,
    /// More than now is what is wanted.
    #[serde(default)]
    pub grow: bool,
}

/// The form of a value that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    Number,
    /// `512Mi`.
    Amount,
    Image,
    /// Name of a variable of the environment.
    Variable,
    Text,
}

impl Form {
    pub fn fits(self, v: &str) -> bool {
        let made_of = |also: &[u8]| {
            v.bytes()
                .all(|b| b.is_ascii_alphanumeric() || also.contains(&b))
        };
        let first = v.bytes().next();
        match self {
            Form::Number => (1..=4).contains(&v.len()) && v.bytes().all(|b| b.is_ascii_digit()),
            Form::Amount => {
                let digits = v.trim_end_matches(|c: char| c.is_ascii_alphabetic());
                (1..=9).contains(&digits.len())
                    && digits.bytes().all(|b| b.is_ascii_digit())
                    && ["", "Ki", "Mi", "Gi", "K", "M", "G"].contains(&&v[digits.len()..])
            }
            Form::Image => {
                first.is_some_and(|b| b.is_ascii_alphanumeric())
                    && v.len() < 256
                    && made_of(b"._-/:@")
                    && !v.contains("//")
            }
            Form::Variable => {
                first.is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
                    && v.len() < 128
                    && made_of(b"_")
            }
            Form::Text => {
                !v.is_empty() && v.len() < 1024 && v.bytes().all(|b| (b' '..=b'~').contains(&b))
            }
        }
    }
}

/// The object an action is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum On {
    #[default]
    Workload,
    Pod,
    Node,
    /// The autoscaler of the same name.
    Hpa,
}

#[derive(Deserialize)]
struct Catalogue {
    action: Vec<Entry>,
}

pub fn catalogue() -> &'static [Entry] {
    static ALL: OnceLock<Vec<Entry>> = OnceLock::new();
    ALL.get_or_init(|| {
        toml::from_str::<Catalogue>(include_str!("catalogue.toml"))
            .map(|c| c.action)
            .unwrap_or_default()
    })
}

/// Twice as much, in the same unit.
pub fn doubled(now: &str) -> Option<String> {
    let digits = now.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let n: u64 = digits.parse().ok()?;
    Some(format!(
        "{}{}",
        n.saturating_mul(2).max(1),
        &now[digits.len()..]
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_says_what_it_changes_and_how_to_go_back() {
        assert!(catalogue().len() >= 25, "the catalogue can be read");
        for e in catalogue().iter().filter(|e| e.risk > Risk::None) {
            assert!(!e.changes.is_empty(), "{}", e.verb);
            assert!(!e.rollback.is_empty() || !e.reversible, "{}", e.verb);
            assert_eq!(
                e.any,
                e.classes.is_empty(),
                "{} is for any class or for those that it names",
                e.verb
            );
        }
    }

    #[test]
    fn values_of_another_form_are_refused() {
        for (form, good, bad) in [
            (
                Form::Number,
                vec!["1", "120"],
                vec!["", "-1", "1e9", "99999", "1}", "３"],
            ),
            (
                Form::Amount,
                vec!["1Gi", "512Mi", "1000000"],
                vec!["", "Gi", "1Gb", "1Gi\"", "-1Gi", "1 Gi"],
            ),
            (
                Form::Image,
                vec!["shop/payment:1.2", "r.io/a@sha256:0a"],
                vec!["", "-x", "a b", "http://a/b", "a\"b", "a\nb", "pаyment"],
            ),
            (
                Form::Variable,
                vec!["DB_HOST", "_x"],
                vec!["", "1A", "A-B", "A=B", "A\0"],
            ),
            (
                Form::Text,
                vec!["10.0.0.1:5432", "a \"b\""],
                vec!["", "a\nb", "\u{1b}[2J", "\u{202e}x"],
            ),
        ] {
            good.iter()
                .for_each(|g| assert!(form.fits(g), "{form:?} {g:?}"));
            bad.iter()
                .for_each(|b| assert!(!form.fits(b), "{form:?} {b:?}"));
        }
    }

    #[test]
    fn more_is_twice_as_much() {
        assert_eq!(doubled("512Mi").as_deref(), Some("1024Mi"));
        assert_eq!((doubled("0").as_deref(), doubled("x")), (Some("1"), None));
    }
}

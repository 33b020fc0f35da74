//! The catalog of remediation actions as data, and the values that they ask the user for.
//! Knows nothing about diagnoses.

use crate::config::built_in;
use crate::model::{FaultClass, Need, PatchType, Risk};
use serde::Deserialize;
use std::sync::OnceLock;

/// An action of the catalog.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Unique name.
    pub verb: String,
    pub title: String,
    pub risk: Risk,
    #[serde(default)]
    pub reversible: bool,
    /// The object that it acts on.
    #[serde(default)]
    pub on: ActsOn,
    /// What it changes, for people; empty if it only reads.
    #[serde(default)]
    pub changes: String,
    /// Preconditions.
    #[serde(default)]
    pub needs: Vec<Need>,
    /// `None`: advice without a command.
    #[serde(default)]
    pub command: Option<CommandForm>,
    /// Values that the user sets.
    #[serde(default)]
    pub inputs: Vec<Input>,
    /// The command that undoes it. A word in `<...>` is replaced from the state before the action.
    #[serde(default)]
    pub rollback: Option<CommandForm>,
    /// Success criteria, for people.
    pub verify: String,
    /// Why it may help, for people.
    pub why: String,
    /// Fault classes that it is proposed for.
    #[serde(default)]
    pub classes: Vec<FaultClass>,
    /// It is proposed for every fault class.
    #[serde(default)]
    pub any: bool,
}

/// A value that the user sets or confirms.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub name: String,
    /// Description, for people.
    pub description: String,
    pub form: ValueForm,
    /// Default value. If it is empty, the user must give a value before the action can be applied.
    #[serde(default)]
    pub default: String,
    /// Where the object contains the current value: a JSON pointer, or `container/...` for a path
    /// inside the container.
    #[serde(default)]
    pub current: String,
    /// The new value should be larger than the current one.
    #[serde(default)]
    pub increase: bool,
}

/// The form of a value that the user gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ValueForm {
    /// 1 to 4 digits.
    Number,
    /// A number with an optional unit, such as `512Mi`.
    Amount,
    Image,
    /// Name of an environment variable.
    Variable,
    /// Printable ASCII.
    Text,
}

impl ValueForm {
    /// Whether a value has this form.
    pub fn fits(self, v: &str) -> bool {
        let made_of = |also: &[u8]| {
            v.bytes()
                .all(|b| b.is_ascii_alphanumeric() || also.contains(&b))
        };
        let first = v.bytes().next();
        match self {
            ValueForm::Number => {
                (1..=4).contains(&v.len()) && v.bytes().all(|b| b.is_ascii_digit())
            }
            ValueForm::Amount => {
                let digits = v.trim_end_matches(|c: char| c.is_ascii_alphabetic());
                (1..=9).contains(&digits.len())
                    && digits.bytes().all(|b| b.is_ascii_digit())
                    && ["", "Ki", "Mi", "Gi", "K", "M", "G"].contains(&&v[digits.len()..])
            }
            ValueForm::Image => {
                first.is_some_and(|b| b.is_ascii_alphanumeric())
                    && v.len() < 256
                    && made_of(b"._-/:@")
                    && !v.contains("//")
            }
            ValueForm::Variable => {
                first.is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
                    && v.len() < 128
                    && made_of(b"_")
            }
            ValueForm::Text => {
                !v.is_empty() && v.len() < 1024 && v.bytes().all(|b| (b' '..=b'~').contains(&b))
            }
        }
    }
}

/// The object that an action acts on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActsOn {
    #[default]
    Workload,
    Pod,
    Node,
    /// The autoscaler with the same name as the workload.
    Hpa,
}

/// A kubectl command with its values left open: `{container}`, `{at}`, `{class}` and the names of the inputs are replaced.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum CommandForm {
    Patch {
        #[serde(rename = "type")]
        patch_type: PatchType,
        body: String,
    },
    RolloutUndo,
    RolloutHistory,
    RolloutStatus,
    Get,
    Describe,
    Events,
    LogsPrevious,
    Top,
    DeletePod,
}

impl CommandForm {
    /// Needs the name of a container.
    pub fn needs_container(&self) -> bool {
        matches!(self, CommandForm::Patch { body, .. } if body.contains("{container}"))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalog {
    action: Vec<Entry>,
}

/// All actions, in the order of `catalog.toml`.
pub fn catalog() -> &'static [Entry] {
    static ALL: OnceLock<Vec<Entry>> = OnceLock::new();
    ALL.get_or_init(|| {
        built_in::toml::<Catalog>("catalog.toml", include_str!("catalog.toml")).action
    })
}

/// Doubles an amount and keeps its unit: `512Mi` becomes `1024Mi`, `0` becomes `1`. `None`: not an
/// amount.
pub fn double_amount(now: &str) -> Option<String> {
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
    fn every_entry_states_its_changes_and_its_rollback() {
        assert!(catalog().len() >= 25, "catalog.toml must parse");
        for e in catalog().iter().filter(|e| e.risk > Risk::None) {
            assert!(!e.changes.is_empty(), "{}", e.verb);
            assert!(e.rollback.is_some() || !e.reversible, "{}", e.verb);
            assert_eq!(
                e.any,
                e.classes.is_empty(),
                "{} must be for any class or for named classes",
                e.verb
            );
        }
    }

    #[test]
    fn values_of_the_wrong_form_are_rejected() {
        for (form, good, bad) in [
            (
                ValueForm::Number,
                vec!["1", "120"],
                vec!["", "-1", "1e9", "99999", "1}", "３"],
            ),
            (
                ValueForm::Amount,
                vec!["1Gi", "512Mi", "1000000"],
                vec!["", "Gi", "1Gb", "1Gi\"", "-1Gi", "1 Gi"],
            ),
            (
                ValueForm::Image,
                vec!["shop/payment:1.2", "r.io/a@sha256:0a"],
                vec!["", "-x", "a b", "http://a/b", "a\"b", "a\nb", "pаyment"],
            ),
            (
                ValueForm::Variable,
                vec!["DB_HOST", "_x"],
                vec!["", "1A", "A-B", "A=B", "A\0"],
            ),
            (
                ValueForm::Text,
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
    fn doubling_keeps_the_unit() {
        assert_eq!(double_amount("512Mi").as_deref(), Some("1024Mi"));
        assert_eq!(
            (double_amount("0").as_deref(), double_amount("x")),
            (Some("1"), None)
        );
    }
}

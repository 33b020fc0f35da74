//! Replaces secrets with placeholders before a text leaves this machine. The same secret always has
//! the same placeholder. Names and addresses can be restored for display; secrets never are.

use super::secrets::{self, Secret, is_distinctive};
use aho_corasick::{AhoCorasick, MatchKind};
use std::collections::BTreeMap;

/// Kinds of placeholders that stand for a name, not for a secret.
const NAMES: [&str; 4] = ["ip", "host", "user", "mail"];

/// Maximum number of secrets outside the automaton. Above it, the automaton is built again.
const MAX_LATEST: usize = 64;

/// Replaces secrets with placeholders, and remembers them.
#[derive(Clone, Debug, Default)]
pub struct Redactor {
    /// Also redact addresses and names.
    names: bool,
    /// Secret -> placeholder.
    placeholders: BTreeMap<String, String>,
    /// The secrets that are replaced wherever they stand.
    distinctive: Vec<String>,
    /// An automaton over the first of `distinctive`; it does not know the latest ones yet.
    index: Option<AhoCorasick>,
    /// Number of secrets in `index`.
    indexed: usize,
}

impl Redactor {
    /// `names`: also redact addresses and names.
    pub fn new(names: bool) -> Redactor {
        Redactor {
            names,
            ..Redactor::default()
        }
    }

    /// The same redactor, which also hides addresses and names if `names` is true.
    pub fn with_names(self, names: bool) -> Redactor {
        Redactor { names, ..self }
    }

    /// Redacts a value that stands alone, as it would be redacted in `text`, where it stands at
    /// byte `at`.
    pub fn redact_in(&mut self, text: &str, at: usize, value: &str) -> String {
        let end = at + value.len();
        let overlaps = |s: &&Secret| s.range.start < end && at < s.range.end;
        match secrets::find(text, self.names).iter().find(overlaps) {
            Some(secret) => {
                let whole = Secret {
                    range: at..end,
                    kind: secret.kind,
                };
                self.placeholder(text, &whole)
            }
            None => self.redact(value),
        }
    }

    /// Remembers the secrets in a text, so that they are also replaced where their key is missing,
    /// for example in a list of values.
    pub fn learn(&mut self, text: &str) {
        for secret in secrets::find(text, self.names) {
            self.placeholder(text, &secret);
        }
    }

    /// Replaces each secret in `text` with a placeholder such as `[redacted-token-1]`.
    pub fn redact(&mut self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut end = 0;
        for secret in secrets::find(text, self.names) {
            out.push_str(&text[end..secret.range.start]);
            out.push_str(&self.placeholder(text, &secret));
            end = secret.range.end;
        }
        out.push_str(&text[end..]);
        self.replace_known(out)
    }

    /// Replaces the known secrets that stand without their context.
    fn replace_known(&mut self, text: String) -> String {
        if self.distinctive.len() >= self.indexed + MAX_LATEST {
            let built = AhoCorasick::builder()
                .match_kind(MatchKind::LeftmostLongest)
                .build(&self.distinctive);
            self.index = built.ok();
            self.indexed = self.distinctive.len();
        }
        let placeholder = |secret: &str| self.placeholders.get(secret).cloned().unwrap_or_default();
        let mut out = text;
        if let Some(index) = self.index.as_ref().filter(|i| i.is_match(&out)) {
            let mut replaced = String::with_capacity(out.len());
            index.replace_all_with(&out, &mut replaced, |_, secret, to| {
                to.push_str(&placeholder(secret));
                true
            });
            out = replaced;
        }
        let mut latest: Vec<&String> = self.distinctive[self.indexed..].iter().collect();
        latest.sort_by_key(|s| std::cmp::Reverse(s.len()));
        for secret in latest {
            if out.contains(secret.as_str()) {
                out = out.replace(secret.as_str(), &placeholder(secret));
            }
        }
        out
    }

    /// Replaces each secret in the strings of a JSON value. A string is redacted together with its
    /// key, because the key can say that it is secret.
    pub fn redact_json(&mut self, value: &mut serde_json::Value) {
        use serde_json::Value;
        match value {
            Value::String(text) => *text = self.redact(text),
            Value::Array(items) => items.iter_mut().for_each(|v| self.redact_json(v)),
            Value::Object(fields) => {
                for (key, value) in fields.iter_mut() {
                    match value {
                        Value::String(text) => *text = self.redact_value(key, text),
                        other => self.redact_json(other),
                    }
                }
            }
            _ => {}
        }
    }

    /// Redacts the value of a key: as a whole, if the key and the value say that it is a secret.
    fn redact_value(&mut self, key: &str, value: &str) -> String {
        let whole = Secret {
            range: 0..value.len(),
            kind: match secrets::kind_of_value(key, value) {
                Some(kind) => kind,
                None => return self.redact_after(key, value),
            },
        };
        self.placeholder(value, &whole)
    }

    /// Redacts a value with its key in front, which some formats need, and returns the value.
    fn redact_after(&mut self, key: &str, value: &str) -> String {
        let prefix = format!("{key}=\"");
        let out = self.redact(&format!("{prefix}{value}\""));
        match out.strip_prefix(&prefix).and_then(|o| o.strip_suffix('"')) {
            Some(value) => value.to_string(),
            None => self.redact(value),
        }
    }

    /// The placeholder of a secret at its place in `text`.
    fn placeholder(&mut self, text: &str, secret: &Secret) -> String {
        let value = &text[secret.range.clone()];
        if let Some(known) = self.placeholders.get(value) {
            return known.clone();
        }
        let placeholder = format!("[redacted-{}-{}]", secret.kind, self.placeholders.len() + 1);
        self.placeholders
            .insert(value.to_string(), placeholder.clone());
        if is_distinctive(value) {
            self.distinctive.push(value.to_string());
        }
        placeholder
    }

    /// Restores names and addresses, for display on this machine. Does not restore secrets, and
    /// restores nothing inside a URL, because opening the URL would send it away.
    pub fn restore(&self, text: &str) -> String {
        let names: Vec<(&String, &String)> = self
            .placeholders
            .iter()
            .filter(|(_, p)| {
                NAMES
                    .iter()
                    .any(|n| p.starts_with(&format!("[redacted-{n}-")))
            })
            .collect();
        let restored = |word: &str| {
            names
                .iter()
                .fold(word.to_string(), |w, (name, placeholder)| {
                    w.replace(placeholder.as_str(), name)
                })
        };
        text.split_inclusive(char::is_whitespace)
            .map(|word| {
                if word.contains("://") || word.contains("](") {
                    word.to_string()
                } else {
                    restored(word)
                }
            })
            .collect()
    }

    /// Number of different secrets replaced.
    pub fn count(&self) -> usize {
        self.placeholders.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn addresses_and_names_are_redacted_only_on_request_and_restored() {
        let text = "Failed password for invalid user oracle from 10.1.2.3 via db7.shop.example.com";
        assert_eq!(Redactor::default().redact(text), text);
        let mut r = Redactor::new(true);
        let hidden = r.redact(text);
        assert!(
            !hidden.contains("oracle") && !hidden.contains("10.1.2.3") && !hidden.contains("db7"),
            "{hidden}"
        );
        assert_eq!(r.restore(&hidden), text);
        let link = format!(
            "see http://x/?q={}",
            &hidden[hidden.find("[redacted-ip").unwrap()..][..15]
        );
        assert!(
            !r.restore(&link).contains("10.1.2.3"),
            "{}",
            r.restore(&link)
        );
        assert_eq!(r.redact("main.rs took 1.5.3"), "main.rs took 1.5.3");
    }

    #[test]
    fn secrets_are_redacted_with_their_key_in_view_and_never_restored() {
        let mut r = Redactor::default();
        let out = r.redact("user=bob password=hunter22 port=5432");
        assert_eq!(out, "user=bob password=[redacted-password-1] port=5432");
        assert_eq!(r.restore(&out), out);
    }

    #[test]
    fn a_learned_secret_is_replaced_where_its_key_is_missing() {
        let mut r = Redactor::default();
        r.learn("AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
        let out = r.redact("variable 1: wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY (7)");
        assert_eq!(out, "variable 1: [redacted-key-1] (7)");
    }

    #[test]
    fn thousands_of_learned_secrets_are_replaced_in_one_pass() {
        let mut r = Redactor::default();
        let secret = |n: usize| format!("Zq{n}x{}Kw", n * 7919);
        (0..5_000).for_each(|n| r.learn(&format!("password={}", secret(n))));
        let text: String = (0..5_000).map(|n| format!("{} ", secret(n))).collect();
        let out = r.redact(&text);
        assert_eq!(out.matches("[redacted-password-").count(), 5_000);
        assert!(!out.contains("Kw"));
    }

    #[test]
    fn a_text_that_pretends_to_be_redacted_is_redacted() {
        let out = Redactor::default().redact("[redacted-x password=hunter22 ]");
        assert!(!out.contains("hunter22"), "{out}");
    }

    #[test]
    fn strings_of_json_are_redacted_by_their_key() {
        let mut value =
            json!({"a": [{"db_password": "two words, here"}], "note": "token=abc123xyz", "n": 3});
        Redactor::default().redact_json(&mut value);
        let text = value.to_string();
        assert!(
            !text.contains("two words") && !text.contains("abc123xyz") && text.contains("\"n\":3"),
            "{text}"
        );
    }

    proptest! {
        #[test]
        fn redacting_again_changes_nothing(text in "[ -~]{0,80}") {
            let once = Redactor::default().redact(&text);
            prop_assert_eq!(Redactor::default().redact(&once), once);
        }
    }

    #[test]
    fn the_same_secret_always_has_the_same_placeholder() {
        let mut r = Redactor::default();
        assert_eq!(r.redact("token=abcdef"), r.redact("token=abcdef"));
        assert_eq!(r.count(), 1);
    }
}

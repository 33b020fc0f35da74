//! Replaces secrets in texts with placeholders before the texts leave the process: tokens, keys,
//! passwords, connection strings, card numbers and email addresses. The same secret always has the
//! same placeholder, so that it can be restored for display. Does not access the network.

use regex::{Captures, Regex};
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// Kind and regular expression of each secret.
const PATTERNS: &[(&str, &str)] = &[
    (
        "key",
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)",
    ),
    (
        "token",
        r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?",
    ),
    ("token", r"(?i)\bbearer\s+[A-Za-z0-9._~+/=-]{8,}"),
    (
        "key",
        r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bgh[pousr]_[A-Za-z0-9]{20,}\b|\bxox[abprs]-[A-Za-z0-9-]{10,}|\bsk-[A-Za-z0-9_-]{16,}|\bglpat-[A-Za-z0-9_-]{16,}|\bAIza[A-Za-z0-9_-]{30,}",
    ),
    ("login", r"\b[a-zA-Z][a-zA-Z0-9+.-]*://[^\s:/@]+:[^\s@/]+@"),
    (
        "password",
        r#"(?i)\b(?:[a-z0-9]*[_-])*(?:password|passwd|pwd|secret|api[_-]?key|access[_-]?key|auth[_-]?token|token|client[_-]?secret|private[_-]?key)(?:[_-][a-z0-9]+)*["']?\s*[:=]\s*["']?[^\s"',;&}]{3,}"#,
    ),
    ("card", r"\b(?:\d[ -]?){13,16}\b"),
    (
        "mail",
        r"\b[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+\.[A-Za-z0-9.-]*[A-Za-z]\b",
    ),
];

/// Addresses and names, redacted only on request. They are not secrets, but they identify the owner
/// of the logs.
const NAMES: &[(&str, &str)] = &[
    (
        "ip",
        r"\b(?:[0-9]{1,3}\.){3}[0-9]{1,3}\b|\b(?:[0-9a-fA-F]{1,4}:){4,7}[0-9a-fA-F]{1,4}\b",
    ),
    (
        "host",
        r"\b[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)*\.(?:com|net|org|local|internal|lan|corp|cloud|edu|gov|de|uk|fr|eu|us|ch|jp|cn)\b",
    ),
    (
        "user",
        r#"(?i)\b(?:user(?:name)?|login|account|for user|invalid user)["']?\s*[:= ]\s*["']?[A-Za-z_][\w.-]{1,}"#,
    ),
];

type Patterns = Vec<(&'static str, Regex)>;

fn patterns(names: bool) -> impl Iterator<Item = &'static (&'static str, Regex)> {
    static ALL: OnceLock<[Patterns; 2]> = OnceLock::new();
    let compiled = |list: &'static [(&'static str, &'static str)]| {
        list.iter()
            .filter_map(|(n, p)| Some((*n, Regex::new(p).ok()?)))
            .collect()
    };
    let [secrets, others] = ALL.get_or_init(|| [compiled(PATTERNS), compiled(NAMES)]);
    secrets.iter().chain(others.iter().filter(move |_| names))
}

/// Replaces secrets with placeholders, and remembers them so that they can be restored.
#[derive(Clone, Debug, Default)]
pub struct Redactor {
    /// Also redact addresses and names.
    names: bool,
    /// Placeholder -> secret.
    secrets: BTreeMap<String, String>,
}

impl Redactor {
    /// `names`: also redact addresses and names.
    pub fn new(names: bool) -> Redactor {
        Redactor {
            names,
            ..Redactor::default()
        }
    }

    /// Replaces each secret in `text` with a placeholder such as `[redacted-token-1]`.
    pub fn redact(&mut self, text: &str) -> String {
        let mut out = text.to_string();
        for (name, regex) in patterns(self.names) {
            if !regex.is_match(&out) {
                continue;
            }
            let secrets = &mut self.secrets;
            out = regex
                .replace_all(&out, |c: &Captures<'_>| {
                    let secret = &c[0];
                    if *name == "card" && !is_card(secret) || secret.contains("[redacted-") {
                        return secret.to_string();
                    }
                    if let Some((placeholder, _)) = secrets.iter().find(|(_, s)| *s == secret) {
                        return placeholder.clone();
                    }
                    let placeholder = format!("[redacted-{name}-{}]", secrets.len() + 1);
                    secrets.insert(placeholder.clone(), secret.to_string());
                    placeholder
                })
                .into_owned();
        }
        out
    }

    /// Replaces the placeholders with the secrets. Use it only for display on this machine.
    pub fn restore(&self, text: &str) -> String {
        self.secrets
            .iter()
            .fold(text.to_string(), |t, (placeholder, secret)| {
                t.replace(placeholder, secret)
            })
    }

    /// Number of different secrets replaced.
    pub fn count(&self) -> usize {
        self.secrets.len()
    }
}

/// True for 13 to 16 digits with a valid Luhn check digit.
fn is_card(text: &str) -> bool {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(10)).collect();
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(i, d)| {
            if i % 2 == 1 {
                (d * 2) / 10 + (d * 2) % 10
            } else {
                *d
            }
        })
        .sum();
    (13..=16).contains(&digits.len()) && sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_names_are_redacted_only_on_request() {
        let text = "Failed password for invalid user oracle from 10.1.2.3 via db7.shop.example.com";
        assert_eq!(Redactor::default().redact(text), text);
        let mut r = Redactor::new(true);
        let hidden = r.redact(text);
        assert!(
            !hidden.contains("oracle") && !hidden.contains("10.1.2.3") && !hidden.contains("db7"),
            "{hidden}"
        );
        assert_eq!(r.restore(&hidden), text);
        assert_eq!(
            r.redact("main.rs took 1.5.3"),
            "main.rs took 1.5.3".to_string()
        );
    }

    #[test]
    fn secrets_are_redacted_and_restored() {
        let mut r = Redactor::default();
        for secret in [
            "password=hunter22",
            "DB_PASSWORD: 'hunter22'",
            "Authorization: Bearer abcdef0123456789",
            "postgres://app:s3cret@db:5432/x",
            "AKIAIOSFODNN7EXAMPLE",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc",
            "4111 1111 1111 1111",
            "ann@example.com",
        ] {
            let out = r.redact(&format!("x {secret} y"));
            assert!(!out.contains(secret) && out.contains("[redacted-"), "{out}");
            assert_eq!(r.restore(&out), format!("x {secret} y"));
        }
        assert_eq!(
            r.redact("order 966936 failed in 3000 ms"),
            "order 966936 failed in 3000 ms"
        );
    }

    #[test]
    fn the_same_secret_always_has_the_same_placeholder() {
        let mut r = Redactor::default();
        assert_eq!(r.redact("token=abcdef"), r.redact("token=abcdef"));
        assert_eq!(r.count(), 1);
    }
}

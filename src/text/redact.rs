//! Secrets out of texts before they leave the process: tokens, keys, passwords, connection strings, card numbers, e-mails, with
//! placeholders that stay the same within one redactor, so that they can be put back on display. Knows no network.

use regex::{Captures, Regex};
use std::collections::BTreeMap;
use std::sync::OnceLock;

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

/// Addresses and names, hidden where the user asks for it: they are no secrets, but they tell whose logs these are.
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

/// Replaces secrets, and remembers what stood where.
#[derive(Clone, Debug, Default)]
pub struct Redactor {
    /// Hide addresses and names too.
    names: bool,
    known: BTreeMap<String, String>,
}

impl Redactor {
    pub fn new(names: bool) -> Redactor {
        Redactor {
            names,
            ..Redactor::default()
        }
    }

    pub fn redact(&mut self, text: &str) -> String {
        let mut out = text.to_string();
        for (name, regex) in patterns(self.names) {
            if !regex.is_match(&out) {
                continue;
            }
            let known = &mut self.known;
            out = regex
                .replace_all(&out, |c: &Captures<'_>| {
                    let secret = &c[0];
                    if *name == "card" && !is_card(secret) || secret.contains("[redacted-") {
                        return secret.to_string();
                    }
                    if let Some((place, _)) = known.iter().find(|(_, s)| *s == secret) {
                        return place.clone();
                    }
                    let place = format!("[redacted-{name}-{}]", known.len() + 1);
                    known.insert(place.clone(), secret.to_string());
                    place
                })
                .into_owned();
        }
        out
    }

    /// Puts the secrets back, for display on this machine alone.
    pub fn restore(&self, text: &str) -> String {
        self.known
            .iter()
            .fold(text.to_string(), |t, (place, secret)| {
                t.replace(place, secret)
            })
    }

    pub fn count(&self) -> usize {
        self.known.len()
    }
}

/// Luhn's check digit.
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
    fn addresses_and_names_are_hidden_where_asked() {
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
    fn secrets_go_and_come_back() {
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
    fn the_same_secret_has_the_same_placeholder() {
        let mut r = Redactor::default();
        assert_eq!(r.redact("token=abcdef"), r.redact("token=abcdef"));
        assert_eq!(r.count(), 1);
    }
}

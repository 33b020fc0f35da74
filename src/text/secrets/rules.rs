//! Finds secrets by the table of formats in `rules.toml`. A format is data: a pattern, a check of
//! what it matched, and samples. Knows nothing about keys and blocks.

use super::secret::{KINDS, Kind, Secret};
use super::values;
use regex::Regex;
use serde::Deserialize;
use std::sync::OnceLock;

const TABLE: &str = include_str!("rules.toml");

/// A further test of what a pattern matched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Check {
    #[default]
    None,
    /// No word about a secret, and no placeholder.
    NotStatus,
    NotPlaceholder,
    /// No number, such as a port or a user id.
    NotAmount,
    Random,
    KeyMaterial,
    BasicLogin,
    BasicOrKey,
    /// In quotes in a sentence: no message, no constant and no symbol.
    Sentence,
    /// Without quotes in a sentence: looks random, or is a code.
    SentenceWord,
    Base64Line,
    Card,
    Iban,
    Mail,
    Ipv6,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "only the tests walk the samples")
)]
struct Row {
    kind: String,
    name: String,
    /// Words of which one must be in the text.
    #[serde(default)]
    needs: Vec<String>,
    pattern: String,
    #[serde(default)]
    check: Check,
    #[serde(default)]
    names: bool,
    #[serde(default)]
    finds: Vec<String>,
    #[serde(default)]
    keeps: Vec<String>,
}

#[derive(Deserialize)]
struct Table {
    rule: Vec<Row>,
}

struct Rule {
    row: Row,
    kind: Kind,
    regex: Regex,
}

/// The compiled table. A test verifies that every row compiles, so nothing is lost here.
fn rules() -> &'static [Rule] {
    static RULES: OnceLock<Vec<Rule>> = OnceLock::new();
    RULES.get_or_init(|| {
        let rows = toml::from_str::<Table>(TABLE).map_or_else(|_| Vec::new(), |t| t.rule);
        let compiled = rows.into_iter().filter_map(|row| {
            let kind = KINDS.iter().find(|k| **k == row.kind)?;
            let regex = Regex::new(&row.pattern).ok()?;
            Some(Rule { row, kind, regex })
        });
        compiled.collect()
    })
}

/// Finds everything that a rule matches. `names`: also addresses and names.
pub fn find(text: &str, names: bool, found: &mut Vec<Secret>) {
    for rule in rules().iter().filter(|r| names || !r.row.names) {
        let needs = &rule.row.needs;
        if needs.is_empty() || needs.iter().any(|n| text.contains(n.as_str())) {
            matches(rule, text, found);
        }
    }
}

fn matches(rule: &Rule, text: &str, found: &mut Vec<Secret>) {
    let mut at = 0;
    while let Some(c) = rule.regex.captures_at(text, at) {
        let Some(whole) = c.get(0) else { return };
        let secret = ["s", "t", "u"]
            .iter()
            .find_map(|g| c.name(g))
            .unwrap_or(whole);
        let before = &text[whole.start()..secret.start()];
        let is_public =
            rule.row.check == Check::Base64Line && is_in_public_block(&text[..secret.start()]);
        if !is_public && rule.row.check.accepts(secret.as_str(), before) {
            found.push(Secret {
                range: secret.range(),
                kind: rule.kind,
            });
        }
        // The delimiter after a secret can be the one before the next.
        at = secret.end().max(whole.start() + 1);
        while at < text.len() && !text.is_char_boundary(at) {
            at += 1;
        }
        if at > text.len() {
            return;
        }
    }
}

impl Check {
    /// Whether a matched text is a secret. `before` is the part of the match in front of it.
    fn accepts(self, text: &str, before: &str) -> bool {
        let is_value = !values::is_placeholder(text) && !values::is_status(text);
        match self {
            Check::None => true,
            Check::NotStatus => is_value,
            Check::NotPlaceholder => !values::is_placeholder(text),
            Check::NotAmount => is_value && !text.bytes().all(|b| b.is_ascii_digit()),
            Check::Random => is_value && (values::is_random(text) || values::is_key_material(text)),
            Check::KeyMaterial => is_value && values::is_key_material(text),
            Check::BasicLogin => values::is_basic_login(text),
            Check::BasicOrKey => {
                is_value && (values::is_basic_login(text) || values::is_key_material(text))
            }
            Check::Sentence => {
                is_value
                    && !values::is_constant(text)
                    && (values::is_random(text)
                        || values::is_word(text) && text.len() >= 6
                        || values::is_key_material(text))
                    && !is_token_symbol(text, before)
            }
            Check::SentenceWord => is_value && is_sentence_word(text, before),
            Check::Base64Line => is_base64_line(text),
            Check::Card => values::is_card(text),
            Check::Iban => values::is_iban(text),
            Check::Mail => is_mail(text),
            Check::Ipv6 => {
                text.contains("::") && text.len() > 3
                    || text.matches(':').count() >= 4
                    || text == "::1"
            }
        }
    }
}

/// `token '}'` in a message of a parser is about a token of a language.
fn is_token_symbol(text: &str, before: &str) -> bool {
    let parses = [
        "unexpected token",
        "Unexpected token",
        "syntax",
        "near token",
    ]
    .iter()
    .any(|p| before.contains(p));
    parses
        || text.len() < 12
            && values::is_word(text)
            && before.to_ascii_lowercase().starts_with("token")
}

/// Letters with digits in them, or a numeric code after a word for one.
fn is_sentence_word(text: &str, before: &str) -> bool {
    let text = text.trim_end_matches(['.', '!', '?', ':']);
    let code = text.len() <= 8 && text.len() >= 4 && text.bytes().all(|b| b.is_ascii_digit());
    let before = before.to_ascii_lowercase();
    let asks_code = ["code", "otp", "pin", "one-time", "one time"]
        .iter()
        .any(|w| before.contains(w));
    if code {
        return asks_code;
    }
    let has_letters = text.bytes().any(|b| b.is_ascii_alphabetic());
    let letters_and_more = has_letters && values::is_random(text);
    letters_and_more
        && !values::is_joined_name(text)
        && !values::is_path(text)
        && !text.contains(['=', '/'])
        && !text.starts_with(|c: char| !c.is_alphanumeric())
}

/// True if the text ends inside a certificate or a public key.
fn is_in_public_block(before: &str) -> bool {
    let label = before.rfind("-----BEGIN ").map(|at| &before[at..]);
    label.is_some_and(|b| !b.contains("PRIVATE") && !b.contains("-----END "))
}

/// True for a line of a key file: mixed case and digits, and not hexadecimal.
fn is_base64_line(text: &str) -> bool {
    let has = |test: fn(&u8) -> bool| text.as_bytes().iter().any(test);
    has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_digit)
        && !text.bytes().all(|b| b.is_ascii_hexdigit())
        && text.matches('/').count() <= 6
        && !text.starts_with("AAAA")
}

/// True for an address of a person, not of a unit, an image or a repository.
fn is_mail(text: &str) -> bool {
    const NOT_DOMAINS: &[&str] = &[
        "service",
        "socket",
        "timer",
        "mount",
        "target",
        "scope",
        "slice",
        "path",
        "device",
        "swap",
        "automount",
        "png",
        "jpg",
        "jpeg",
        "gif",
        "svg",
        "webp",
        "css",
        "html",
        "digest",
        "log",
        "txt",
        "json",
        "yaml",
        "yml",
        "conf",
        "cfg",
        "ini",
        "xml",
        "local",
        "internal",
        "svc",
        "cluster",
        "lan",
        "js",
        "ts",
        "py",
        "go",
        "java",
        "rs",
        "rb",
        "php",
        "tgz",
        "gz",
        "sock",
        "pid",
    ];
    let ending = text.rsplit('.').next().unwrap_or_default();
    // A message id has the form of an address, too.
    let names_someone = text
        .split('@')
        .next()
        .is_some_and(|user| user.contains(char::is_alphabetic));
    names_someone
        && !NOT_DOMAINS.contains(&ending)
        && !text.starts_with("git@")
        && !text.starts_with("root@")
        && !text.starts_with('%')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_compiles_and_names_a_known_kind() {
        let table = toml::from_str::<Table>(TABLE).unwrap();
        assert_eq!(table.rule.len(), rules().len());
        for row in table.rule {
            assert!(!row.finds.is_empty(), "{} has no sample", row.name);
        }
    }

    #[test]
    fn every_rule_finds_its_samples_and_keeps_the_others() {
        let mut wrong = Vec::new();
        for rule in rules() {
            for sample in &rule.row.finds {
                let text = sample.replace(['«', '»'], "");
                let (start, end) = (
                    sample.find('«').unwrap(),
                    sample.find('»').unwrap() - '«'.len_utf8(),
                );
                let mut found = Vec::new();
                matches(rule, &text, &mut found);
                let is_found = found
                    .iter()
                    .any(|s| s.range.start <= start && s.range.end >= end);
                let needed = rule.row.needs.is_empty()
                    || rule.row.needs.iter().any(|n| text.contains(n.as_str()));
                if !is_found || !needed {
                    wrong.push(format!("{}: not found: {sample}", rule.row.name));
                }
            }
            for text in &rule.row.keeps {
                let found = super::super::find(text, rule.row.names);
                if !found.is_empty() {
                    wrong.push(format!("{}: destroyed: {text}: {found:?}", rule.row.name));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

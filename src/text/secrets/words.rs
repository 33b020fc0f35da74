//! Decides from the words of a key whether it names a secret. The words are data, in `words.toml`.
//! Knows nothing about values.

use super::secret::{KINDS, Kind};
use serde::Deserialize;
use std::collections::HashSet;
use std::sync::OnceLock;

const TABLE: &str = include_str!("words.toml");

/// How sure a key makes that its value is a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strength {
    /// Only a value that looks random is a secret: `signature`, `auth`.
    Weak,
    /// A word or a name is no secret: `token`, `secret`.
    Medium,
    /// Everything but a message is a secret: `password`.
    Strong,
}

/// A word that makes a key secret.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    word: String,
    kind: String,
    strength: Strength,
    /// Words of which one must stand before it.
    #[serde(default)]
    before: Vec<String>,
}

/// A short option of some programs that takes a password.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    pub names: Vec<String>,
    /// Without the dash.
    pub option: String,
    /// The password follows without a blank.
    #[serde(default)]
    pub attached: bool,
    /// A word that must stand in the command.
    #[serde(default)]
    pub with: String,
}

/// The content of `words.toml`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    ending: Vec<Row>,
    word: Vec<Row>,
    pair: Vec<Row>,
    not_the_secret: HashSet<String>,
    /// Words before `KEY` in variables that name data: `PARTITION_KEY`.
    key_of_data: HashSet<String>,
    pub program: Vec<Program>,
    /// Words that are said about a secret and are not one.
    pub status: HashSet<String>,
}

impl Table {
    /// Whether a word after the secret word changes what the key names, in singular or plural.
    fn is_other(&self, word: &str) -> bool {
        let singular = word.strip_suffix("ies").map(|w| format!("{w}y"));
        let singular = singular.unwrap_or_else(|| word.trim_end_matches('s').to_string());
        self.not_the_secret.contains(word) || self.not_the_secret.contains(&singular)
    }
}

/// The parsed table. A test verifies that it is valid.
pub fn table() -> &'static Table {
    static PARSED: OnceLock<Table> = OnceLock::new();
    PARSED.get_or_init(|| toml::from_str(TABLE).unwrap_or_default())
}

/// Splits a key into lower-case words, at symbols and where the case changes.
fn split(key: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let chars: Vec<char> = key.chars().collect();
    let mut is_open = false;
    for (i, c) in chars.iter().enumerate() {
        if !c.is_alphanumeric() {
            is_open = false;
            continue;
        }
        let before = i.checked_sub(1).map(|i| chars[i]);
        let next = chars.get(i + 1);
        let hump = c.is_uppercase()
            && (before.is_some_and(|b| b.is_lowercase() || b.is_ascii_digit())
                || before.is_some_and(char::is_uppercase)
                    && next.is_some_and(|n| n.is_lowercase()));
        match out.last_mut().filter(|_| is_open && !hump) {
            Some(word) => word.extend(c.to_lowercase()),
            None => out.push(c.to_lowercase().collect()),
        }
        is_open = true;
    }
    out
}

/// The kind and strength of a key, if it names a secret.
pub fn classify(phrase: &str) -> Option<(Kind, Strength)> {
    let phrase = phrase.trim();
    let mut spaced: Vec<&str> = phrase.split(' ').collect();
    // `Unseal Key 1`: the number does not change what the key names.
    if spaced.len() > 1
        && spaced
            .last()
            .is_some_and(|w| w.len() <= 2 && w.bytes().all(|b| b.is_ascii_digit()))
    {
        spaced.pop();
    }
    let last = spaced.last()?;
    let own = split(last);
    let mut all = own.clone();
    // A single word can need the word before it: `access key`, `recovery code`.
    if own.len() == 1 && spaced.len() > 1 && table().pair.iter().any(|p| p.word == own[0]) {
        all = split(spaced[spaced.len() - 2]);
        all.extend(own);
    }
    let found = (0..all.len()).rev().find_map(|i| {
        let (kind, strength) = secret_word(&all, i)?;
        Some((i, kind, strength))
    });
    let Some((i, kind, strength)) = found else {
        return is_variable_of_a_key(last, &all).then_some(("key", Strength::Weak));
    };
    let is_other = all[i + 1..].iter().any(|w| table().is_other(w));
    (!is_other && all.len() - i <= 4).then_some((kind, strength))
}

/// True for the name of an environment variable such as `STRIPE_KEY`, but not `PARTITION_KEY`.
fn is_variable_of_a_key(name: &str, words: &[String]) -> bool {
    let is_upper = name
        .bytes()
        .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    let [.., before, last] = words else {
        return false;
    };
    is_upper && last == "key" && !table().key_of_data.contains(before)
}

/// Whether word `i`, alone or with the one before it, names a secret.
fn secret_word(words: &[String], i: usize) -> Option<(Kind, Strength)> {
    let table = table();
    let word = words[i].trim_end_matches(|c: char| c.is_ascii_digit());
    let before = i.checked_sub(1).map(|i| &words[i]);
    let whole = table
        .word
        .iter()
        .find(|w| w.word == word || w.word == words[i]);
    let ending = || table.ending.iter().find(|e| word.ends_with(&e.word));
    let pair = || {
        let mut pairs = table.pair.iter().filter(|p| p.word == word);
        let ends = |b: &String, known: &String| b == known || known.len() > 2 && b.ends_with(known);
        pairs.find(|p| before.is_some_and(|b| p.before.iter().any(|known| ends(b, known))))
    };
    let row = whole.or_else(ending).or_else(pair)?;
    let kind = KINDS.iter().find(|k| **k == row.kind)?;
    Some((kind, row.strength))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_words_is_valid() {
        let table = toml::from_str::<Table>(TABLE).unwrap();
        let mut rows = table.ending.iter().chain(&table.word).chain(&table.pair);
        assert!(rows.all(|r| KINDS.contains(&r.kind.as_str())));
    }

    #[test]
    fn keys_are_split_at_symbols_and_where_the_case_changes() {
        assert_eq!(split("dbPassword"), ["db", "password"]);
        assert_eq!(
            split("AWS_SECRET_ACCESS_KEY"),
            ["aws", "secret", "access", "key"]
        );
        assert_eq!(split("HTTPAuthToken2"), ["http", "auth", "token2"]);
    }

    #[test]
    fn a_key_names_a_secret_only_if_its_last_words_do() {
        for key in [
            "password",
            "DB_PASSWORD",
            "clientSecret",
            "x-api-key",
            "secret_key_base",
            "my access key",
            "PGPASSWORD",
        ] {
            assert!(classify(key).is_some(), "{key}");
        }
        for key in [
            "password_file",
            "tokenCount",
            "secretName",
            "monkey",
            "cache_key",
            "author",
            "compass",
            "token type",
        ] {
            assert_eq!(classify(key), None, "{key}");
        }
    }
}

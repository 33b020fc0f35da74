//! Finds secrets in text: known token formats, `key: value` pairs, command lines, headers and key
//! files. Only finds them; `redact` replaces them. Does no I/O.

mod blocks;
mod judge;
mod keys;
mod notation;
mod options;
mod rules;
mod secret;
mod values;
mod words;

pub use secret::{Kind, Secret};
pub use values::is_distinctive;

use std::borrow::Cow;

/// The secrets in a text, in order and without overlaps. `names`: also addresses and names.
pub fn find(text: &str, names: bool) -> Vec<Secret> {
    let flat = without_escaped_breaks(text);
    let mut found = blocks::find(&flat);
    keys::find(&flat, &mut found);
    options::find(&flat, &mut found);
    rules::find(&flat, names, &mut found);
    found.retain(|s| !s.range.is_empty());
    // Of overlapping secrets, the one that starts first absorbs the others.
    found.sort_by_key(|s| (s.range.start, std::cmp::Reverse(s.range.end)));
    let mut out: Vec<Secret> = Vec::new();
    for secret in found {
        match out.last_mut() {
            Some(last) if secret.range.start < last.range.end => {
                last.range.end = last.range.end.max(secret.range.end);
            }
            _ => out.push(secret),
        }
    }
    out
}

/// The kind of secret that a value is, if its key and its look say so.
pub fn kind_of_value(key: &str, value: &str) -> Option<Kind> {
    let (kind, strength) = words::classify(key)?;
    judge::is_secret(key, value, strength, true).then_some(kind)
}

/// The text with blanks in place of escaped line breaks and tabs (`\\n` in JSON), so that the words
/// around them end there. Has the same length, so that ranges are valid in both.
fn without_escaped_breaks(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let flat = text
        .replace("\\n", " \n")
        .replace("\\r", "  ")
        .replace("\\t", "  ");
    Cow::Owned(flat)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn secrets_are_ordered_separate_and_end_at_characters(text in any::<String>()) {
            let mut end = 0;
            for s in find(&text, true) {
                prop_assert!(s.range.start >= end && text.get(s.range.clone()).is_some());
                end = s.range.end;
            }
        }

        #[test]
        fn the_value_of_a_secret_key_is_found_in_every_notation(
            key in "(db_|DB_|my|app\\.|X-)?(password|PASSWORD|secret_key|apiKey|auth-token|passphrase)",
            value in "[A-Z][a-z]{2,5}[0-9]{2,4}[a-zA-Z0-9]{4,12}",
            notation in 0..10usize,
        ) {
            let text = match notation {
                0 => format!("{key}={value}"),
                1 => format!("{key}: {value}"),
                2 => format!("{{\"{key}\":\"{value}\"}}"),
                3 => format!("{{\\\"{key}\\\": \\\"{value}\\\"}}"),
                4 => format!("{key} = '{value}';"),
                5 => format!("user=a {key}={value} port=1"),
                6 => format!("?a=b&{key}={value}&c=d"),
                7 => format!("<{key}>{value}</{key}>"),
                8 => format!("{{\"name\":\"{key}\",\"value\":\"{value}\"}}"),
                _ => format!("run --{key} {value} --verbose"),
            };
            let left = find(&text, false).iter().rev().fold(text.clone(), |t, s| {
                format!("{}{}", &t[..s.range.start], &t[s.range.end..])
            });
            prop_assert!(!left.contains(&value), "{}", text);
        }
    }
}

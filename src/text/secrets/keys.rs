//! Finds values whose key says that they are secret, such as `db_password=…`, `"apiKey": "…"` or
//! `{"name":"TOKEN","value":"…"}`. Knows no token formats.

use super::judge::{is_code, is_secret};
use super::notation::{block_scalar, braced, is_pair, quoted, unquoted, wrapper};
use super::secret::{Kind, Secret};
use super::values::{is_key_material, is_random};
use super::words::{Strength, classify};
use std::ops::Range;

/// Greatest distance between a key and the start of its line that is looked at, in bytes.
const MAX_KEY: usize = 80;

/// Finds the values of all secret keys.
pub fn find(text: &str, found: &mut Vec<Secret>) {
    let bytes = text.as_bytes();
    for at in memchr::memchr2_iter(b'=', b':', bytes) {
        let after = &text[at + 1..];
        let is_second = at > 0 && matches!((bytes[at - 1], bytes[at]), (b':' | b'=', b'='));
        if is_second || bytes[at] == b':' && after.starts_with("//") {
            continue;
        }
        let width = if after.starts_with(['=', '>']) { 2 } else { 1 };
        let (phrase, is_quoted_key) = key_before(&text[..at]);
        let Some((kind, strength)) = classify(phrase).or_else(|| named(text, at, phrase)) else {
            continue;
        };
        let from = at + width;
        let tight = bytes[at] == b'=' || is_quoted_key || !after.starts_with([' ', '\t']);
        if let Some(range) = value(text, from, (phrase, strength, tight)) {
            found.push(Secret { range, kind });
        }
    }
    tags(text, found);
}

/// The key that ends where `before` ends: up to three words, without quotes. The flag says that it
/// was quoted.
fn key_before(before: &str) -> (&str, bool) {
    let mut start = before.len().saturating_sub(MAX_KEY);
    while !before.is_char_boundary(start) {
        start += 1;
    }
    let before = &before[start..];
    let trimmed = before.trim_end_matches([' ', '\t']);
    let unquoted = trimmed.trim_end_matches(['"', '\'', '`', '\\', ']']);
    let quoted = unquoted.len() < trimmed.len();
    let in_key = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '$' | '@');
    let first = unquoted
        .rfind(|c: char| !(in_key(c) || c == ' ' && !quoted))
        .map_or(0, |i| {
            i + unquoted[i..].chars().next().map_or(1, char::len_utf8)
        });
    (unquoted[first..].trim_start(), quoted)
}

/// The kind and strength of the name next to a key such as `value`, as in
/// `{"name":"DB_PASSWORD","value":"…"}`. The name can also follow the value.
fn named(text: &str, at: usize, phrase: &str) -> Option<(Kind, Strength)> {
    const REACH: usize = 120;
    let is_value = matches!(
        phrase
            .trim_start_matches(['-', ' '])
            .to_ascii_lowercase()
            .as_str(),
        "value" | "val" | "v" | "content"
    );
    if !is_value {
        return None;
    }
    let line = &text.as_bytes()[at.saturating_sub(REACH)..at];
    let near = String::from_utf8_lossy(line);
    // Only the same object counts: nothing before the last brace, bracket or dash of a list.
    let open = near.rfind(['{', '[']).map_or(0, |i| i + 1);
    let item = near.rfind("- ").map_or(0, |i| i + 2);
    // `"db_password": {"value": "…"}`: the object itself has a name.
    let object = near[..open].trim_end_matches(['{', ' ', '\\']);
    let own_name = || classify(key_before(object.strip_suffix([':', '='])?).0);
    name_in(&near[open.max(item)..])
        .or_else(own_name)
        .or_else(|| {
            let after = text.get(at + 1..)?;
            // In YAML, the name can stand on the next line of the same item.
            let mut lines = after.split_inclusive('\n');
            let own = lines.next()?;
            let next = lines
                .next()
                .filter(|l| !l.trim_start_matches(['+', ' ']).starts_with('-'));
            let end = own.find(['}', ']']);
            name_in(&own[..end.unwrap_or(own.len())])
                .or_else(|| name_in(next.filter(|_| end.is_none())?.trim_end()))
        })
}

/// The kind and strength of the value of `name`, `key` or `field` in a part of an object.
fn name_in(part: &str) -> Option<(Kind, Strength)> {
    part.split([',', '\n', ';', ' ']).find_map(|pair| {
        let (key, name) = pair.split_once([':', '=']).unwrap_or(("name", pair));
        let trim = |t: &str| t.trim_matches(|c: char| !c.is_alphanumeric()).to_string();
        let is_name = matches!(
            trim(key).to_ascii_lowercase().as_str(),
            "name" | "key" | "field" | "k" | "parameter"
        );
        classify(&trim(name)).filter(|_| is_name)
    })
}

/// The byte range of the value that starts at `from`, if it is a secret.
fn value(
    text: &str,
    from: usize,
    (key, strength, tight): (&str, Strength, bool),
) -> Option<Range<usize>> {
    let rest = text.get(from..)?;
    let blank = rest.len() - rest.trim_start_matches([' ', '\t']).len();
    let start = from + blank;
    let rest = &text[start..];
    if let Some(body) = rest.strip_prefix(['|', '>']) {
        return block_scalar(text, start + 1, body);
    }
    let start = start + wrapper(rest);
    // `password= status=401`: the value is empty, and something else follows.
    let is_spaced = text[..from]
        .trim_end_matches(['=', ':', '>'])
        .ends_with([' ', '\t']);
    let is_empty = blank > 0 && text[..from].ends_with('=') && !is_spaced;
    if is_empty || blank > 0 && is_pair(&text[start..]) {
        return None;
    }
    let (range, quoted) = match quoted(&text[start..]).or_else(|| braced(&text[start..])) {
        Some((a, b)) => (start + a..start + b, true),
        None => (start..start + unquoted(&text[start..]), false),
    };
    let value = &text[range.clone()];
    let after = text[range.end..].lines().next().unwrap_or_default();
    let is_followed_by_prose =
        !tight && after.starts_with(' ') && after[1..].starts_with(char::is_alphabetic);
    let is_secret = if quoted || tight {
        is_secret(key, value, strength, quoted)
    } else {
        is_secret(key, value, strength, false)
            && (is_random(value)
                || is_code(key, value)
                || !is_followed_by_prose && strength == Strength::Strong
                || is_key_material(value))
    };
    is_secret.then_some(range)
}

/// Finds the content of elements such as `<password>…</password>`.
fn tags(text: &str, found: &mut Vec<Secret>) {
    for close in text.match_indices("</").map(|m| m.0) {
        let name: &str = text[close + 2..].split('>').next().unwrap_or_default();
        let local = name.rsplit(':').next().unwrap_or_default();
        let Some((kind, strength)) = classify(local) else {
            continue;
        };
        let Some(open) = text[..close].rfind('>').map(|i| i + 1) else {
            continue;
        };
        if is_secret(local, &text[open..close], strength, true) {
            found.push(Secret {
                range: open..close,
                kind,
            });
        }
    }
}

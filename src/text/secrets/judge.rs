//! Decides whether the value of a secret key is a secret, or only a message, a name or a number.
//! Knows no notations.

use super::values::{
    is_amount, is_constant, is_joined_name, is_key_material, is_path, is_placeholder, is_random,
    is_status, is_word,
};
use super::words::Strength;

/// Whether a value can be the secret that its key announces.
pub fn is_secret(key: &str, value: &str, strength: Strength, quoted: bool) -> bool {
    let value = value.trim();
    let key = key.to_ascii_lowercase();
    if is_placeholder(value)
        || value.contains("://")
        || is_path(value) && !key.ends_with("password")
        || is_status(value)
    {
        return false;
    }
    if value.contains(' ') {
        return quoted && is_secret_phrase(value, strength);
    }
    let is_working_folder =
        matches!(key.as_str(), "pwd" | "oldpwd") && value.starts_with(['/', '~']);
    match strength {
        Strength::Strong => {
            let digits_only = value.bytes().all(|b| b.is_ascii_digit());
            let counts =
                key.ends_with("pass") && (digits_only && value.len() < 4 || is_amount(value));
            !is_working_folder && !counts && !matches!(value, "{" | "[" | "(" | "..." | "0" | "1")
        }
        Strength::Medium => {
            if key.ends_with("pin") {
                return is_code(&key, value);
            }
            let is_short = value.len() < 4;
            let is_identifier = is_constant(value)
                || is_joined_name(value)
                || is_amount(value) && !is_code(&key, value);
            let names_secret = key.ends_with("secret") || key.contains("cred");
            let is_plain = is_word(value)
                && (value.len() < 6 || key.contains(' ') || names_secret && value.len() < 10);
            !is_short && !is_identifier && !is_plain && !value.starts_with(['{', '[', '('])
        }
        Strength::Weak => is_key_material(value) && !is_hex_digest_of(&key, value),
    }
}

/// True for a one-time code: 4 to 8 digits under a key that says so.
pub fn is_code(key: &str, value: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let named = ["otp", "pin", "code", "mfa", "2fa", "passcode"]
        .iter()
        .any(|k| key.contains(k));
    named && (4..=8).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_digit())
}

/// True for a digest that identifies content: the key says that it is public.
fn is_hex_digest_of(key: &str, value: &str) -> bool {
    (key.contains("sha") || key.contains("digest") || key.contains("fingerprint"))
        && value.bytes().all(|b| b.is_ascii_hexdigit() || b == b':')
}

/// True for a quoted text of several words that is no message about the secret.
fn is_secret_phrase(value: &str, strength: Strength) -> bool {
    let words: Vec<&str> = value.trim_end_matches('.').split_whitespace().collect();
    let about = words.iter().filter(|w| is_status(w)).count();
    let is_prose = words
        .iter()
        .all(|w| w.bytes().all(|b| b.is_ascii_alphanumeric()));
    match strength {
        Strength::Strong => !(is_prose && about * 2 >= words.len() && is_status(words[0])),
        _ => {
            words
                .iter()
                .any(|w| is_key_material(w) || is_random(w) && w.len() >= 8)
                || words.len() >= 12 && about == 0
        }
    }
}

//! Decides from the look of a value whether it can be a secret. A value that is an English word, a
//! placeholder, a path or a name is evidence, and stays. Knows nothing about keys.

use super::words;
use base64::alphabet::{self, Alphabet};
use base64::engine::{DecodePaddingMode, Engine, GeneralPurpose, GeneralPurposeConfig};

/// True for a word that says something about a secret.
pub fn is_status(word: &str) -> bool {
    let word = word
        .trim_matches(|c: char| !c.is_alphanumeric() && c != '/')
        .to_ascii_lowercase();
    words::table().status.contains(&word)
}

/// True for a text that stands in place of a value: a mask, a variable, or a format directive.
pub fn is_placeholder(value: &str) -> bool {
    let v = value.trim();
    let lower = v.to_ascii_lowercase();
    let bracketed = |open: &str, close: &str| v.starts_with(open) && v.ends_with(close);
    let mask = |c: char| matches!(c, '*' | 'x' | 'X' | '.' | '#' | '-' | '_' | '•' | '?');
    let variable = v.strip_prefix('$').is_some_and(|name| {
        let name = name.trim_matches(['{', '}']);
        !name.is_empty()
            && !name.starts_with(|c: char| c.is_ascii_digit())
            && name
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    });
    v.chars().count() < 2
        || v.chars().all(mask)
        || v.contains("***")
        || variable
        || bracketed("<", ">")
        || bracketed("(", ")")
        || bracketed("${", "}")
        || bracketed("$(", ")")
        || bracketed("{{", "}}")
        || bracketed("%(", ")s")
        || v.starts_with("[redacted-")
        || v.starts_with('%') && v.len() <= 3
        || matches!(v, "{}" | "[]" | "\"\"" | "''" | "()")
        || lower.contains("redacted")
        || lower.contains("filtered")
        || lower.contains("changeme") && lower.starts_with('<')
        || lower.starts_with("vault:")
        || lower.starts_with("arn:")
}

/// True for a path of the file system with at least two parts, none of which looks random.
pub fn is_path(value: &str) -> bool {
    let rest = ["/", "./", "../", "~/", "file:"]
        .iter()
        .find_map(|p| value.strip_prefix(p));
    rest.is_some_and(|rest| {
        let parts = || rest.split('/').filter(|p| !p.is_empty());
        (parts().count() >= 2 || value.starts_with('~') || rest.contains('.'))
            && !parts().any(|p| p.len() >= 20 && is_random(p) && !p.contains(['-', '_', '.']))
    })
}

/// True for a name as Kubernetes and most tools write it: lower-case words joined with `-`, `_`,
/// `.` or `/`, such as `db-creds-v2`.
pub fn is_joined_name(value: &str) -> bool {
    let word = |part: &str| {
        let letters = part.trim_end_matches(|c: char| c.is_ascii_digit());
        let short_number = part.len() <= 2 && letters.is_empty() && !part.is_empty();
        short_number
            || !letters.is_empty()
                && letters.bytes().all(|b| b.is_ascii_lowercase())
                && part.len() - letters.len() <= 2
    };
    let mut parts = value.split(['-', '_', '.', '/', ':']);
    value.contains(['-', '_', '.', '/']) && parts.all(word)
}

/// True for a number, with or without a unit such as `15m` or `512MB`.
pub fn is_amount(value: &str) -> bool {
    let digits = value
        .bytes()
        .take_while(|b| b.is_ascii_digit() || matches!(b, b'.' | b','))
        .count();
    digits > 0
        && digits <= 7
        && value.len() - digits <= 3
        && value[digits..]
            .bytes()
            .all(|b| b.is_ascii_alphabetic() || b == b'%')
}

/// True for a constant in capitals, such as `SEMICOLON` or `END_OF_FILE`.
pub fn is_constant(value: &str) -> bool {
    value.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
}

/// True for an ordinary word: letters only, in lower case or with one capital in front.
pub fn is_word(value: &str) -> bool {
    let mut chars = value.chars();
    chars.next().is_some_and(char::is_alphabetic) && chars.all(|c| c.is_ascii_lowercase())
}

/// True for text that nobody writes as a word: letters with digits, case that changes inside, or
/// many different symbols.
pub fn is_random(value: &str) -> bool {
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    let lower = value.bytes().filter(u8::is_ascii_lowercase).count();
    let upper = value.bytes().filter(u8::is_ascii_uppercase).count();
    let symbols = value
        .bytes()
        .filter(|b| {
            b.is_ascii_punctuation() && !matches!(b, b'-' | b'_' | b'.' | b'/' | b':' | b',')
        })
        .count();
    let inner_capitals = value
        .as_bytes()
        .windows(2)
        .filter(|w| w[0].is_ascii_lowercase() && w[1].is_ascii_uppercase())
        .count();
    let mixed = digits > 0 && lower + upper > 0
        || inner_capitals >= 2 && value.len() >= 12
        || symbols > 0 && (digits > 0 || lower + upper > 0);
    value.len() >= 4 && mixed && !is_amount(value)
}

/// True for a long value with at least two of: capitals, lower case, digits. Prose does not contain
/// such words.
pub fn is_key_material(value: &str) -> bool {
    let has = |test: fn(&u8) -> bool| usize::from(value.as_bytes().iter().any(test));
    value.len() >= 16
        && has(u8::is_ascii_digit) + has(u8::is_ascii_lowercase) + has(u8::is_ascii_uppercase) >= 2
        && !is_joined_name(value)
}

/// True if a secret can be recognized outside its context: it is long enough, and no word. Only
/// such a secret is replaced everywhere.
pub fn is_distinctive(secret: &str) -> bool {
    if secret.trim_end_matches('=').contains('=') {
        return false;
    }
    secret.len() >= 6 && is_random(secret)
        || secret.len() >= 16 && !secret.contains(char::is_whitespace)
}

/// True for text whose Base64 form is `user:password`.
pub fn is_basic_login(text: &str) -> bool {
    decode_base64(text).is_some_and(|bytes| {
        bytes.contains(&b':') && bytes.iter().all(|b| (0x20..0x7f).contains(b) || *b >= 0x80)
    })
}

/// Decodes Base64, standard or for URLs, with or without padding.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let lenient = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let decode = |a: &Alphabet| GeneralPurpose::new(a, lenient).decode(text).ok();
    decode(&alphabet::STANDARD).or_else(|| decode(&alphabet::URL_SAFE))
}

/// True for 13 to 19 digits with the first digit of a payment card and a valid check digit (Luhn).
pub fn is_card(text: &str) -> bool {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(10)).collect();
    let doubled = |d: u32| (d * 2) / 10 + (d * 2) % 10;
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(i, d)| if i % 2 == 1 { doubled(*d) } else { *d })
        .sum();
    (13..=19).contains(&digits.len())
        && matches!(digits[0], 2..=6)
        && sum.is_multiple_of(10)
        && digits.iter().any(|d| *d != digits[0])
}

/// True for an account number (IBAN) with valid check digits (ISO 13616, modulo 97).
pub fn is_iban(text: &str) -> bool {
    let compact: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    if !(15..=34).contains(&compact.len()) {
        return false;
    }
    let remainder = compact[4..]
        .iter()
        .chain(&compact[..4])
        .try_fold(0u32, |r, c| {
            let value = c.to_digit(36)?;
            Some((r * if value < 10 { 10 } else { 100 } + value) % 97)
        });
    remainder == Some(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_words_and_amounts_are_not_random() {
        for name in [
            "db-creds-v2",
            "web_tls",
            "payment.service",
            "shop/db-password",
        ] {
            assert!(is_joined_name(name), "{name}");
        }
        for random in ["hunter22", "p@ss", "aGVsbG8gd29ybGQxMjM"] {
            assert!(is_random(random) && !is_joined_name(random), "{random}");
        }
        assert!(is_amount("15m") && is_amount("4096") && !is_amount("hunter2"));
        assert!(!is_random("authentication") && is_path("/etc/ssl/tls.key"));
    }

    #[test]
    fn check_digits_are_verified() {
        assert!(is_card("4111 1111 1111 1111") && !is_card("4111 1111 1111 1112"));
        assert!(is_iban("DE89 3704 0044 0532 0130 00") && !is_iban("DE89 3704 0044 0532 0130 01"));
        assert!(is_basic_login("dXNlcjpwYXNz") && !is_basic_login("authentication"));
    }
}

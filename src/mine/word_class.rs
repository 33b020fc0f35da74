//! Classes of words: names that programs and operators give, states, Booleans, words of grammar.
//! The classes come from the form of a word and from English, never from the words of one system.
//! Knows only one word at a time.

pub fn has_letter(word: &[u8]) -> bool {
    word.iter().any(|b| b.is_ascii_alphabetic() || *b >= 0x80)
}

/// Whether the word is a name that a program or an operator gave: it has `::`, a slash, two dots,
/// two hyphens, or another mark that words of a sentence do not have.
pub fn is_identifier(word: &[u8]) -> bool {
    let count = |c: u8| word.iter().filter(|b| **b == c).count();
    has_letter(word)
        && (word.windows(2).any(|w| w == b"::")
            || word.iter().any(|b| b"/@$\\".contains(b))
            || count(b'.') >= 2 && !word.windows(2).any(|w| w == b"..")
            || count(b'-') >= 2)
}

/// Whether the word is an identifier, or has the form of a name in source code: an underscore, or
/// a capital letter after a small one.
pub fn is_code_name(word: &[u8]) -> bool {
    let inner_capital = |w: &[u8]| w[0].is_ascii_lowercase() && w[1].is_ascii_uppercase();
    is_identifier(word)
        || has_letter(word) && (word.contains(&b'_') || word.windows(2).any(inner_capital))
}

/// Whether the word consists of capital letters and underscores.
pub fn is_upper_case(word: &[u8]) -> bool {
    word.len() > 1 && word.iter().all(|b| b.is_ascii_uppercase() || *b == b'_')
}

/// Whether the word is a participle such as `Started` or `stopping`. Events that differ in such a
/// word are different events.
pub fn is_state(word: &[u8]) -> bool {
    word.len() > 3
        && (word.ends_with(b"ed") || word.ends_with(b"ing"))
        && word[0].is_ascii_alphabetic()
        && word[1..].iter().all(u8::is_ascii_lowercase)
}

/// Whether the word is a Boolean.
pub fn is_boolean(word: &[u8]) -> bool {
    matches!(
        word,
        b"true" | b"false" | b"True" | b"False" | b"TRUE" | b"FALSE"
    )
}

/// Whether the word is a Boolean or a null value, in any case.
pub fn is_flag(word: &[u8]) -> bool {
    matches!(
        word.to_ascii_lowercase().as_slice(),
        b"true" | b"false" | b"null" | b"none" | b"nil"
    )
}

/// Whether the word is a method of HTTP. Requests with different methods are different events.
pub fn is_http_method(word: &[u8]) -> bool {
    matches!(
        word,
        b"GET" | b"POST" | b"PUT" | b"DELETE" | b"HEAD" | b"PATCH" | b"OPTIONS" | b"CONNECT"
    )
}

/// Whether the word is an article, a preposition, a conjunction or an auxiliary verb. A value of
/// several words does not begin or end with one.
pub fn is_function_word(word: &[u8]) -> bool {
    const WORDS: &str = "a an and are as at be been by due for from has have in into is not of on or \
                         than the to via was will with";
    std::str::from_utf8(word).is_ok_and(|w| WORDS.split(' ').any(|f| f == w))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_from_words_of_a_sentence() {
        for name in [
            "client-ca::kube-system",
            "ip-10-east-a",
            "a.b.c",
            "user@host",
        ] {
            assert!(is_identifier(name.as_bytes()), "{name}");
        }
        for name in ["device_tokens", "NodeController"] {
            assert!(is_code_name(name.as_bytes()) && !is_identifier(name.as_bytes()));
        }
        for word in ["read-only", "Connection", "e.g", "failed", "depth...."] {
            assert!(!is_code_name(word.as_bytes()), "{word}");
        }
        assert!(is_state(b"Started") && is_state(b"stopping") && !is_state(b"red"));
    }
}

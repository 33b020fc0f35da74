//! Recognizes variables by their syntax: numbers, addresses, identifiers, paths, times. Knows only
//! the text around one place of a message.

use super::address_syntax::{
    address, bracketed_address, email, host, ipv6, mac, port, slash_address, uuid,
};
use super::scan::{ends_word, is_word, run, run_back};

/// Represents a variable in a masked text.
pub const VAR: u8 = 1;

/// Number of words with a digit in `text`. The shape of the message has one cut for each of them.
pub fn digit_words(text: &[u8]) -> usize {
    text.split(|b| !is_word(*b))
        .filter(|w| w.iter().any(u8::is_ascii_digit))
        .count()
}

/// Whether `name` has letters, then one to four digits, then only letters. Such a word can be a
/// name (`ssh2`, `L3`) or a value (`node12`).
pub fn is_numbered_name(name: &[u8]) -> bool {
    let lead = run(name, |b| b.is_ascii_alphabetic() || b == b'_');
    let digits = run(&name[lead..], |b| b.is_ascii_digit());
    let tail = &name[lead + digits..];
    lead > 0
        && (1..=4).contains(&digits)
        && tail.iter().all(|b| b.is_ascii_alphabetic() || *b == b'_')
}

/// Whether the word is the generated end of a Kubernetes name, such as `x2k9f` and `7f8d7d756d`.
/// The alphabet of these names has no vowels and no 0, 1 and 3.
pub fn is_generated(word: &[u8]) -> bool {
    matches!(word.len(), 5 | 8..=10)
        && word
            .iter()
            .all(|b| b"bcdfghjklmnpqrstvwxz2456789".contains(b))
}

/// End of the variable that starts at `at`. `word_start` is true if the byte before `at` is not a
/// word character.
pub fn variable_end(text: &[u8], at: usize, word_start: bool) -> Option<usize> {
    let rest = &text[at..];
    let found = if word_start && is_word(rest[0]) {
        url(rest)
            .or_else(|| uuid(rest))
            .or_else(|| mac(rest))
            .or_else(|| address(rest))
            .or_else(|| ipv6(rest))
            .or_else(|| {
                if at > 0 && text[at - 1] == b'.' {
                    None
                } else {
                    host(rest)
                }
            })
            .or_else(|| date(rest))
            .or_else(|| email(rest))
            .or_else(|| drive(rest))
            .or_else(|| inner_path(rest))
            .or_else(|| {
                if is_after_key(&text[..at]) {
                    dotted_name(rest)
                } else {
                    None
                }
            })
            .or_else(|| number(rest))
            .or_else(|| hex(rest))
    } else {
        match rest[0] {
            b'/' | b'~' | b'.' => path(text, at).or_else(|| slash_address(text, at)),
            b'-' | b'+' if at == 0 || !is_word(text[at - 1]) && text[at - 1] != b')' => {
                signed(rest)
            }
            b'[' => bracketed_address(rest),
            // A port to listen on: `:8443`.
            b':' if at == 0 || matches!(text[at - 1], b' ' | b'=' | b'"') && port(rest) > 0 => {
                Some(port(rest)).filter(|n| *n > 0)
            }
            b':' if rest.starts_with(b"::") && rest.len() > 2 && !is_word_before(text, at) => {
                ipv6(rest)
            }
            _ => None,
        }
    };
    found.map(|n| at + n).filter(|end| *end > at)
}

fn is_word_before(text: &[u8], at: usize) -> bool {
    at > 0 && is_word(text[at - 1])
}

fn url(t: &[u8]) -> Option<usize> {
    let scheme = run(t, |b| {
        b.is_ascii_alphanumeric() || matches!(b, b'+' | b'.' | b'-')
    });
    t.get(scheme..scheme + 3).filter(|s| *s == b"://")?;
    let n = scheme
        + 3
        + run(&t[scheme + 3..], |b| {
            !b.is_ascii_whitespace()
                && !matches!(
                    b,
                    b'"' | b'\'' | b'<' | b'>' | b')' | b']' | b'}' | b',' | b';' | b'|' | b'\\'
                )
        });
    let n = with_parentheses(t, n);
    Some(n - run_back(&t[..n], |b| matches!(b, b'.' | b':' | b'!' | b'?')))
}

/// Extends a URL that stops before a closing parenthesis which its query opened, and after commas
/// of the query.
fn with_parentheses(t: &[u8], n: usize) -> usize {
    let end = run(t, |b| {
        !b.is_ascii_whitespace() && !matches!(b, b'"' | b'\'' | b'<' | b'>' | b'|' | b'\\')
    });
    let open = t[..n].iter().filter(|b| **b == b'(').count();
    let closed = t[..n].iter().filter(|b| **b == b')').count();
    let query = t[..n].contains(&b'?') && t[..n].contains(&b'=');
    if open > closed || query && t.get(n) == Some(&b',') {
        end - run_back(&t[..end], |b| matches!(b, b')' | b',' | b';' | b']' | b'}'))
    } else {
        n
    }
}

fn drive(t: &[u8]) -> Option<usize> {
    (t[0].is_ascii_alphabetic() && t.get(1..3) == Some(b":\\")).then(|| {
        run(t, |b| {
            !b.is_ascii_whitespace() && !matches!(b, b'"' | b'\'' | b',' | b';' | b'|' | b'>')
        })
    })
}

const MONTHS: &[&str] = &[
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const DAYS: &[&str] = &["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// A date or time, alone or as a phrase of several words ("Fri Jun 17 07:07:00 2005").
fn date(t: &[u8]) -> Option<usize> {
    let mut n = 0;
    let mut parts = 0;
    let mut strong = false;
    loop {
        let word = run(&t[n..], |b| {
            is_word(b) || matches!(b, b':' | b'-' | b'/' | b'.' | b'+')
        });
        let piece = &t[n..n + word];
        let piece = &piece
            [..piece.len() - run_back(piece, |b| matches!(b, b':' | b'-' | b'/' | b'.' | b'+'))];
        let Some(kind) = date_piece(piece, parts > 0) else {
            break;
        };
        strong |= kind;
        parts += 1;
        n += piece.len();
        let blanks = run(&t[n..], |b| b == b' ');
        if !(1..=2).contains(&blanks) {
            break;
        }
        n += blanks;
    }
    let n = n - run_back(&t[..n], |b| b == b' ');
    (strong && n > 0).then_some(n)
}

/// `Some(true)` if the piece alone is a date or time. `Some(false)` if it is one only together with
/// other pieces. `inside` is true after the first piece.
fn date_piece(p: &[u8], inside: bool) -> Option<bool> {
    if p.is_empty() {
        return None;
    }
    let text = std::str::from_utf8(p).ok()?;
    let lower = text.to_ascii_lowercase();
    if lower.len() == 3 && (MONTHS.contains(&lower.as_str()) || DAYS.contains(&lower.as_str())) {
        return Some(false);
    }
    let digits = p.iter().filter(|b| b.is_ascii_digit()).count();
    let colons = p.iter().filter(|b| **b == b':').count();
    let separators = p.iter().filter(|b| matches!(b, b'-' | b'/')).count();
    let clean = p
        .iter()
        .all(|b| b.is_ascii_digit() || matches!(b, b':' | b'-' | b'/' | b'.' | b'+' | b'T' | b'Z'));
    let short_groups = p.split(|b| !b.is_ascii_digit()).all(|g| g.len() <= 6);
    if clean && short_groups && p[0].is_ascii_digit() {
        if colons == 2 && digits >= 5 && p.split(|b| *b == b':').take(2).all(|g| g.len() <= 13) {
            return Some(true);
        }
        let groups: Vec<&[u8]> = p.split(|b| matches!(b, b'-' | b'/')).collect();
        let day = groups.len() == 3
            && groups
                .iter()
                .all(|g| matches!(g.len(), 1 | 2 | 4) && g.iter().all(u8::is_ascii_digit));
        if colons == 0 && separators == 2 && day && digits >= 5 {
            return Some(true);
        }
    }
    let year = inside
        && p.len() == 4
        && (text.starts_with("19") || text.starts_with("20"))
        && p.iter().all(u8::is_ascii_digit);
    let day = inside && p.len() <= 2 && p.iter().all(u8::is_ascii_digit);
    (year
        || day
        || inside
            && matches!(
                text,
                "UTC" | "GMT" | "CST" | "PST" | "EST" | "PDT" | "EDT" | "CET" | "CEST"
            ))
    .then_some(false)
}

/// A path: `/x`, `~/x`, `./x` or `../x`. Does not match after a word or a closing bracket.
fn path(text: &[u8], at: usize) -> Option<usize> {
    let t = &text[at..];
    let before = if at == 0 { b' ' } else { text[at - 1] };
    if is_word(before) || matches!(before, b'.' | b')' | b'*' | b'/' | b'~' | VAR) {
        return None;
    }
    let lead = match t {
        [b'/', ..] => 1,
        [b'~', b'/', ..] | [b'.', b'/', ..] => 2,
        [b'.', b'.', b'/', ..] => 3,
        _ => return None,
    };
    let n = run(t, |b| {
        !b.is_ascii_whitespace()
            && !matches!(
                b,
                b':' | b','
                    | b';'
                    | b'='
                    | b'|'
                    | b'"'
                    | b'\''
                    | b'('
                    | b')'
                    | b'['
                    | b']'
                    | b'{'
                    | b'}'
                    | b'<'
                    | b'>'
            )
    });
    let n = n - run_back(&t[..n], |b| matches!(b, b'.' | b'!' | b'?'));
    if n <= lead {
        return (n == 1 && matches!(before, b'=' | b':' | b'(' | b'"' | b'\'')).then_some(1);
    }
    Some(n)
}

/// A path that starts with a dotted name: `com.shop.cart/.ui.Main`, `etc.d/a.b.conf`.
fn inner_path(t: &[u8]) -> Option<usize> {
    let n = run(t, |b| {
        b.is_ascii_alphanumeric() || matches!(b, b'.' | b'/' | b'_' | b'$' | b'-')
    });
    let n = n - run_back(&t[..n], |b| matches!(b, b'.' | b'/' | b'-'));
    let count = |c: u8| t[..n].iter().filter(|b| **b == c).count();
    (count(b'.') >= 3 && count(b'/') >= 1).then_some(n)
}

fn is_after_key(before: &[u8]) -> bool {
    let n = before.len() - run_back(before, |b| b == b' ');
    n > 1 && before[n - 1] == b'=' && is_word(before[n - 2])
        || n > 2 && before[n - 1] == b'=' && before[n - 2] == b' '
}

/// A dotted name of three or more labels as the value of a key: a class, a package, an action.
fn dotted_name(t: &[u8]) -> Option<usize> {
    let n = run(t, |b| {
        b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'$')
    });
    let n = n - run_back(&t[..n], |b| b == b'.');
    let labels = t[..n].split(|b| *b == b'.');
    let end = t
        .get(n)
        .is_none_or(|b| matches!(b, b' ' | b',' | b';' | b')' | b']' | b'}' | b'"' | b'\''));
    (end && labels.clone().count() >= 3 && labels.clone().all(|l| !l.is_empty())).then_some(n)
}

fn signed(t: &[u8]) -> Option<usize> {
    t.get(1).filter(|b| b.is_ascii_digit())?;
    number(&t[1..]).map(|n| n + 1)
}

/// A hexadecimal number with `0x`, or digits with separators and a percent sign or a unit of up to
/// five letters.
fn number(t: &[u8]) -> Option<usize> {
    t[0].is_ascii_digit().then_some(())?;
    if t.starts_with(b"0x") || t.starts_with(b"0X") {
        let n = 2 + run(&t[2..], |b| b.is_ascii_hexdigit());
        return if n > 2 { ends_word(t, n) } else { None };
    }
    let mut n = run(t, |b| b.is_ascii_digit());
    loop {
        let group = matches!(t.get(n), Some(b'.'))
            || matches!(t.get(n), Some(b',')) && run(&t[n + 1..], |b| b.is_ascii_digit()) == 3;
        let d = if group {
            run(&t[n + 1..], |b| b.is_ascii_digit())
        } else {
            0
        };
        if d == 0 {
            break;
        }
        n += 1 + d;
    }
    if t.get(n) == Some(&b'%') {
        return Some(n + 1);
    }
    let unit = run(&t[n..], |b| b.is_ascii_alphabetic());
    if unit <= 5 {
        ends_word(t, n + unit)
    } else {
        None
    }
}

fn hex(t: &[u8]) -> Option<usize> {
    let n = run(t, |b| b.is_ascii_hexdigit());
    let letters = t[..n].iter().filter(|b| b.is_ascii_alphabetic()).count();
    let one_case = t[..n].iter().all(|b| !b.is_ascii_uppercase())
        || t[..n].iter().all(|b| !b.is_ascii_lowercase());
    (n >= 8 && one_case && (letters < n || n >= 12))
        .then(|| ends_word(t, n))
        .flatten()
}

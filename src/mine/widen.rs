//! Merges texts that differ only in the number of their values: optional quantities, lists of any
//! length, empty brackets. The collapsed text is only a key: a text that shares it with no other
//! text stays as it is. Knows only patterns, not log lines.

use super::mask::VAR;
use super::tokens::{Pattern, Replacements, is_var, is_word, tokens};
use rustc_hash::FxHashMap;

/// Replaces patterns that have the same collapsed text with that text.
pub fn merge_collapsed(patterns: &[Pattern]) -> Replacements {
    let mut groups: FxHashMap<Pattern, Vec<&Pattern>> = FxHashMap::default();
    for pattern in patterns {
        groups.entry(collapse(pattern)).or_default().push(pattern);
    }
    let mut replacements = Replacements::default();
    for (key, members) in groups.into_iter().filter(|(_, m)| m.len() > 1) {
        for pattern in members.into_iter().filter(|f| **f != key) {
            replacements.insert(pattern.clone(), key.clone());
        }
    }
    replacements
}

fn collapse(pattern: &[u8]) -> Pattern {
    let text = drop_optional_quantity(pattern);
    let text = drop_units(&text);
    let text = join_linked_variables(&text);
    let text = fill_empty_brackets(&text);
    let text = collapse_lists(&text, 3);
    collapse_repeats(&text)
}

/// Drops a second quantity in parentheses: `V unit (V unit)` and `V unit (V)` become `V unit`. Also
/// replaces `<V` with `V`.
fn drop_optional_quantity(pattern: &[u8]) -> Pattern {
    let words = tokens(pattern);
    let mut out = Pattern::with_capacity(pattern.len());
    let mut i = 0;
    while i < words.len() {
        if words[i] == b"<"
            && words.get(i + 1).is_some_and(|w| is_var(w))
            && words.get(i + 2) != Some(&&b">"[..])
        {
            i += 1;
            continue;
        }
        out.extend_from_slice(words[i]);
        let unit = |k: usize| {
            words.get(k).is_some_and(|w| {
                is_word(w) && w.len() <= 8 && w.iter().all(u8::is_ascii_alphabetic)
            })
        };
        let blank = |k: usize| words.get(k) == Some(&&b" "[..]);
        let closing = i + 7;
        if is_var(words[i])
            && blank(i + 1)
            && unit(i + 2)
            && blank(i + 3)
            && words.get(i + 4) == Some(&&b"("[..])
            && words.get(i + 5).is_some_and(|w| is_var(w))
            && words[i + 6..].len() > 1
        {
            let (end, fits) = match words.get(i + 6) {
                Some(w) if *w == b")" => (i + 7, true),
                Some(_)
                    if blank(i + 6) && unit(closing) && words.get(i + 8) == Some(&&b")"[..]) =>
                {
                    (i + 9, true)
                }
                _ => (i + 1, false),
            };
            if fits {
                out.extend_from_slice(words[i + 1]);
                out.extend_from_slice(words[i + 2]);
                i = end;
                continue;
            }
        }
        i += 1;
    }
    out
}

/// Drops a unit of size or time after a value, because one position can have both `80.0 B` and
/// `2.1 KB`.
fn drop_units(pattern: &[u8]) -> Pattern {
    let words = tokens(pattern);
    let unit = |w: &[u8]| {
        matches!(
            w,
            b"B" | b"KB" | b"MB" | b"GB" | b"TB" | b"KiB" | b"MiB" | b"GiB" | b"TiB" | b"kB"
        ) || matches!(
            w,
            b"ns" | b"us" | b"ms" | b"s" | b"sec" | b"secs" | b"min" | b"h"
        )
    };
    let mut out = Pattern::with_capacity(pattern.len());
    let mut i = 0;
    while i < words.len() {
        out.extend_from_slice(words[i]);
        let quantity = is_var(words[i])
            && words.get(i + 1) == Some(&&b" "[..])
            && words.get(i + 2).is_some_and(|w| unit(w));
        i += if quantity { 3 } else { 1 };
    }
    out
}

/// Replaces three or more source code positions in a row with one variable:
/// `a.b.C:V a.b.D:V a.b.E:V`.
pub fn collapse_stack_frames(pattern: &[u8]) -> Pattern {
    let words: Vec<&[u8]> = pattern.split(|b| *b == b' ').collect();
    let is_stack_frame = |w: &[u8]| {
        w.len() > 3 && w.ends_with(&[b':', VAR]) && w.contains(&b'.') && !w.contains(&b'(')
    };
    let mut out: Vec<&[u8]> = Vec::with_capacity(words.len());
    let mut i = 0;
    while i < words.len() {
        let n = words[i..].iter().take_while(|w| is_stack_frame(w)).count();
        out.push(if n >= 3 { &[VAR] } else { words[i] });
        i += if n >= 3 { n } else { 1 };
    }
    out.join(&b' ')
}

/// Joins linked variables: `V-V`, `V:V`, `V/V` and so on become one variable.
fn join_linked_variables(pattern: &[u8]) -> Pattern {
    let mut out = Pattern::with_capacity(pattern.len());
    for &b in pattern {
        if b == VAR {
            let n = out.len();
            if n >= 2 && b"-:/.@_~".contains(&out[n - 1]) && out[n - 2] == VAR {
                out.truncate(n - 1);
                continue;
            }
            if out.last() == Some(&VAR) {
                continue;
            }
        }
        out.push(b);
    }
    out
}

/// Adds a variable inside empty brackets that follow a space.
fn fill_empty_brackets(pattern: &[u8]) -> Pattern {
    let mut out = Pattern::with_capacity(pattern.len() + 2);
    for (i, &b) in pattern.iter().enumerate() {
        out.push(b);
        let empty = matches!(
            (b, pattern.get(i + 1)),
            (b'(', Some(b')')) | (b'[', Some(b']'))
        );
        if empty && i > 0 && pattern[i - 1] == b' ' {
            out.push(VAR);
        }
    }
    out
}

/// Replaces lists of variables, such as `V V V` or `V, V, V`, with one variable. Only if the text
/// has more than `max_variables` variables.
pub fn collapse_lists(pattern: &[u8], max_variables: usize) -> Pattern {
    if pattern.iter().filter(|b| **b == VAR).count() <= max_variables {
        return pattern.to_vec();
    }
    let mut out = Pattern::with_capacity(pattern.len());
    for &b in pattern {
        if b == VAR {
            let mut n = out.len();
            while n > 0 && matches!(out[n - 1], b' ' | b',') {
                n -= 1;
            }
            if n > 0 && n < out.len() && out[n - 1] == VAR {
                out.truncate(n);
                continue;
            }
        }
        out.push(b);
    }
    out
}

/// Shortens repetitions: a group of 2 to 10 tokens with a variable in it that occurs three or more
/// times in a row is kept twice.
fn collapse_repeats(pattern: &[u8]) -> Pattern {
    let words = tokens(pattern);
    let mut out: Vec<&[u8]> = Vec::with_capacity(words.len());
    let mut i = 0;
    while i < words.len() {
        let found = (2..=10).find_map(|n| {
            let group = words.get(i..i + n)?;
            let times = 1 + words[i + n..]
                .chunks_exact(n)
                .take_while(|c| *c == group)
                .count();
            (times >= 3 && group.iter().any(|w| w.contains(&VAR))).then_some((n, times))
        });
        match found {
            Some((n, times)) => {
                out.extend_from_slice(&words[i..i + 2 * n]);
                i += n * times;
            }
            None => {
                out.push(words[i]);
                i += 1;
            }
        }
    }
    out.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collapsed(text: &str) -> String {
        String::from_utf8_lossy(&collapse(text.replace('$', "\u{1}").as_bytes()))
            .replace('\u{1}', "$")
    }

    #[test]
    fn texts_that_differ_in_list_length_or_optional_parts_share_a_key() {
        assert_eq!(
            collapsed("$ close, $ bytes ($ KB) sent"),
            collapsed("$ close, $ bytes sent")
        );
        assert_eq!(collapsed("from $ () at $"), collapsed("from $ ($) at $"));
        assert_eq!(collapsed("n $ $ $ $ end"), collapsed("n $ $ $ $ $ $ end"));
        assert_eq!(
            collapsed("a-$ <ok> a-$ <ok> a-$ <ok> b"),
            collapsed("a-$ <ok> a-$ <ok> a-$ <ok> a-$ <ok> b")
        );
        assert_ne!(collapsed("from $ to $"), collapsed("from $"));
    }
}

//! Texts that say the same with more or fewer values: an optional quantity, lists of any length, empty brackets. The
//! collapsed text is used as a key alone: a text without a partner keeps its own form.

use super::mask::VAR;
use super::tokens::{Form, Renames, is_var, is_word, tokens};
use rustc_hash::FxHashMap;

/// Forms that share a collapsed text share one form.
pub fn widen(forms: &[Form]) -> Renames {
    let mut groups: FxHashMap<Form, Vec<&Form>> = FxHashMap::default();
    for form in forms {
        groups.entry(key(form)).or_default().push(form);
    }
    let mut renames = Renames::default();
    for (key, members) in groups.into_iter().filter(|(_, m)| m.len() > 1) {
        for form in members.into_iter().filter(|f| **f != key) {
            renames.insert(form.clone(), key.clone());
        }
    }
    renames
}

fn key(form: &[u8]) -> Form {
    let text = optional_quantity(form);
    let text = units(&text);
    let text = joined(&text);
    let text = filled_brackets(&text);
    let text = runs(&text, 3);
    repeats(&text)
}

/// `V unit (V unit)` and `V unit` are both `V unit V`; `<V` is `V`.
fn optional_quantity(form: &[u8]) -> Form {
    let words = tokens(form);
    let mut out = Form::with_capacity(form.len());
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

/// A unit of size or time behind a value belongs to it: the same place holds `80.0 B` and `2.1 KB`.
fn units(form: &[u8]) -> Form {
    let words = tokens(form);
    let unit = |w: &[u8]| {
        matches!(
            w,
            b"B" | b"KB" | b"MB" | b"GB" | b"TB" | b"KiB" | b"MiB" | b"GiB" | b"TiB" | b"kB"
        ) || matches!(
            w,
            b"ns" | b"us" | b"ms" | b"s" | b"sec" | b"secs" | b"min" | b"h"
        )
    };
    let mut out = Form::with_capacity(form.len());
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

/// Three places in source code or more, one after the other, are one value: `a.b.C:V a.b.D:V a.b.E:V`.
pub fn traced(form: &[u8]) -> Form {
    let words: Vec<&[u8]> = form.split(|b| *b == b' ').collect();
    let place = |w: &[u8]| {
        w.len() > 3 && w.ends_with(&[b':', VAR]) && w.contains(&b'.') && !w.contains(&b'(')
    };
    let mut out: Vec<&[u8]> = Vec::with_capacity(words.len());
    let mut i = 0;
    while i < words.len() {
        let n = words[i..].iter().take_while(|w| place(w)).count();
        out.push(if n >= 3 { &[VAR] } else { words[i] });
        i += if n >= 3 { n } else { 1 };
    }
    out.join(&b' ')
}

/// `V-V`, `V:V`, `V/V` and so on are one value.
fn joined(form: &[u8]) -> Form {
    let mut out = Form::with_capacity(form.len());
    for &b in form {
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

/// An empty bracket behind a blank is one with a value.
fn filled_brackets(form: &[u8]) -> Form {
    let mut out = Form::with_capacity(form.len() + 2);
    for (i, &b) in form.iter().enumerate() {
        out.push(b);
        let empty = matches!(
            (b, form.get(i + 1)),
            (b'(', Some(b')')) | (b'[', Some(b']'))
        );
        if empty && i > 0 && form[i - 1] == b' ' {
            out.push(VAR);
        }
    }
    out
}

/// Long lists of values, `V V V`, `V, V, V`, are one value in a text of more than `few` values.
pub fn runs(form: &[u8], few: usize) -> Form {
    if form.iter().filter(|b| **b == VAR).count() <= few {
        return form.to_vec();
    }
    let mut out = Form::with_capacity(form.len());
    for &b in form {
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

/// A group of up to eight tokens with a value in it that comes three times or more in a row comes twice.
fn repeats(form: &[u8]) -> Form {
    let words = tokens(form);
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

    fn shown(text: &str) -> String {
        String::from_utf8_lossy(&key(text.replace('$', "\u{1}").as_bytes())).replace('\u{1}', "$")
    }

    #[test]
    fn lists_and_optional_parts_share_a_key() {
        assert_eq!(
            shown("$ close, $ bytes ($ KB) sent"),
            shown("$ close, $ bytes sent")
        );
        assert_eq!(shown("from $ () at $"), shown("from $ ($) at $"));
        assert_eq!(shown("n $ $ $ $ end"), shown("n $ $ $ $ $ $ end"));
        assert_eq!(
            shown("a-$ <ok> a-$ <ok> a-$ <ok> b"),
            shown("a-$ <ok> a-$ <ok> a-$ <ok> a-$ <ok> b")
        );
        assert_ne!(shown("from $ to $"), shown("from $"));
    }
}

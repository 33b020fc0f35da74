//! Shapes -> templates. What masks leave is merged when templates differ in one word that takes many values. Everything is
//! decided on the set of shapes, so the order of files and threads cannot matter.

use super::display::display;
use super::kinds::Shape;
use super::mask::{VAR, mask};
use crate::model::TemplateKey;
use rustc_hash::{FxHashMap, FxHashSet};
use std::hash::{Hash, Hasher};

/// Longer messages are mined by their beginning.
const MAX_MESSAGE: usize = 2048;
/// Words beyond this are not tried as holes.
const MAX_WORDS: usize = 64;
const ROUNDS: usize = 3;

/// Outcome of a resolution: a template per shape.
#[derive(Clone, Debug, Default)]
pub struct Resolved {
    pub texts: Vec<String>,
    pub ids: Vec<TemplateKey>,
    /// Per shape, which of `texts`.
    pub of_shape: Vec<u32>,
}

/// Hash of a template's text in 53 bits, so that it survives in a JSON number.
pub fn template_id(text: &str) -> TemplateKey {
    xxhash_rust::xxh3::xxh3_64(text.as_bytes()) >> 11
}

/// Masks of shapes by number, kept from one resolution to the next.
pub fn resolve(shapes: &[Shape]) -> Resolved {
    let masked: Vec<Vec<u8>> = shapes.iter().map(masked_shape).collect();
    let mut forms: Vec<Vec<u8>> = masked.clone();
    forms.sort_unstable();
    forms.dedup();
    let mut merged: FxHashMap<Vec<u8>, Vec<u8>> = forms.iter().map(|f| (f.clone(), f.clone())).collect();
    for _ in 0..ROUNDS {
        let step = fill_holes(&forms);
        if step.is_empty() {
            break;
        }
        for target in merged.values_mut() {
            if let Some(next) = step.get(target) {
                target.clone_from(next);
            }
        }
        forms = merged.values().cloned().collect();
        forms.sort_unstable();
        forms.dedup();
    }
    let mut out = Resolved::default();
    let mut known: FxHashMap<String, u32> = FxHashMap::default();
    for form in &masked {
        let text = display(merged.get(form).unwrap_or(form));
        let next = out.texts.len() as u32;
        let id = *known.entry(text).or_insert_with_key(|text| {
            out.ids.push(template_id(text));
            out.texts.push(text.clone());
            next
        });
        out.of_shape.push(id);
    }
    out
}

fn masked_shape(shape: &Shape) -> Vec<u8> {
    let mut end = shape.example.len().min(MAX_MESSAGE);
    while !shape.example.is_char_boundary(end) {
        end -= 1;
    }
    let example = &shape.example[..end];
    let mut masked = mask(example, |word, name| {
        let never_varied = shape.varied.get(word) == Some(&false);
        let digits = name.bytes().filter(u8::is_ascii_digit).count();
        never_varied && (digits == 1 || shape.count >= 10)
    });
    if end < shape.example.len() {
        masked.push(VAR);
    }
    masked
}

/// Cuts at blanks and punctuation; the delimiters are tokens too.
fn tokens(form: &[u8]) -> Vec<&[u8]> {
    let mut out = Vec::new();
    let mut start = 0;
    for (i, b) in form.iter().enumerate() {
        if b" =:,;()[]{}\"'<>|".contains(b) {
            if start < i {
                out.push(&form[start..i]);
            }
            out.push(&form[i..=i]);
            start = i + 1;
        }
    }
    if start < form.len() {
        out.push(&form[start..]);
    }
    out
}

fn is_wordy(token: &[u8]) -> bool {
    token.iter().any(|b| b.is_ascii_alphanumeric() || *b >= 0x80 || *b == VAR)
}

/// One round: forms that are equal but for one word share a signature; where that word takes enough values it is a variable.
fn fill_holes(forms: &[Vec<u8>]) -> FxHashMap<Vec<u8>, Vec<u8>> {
    let split: Vec<Vec<&[u8]>> = forms.iter().map(|f| tokens(f)).collect();
    let mut siblings: FxHashMap<u64, Vec<(u32, u32)>> = FxHashMap::default();
    for (i, words) in split.iter().enumerate() {
        for (position, signature) in signatures(words) {
            siblings.entry(signature).or_default().push((i as u32, position));
        }
    }
    let mut sets: Vec<Vec<(u32, u32)>> = siblings.into_values().filter(|s| s.len() > 1).collect();
    // Forms are sorted, so their numbers are an order that depends on the set alone.
    sets.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    let mut changed: FxHashMap<Vec<u8>, Vec<u8>> = FxHashMap::default();
    let mut taken: FxHashSet<u32> = FxHashSet::default();
    for set in sets {
        let live: Vec<(u32, u32)> = set.into_iter().filter(|(i, _)| !taken.contains(i)).collect();
        let values: Vec<&[u8]> = live.iter().map(|(i, p)| split[*i as usize][*p as usize]).collect();
        if live.len() < 2 || !varies(&values, &split[live[0].0 as usize], live[0].1 as usize) {
            continue;
        }
        for (i, p) in live {
            taken.insert(i);
            let words = &split[i as usize];
            let form: Vec<u8> = words.iter().enumerate().flat_map(|(n, w)| if n == p as usize { &[VAR][..] } else { w }).copied().collect();
            changed.insert(forms[i as usize].clone(), form);
        }
    }
    changed.retain(|from, to| from != to);
    changed
}

/// Hash of the tokens with one word punched out, for every word.
fn signatures(words: &[&[u8]]) -> Vec<(u32, u64)> {
    let hash = |w: &[u8]| {
        let mut h = rustc_hash::FxHasher::default();
        w.hash(&mut h);
        h.finish() | 1
    };
    let mut before = vec![0x517c_c1b7_2722_0a95u64; words.len() + 1];
    for (i, w) in words.iter().enumerate() {
        before[i + 1] = (before[i].rotate_left(5) ^ hash(w)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
    let mut after = 0u64;
    let mut out = Vec::new();
    for (i, w) in words.iter().enumerate().rev() {
        if i < MAX_WORDS && is_wordy(w) {
            out.push((i as u32, before[i].rotate_left(17) ^ after ^ (words.len() as u64) << 48));
        }
        after = (after.rotate_left(7) ^ hash(w)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    }
    out
}

/// Do these values, seen at one place of otherwise equal texts, make a variable?
fn varies(values: &[&[u8]], words: &[&[u8]], position: usize) -> bool {
    let distinct: FxHashSet<&[u8]> = values.iter().copied().collect();
    if distinct.len() < 2 {
        return false;
    }
    let rest = words.iter().enumerate().filter(|(i, w)| *i != position && w.iter().any(u8::is_ascii_alphabetic)).count();
    if rest == 0 {
        return false;
    }
    let first_word = words[..position].iter().all(|w| !is_wordy(w));
    let has_var = distinct.iter().any(|v| v.contains(&VAR));
    if has_var && distinct.contains(&[VAR][..]) && !(first_word && rest < 3) {
        return true;
    }
    if first_word {
        return rest >= 3 && distinct.len() >= 6;
    }
    let digits_only = {
        let strip = |v: &[u8]| v.iter().filter(|b| !b.is_ascii_digit()).copied().collect::<Vec<u8>>();
        let first = strip(values[0]);
        values.iter().any(|v| v.iter().any(u8::is_ascii_digit)) && values.iter().all(|v| strip(v) == first)
    };
    if digits_only {
        return true;
    }
    let half = |is: &dyn Fn(&[u8]) -> bool| distinct.iter().filter(|v| is(v)).count() * 2 > distinct.len();
    let previous = words[..position].iter().rev().find(|w| is_wordy(w)).map(|w| w.to_ascii_lowercase()).unwrap_or_default();
    let needed = match previous.as_slice() {
        b"user" | b"username" | b"account" | b"login" | b"host" | b"hostname" => 2,
        _ if half(&|v| v.len() > 1 && v.iter().all(|b| b.is_ascii_uppercase() || *b == b'_')) => 8,
        b"for" | b"from" | b"by" | b"as" | b"at" | b"on" | b"with" | b"of" => 3,
        _ if half(&|v| v.contains(&VAR) || v.iter().any(|b| b"_./@$\\".contains(b))) => 3,
        _ => 4,
    };
    distinct.len() >= needed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(text: &str) -> Shape {
        Shape { example: text.into(), varied: vec![true; 8], count: 1, ..Shape::default() }
    }

    fn texts(lines: &[&str]) -> Vec<String> {
        let shapes: Vec<Shape> = lines.iter().map(|l| shape(l)).collect();
        let r = resolve(&shapes);
        r.of_shape.iter().map(|i| r.texts[*i as usize].clone()).collect()
    }

    #[test]
    fn words_that_take_many_values_become_variables() {
        let got = texts(&["session opened for user ann", "session opened for user bob", "connection closed", "connection opened"]);
        assert_eq!(got, ["session opened for user <*>", "session opened for user <*>", "connection closed", "connection opened"]);
    }

    #[test]
    fn order_does_not_matter() {
        let lines = ["job a done", "job b done", "job c done", "job d done", "job e failed", "x y z", "took 5 ms"];
        let mut reversed = lines;
        reversed.reverse();
        let mut back = texts(&reversed);
        back.reverse();
        assert_eq!(texts(&lines), back);
    }

    #[test]
    fn ids_fit_a_json_number() {
        assert!(template_id("anything <*>") < 1 << 53);
    }
}

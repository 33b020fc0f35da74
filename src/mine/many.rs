//! Texts that differ in several words at once, and texts that another one covers word for word. Knows forms and their
//! counts, not lines.

use super::decide::varies_among_others;
use super::mask::VAR;
use super::tokens::{Form, Renames, is_constant_word, is_var, is_word, tokens};
use rustc_hash::{FxHashMap, FxHashSet};

/// Places punched out at once.
const MOST_PLACES: usize = 5;
const LEAST_TEXTS: usize = 6;
/// Covering texts tried for one text.
const MOST_COVERS: usize = 64;

type Split<'a> = Vec<Vec<&'a [u8]>>;

/// Forms of the same punctuation and number of words.
fn buckets(split: &Split) -> Vec<Vec<u32>> {
    let mut out: FxHashMap<Form, Vec<u32>> = FxHashMap::default();
    for (i, words) in split.iter().enumerate() {
        let mut key = Form::new();
        words.iter().for_each(|w| {
            if is_word(w) {
                key.push(2)
            } else {
                key.extend_from_slice(w)
            }
        });
        out.entry(key).or_default().push(i as u32);
    }
    let mut out: Vec<Vec<u32>> = out.into_values().filter(|b| b.len() > 1).collect();
    out.sort_unstable();
    out
}

/// Punches the rarest words of each form out; many forms that agree in the rest are one.
pub fn punch_many(forms: &[Form]) -> Renames {
    let split: Split = forms.iter().map(|f| tokens(f)).collect();
    let mut renames = Renames::default();
    for bucket in buckets(&split)
        .into_iter()
        .filter(|b| b.len() >= LEAST_TEXTS)
    {
        let orders = rarest_first(&bucket, &split);
        let mut taken: FxHashSet<u32> = FxHashSet::default();
        for m in 2..=MOST_PLACES {
            for (places, members) in same_but(&bucket, &split, &orders, m) {
                let members: Vec<u32> =
                    members.into_iter().filter(|i| !taken.contains(i)).collect();
                if !agree(&members, &places, &split) {
                    continue;
                }
                for i in members {
                    taken.insert(i);
                    let form: Form = with(&split[i as usize], &places);
                    if form != forms[i as usize] {
                        renames.insert(forms[i as usize].clone(), form);
                    }
                }
            }
        }
    }
    renames
}

fn with(words: &[&[u8]], places: &[u32]) -> Form {
    words
        .iter()
        .enumerate()
        .flat_map(|(n, w)| {
            if places.contains(&(n as u32)) {
                &[VAR][..]
            } else {
                w
            }
        })
        .copied()
        .collect()
}

/// Per form of the bucket, its word positions ordered by how few forms have that word there.
fn rarest_first(bucket: &[u32], split: &Split) -> Vec<Vec<u32>> {
    let mut seen: FxHashMap<(u32, &[u8]), u32> = FxHashMap::default();
    for &i in bucket {
        for (p, w) in split[i as usize]
            .iter()
            .enumerate()
            .filter(|(_, w)| is_word(w))
        {
            *seen.entry((p as u32, w)).or_default() += 1;
        }
    }
    let order = |i: &u32| {
        let words = &split[*i as usize];
        let mut places: Vec<u32> = (0..words.len() as u32)
            .filter(|p| is_word(words[*p as usize]) && !is_var(words[*p as usize]))
            .collect();
        places.sort_by_key(|p| (seen[&(*p, words[*p as usize])], *p));
        places
    };
    bucket.iter().map(order).collect()
}

/// Groups of forms that are equal when their `m` rarest words are punched out.
fn same_but(
    bucket: &[u32],
    split: &Split,
    orders: &[Vec<u32>],
    m: usize,
) -> Vec<(Vec<u32>, Vec<u32>)> {
    let mut groups: FxHashMap<Form, (Vec<u32>, Vec<u32>)> = FxHashMap::default();
    for (i, order) in bucket.iter().zip(orders).filter(|(_, o)| o.len() > m) {
        let mut places = order[..m].to_vec();
        places.sort_unstable();
        let mut key = with(&split[*i as usize], &places);
        places.iter().for_each(|p| key.extend(p.to_le_bytes()));
        groups
            .entry(key)
            .or_insert_with(|| (places, Vec::new()))
            .1
            .push(*i);
    }
    let mut groups: Vec<_> = groups
        .into_values()
        .filter(|(_, g)| g.len() >= LEAST_TEXTS)
        .collect();
    groups.sort_unstable_by(|a, b| b.1.len().cmp(&a.1.len()).then_with(|| a.cmp(b)));
    groups
}

fn agree(members: &[u32], places: &[u32], split: &Split) -> bool {
    if members.len() < LEAST_TEXTS {
        return false;
    }
    let words = &split[members[0] as usize];
    let constant = words
        .iter()
        .enumerate()
        .filter(|(p, w)| !places.contains(&(*p as u32)) && is_constant_word(w))
        .count();
    if constant < (places.len() - 1).max(2) {
        return false;
    }
    places.iter().all(|p| {
        let first = !words[..*p as usize].iter().any(|w| is_word(w));
        let values: Vec<&[u8]> = members
            .iter()
            .map(|i| split[*i as usize][*p as usize])
            .collect();
        varies_among_others(&values, first) && !(first && constant < 3)
    })
}

/// A form that another one, with two variables or more and at least as many lines, covers word for word joins it.
pub fn fit(forms: &[Form], count: impl Fn(&Form) -> u64) -> Renames {
    let split: Split = forms.iter().map(|f| tokens(f)).collect();
    let mut renames = Renames::default();
    for bucket in buckets(&split) {
        let mut covers: Vec<(u64, u32)> = bucket
            .iter()
            .filter(|i| split[**i as usize].iter().filter(|w| is_var(w)).count() >= 2)
            .map(|i| (count(&forms[*i as usize]), *i))
            .collect();
        covers.sort_unstable_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        covers.truncate(MOST_COVERS);
        for &i in &bucket {
            let lines = count(&forms[i as usize]);
            let best = covers
                .iter()
                .filter(|(n, c)| *c != i && *n >= lines)
                .filter_map(|(n, c)| {
                    absorbed(&split[*c as usize], &split[i as usize])
                        .map(|a| (a, std::cmp::Reverse(*n), *c))
                })
                .min();
            if let Some((_, _, c)) = best {
                renames.insert(forms[i as usize].clone(), forms[c as usize].clone());
            }
        }
    }
    renames
}

/// How many words of `text` the variables of `cover` take in; `None` when it does not cover it or too little is left.
fn absorbed(cover: &[&[u8]], text: &[&[u8]]) -> Option<usize> {
    let (mut taken, mut constant) = (0, 0);
    for (c, t) in cover.iter().zip(text) {
        if c == t {
            constant += usize::from(is_constant_word(c));
        } else if is_var(c) && is_word(t) {
            taken += 1;
        } else {
            return None;
        }
    }
    (taken > 0 && cover.len() == text.len() && constant >= taken.max(2)).then_some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_names_that_vary_together_are_two_variables() {
        let names = ["ann", "bob", "cy", "dan", "eve", "fay"];
        let forms: Vec<Form> = names
            .iter()
            .map(|n| format!("mail from {n} was sent to x{n}y today").into_bytes())
            .collect();
        let renames = punch_many(&forms);
        assert!(
            forms
                .iter()
                .all(|f| renames[f] == b"mail from \x01 was sent to \x01 today")
        );
    }

    #[test]
    fn a_covered_text_joins_the_larger_one() {
        let forms = vec![
            b"job \x01 moved to \x01 now".to_vec(),
            b"job a moved to \x01 now".to_vec(),
            b"job a moved away".to_vec(),
        ];
        let renames = fit(&forms, |f| if f.starts_with(b"job \x01") { 9 } else { 1 });
        assert_eq!(renames.len(), 1);
        assert_eq!(renames[&forms[1]], forms[0]);
    }
}

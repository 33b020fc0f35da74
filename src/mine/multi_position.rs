//! Merges texts that differ at several positions, and texts that a more general text covers word
//! for word. Knows only patterns and their line counts, not log lines.

use super::mask::VAR;
use super::tokens::{Pattern, Replacements, is_constant_word, is_var, is_word, tokens};
use super::variability::varies_jointly;
use rustc_hash::{FxHashMap, FxHashSet};

/// Largest number of positions that are replaced at once.
const MAX_POSITIONS: usize = 5;
/// Smallest number of patterns that are merged at several positions.
const MIN_PATTERNS: usize = 6;
/// Largest number of covering patterns that are tried for one pattern.
const MAX_COVERS: usize = 64;

type Split<'a> = Vec<Vec<&'a [u8]>>;

/// Groups patterns that have the same punctuation and the same number of words.
fn buckets(split: &Split) -> Vec<Vec<u32>> {
    let mut out: FxHashMap<Pattern, Vec<u32>> = FxHashMap::default();
    for (i, words) in split.iter().enumerate() {
        let mut key = Pattern::new();
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

/// Replaces the rarest words of each pattern with variables. Merges patterns that are then equal if
/// there are enough of them.
pub fn merge_multi_position(patterns: &[Pattern]) -> Replacements {
    let split: Split = patterns.iter().map(|f| tokens(f)).collect();
    let mut replacements = Replacements::default();
    for bucket in buckets(&split)
        .into_iter()
        .filter(|b| b.len() >= MIN_PATTERNS)
    {
        let orders = rarest_first(&bucket, &split);
        let mut merged: FxHashSet<u32> = FxHashSet::default();
        for m in 2..=MAX_POSITIONS {
            for (positions, members) in group_without_rarest(&bucket, &split, &orders, m) {
                let members: Vec<u32> = members
                    .into_iter()
                    .filter(|i| !merged.contains(i))
                    .collect();
                if !all_positions_vary(&members, &positions, &split) {
                    continue;
                }
                for i in members {
                    merged.insert(i);
                    let pattern: Pattern = with_variables(&split[i as usize], &positions);
                    if pattern != patterns[i as usize] {
                        replacements.insert(patterns[i as usize].clone(), pattern);
                    }
                }
            }
        }
    }
    replacements
}

fn with_variables(words: &[&[u8]], positions: &[u32]) -> Pattern {
    words
        .iter()
        .enumerate()
        .flat_map(|(n, w)| {
            if positions.contains(&(n as u32)) {
                &[VAR][..]
            } else {
                w
            }
        })
        .copied()
        .collect()
}

/// For each pattern of the bucket, its word positions, ordered by how many patterns have the same
/// word there, fewest first.
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
        let mut positions: Vec<u32> = (0..words.len() as u32)
            .filter(|p| is_word(words[*p as usize]) && !is_var(words[*p as usize]))
            .collect();
        positions.sort_by_key(|p| (seen[&(*p, words[*p as usize])], *p));
        positions
    };
    bucket.iter().map(order).collect()
}

/// Groups patterns that are equal when their `m` rarest words are replaced. Returns the replaced
/// positions and the members of each group.
fn group_without_rarest(
    bucket: &[u32],
    split: &Split,
    orders: &[Vec<u32>],
    m: usize,
) -> Vec<(Vec<u32>, Vec<u32>)> {
    let mut groups: FxHashMap<Pattern, (Vec<u32>, Vec<u32>)> = FxHashMap::default();
    for (i, order) in bucket.iter().zip(orders).filter(|(_, o)| o.len() > m) {
        let mut positions = order[..m].to_vec();
        positions.sort_unstable();
        let mut key = with_variables(&split[*i as usize], &positions);
        positions.iter().for_each(|p| key.extend(p.to_le_bytes()));
        groups
            .entry(key)
            .or_insert_with(|| (positions, Vec::new()))
            .1
            .push(*i);
    }
    let mut groups: Vec<_> = groups
        .into_values()
        .filter(|(_, g)| g.len() >= MIN_PATTERNS)
        .collect();
    groups.sort_unstable_by(|a, b| b.1.len().cmp(&a.1.len()).then_with(|| a.cmp(b)));
    groups
}

fn all_positions_vary(members: &[u32], positions: &[u32], split: &Split) -> bool {
    if members.len() < MIN_PATTERNS {
        return false;
    }
    let words = &split[members[0] as usize];
    let constant = words
        .iter()
        .enumerate()
        .filter(|(p, w)| !positions.contains(&(*p as u32)) && is_constant_word(w))
        .count();
    if constant < (positions.len() - 1).max(2) {
        return false;
    }
    positions.iter().all(|p| {
        let first = !words[..*p as usize].iter().any(|w| is_word(w));
        let values: Vec<&[u8]> = members
            .iter()
            .map(|i| split[*i as usize][*p as usize])
            .collect();
        varies_jointly(&values, first) && !(first && constant < 3)
    })
}

/// Merges each pattern into another one that covers it word for word. The covering pattern must
/// have at least two variables and at least as many lines.
pub fn merge_into_covering(patterns: &[Pattern], count: impl Fn(&Pattern) -> u64) -> Replacements {
    let split: Split = patterns.iter().map(|f| tokens(f)).collect();
    let mut replacements = Replacements::default();
    for bucket in buckets(&split) {
        let mut covers: Vec<(u64, u32)> = bucket
            .iter()
            .filter(|i| split[**i as usize].iter().filter(|w| is_var(w)).count() >= 2)
            .map(|i| (count(&patterns[*i as usize]), *i))
            .collect();
        covers.sort_unstable_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        covers.truncate(MAX_COVERS);
        for &i in &bucket {
            let lines = count(&patterns[i as usize]);
            let best = covers
                .iter()
                .filter(|(n, c)| *c != i && *n >= lines)
                .filter_map(|(n, c)| {
                    matched_words(&split[*c as usize], &split[i as usize])
                        .map(|a| (a, std::cmp::Reverse(*n), *c))
                })
                .min();
            if let Some((_, _, c)) = best {
                replacements.insert(patterns[i as usize].clone(), patterns[c as usize].clone());
            }
        }
    }
    replacements
}

/// Number of words of `text` that the variables of `cover` match. `None` if `cover` does not match
/// `text` or if too few constant words remain.
fn matched_words(cover: &[&[u8]], text: &[&[u8]]) -> Option<usize> {
    let (mut matched, mut constant) = (0, 0);
    for (c, t) in cover.iter().zip(text) {
        if c == t {
            constant += usize::from(is_constant_word(c));
        } else if is_var(c) && is_word(t) {
            matched += 1;
        } else {
            return None;
        }
    }
    (matched > 0 && cover.len() == text.len() && constant >= matched.max(2)).then_some(matched)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_words_that_vary_together_become_two_variables() {
        let names = ["ann", "bob", "cy", "dan", "eve", "fay"];
        let patterns: Vec<Pattern> = names
            .iter()
            .map(|n| format!("mail from {n} was sent to x{n}y today").into_bytes())
            .collect();
        let replacements = merge_multi_position(&patterns);
        assert!(
            patterns
                .iter()
                .all(|f| replacements[f] == b"mail from \x01 was sent to \x01 today")
        );
    }

    #[test]
    fn a_covered_pattern_merges_into_the_one_with_more_lines() {
        let patterns = vec![
            b"job \x01 moved to \x01 now".to_vec(),
            b"job a moved to \x01 now".to_vec(),
            b"job a moved away".to_vec(),
        ];
        let replacements =
            merge_into_covering(
                &patterns,
                |f| if f.starts_with(b"job \x01") { 9 } else { 1 },
            );
        assert_eq!(replacements.len(), 1);
        assert_eq!(replacements[&patterns[1]], patterns[0]);
    }
}

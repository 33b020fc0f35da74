//! Converts shapes to templates: masks each shape, then merges patterns that differ in words with
//! many values. All decisions depend only on the set of shapes, so the order of files and threads
//! does not matter. Does not access files.

use super::by_caller::merge_statement;
use super::display::display;
use super::edits::Edits;
use super::kinds::Shape;
use super::mask::{VAR, mask};
use super::middles::merge_middles;
use super::multi_position::{merge_into_covering, merge_multi_position};
use super::skeleton::merge_by_skeleton;
use super::tails::merge_tails;
use super::thresholds::Thresholds;
use super::tokens::{Pattern, Replacements};
use super::variability::Rules;
use super::variable_positions::merge_single_position;
use super::widen::{collapse_lists, collapse_stack_frames, merge_collapsed};
use crate::model::TemplateKey;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// Longer messages are cut off at this length in bytes, and the rest counts as one variable.
const MAX_MESSAGE: usize = 2048;
/// Largest number of former ids that a template keeps.
const MAX_ALIASES: usize = 1000;
/// Largest number of rounds of each kind of merge.
const ROUNDS: usize = 4;
/// Rounds that merge at several positions at once.
const MULTI_ROUNDS: usize = 2;
/// A message with more variables than this is a list, and its length does not matter.
const LONG_LIST: usize = 12;

/// The result of `resolve`: a template for each shape.
#[derive(Clone, Debug, Default)]
pub struct Resolved {
    pub texts: Vec<String>,
    /// For each text, its id.
    pub ids: Vec<TemplateKey>,
    /// For each text, the ids that its events had before they were merged or edited, ascending.
    pub aliases: Vec<Vec<TemplateKey>>,
    /// For each shape, the index of its template in `texts`.
    pub of_shape: Vec<u32>,
}

/// Hash of a template's text. Has 53 bits, so a JSON number can represent it exactly.
pub fn template_id(text: &str) -> TemplateKey {
    xxhash_rust::xxh3::xxh3_64(text.as_bytes()) >> 11
}

/// The patterns of the masked shapes while they are merged, step by step.
struct Merging {
    /// Masked text -> its current pattern.
    current: FxHashMap<Pattern, Pattern>,
    /// Masked text -> its number of lines.
    lines: FxHashMap<Pattern, u64>,
}

impl Merging {
    /// Starts with patterns and their numbers of lines.
    fn new<'a>(patterns: impl Iterator<Item = (&'a Pattern, u64)>) -> Merging {
        let mut m = Merging {
            current: FxHashMap::default(),
            lines: FxHashMap::default(),
        };
        for (pattern, count) in patterns {
            m.current
                .entry(pattern.clone())
                .or_insert_with(|| pattern.clone());
            *m.lines.entry(pattern.clone()).or_default() += count;
        }
        m
    }

    fn patterns(&self) -> Vec<Pattern> {
        let mut patterns: Vec<Pattern> = self.current.values().cloned().collect();
        patterns.sort_unstable();
        patterns.dedup();
        patterns
    }

    /// Applies one merge step to the set of patterns. Returns false if it changed nothing.
    fn step(
        &mut self,
        step: impl FnOnce(&[Pattern], &dyn Fn(&Pattern) -> u64) -> Replacements,
    ) -> bool {
        let mut count: FxHashMap<&Pattern, u64> = FxHashMap::default();
        for (masked, pattern) in &self.current {
            *count.entry(pattern).or_default() += self.lines.get(masked).copied().unwrap_or(0);
        }
        let replacements = step(&self.patterns(), &|f| count.get(f).copied().unwrap_or(0));
        for pattern in self.current.values_mut() {
            if let Some(next) = replacements.get(pattern) {
                pattern.clone_from(next);
            }
        }
        !replacements.is_empty()
    }
}

/// Finds the template of each shape, and applies the user's edits.
pub fn resolve(shapes: &[Shape], edits: &Edits) -> Resolved {
    resolve_with(shapes, edits, &Thresholds::default())
}

/// Like `resolve`, with other thresholds.
pub fn resolve_with(shapes: &[Shape], edits: &Edits, thresholds: &Thresholds) -> Resolved {
    let masked: Vec<Pattern> = shapes.iter().map(masked_shape).collect();
    let mut by_caller: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (n, shape) in shapes.iter().enumerate() {
        by_caller.entry(&shape.caller).or_default().push(n);
    }
    // A single call site is that of the logger itself and tells nothing about statements.
    if by_caller.keys().filter(|c| !c.is_empty()).count() == 1 {
        by_caller = BTreeMap::from([("", (0..shapes.len()).collect())]);
    }
    let mut merged = vec![Pattern::new(); shapes.len()];
    for (caller, members) in by_caller {
        let mut m = Merging::new(members.iter().map(|n| (&masked[*n], shapes[*n].count)));
        merge_by_text(&mut m, thresholds);
        if !caller.is_empty() {
            m.step(merge_statement);
        }
        for n in members {
            merged[n] = m.current.get(&masked[n]).cloned().unwrap_or_default();
        }
    }
    build_result(&masked, &merged, edits)
}

/// Merges patterns by their text alone.
fn merge_by_text(m: &mut Merging, thresholds: &Thresholds) {
    if m.current.len() < 2 {
        return;
    }
    let mut rules = Rules::new(thresholds);
    m.step(|f, _| merge_collapsed(f));
    m.step(|f, _| merge_by_skeleton(f, &mut rules));
    merge_until_stable(m, &mut rules);
    let multi_rounds = (0..MULTI_ROUNDS)
        .filter(|_| m.step(|f, _| merge_multi_position(f)))
        .count();
    if multi_rounds > 0 {
        merge_until_stable(m, &mut rules);
    }
    for _ in 0..ROUNDS {
        if !m.step(|f, _| merge_middles(f, thresholds)) {
            break;
        }
        m.step(|f, _| merge_collapsed(f));
    }
    m.step(|f, _| merge_tails(f, thresholds));
    m.step(|f, lines| merge_into_covering(f, lines));
}

/// Merges at one position per round, until nothing changes or after `ROUNDS` rounds.
fn merge_until_stable(m: &mut Merging, rules: &mut Rules<'_>) {
    for _ in 0..ROUNDS {
        if !m.step(|f, _| merge_single_position(f, rules)) {
            break;
        }
        m.step(|f, _| merge_collapsed(f));
    }
}

/// Builds the result. Patterns with the same displayed text share one template.
fn build_result(masked: &[Pattern], merged: &[Pattern], edits: &Edits) -> Resolved {
    let mut out = Resolved::default();
    let mut known: FxHashMap<String, u32> = FxHashMap::default();
    let mut seen: FxHashMap<(&Pattern, &Pattern), u32> = FxHashMap::default();
    for (own, pattern) in masked.iter().zip(merged) {
        let id = *seen.entry((own, pattern)).or_insert_with(|| {
            let own_text = display(own);
            let merged_text = if own == pattern {
                own_text.clone()
            } else {
                display(pattern)
            };
            let text = edits.apply(merged_text.clone(), &own_text);
            let next = out.texts.len() as u32;
            let id = *known.entry(text).or_insert_with_key(|text| {
                out.ids.push(template_id(text));
                out.texts.push(text.clone());
                out.aliases.push(Vec::new());
                next
            });
            let aliases = &mut out.aliases[id as usize];
            aliases.extend(
                [&own_text, &merged_text]
                    .into_iter()
                    .filter(|t| **t != out.texts[id as usize])
                    .map(|t| template_id(t)),
            );
            id
        });
        out.of_shape.push(id);
    }
    for aliases in &mut out.aliases {
        aliases.sort_unstable();
        aliases.dedup();
        aliases.truncate(MAX_ALIASES);
    }
    out
}

/// The message of a shape with its variables masked.
pub fn masked_shape(shape: &Shape) -> Vec<u8> {
    let mut end = shape.example.len().min(MAX_MESSAGE);
    while !shape.example.is_char_boundary(end) {
        end -= 1;
    }
    let example = &shape.example[..end];
    let mut masked = mask(example, |word, name, key| {
        let never_varied = shape.varied.get(word) == Some(&false);
        let digits = name.bytes().filter(u8::is_ascii_digit).count();
        never_varied && (digits == 1 || key || shape.count >= 10)
    });
    if end < shape.example.len() {
        masked.push(VAR);
    }
    collapse_lists(&collapse_stack_frames(&masked), LONG_LIST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(text: &str) -> Shape {
        Shape {
            example: text.into(),
            varied: vec![true; 8],
            count: 1,
            ..Shape::default()
        }
    }

    fn texts(lines: &[&str]) -> Vec<String> {
        let shapes: Vec<Shape> = lines.iter().map(|l| shape(l)).collect();
        let r = resolve(&shapes, &Edits::default());
        r.of_shape
            .iter()
            .map(|i| r.texts[*i as usize].clone())
            .collect()
    }

    #[test]
    fn words_that_take_many_values_become_variables() {
        let got = texts(&[
            "session opened for user ann",
            "session opened for user bob",
            "connection closed",
            "connection opened",
        ]);
        assert_eq!(
            got,
            [
                "session opened for user <*>",
                "session opened for user <*>",
                "connection closed",
                "connection opened"
            ]
        );
    }

    #[test]
    fn the_order_of_shapes_does_not_matter() {
        let lines = [
            "job a done",
            "job b done",
            "job c done",
            "job d done",
            "job e failed",
            "x y z",
            "took 5 ms",
        ];
        let mut reversed = lines;
        reversed.reverse();
        let mut from_reversed = texts(&reversed);
        from_reversed.reverse();
        assert_eq!(texts(&lines), from_reversed);
    }

    #[test]
    fn template_ids_fit_in_a_json_number() {
        assert!(template_id("anything <*>") < 1 << 53);
    }
}

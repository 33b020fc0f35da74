//! Shapes -> templates. What masks leave is merged when templates differ in one word that takes many values. Everything is
//! decided on the set of shapes, so the order of files and threads cannot matter.

use super::decide::Learned;
use super::display::display;
use super::edits::Edits;
use super::holes::fill;
use super::kinds::Shape;
use super::many::{fit, punch_many};
use super::mask::{VAR, mask};
use super::skeleton::soften;
use super::tokens::{Form, Renames};
use super::widen::{runs, traced, widen};
use crate::model::TemplateKey;
use rustc_hash::FxHashMap;

/// Longer messages are mined by their beginning.
const MAX_MESSAGE: usize = 2048;
/// Former ids kept of one template.
const MOST_ALIASES: usize = 1000;
/// Rounds of filling one place after the other, and several at once.
const ROUNDS: usize = 4;
const MANY_ROUNDS: usize = 2;
/// A message with more values is a list: its length says nothing.
const LONG_LIST: usize = 12;

/// Outcome of a resolution: a template per shape.
#[derive(Clone, Debug, Default)]
pub struct Resolved {
    pub texts: Vec<String>,
    pub ids: Vec<TemplateKey>,
    /// Per text, the ids that its events had before they were merged or edited, ascending.
    pub aliases: Vec<Vec<TemplateKey>>,
    /// Per shape, which of `texts`.
    pub of_shape: Vec<u32>,
}

/// Hash of a template's text in 53 bits, so that it survives in a JSON number.
pub fn template_id(text: &str) -> TemplateKey {
    xxhash_rust::xxh3::xxh3_64(text.as_bytes()) >> 11
}

/// The forms that the masked shapes become, step by step.
struct Merging {
    /// Masked text -> its form now.
    now: FxHashMap<Form, Form>,
    lines: FxHashMap<Form, u64>,
}

impl Merging {
    fn forms(&self) -> Vec<Form> {
        let mut forms: Vec<Form> = self.now.values().cloned().collect();
        forms.sort_unstable();
        forms.dedup();
        forms
    }

    /// Applies one step to the set of forms; false when it changed nothing.
    fn step(&mut self, step: impl FnOnce(&[Form], &dyn Fn(&Form) -> u64) -> Renames) -> bool {
        let mut count: FxHashMap<&Form, u64> = FxHashMap::default();
        for (masked, form) in &self.now {
            *count.entry(form).or_default() += self.lines.get(masked).copied().unwrap_or(0);
        }
        let renames = step(&self.forms(), &|f| count.get(f).copied().unwrap_or(0));
        for form in self.now.values_mut() {
            if let Some(next) = renames.get(form) {
                form.clone_from(next);
            }
        }
        !renames.is_empty()
    }
}

/// Shapes -> templates.
pub fn resolve(shapes: &[Shape], edits: &Edits) -> Resolved {
    let masked: Vec<Form> = shapes.iter().map(masked_shape).collect();
    let mut m = Merging {
        now: FxHashMap::default(),
        lines: FxHashMap::default(),
    };
    for (form, shape) in masked.iter().zip(shapes) {
        m.now.entry(form.clone()).or_insert_with(|| form.clone());
        *m.lines.entry(form.clone()).or_default() += shape.count;
    }
    let mut learned = Learned::default();
    m.step(|f, _| widen(f));
    m.step(|f, _| soften(f, &mut learned));
    fill_holes(&mut m, &mut learned);
    let many = (0..MANY_ROUNDS)
        .filter(|_| m.step(|f, _| punch_many(f)))
        .count();
    if many > 0 {
        fill_holes(&mut m, &mut learned);
    }
    m.step(|f, lines| fit(f, lines));
    named(&masked, &m.now, edits)
}

fn fill_holes(m: &mut Merging, learned: &mut Learned) {
    for _ in 0..ROUNDS {
        if !m.step(|f, _| fill(f, learned)) {
            break;
        }
        m.step(|f, _| widen(f));
    }
}

/// Texts and ids of the templates; forms that read the same are one.
fn named(masked: &[Form], now: &FxHashMap<Form, Form>, edits: &Edits) -> Resolved {
    let mut out = Resolved::default();
    let mut known: FxHashMap<String, u32> = FxHashMap::default();
    let mut seen: FxHashMap<&Form, u32> = FxHashMap::default();
    for form in masked {
        let id = *seen.entry(form).or_insert_with(|| {
            let own = display(form);
            let merged = now
                .get(form)
                .filter(|f| *f != form)
                .map_or_else(|| own.clone(), |f| display(f));
            let text = edits.apply(merged.clone(), &own);
            let next = out.texts.len() as u32;
            let id = *known.entry(text).or_insert_with_key(|text| {
                out.ids.push(template_id(text));
                out.texts.push(text.clone());
                out.aliases.push(Vec::new());
                next
            });
            let aliases = &mut out.aliases[id as usize];
            aliases.extend(
                [&own, &merged]
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
        aliases.truncate(MOST_ALIASES);
    }
    out
}

fn masked_shape(shape: &Shape) -> Vec<u8> {
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
    runs(&traced(&masked), LONG_LIST)
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
    fn order_does_not_matter() {
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
        let mut back = texts(&reversed);
        back.reverse();
        assert_eq!(texts(&lines), back);
    }

    #[test]
    fn ids_fit_a_json_number() {
        assert!(template_id("anything <*>") < 1 << 53);
    }
}

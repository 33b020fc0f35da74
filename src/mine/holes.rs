//! Texts that are equal but for one place: where that place takes enough values it is a variable. Knows forms, not lines.

use super::decide::{Learned, Place, Unit, varies};
use super::tokens::{Ends, Form, Renames, is_var, is_word, punched, tokens};
use rustc_hash::{FxHashMap, FxHashSet};

/// Words beyond this are not tried.
const MAX_WORDS: usize = 96;
/// A span of more tokens is not tried as a whole.
const MAX_SPAN: usize = 24;

/// A place of a form: `len` tokens from `at` on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Spot {
    form: u32,
    at: u32,
    len: u32,
    unit: Unit,
}

/// One round over all forms.
pub fn fill(forms: &[Form], learned: &mut Learned) -> Renames {
    let split: Vec<Vec<&[u8]>> = forms.iter().map(|f| tokens(f)).collect();
    let mut siblings: FxHashMap<u64, Vec<Spot>> = FxHashMap::default();
    for (i, words) in split.iter().enumerate() {
        let ends = Ends::of(words);
        for (at, len, unit) in spots(words) {
            let key = ends.signature(at, len);
            siblings.entry(key).or_default().push(Spot {
                form: i as u32,
                at: at as u32,
                len: len as u32,
                unit,
            });
        }
    }
    let mut sets: Vec<Vec<Spot>> = siblings.into_values().filter(|s| s.len() > 1).collect();
    // Forms are sorted, so their numbers are an order that depends on the set alone.
    sets.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    let mut renames = Renames::default();
    let mut taken: FxHashSet<u32> = FxHashSet::default();
    for set in sets {
        let live: Vec<Spot> = set
            .into_iter()
            .filter(|s| !taken.contains(&s.form))
            .collect();
        if !worth_it(&live, &split, learned) {
            continue;
        }
        for s in live {
            taken.insert(s.form);
            let form = punched(&split[s.form as usize], s.at as usize, s.len as usize);
            if form != forms[s.form as usize] {
                renames.insert(forms[s.form as usize].clone(), form);
            }
        }
    }
    renames
}

fn worth_it(live: &[Spot], split: &[Vec<&[u8]>], learned: &mut Learned) -> bool {
    let Some(first) = live.first().filter(|_| live.len() > 1) else {
        return false;
    };
    let values: Vec<Vec<u8>> = live
        .iter()
        .map(|s| split[s.form as usize][s.at as usize..(s.at + s.len) as usize].concat())
        .collect();
    let words = &split[first.form as usize];
    let unit = live.iter().map(|s| s.unit).max().unwrap_or(Unit::Word);
    let place = Place {
        unit,
        before: &words[..first.at as usize],
        after: &words[(first.at + first.len) as usize..],
    };
    varies(
        &values.iter().map(Vec::as_slice).collect::<Vec<_>>(),
        &place,
        learned,
    )
}

/// The places of a text: each word; `word:<*>` and a lone `-` as if they were one; spans with words of their own.
fn spots(words: &[&[u8]]) -> Vec<(usize, usize, Unit)> {
    let mut out = Vec::new();
    for (i, w) in words.iter().enumerate().take(MAX_WORDS) {
        if is_word(w) || *w == b"-" {
            out.push((i, 1, Unit::Word));
        }
        if is_word(w)
            && words.get(i + 1) == Some(&&b":"[..])
            && words.get(i + 2).is_some_and(|v| is_var(v))
        {
            out.push((i, 3, Unit::Word));
        }
        let span = match *w {
            b"\"" if i == 0 || !is_word(words[i - 1]) => {
                to(words, i + 1, b"\"").map(|n| (n, Unit::Quoted))
            }
            b"'" if i == 0 || !is_word(words[i - 1]) => {
                to(words, i + 1, b"'").map(|n| (n, Unit::Quoted))
            }
            b"(" => to(words, i + 1, b")").map(|n| (n, Unit::Bracketed)),
            b"[" => to(words, i + 1, b"]").map(|n| (n, Unit::Bracketed)),
            b"=" if i > 0 && is_word(words[i - 1]) => Some((keyed(words, i + 1), Unit::Keyed)),
            _ => None,
        };
        if let Some((len, unit)) = span.filter(|(n, _)| (2..=MAX_SPAN).contains(n)) {
            out.push((i + 1, len, unit));
        } else if let Some((1, unit)) = span.filter(|(n, _)| *n == 1) {
            // One word in quotes is a place of both sorts; the span's rule is the one that holds against longer contents.
            let at = i + 1;
            if is_word(words[at]) {
                out.retain(|s| *s != (at, 1, Unit::Word));
                out.push((at, 1, unit));
            }
        }
    }
    out.dedup();
    out
}

/// Tokens from `from` up to the closing one.
fn to(words: &[&[u8]], from: usize, close: &[u8]) -> Option<usize> {
    words
        .get(from..)?
        .iter()
        .take(MAX_SPAN + 1)
        .position(|w| *w == close)
}

/// Tokens of the value behind a `=`: up to a blank, a comma or a closing bracket.
fn keyed(words: &[&[u8]], from: usize) -> usize {
    words[from..]
        .iter()
        .take_while(|w| !matches!(**w, b" " | b"," | b";" | b")" | b"]" | b"}"))
        .count()
}

#[cfg(test)]
mod tests {
    use super::super::mask::VAR;
    use super::*;

    fn filled(lines: &[&str]) -> Vec<String> {
        let mut forms: Vec<Form> = lines
            .iter()
            .map(|l| l.replace('$', "\u{1}").into_bytes())
            .collect();
        forms.sort();
        let renames = fill(&forms, &mut Learned::default());
        lines
            .iter()
            .map(|l| {
                let form = l.replace('$', "\u{1}").into_bytes();
                String::from_utf8_lossy(renames.get(&form).unwrap_or(&form))
                    .replace(VAR as char, "$")
            })
            .collect()
    }

    #[test]
    fn a_place_next_to_a_variable_takes_the_word_in() {
        assert_eq!(
            filled(&["open $ through it", "open wpad:$ through it"]),
            ["open $ through it"; 2]
        );
    }

    #[test]
    fn quoted_text_of_any_length_is_one_variable() {
        let got = filled(&["tag=\"a\" ok", "tag=\"b c\" ok", "tag=\"d e f\" ok"]);
        assert_eq!(got, ["tag=\"$\" ok"; 3]);
    }

    #[test]
    fn three_verbs_are_three_templates() {
        let lines = [
            "started worker now",
            "stopped worker now",
            "killed worker now",
        ];
        assert_eq!(filled(&lines), lines);
    }
}

//! Texts equal outside their soft units (values of keys, quoted text, dotted names, flags): several places may vary at
//! once, and each is decided by itself. Knows forms, not lines.

use super::decide::{Learned, Place, Unit, is_flag, varies};
use super::mask::VAR;
use super::tokens::{Form, Renames, has_letter, is_var, is_word, tokens};
use rustc_hash::FxHashMap;

/// A text cut into units; the soft ones may be replaced.
struct Units<'a> {
    words: Vec<&'a [u8]>,
    /// Start, end, and whether soft.
    units: Vec<(usize, usize, bool)>,
}

/// One pass over all forms.
pub fn soften(forms: &[Form], learned: &mut Learned) -> Renames {
    let all: Vec<Units> = forms.iter().map(|f| cut(tokens(f))).collect();
    let mut groups: FxHashMap<Form, Vec<u32>> = FxHashMap::default();
    for (i, u) in all.iter().enumerate() {
        if u.units.iter().any(|(_, _, soft)| *soft) {
            groups.entry(u.skeleton()).or_default().push(i as u32);
        }
    }
    let mut groups: Vec<Vec<u32>> = groups.into_values().filter(|g| g.len() > 1).collect();
    groups.sort_unstable();
    let mut renames = Renames::default();
    for group in groups {
        let members: Vec<&Units> = group.iter().map(|i| &all[*i as usize]).collect();
        let variable = variable_units(&members, learned);
        if !variable.iter().any(|v| *v) {
            continue;
        }
        for i in group {
            let form = all[i as usize].with_variables(&variable);
            if form != forms[i as usize] {
                renames.insert(forms[i as usize].clone(), form);
            }
        }
    }
    renames
}

fn variable_units(members: &[&Units], learned: &mut Learned) -> Vec<bool> {
    let first = members[0];
    let decide = |n: usize, learned: &mut Learned| {
        let (start, end, soft) = first.units[n];
        if !soft {
            return false;
        }
        let values: Vec<Vec<u8>> = members.iter().map(|m| m.text(n)).collect();
        if values.iter().all(|v| *v == values[0]) {
            return false;
        }
        let nothing = |v: &[u8]| is_flag(v) || v == b"-" || v.is_empty();
        if values.iter().any(|v| nothing(v))
            && values.iter().all(|v| nothing(v) || v.contains(&VAR))
        {
            return true;
        }
        let place = Place {
            unit: Unit::Word,
            before: &first.words[..start],
            after: &first.words[end..],
        };
        varies(
            &values.iter().map(Vec::as_slice).collect::<Vec<_>>(),
            &place,
            learned,
        )
    };
    (0..first.units.len()).map(|n| decide(n, learned)).collect()
}

impl<'a> Units<'a> {
    fn text(&self, n: usize) -> Form {
        let (a, b, _) = self.units[n];
        self.words[a..b].concat()
    }

    fn skeleton(&self) -> Form {
        let mut out = Form::new();
        for (a, b, soft) in &self.units {
            if *soft {
                out.push(2);
            } else {
                self.words[*a..*b]
                    .iter()
                    .for_each(|w| out.extend_from_slice(w));
            }
        }
        out
    }

    fn with_variables(&self, variable: &[bool]) -> Form {
        let mut out = Form::new();
        for (n, var) in variable.iter().enumerate() {
            if *var {
                out.push(VAR);
            } else {
                out.extend(self.text(n));
            }
        }
        out
    }
}

fn cut(words: Vec<&[u8]>) -> Units<'_> {
    let mut units = Vec::with_capacity(words.len());
    let mut i = 0;
    while i < words.len() {
        let len = if i == 0 { 0 } else { soft_span(&words, i) };
        if len > 0 {
            units.push((i, i + len, true));
            i += len;
        } else {
            let alone = i > 0 && is_soft_word(&words, i);
            units.push((i, i + 1, alone));
            i += 1;
        }
    }
    Units { words, units }
}

/// Tokens of a value behind a key, or of quoted text, that start here.
fn soft_span(words: &[&[u8]], i: usize) -> usize {
    match words[i - 1] {
        b"=" if i > 1 && is_word(words[i - 2]) => {
            let mut depth = 0;
            let inside = |w: &&&[u8]| {
                match **w {
                    b"(" | b"[" | b"{" => depth += 1,
                    b")" | b"]" | b"}" => depth -= 1,
                    _ => {}
                }
                depth >= 0
                    && !matches!(**w, b"\"")
                    && (depth > 0 || !matches!(**w, b" " | b"," | b";"))
            };
            words[i..].iter().take_while(inside).count()
        }
        // A quote behind a word closes.
        b"\"" if i < 2 || !is_word(words[i - 2]) => {
            let n = words[i..].iter().take_while(|w| **w != b"\"").count();
            let content = &words[i..i + n];
            if i + n < words.len() && n < 16 && !content.iter().any(|w| w.contains(&VAR)) {
                n
            } else {
                0
            }
        }
        _ => 0,
    }
}

fn is_soft_word(words: &[&[u8]], i: usize) -> bool {
    let w = words[i];
    let glued = words[i - 1] == b":" && i > 1 && is_word(words[i - 2]) && is_word(w);
    let dotted = w.iter().filter(|b| **b == b'.').count() >= 2;
    let marked = has_letter(w) && w.iter().any(|b| b"_./@$\\".contains(b));
    glued || dotted || marked || is_flag(w) || is_var(w)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_that_vary_together_are_decided_one_by_one() {
        let lines: Vec<Form> = ["a", "b", "c", "d"]
            .iter()
            .map(|x| format!("lock=\u{1}, tag=\"t{x}\", name=com.{x}.y, mode=on").into_bytes())
            .collect();
        let renames = soften(&lines, &mut Learned::default());
        let want = b"lock=\x01, tag=\"\x01\", name=\x01, mode=on".to_vec();
        assert!(lines.iter().all(|l| renames[l] == want));
    }
}

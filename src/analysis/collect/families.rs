//! Finds templates that differ in one word only, which follows a key: `state=green`, `state=amber`.
//! Their words are tested together, like the words of a variable. Reads no text of events and
//! detects nothing.

use super::series::Series;
use super::value_series::FIELDS;
use crate::corpus::Snapshot;
use crate::detect::{Occurrences, Words};
use crate::diagnose::word_log_odds;
use crate::model::Moment;
use std::collections::BTreeMap;

/// Most words of a family.
const MAX_WORDS: usize = 12;

/// The templates of a source that are equal but for one word: the word and the events of each.
type Families<'s> = BTreeMap<(String, String), Vec<(String, &'s Occurrences)>>;

/// Adds the words of all families.
pub fn add(snapshot: &Snapshot, series: &mut Series) {
    let Series { input, fields, .. } = series;
    for source in &mut input.sources {
        let mut families: Families<'_> = BTreeMap::new();
        let whole = source
            .occurrences
            .iter()
            .filter(|o| o.message.is_none() && !o.times.is_empty());
        for o in whole {
            let text = snapshot
                .template(o.template)
                .map_or("", |t| t.text.as_str());
            for (rest, key, word) in parts(text) {
                families.entry((rest, key)).or_default().push((word, o));
            }
        }
        let is_family = |members: &&Vec<_>| (2..=MAX_WORDS).contains(&members.len());
        for ((_, key), members) in families.iter().filter(|f| is_family(&f.1)) {
            let number = u16::try_from(fields.len())
                .unwrap_or(FIELDS - 1)
                .min(FIELDS - 1);
            fields.push(key.clone());
            source.words.push(words(FIELDS + number, members));
        }
    }
}

/// Each way to leave out one word after a key: the rest of the text, the key and the word.
fn parts(text: &str) -> Vec<(String, String, String)> {
    let tokens: Vec<&str> = text.split(' ').collect();
    let part = |(i, token): (usize, &&str)| {
        let (key, word) = token.split_once('=')?;
        let is_word = word.len() > 1
            && word
                .chars()
                .all(|c| c.is_alphabetic() || matches!(c, '_' | '-'));
        let rest = [&tokens[..i], &[key], &tokens[i + 1..]].concat().join(" ");
        (is_word && !key.is_empty()).then(|| (rest, key.to_string(), word.to_string()))
    };
    tokens.iter().enumerate().filter_map(part).collect()
}

fn words(variable: u16, members: &[(String, &Occurrences)]) -> Words {
    let mut points: Vec<(Moment, u32)> = Vec::new();
    for (n, (_, o)) in (0u32..).zip(members) {
        points.extend(o.times.iter().map(|t| (*t, n)));
    }
    points.sort_unstable();
    // The newest member names the family.
    let newest = members.iter().max_by_key(|(_, o)| o.first);
    Words {
        template: newest.map_or_else(Default::default, |(_, o)| o.template),
        variable,
        points,
        names: members.iter().map(|(word, _)| word.clone()).collect(),
        log_odds: members
            .iter()
            .map(|(word, _)| word_log_odds(word))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_after_a_key_are_left_out_one_by_one() {
        let parts = parts("unit <*> state=green mode=fast n=<*>");
        let keys: Vec<(&str, &str)> = parts.iter().map(|p| (p.1.as_str(), p.2.as_str())).collect();
        assert_eq!(keys, [("state", "green"), ("mode", "fast")]);
        assert_eq!(parts[0].0, "unit <*> state mode=fast n=<*>");
    }
}

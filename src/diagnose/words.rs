//! Scores how strongly the words of a message report a problem. The words and their weights are a
//! data file of general knowledge. Knows nothing about levels, counts or times.

use rustc_hash::FxHashMap;
use std::sync::OnceLock;

/// Log-odds of a message without any listed word. Most messages do not report a problem.
const BIAS: f64 = -2.5;
/// Share of the weight that a further word of trouble adds. The words of one message are not
/// independent.
const FURTHER: f64 = 0.25;
/// Share of the weight of a word that names a number (`errors=12`): a statistic, not a report.
const STATISTIC: f64 = 0.2;
/// Longest run of words that counts as one entry of the list.
const MAX_PHRASE: usize = 3;
/// Maximum number of words that are read. Messages name the problem early.
const MAX_WORDS: usize = 80;
/// Shortest beginning of an entry with `*`.
const MIN_STEM: usize = 3;

/// The entries of the word list: whole words and phrases, and beginnings of words.
struct List {
    whole: FxHashMap<String, f64>,
    stems: FxHashMap<String, f64>,
}

fn list() -> &'static List {
    static LIST: OnceLock<List> = OnceLock::new();
    LIST.get_or_init(|| {
        let (mut whole, mut stems) = (FxHashMap::default(), FxHashMap::default());
        for (weight, entry) in entries() {
            let text = entry.replace('_', " ");
            match text.strip_suffix('*') {
                Some(stem) => stems.insert(stem.to_string(), weight),
                None => whole.insert(text, weight),
            };
        }
        List { whole, stems }
    })
}

/// Weight and text of each entry. A test checks that no line is left out.
fn entries() -> impl Iterator<Item = (f64, &'static str)> {
    let lines = include_str!("words.txt").lines();
    lines.filter_map(|l| {
        let (weight, entry) = l.split_once(' ')?;
        Some((weight.parse().ok()?, entry))
    })
}

/// One word of a message.
struct Word {
    text: String,
    /// The number that the word names: `errors=0`, `0 errors`.
    number: Named,
}

#[derive(Clone, Copy, PartialEq)]
enum Named {
    Nothing,
    Zero,
    Number,
}

/// Log-odds that a message reports a problem, by its words alone.
pub fn log_odds(message: &str) -> f64 {
    let words = words_of(message);
    if words.is_empty() {
        return BIAS - 1.5;
    }
    let (mut trouble, mut relief): (Vec<f64>, f64) = (Vec::new(), 0.0);
    let mut at = 0;
    while at < words.len() {
        let (weight, length) = weight_at(&words[at..]);
        match words[at + length - 1].number {
            _ if weight < 0.0 => relief = relief.min(weight) + 0.25 * relief.max(weight),
            Named::Zero => relief -= 0.5,
            Named::Number => trouble.push(weight * STATISTIC),
            Named::Nothing => trouble.push(weight),
        }
        at += length;
    }
    trouble.sort_by(|a, b| b.total_cmp(a));
    let strongest = trouble.first().copied().unwrap_or(0.0);
    let further: f64 = trouble.iter().skip(1).take(3).sum();
    BIAS + strongest + FURTHER * further + relief
}

/// The words of a message, as the list of words has them.
pub fn words(message: &str) -> Vec<String> {
    words_of(message).into_iter().map(|w| w.text).collect()
}

/// How strongly a text indicates a problem, 0..1: the logistic function of `log_odds`.
pub fn words_score(text: &str) -> f64 {
    1.0 / (1.0 + (-log_odds(text)).exp())
}

/// Weight of the longest entry at the start of `words`, and its number of words.
fn weight_at(words: &[Word]) -> (f64, usize) {
    let list = list();
    for n in (1..=MAX_PHRASE.min(words.len())).rev() {
        let text: Vec<&str> = words[..n].iter().map(|w| w.text.as_str()).collect();
        let text = text.join(" ");
        if let Some(weight) = list.whole.get(&text) {
            return (*weight, n);
        }
        // A stem ends the phrase, so only its last word is cut.
        let last = words[n - 1].text.len();
        let shortest = text.len() - last + MIN_STEM.min(last);
        let ends = (shortest..=text.len()).filter(|i| text.is_char_boundary(*i));
        if let Some(weight) = ends.rev().find_map(|i| list.stems.get(&text[..i])) {
            return (*weight, n);
        }
    }
    (0.0, 1)
}

/// Splits a message into lowercase words: runs of letters, with `camelCase` split too. Paths and
/// addresses are left out, because the names in them report nothing.
fn words_of(message: &str) -> Vec<Word> {
    let mut out: Vec<Word> = Vec::new();
    for chunk in message.split_whitespace() {
        if is_path(chunk) {
            continue;
        }
        let zero = number_at_end(chunk);
        let first = out.len();
        for run in chunk.split(|c: char| !c.is_alphanumeric()) {
            split_camel_case(run, &mut out);
        }
        if out.len() == first && is_number(chunk) {
            // The number stands before or after the word that it counts.
            let is_zero = chunk.trim_matches(|c: char| !c.is_ascii_digit()) == "0";
            out.push(Word {
                text: if is_zero { "0" } else { "1" }.into(),
                number: Named::Nothing,
            });
        }
        if let (Some(named), Some(last)) = (zero, out[first..].last_mut()) {
            last.number = named;
        }
        if out.len() >= MAX_WORDS {
            break;
        }
    }
    // `0 errors`: the count stands before the word.
    for i in 1..out.len() {
        if out[i - 1].text == "0" && out[i].number == Named::Nothing {
            out[i].number = Named::Zero;
        }
    }
    out.retain(|w| w.text != "0" && w.text != "1");
    out
}

/// `errors=0`, `errors:12`, `error=null`, `failed=<*>`: what the last word before the sign names.
fn number_at_end(chunk: &str) -> Option<Named> {
    let at = chunk.rfind(['=', ':'])?;
    let value =
        chunk[at + 1..].trim_matches(|c: char| matches!(c, '"' | '\'' | ',' | ';' | '}' | ')'));
    match value {
        "0" | "0.0" | "null" | "nil" | "none" | "None" | "false" | "[]" | "0%" => Some(Named::Zero),
        "<*>" => Some(Named::Number),
        v if is_number(v) => Some(Named::Number),
        "" if chunk[..at].ends_with('=') => Some(Named::Zero),
        _ => None,
    }
}

fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, '.' | ',' | '%' | ';' | ')'))
}

/// True for file paths and addresses. `I/O` and alternatives (`read/write`) are words.
fn is_path(chunk: &str) -> bool {
    let slashes = chunk.matches('/').count();
    chunk.contains("://")
        || slashes > 1
        || slashes == 1 && chunk.trim_start_matches(['"', '\'', '(']).starts_with('/')
}

fn split_camel_case(run: &str, out: &mut Vec<Word>) {
    let mut start = 0;
    let chars: Vec<(usize, char)> = run.char_indices().collect();
    let mut push = |part: &str| {
        if part.chars().any(char::is_alphabetic) {
            out.push(Word {
                text: part.to_lowercase(),
                number: Named::Nothing,
            });
        }
    };
    for i in 1..chars.len() {
        let (before, here) = (chars[i - 1].1, chars[i].1);
        let next_is_lower = chars.get(i + 1).is_some_and(|c| c.1.is_lowercase());
        if here.is_uppercase() && (before.is_lowercase() || before.is_uppercase() && next_is_lower)
        {
            push(&run[start..chars[i].0]);
            start = chars[i].0;
        }
    }
    push(&run[start..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_word_list_is_an_entry() {
        let lines = include_str!("words.txt").lines();
        let expected = lines
            .filter(|l| !l.is_empty() && !l.starts_with('#'))
            .count();
        assert_eq!(entries().filter(|(_, e)| !e.is_empty()).count(), expected);
        assert_eq!(
            list().whole.len() + list().stems.len(),
            expected,
            "an entry is listed twice"
        );
    }

    #[test]
    fn problems_score_higher_than_statistics_and_good_news() {
        for problem in [
            "Out of memory: Killed process 812 (java)",
            "reservation rolled back: upstream refused connection",
            "java.lang.OutOfMemoryError: Java heap space",
            "Node worker-3 status is now: NodeNotReady",
            "EXT4-fs (sda1): Remounting filesystem read-only",
            "could not write block 7",
        ] {
            assert!(
                words_score(problem) > 0.6,
                "{problem} {}",
                words_score(problem)
            );
        }
        for harmless in [
            "import finished: 0 errors, 0 warnings",
            "stats errors=0 retries=3 failed=<*>",
            "retry 2 succeeded",
            "GET /static/error-handler.js 200",
            "connection to db restored",
            "listening on port 80",
            "0x0033492c 0x09c4b2b0",
        ] {
            assert!(
                words_score(harmless) < 0.4,
                "{harmless} {}",
                words_score(harmless)
            );
        }
    }
}

//! The text about a template: for each of its words, the values and why it is a variable or a
//! constant. Pure functions from data to lines.

use super::format::{fit, grouped, width};
use crate::corpus::{Why, Word};
use crate::model::{Template, VariableStats};
use crate::text::escape::for_terminal;

const WILDCARD: &str = "<*>";
/// Values of one variable that are listed.
const VALUES: usize = 6;
/// Widest column for the words.
const MAX_COLUMN: usize = 30;

/// The lines of the overlay. `values` has one entry for each variable of the template.
pub fn lines(template: &Template, words: &[Word], values: &[VariableStats]) -> Vec<String> {
    let mut out = vec![
        for_terminal(&template.text),
        format!("{} events", grouped(template.count)),
    ];
    if !template.callers.is_empty() {
        out.push(format!("printed by {}", template.callers.join(", ")));
    }
    out.push(String::new());
    let widest = words.iter().map(|w| width(&for_terminal(&w.text))).max();
    let column = widest.unwrap_or(0).min(MAX_COLUMN);
    let mut nth = 0;
    for (i, word) in words.iter().enumerate() {
        let inside = word.text.matches(WILDCARD).count();
        let kind = if inside > 0 { "variable" } else { "constant" };
        let text = fit(&for_terminal(&word.text), MAX_COLUMN);
        let gap = " ".repeat(column.saturating_sub(width(&text)));
        let reason = why(&word.why);
        out.push(format!("{:>3}  {text}{gap}  {kind}: {reason}", i + 1));
        let indent = " ".repeat(column + 7);
        for stats in values.iter().skip(nth).take(inside) {
            let facts = of_variable(stats).into_iter();
            out.extend(facts.map(|line| format!("{indent}{line}")));
        }
        nth += inside;
    }
    out.push(String::new());
    out.push("Enter: its events · Esc: back to the templates".into());
    out
}

fn why(why: &Why) -> String {
    let list = |texts: &[String]| {
        let texts: Vec<String> = texts.iter().map(|t| fit(&for_terminal(t), 30)).collect();
        texts.join(", ")
    };
    match why {
        Why::Form => "it has the form of a number, address, path, id or time".into(),
        Why::Texts(texts) => format!(
            "otherwise equal messages differ here, for example {}",
            list(texts)
        ),
        Why::Statement(texts) => format!(
            "one call site prints different texts here, for example {}",
            list(texts)
        ),
        Why::Same => "all events have it".into(),
        Why::Siblings(siblings) => {
            let words: Vec<String> = siblings.iter().map(|(_, word)| word.clone()).collect();
            format!(
                "other templates have {} here; these are too few words for a variable, or different events",
                list(&words)
            )
        }
    }
}

/// The values of one variable.
fn of_variable(stats: &VariableStats) -> Vec<String> {
    let mut out = Vec::new();
    if let Some(n) = stats.numeric {
        out.push(format!(
            "min {} · median {} · p99 {} · max {}",
            n.min, n.median, n.p99, n.max
        ));
    }
    let top: Vec<String> = stats
        .top
        .iter()
        .take(VALUES)
        .map(|(value, n)| format!("{} ×{}", fit(&for_terminal(value), 40), grouped(*n)))
        .collect();
    out.push(format!(
        "{} different: {}",
        grouped(stats.distinct),
        top.join(", ")
    ));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_listed_with_its_values_and_its_reason() {
        let template = Template {
            text: "took <*> ms".into(),
            count: 3,
            ..Template::default()
        };
        let word = |text: &str, why| Word {
            text: text.into(),
            why,
        };
        let words = [
            word("took", Why::Same),
            word("<*>", Why::Form),
            word("ms", Why::Siblings(vec![(1, "s".into())])),
        ];
        let values = [VariableStats {
            seen: 3,
            distinct: 2,
            top: vec![("5".into(), 2), ("7".into(), 1)],
            numeric: None,
        }];
        let lines = lines(&template, &words, &values);
        let text = lines.join("\n");
        assert!(text.contains("2 different: 5 ×2, 7 ×1"), "{text}");
        assert!(text.contains("other templates have s here"), "{text}");
    }
}

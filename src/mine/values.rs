//! Extracts the values of a template's variables from messages and summarizes them. Knows only one
//! template at a time.

use crate::model::{ValueStats, VariableStats};
use rustc_hash::FxHashMap;

/// Largest number of distinct values that are counted. After that, new values are ignored.
const MAX_DISTINCT: usize = 10_000;

/// Returns the values of the variables in `message`, in order: the text between the constant parts
/// of the template. Whitespace in the message is collapsed first, as in the template. Returns an
/// empty list if the message does not start with the first constant part.
pub fn variables(template: &str, message: &str) -> Vec<String> {
    let collapsed: String = message.split_whitespace().collect::<Vec<_>>().join(" ");
    let pieces: Vec<&str> = template.split("<*>").collect();
    let Some((first, rest)) = pieces.split_first() else {
        return Vec::new();
    };
    let Some(mut remaining) = collapsed.strip_prefix(first) else {
        return Vec::new();
    };
    let mut out = Vec::with_capacity(rest.len());
    for (i, piece) in rest.iter().enumerate() {
        let last = i + 1 == rest.len();
        let end = match (piece.is_empty(), last) {
            (true, true) => remaining.len(),
            (true, false) => remaining.find(' ').unwrap_or(remaining.len()),
            (false, true) if remaining.ends_with(piece) => remaining.len() - piece.len(),
            _ => remaining.find(piece).unwrap_or(remaining.len()),
        };
        out.push(remaining[..end].to_string());
        remaining = remaining.get(end + piece.len()..).unwrap_or_default();
    }
    out
}

/// Collects the value distribution of each variable, one message at a time.
#[derive(Default)]
pub struct Collector {
    slots: Vec<Slot>,
}

/// The values of one variable.
#[derive(Default)]
struct Slot {
    seen: u64,
    counts: FxHashMap<String, u64>,
    numbers: Vec<f64>,
}

impl Collector {
    /// Adds the values of one message, one per variable.
    pub fn add(&mut self, values: Vec<String>) {
        self.slots
            .resize_with(self.slots.len().max(values.len()), Slot::default);
        for (slot, value) in self.slots.iter_mut().zip(values) {
            slot.seen += 1;
            slot.numbers.extend(number(&value));
            if slot.counts.len() < MAX_DISTINCT || slot.counts.contains_key(&value) {
                *slot.counts.entry(value).or_default() += 1;
            }
        }
    }

    /// Returns the statistics of each variable.
    pub fn finish(self) -> Vec<VariableStats> {
        self.slots.into_iter().map(Slot::finish).collect()
    }
}

impl Slot {
    fn finish(mut self) -> VariableStats {
        let distinct = self.counts.len() as u64;
        let mut top: Vec<(String, u64)> = self.counts.into_iter().collect();
        top.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        top.truncate(8);
        self.numbers.sort_by(f64::total_cmp);
        let n = self.numbers.len();
        // A variable is numeric only if at least 90% of its values are numbers.
        let numeric = (n as u64 * 10 >= self.seen * 9 && n > 0).then(|| ValueStats {
            min: self.numbers[0],
            median: self.numbers[n / 2],
            p99: self.numbers[(n * 99 / 100).min(n - 1)],
            max: self.numbers[n - 1],
        });
        VariableStats {
            seen: self.seen,
            distinct,
            top,
            numeric,
        }
    }
}

/// Parses a number with an optional unit.
fn number(value: &str) -> Option<f64> {
    let digits = value.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '%');
    let unit = value.len() - digits.len();
    if unit > 5 || digits.is_empty() {
        return None;
    }
    digits.parse().ok().filter(|n: &f64| n.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_the_text_between_the_constants() {
        assert_eq!(
            variables("took <*> ms for <*>", "took  12 ms for a b"),
            ["12", "a b"]
        );
        assert_eq!(variables("<*> is (<*>)", "x is (y)"), ["x", "y"]);
        assert!(variables("no variables", "no variables").is_empty());
    }

    #[test]
    fn numeric_values_get_a_distribution() {
        let mut c = Collector::default();
        for n in 1..=100 {
            c.add(vec![format!("{n}ms"), "x".into()]);
        }
        let stats = c.finish();
        let numeric = stats[0].numeric.unwrap();
        assert_eq!(
            (numeric.min, numeric.median, numeric.p99),
            (1.0, 51.0, 100.0)
        );
        assert_eq!(stats[1].top, [("x".to_string(), 100)]);
    }
}

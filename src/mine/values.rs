//! The values of a template's variables: cut out of a message by the template's own text. Knows one template at a time.

use crate::model::{ValueStats, VariableStats};
use rustc_hash::FxHashMap;

/// Distinct values counted exactly up to here; beyond it new ones are not added.
const MAX_DISTINCT: usize = 10_000;

/// The values of the variables in `message`, in order: what stands between the constant pieces of the template.
/// A constant piece is looked for with blanks collapsed, as the template has them.
pub fn variables(template: &str, message: &str) -> Vec<String> {
    let collapsed: String = message.split_whitespace().collect::<Vec<_>>().join(" ");
    let pieces: Vec<&str> = template.split("<*>").collect();
    let Some((first, rest)) = pieces.split_first() else {
        return Vec::new();
    };
    let Some(mut left) = collapsed.strip_prefix(first) else {
        return Vec::new();
    };
    let mut out = Vec::with_capacity(rest.len());
    for (i, piece) in rest.iter().enumerate() {
        let last = i + 1 == rest.len();
        let end = match (piece.is_empty(), last) {
            (true, true) => left.len(),
            (true, false) => left.find(' ').unwrap_or(left.len()),
            (false, true) if left.ends_with(piece) => left.len() - piece.len(),
            _ => left.find(piece).unwrap_or(left.len()),
        };
        out.push(left[..end].to_string());
        left = left.get(end + piece.len()..).unwrap_or_default();
    }
    out
}

/// Gathers value distributions, one message after the other.
#[derive(Default)]
pub struct Collector {
    slots: Vec<Slot>,
}

#[derive(Default)]
struct Slot {
    seen: u64,
    counts: FxHashMap<String, u64>,
    numbers: Vec<f64>,
}

impl Collector {
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
        // Numeric only where nearly all values are.
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

/// A number with or without a unit behind it.
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
    fn values_stand_between_the_constants() {
        assert_eq!(
            variables("took <*> ms for <*>", "took  12 ms for a b"),
            ["12", "a b"]
        );
        assert_eq!(variables("<*> is (<*>)", "x is (y)"), ["x", "y"]);
        assert!(variables("no variables", "no variables").is_empty());
    }

    #[test]
    fn numbers_give_a_distribution() {
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

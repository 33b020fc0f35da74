//! What detection is given: per source and template, how many events fell into each time bin; per variable, sampled values.

/// What a count series counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FeatureKind {
    /// Events of a template.
    Template(u32),
    /// Events of a level or worse: the whole source's warnings, its errors.
    Warnings,
    Errors,
    /// Events whose variable has one certain value: template, variable, number of the value.
    Category(u32, u16, u16),
    /// Events whose variable lies in the tail of its own distribution.
    Tail(u32, u16),
    /// Events that do not follow what came before as they do normally.
    Sequence,
    /// All events.
    All,
}

#[derive(Clone, Debug)]
pub struct Feature {
    pub kind: FeatureKind,
    /// Counts by bin, ascending, zeros left out.
    pub counts: Vec<(u32, u32)>,
    /// Speaks of trouble: level warn or worse, or words of failure.
    pub bad: bool,
}

/// Numeric values of one variable, sampled: bin and value, in order.
#[derive(Clone, Debug)]
pub struct Values {
    pub template: u32,
    pub variable: u16,
    pub points: Vec<(u32, f32)>,
}

#[derive(Clone, Debug, Default)]
pub struct Source {
    pub name: String,
    /// First bin with a line, and the bin behind the last that counts.
    pub from: u32,
    pub to: u32,
    pub features: Vec<Feature>,
    pub values: Vec<Values>,
}

#[derive(Clone, Debug, Default)]
pub struct Input {
    /// Width of a bin in ns, start of the first one.
    pub width: i64,
    pub start: i64,
    pub bins: u32,
    pub sources: Vec<Source>,
    /// Baseline given by the user, in bins.
    pub baseline: Option<(u32, u32)>,
}

const SECOND: i64 = 1_000_000_000;
/// Widths that people think in, in seconds.
const WIDTHS: [i64; 16] = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200,
];

/// The narrowest width with at most 1500 bins of 50 lines and more on average (15 where bins would be few), or with at
/// most 60 bins.
pub fn bin_width(span: i64, lines: u64) -> i64 {
    let fits = |w: &i64, each: u64| {
        let bins = span / (w * SECOND) + 1;
        bins <= 1500 && lines >= each * bins as u64 || bins <= 60
    };
    // A short log of a small system still gives bins enough to judge on.
    let few = |w: &i64| span / (w * SECOND) < 150;
    let wide = WIDTHS.into_iter().find(|w| fits(w, 50));
    wide.filter(|w| !few(w))
        .or_else(|| WIDTHS.into_iter().find(|w| fits(w, 15)))
        .unwrap_or(86400 * (span / (86400 * SECOND * 1500) + 1))
        * SECOND
}

/// Counts as a dense column, with running sums: `sums[i]` is what lies before bin `i`.
pub fn prefix(counts: &[(u32, u32)], bins: usize) -> Vec<f64> {
    let mut sums = vec![0.0; bins + 1];
    for (b, n) in counts {
        if let Some(x) = sums.get_mut(*b as usize + 1) {
            *x += f64::from(*n);
        }
    }
    for i in 1..=bins {
        sums[i] += sums[i - 1];
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_are_neither_empty_nor_too_many() {
        assert_eq!(bin_width(1800 * SECOND, 66_000), 2 * SECOND);
        assert_eq!(bin_width(58 * 60 * SECOND, 173_000), 5 * SECOND);
        assert_eq!(bin_width(10 * SECOND, 10), SECOND);
    }

    #[test]
    fn running_sums_add_up() {
        assert_eq!(prefix(&[(0, 2), (2, 3)], 3), [0.0, 2.0, 2.0, 5.0]);
    }
}

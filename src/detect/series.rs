//! The input of the detection: event counts per source, template and time bin, and sampled values
//! per variable. Does not know how they are collected.

use crate::model::{Moment, Step, TemplateIx};

/// What a count series counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FeatureKind {
    /// Events of a template.
    Template(TemplateIx),
    /// Events of the source at level warn or worse.
    Warnings,
    /// Events of the source at level error or worse.
    Errors,
    /// Events whose variable has one specific value: template, variable, number of the value.
    Category(TemplateIx, u16, u16),
    /// The same for a value that is a word.
    Word(TemplateIx, u16, u16),
    /// Events whose variable is in the upper tail of its baseline distribution: template, variable.
    Tail(TemplateIx, u16),
    /// Events that are out of the normal order.
    Sequence,
    /// All events of the source.
    All,
}

impl FeatureKind {
    /// The template, if the series is about a single one.
    pub fn template(self) -> Option<TemplateIx> {
        match self {
            FeatureKind::Template(t)
            | FeatureKind::Category(t, ..)
            | FeatureKind::Word(t, ..)
            | FeatureKind::Tail(t, _) => Some(t),
            _ => None,
        }
    }
}

/// One count series of a source.
#[derive(Clone, Debug)]
pub struct Feature {
    pub kind: FeatureKind,
    /// (bin, count), ascending by bin, without zeros.
    pub counts: Vec<(u32, u32)>,
    /// Indicates a problem: level warn or worse, or words of failure.
    pub indicates_problem: bool,
}

/// Sampled numeric values of one variable, as (bin, value) in order.
#[derive(Clone, Debug)]
pub struct Values {
    pub template: TemplateIx,
    pub variable: u16,
    /// The values belong to several things, which another variable names.
    pub is_mixed: bool,
    pub points: Vec<(u32, f32)>,
}

/// Values of one numeric variable with their times, in order.
#[derive(Clone, Debug)]
pub struct Numbers {
    pub template: TemplateIx,
    pub variable: u16,
    /// The word of another variable that all events have. `None`: all events of the template.
    pub group: Option<String>,
    /// The variable counts what is left of something: available memory, free space.
    pub is_reserve: bool,
    /// The variable nearly always grows, or always falls. Only that it stops is tested.
    pub is_counter: bool,
    pub points: Vec<(Moment, f32)>,
}

/// The words of one variable with their times, in order.
#[derive(Clone, Debug)]
pub struct Words {
    pub template: TemplateIx,
    pub variable: u16,
    /// Time, and index into `names`.
    pub points: Vec<(Moment, u32)>,
    pub names: Vec<String>,
    /// Log-odds that each word reports a problem.
    pub log_odds: Vec<f64>,
}

/// The identifiers in the events of one template, each as a hash, with their times.
#[derive(Clone, Debug)]
pub struct Ids {
    pub template: TemplateIx,
    pub points: Vec<(Moment, u64)>,
}

/// The events of one template in one source.
#[derive(Clone, Debug)]
pub struct Occurrences {
    pub template: TemplateIx,
    /// Only the events that have this word. `None`: all events.
    pub word: Option<String>,
    /// Only the events with this message, which reports a problem although the template does not.
    pub message: Option<String>,
    pub first: Moment,
    pub last: Moment,
    pub count: u64,
    /// Times of all events in ascending order. Empty for a frequent template.
    pub times: Vec<Moment>,
    /// Log-odds that the message reports a problem, by its words and its level.
    pub log_odds: f64,
    /// One such line is an incident, however rare it is.
    pub alone: bool,
    /// The level is debug or lower.
    pub is_debug: bool,
    /// What the message says about a step.
    pub step: Step,
}

#[cfg(test)]
impl Occurrences {
    /// A harmless message at these times in seconds.
    pub fn at_seconds(template: u32, seconds: &[i64]) -> Occurrences {
        let times: Vec<Moment> = seconds.iter().map(|t| t * SECOND).collect();
        Occurrences {
            template: TemplateIx(template),
            word: None,
            message: None,
            first: times[0],
            last: times[times.len() - 1],
            count: times.len() as u64,
            times,
            log_odds: -2.5,
            alone: false,
            is_debug: false,
            step: Step::Other,
        }
    }
}

/// All series of one source.
#[derive(Clone, Debug, Default)]
pub struct Source {
    pub name: String,
    /// The bins `from..to` that the source covers.
    pub from: u32,
    pub to: u32,
    pub features: Vec<Feature>,
    pub values: Vec<Values>,
    pub occurrences: Vec<Occurrences>,
    /// The same for each word of the variables that have few different ones.
    pub of_words: Vec<Occurrences>,
    pub numbers: Vec<Numbers>,
    pub words: Vec<Words>,
    pub ids: Vec<Ids>,
}

impl Source {
    /// True if all debug lines of the source are missing in this time, or if these are its only
    /// ones: the level of its log changed, and that means nothing.
    pub fn is_level_change(&self, o: &Occurrences, (from, to): (Moment, Moment)) -> bool {
        let middle = from + (to - from) / 2;
        let goes_on = |d: &Occurrences| d.is_debug && d.template != o.template && d.last > middle;
        o.is_debug && !self.occurrences.iter().any(goes_on)
    }
}

/// The input of `detect`.
#[derive(Clone, Debug, Default)]
pub struct Input {
    /// Width of a bin in nanoseconds.
    pub width: i64,
    /// Start of the first bin in nanoseconds.
    pub start: i64,
    pub bins: u32,
    pub sources: Vec<Source>,
    /// Baseline chosen by the user, in bins (start, end).
    pub baseline: Option<(u32, u32)>,
    /// The events have no times: their order is used instead.
    pub by_order: bool,
}

const SECOND: i64 = 1_000_000_000;
/// Candidate bin widths in seconds.
const WIDTHS: [i64; 16] = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200,
];

/// Bin width in nanoseconds for a time span in nanoseconds. The narrowest width with at most 1500
/// bins of at least 50 lines on average (15 if there would be fewer than 150 bins), or with at most
/// 60 bins.
pub fn bin_width(span: i64, lines: u64) -> i64 {
    let fits = |w: &i64, each: u64| {
        let bins = span / (w * SECOND) + 1;
        bins <= 1500 && lines >= each * bins as u64 || bins <= 60
    };
    // A short log of a small system must still have enough bins for the tests.
    let few = |w: &i64| span / (w * SECOND) < 150;
    let wide = WIDTHS.into_iter().find(|w| fits(w, 50));
    wide.filter(|w| !few(w))
        .or_else(|| WIDTHS.into_iter().find(|w| fits(w, 15)))
        .unwrap_or(86400 * (span / (86400 * SECOND * 1500) + 1))
        * SECOND
}

/// Running sums of the counts: entry `i` is the sum of all bins before bin `i`. The result has
/// `bins + 1` entries.
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

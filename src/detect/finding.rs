//! What the tests of exact times and values find. Plain data.

use super::series::Occurrences;
use crate::model::{Moment, Severity, TemplateIx};

/// Something unusual in the lines of one template, or in all lines of a source.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    pub source: usize,
    /// `None` if all lines of the source are meant.
    pub template: Option<TemplateIx>,
    /// Only the lines with this word are meant.
    pub word: Option<String>,
    /// What the lines say, if it differs from the template.
    pub message: Option<String>,
    pub from: Moment,
    pub to: Moment,
    pub severity: Severity,
    /// Evidence in nats above the threshold.
    pub evidence: f64,
    pub what: What,
}

impl Finding {
    /// A finding of medium severity in all events of a template, or of the source if there is none.
    pub fn new(
        source: usize,
        template: Option<TemplateIx>,
        (from, to): (Moment, Moment),
        evidence: f64,
        what: What,
    ) -> Finding {
        Finding {
            source,
            template,
            word: None,
            message: None,
            from,
            to,
            severity: Severity::Medium,
            evidence,
            what,
        }
    }
}

/// What is unusual. Durations are in nanoseconds.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// A message that reports a problem appeared.
    Incident { count: usize, is_new: bool },
    /// A message that came regularly did not come. `every`: its usual distance.
    Stopped {
        every: i64,
        missed: u64,
        is_last: bool,
    },
    /// A step was not followed by the step that usually follows it.
    NotFollowed {
        next: TemplateIx,
        times: usize,
        followed: usize,
        within: i64,
    },
    /// The time from a step to its usual next step changed. `before` and `now`: medians.
    Slower {
        next: TemplateIx,
        before: i64,
        now: i64,
        count: usize,
    },
    /// The values of a variable changed.
    Value {
        variable: u16,
        change: Change,
        before: f64,
        now: f64,
        count: usize,
    },
    /// A message that reports a problem came much more often than otherwise.
    Rate { count: usize, expected: f64 },
    /// A variable that has few different words has a new one.
    NewWord {
        variable: u16,
        count: usize,
        known: usize,
    },
    /// Much more or much less than ever before. `feature`: index of the series that is counted.
    Traffic {
        feature: usize,
        observed: f64,
        expected: f64,
    },
    /// No line at all.
    NoLines { expected: f64 },
}

/// How values changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Zero,
    Constant,
    Jump,
    Growth,
}

/// Without a baseline, what occurs in this part of the corpus is known.
const EARLY_PART: i64 = 10;

/// Start and end of the corpus, and the number of nats that evidence must exceed.
#[derive(Clone, Copy, Debug)]
pub struct Scope {
    pub start: Moment,
    pub end: Moment,
    pub threshold: f64,
    /// What counts as normal, if the user chose it.
    pub baseline: Option<(Moment, Moment)>,
}

impl Scope {
    /// A corpus of this many seconds without a baseline.
    #[cfg(test)]
    pub fn of_seconds(seconds: i64, threshold: f64) -> Scope {
        Scope {
            start: 0,
            end: seconds * 1_000_000_000,
            threshold,
            baseline: None,
        }
    }

    /// The first part of the corpus, or the user's baseline: what occurs in it is known.
    pub fn known(&self) -> (Moment, Moment) {
        let early = self.start + self.span() / EARLY_PART;
        self.baseline.unwrap_or((self.start, early))
    }

    /// True if a message does not occur in the known part.
    pub fn is_new(&self, o: &Occurrences) -> bool {
        let (a, z) = self.known();
        match o.times.is_empty() {
            true => o.first > z || o.last < a,
            false => !o.times.iter().any(|t| (a..=z).contains(t)),
        }
    }

    pub fn span(&self) -> i64 {
        (self.end - self.start).max(1)
    }
}

/// Evidence in nats of `n` independent repetitions of something that happened `before` times in
/// `of` chances. Uses half a case as the prior count.
pub fn repeated(n: f64, before: usize, of: usize) -> f64 {
    n * ((of as f64 + 1.0) / (before as f64 + 0.5)).ln().max(0.0)
}

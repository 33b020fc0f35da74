//! Merges anomalous windows and single findings that are near each other in time. Describes
//! nothing.

use super::collect::Series;
use crate::detect::{Finding, RawWindow, What};
use crate::model::{Moment, Severity, TemplateIx};

/// Findings this close to a window belong to it, in nanoseconds.
const NEAR: i64 = 60_000_000_000;
/// A lasting finding attracts others only in its first part: ten minutes, or this share of the
/// corpus.
const ATTRACTS: i64 = 600_000_000_000;
const ATTRACTS_SHARE: i64 = 20;
/// A repeat of the same anomaly in this time updates the first one.
const REPEAT: i64 = 300_000_000_000;
/// Most that the evidence of one finding adds to the strength of a window, in nats.
const MAX_EVIDENCE: f64 = 25.0;

/// An anomaly before it is described.
pub struct Draft {
    pub start: Moment,
    pub end: Moment,
    pub severity: Severity,
    /// Sum of the evidence, in nats.
    pub strength: f64,
    /// The window found by the tests of counts.
    pub raw: Option<RawWindow>,
    pub findings: Vec<Finding>,
    /// Up to here the draft attracts findings.
    open_until: Moment,
}

impl Draft {
    /// Adds a repeat of the same anomaly.
    fn extend(&mut self, repeat: Draft) {
        self.end = self.end.max(repeat.end);
        self.severity = self.severity.max(repeat.severity);
        self.strength += repeat.strength;
        self.findings.extend(repeat.findings);
        match (&mut self.raw, repeat.raw) {
            (Some(own), Some(other)) => own.to = other.to,
            (own @ None, other) => *own = other,
            _ => {}
        }
    }
}

/// Assigns each finding to a window or to other findings near it. Returns the drafts in order of
/// time.
pub fn merge(series: &Series, windows: Vec<RawWindow>, findings: Vec<Finding>) -> Vec<Draft> {
    let near = NEAR.max(2 * series.input.width);
    let span = i64::from(series.input.bins) * series.input.width;
    let attracts = ATTRACTS.max(span / ATTRACTS_SHARE);
    let mut drafts: Vec<Draft> = windows
        .into_iter()
        .map(|w| Draft {
            start: series.at(w.from),
            end: series.at(w.to),
            severity: w.severity,
            strength: w.strength,
            open_until: series.at(w.to),
            raw: Some(w),
            findings: Vec::new(),
        })
        .collect();
    for f in findings {
        let is_near = |d: &&mut Draft| {
            (d.start - near..=d.open_until + near).contains(&f.from)
                || (f.from..=f.to.min(f.from + attracts)).contains(&d.start)
        };
        let strength = f.evidence.min(MAX_EVIDENCE);
        let open_until = f.to.min(f.from + attracts);
        match drafts.iter_mut().find(is_near) {
            Some(d) => {
                // The edges of a window of counts are the more exact ones.
                let is_exact = d.raw.is_some() && d.severity >= Severity::Medium;
                if !is_exact {
                    (d.start, d.end) = (d.start.min(f.from), d.end.max(f.to));
                    d.open_until = d.open_until.max(open_until);
                }
                d.severity = d.severity.max(f.severity);
                d.strength += strength;
                d.findings.push(f);
            }
            None => drafts.push(Draft {
                start: f.from,
                end: f.to,
                severity: f.severity,
                strength,
                raw: None,
                findings: vec![f],
                open_until,
            }),
        }
    }
    drafts.sort_by_key(|d| d.start);
    let mut out: Vec<Draft> = Vec::new();
    for d in drafts {
        match out
            .iter_mut()
            .rev()
            .find(|first| is_repeat(series, first, &d))
        {
            Some(first) => first.extend(d),
            None => out.push(d),
        }
    }
    out
}

/// What a draft is about: services, templates and kinds of findings, or the strongest deviation.
fn subjects(series: &Series, d: &Draft) -> Vec<(usize, Option<TemplateIx>, bool)> {
    let of_finding = |f: &Finding| {
        let is_lack = matches!(f.what, What::Stopped { .. } | What::NoLines { .. });
        (f.source, f.template, !is_lack)
    };
    let raw = d.raw.iter().flat_map(|w| w.found.first());
    let of_raw = raw.map(|x| (x.source, series.template_of(x), x.up));
    d.findings.iter().map(of_finding).chain(of_raw).collect()
}

/// True if an anomaly is the same as one that ended a short time before.
fn is_repeat(series: &Series, first: &Draft, d: &Draft) -> bool {
    let is_near = (0..=REPEAT).contains(&(d.start - first.end));
    let known = subjects(series, first);
    is_near && subjects(series, d).iter().all(|s| known.contains(s))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::{Input, Source};

    const SECOND: i64 = 1_000_000_000;

    /// Findings in one template at these seconds, each a minute long.
    fn merged(starts: &[i64]) -> Vec<Draft> {
        let series = Series {
            input: Input {
                width: 10 * SECOND,
                bins: 6000,
                sources: vec![Source::default()],
                ..Input::default()
            },
            ..Series::default()
        };
        let finding = |at: &i64| {
            let time = (at * SECOND, (at + 60) * SECOND);
            let what = What::Incident {
                count: 3,
                is_new: true,
            };
            Finding::new(0, Some(TemplateIx(0)), time, 8.0, what)
        };
        merge(&series, Vec::new(), starts.iter().map(finding).collect())
    }

    #[test]
    fn a_repeat_within_five_minutes_updates_the_first_anomaly() {
        let drafts = merged(&[1000, 1240, 1480]);
        assert_eq!(drafts.len(), 1);
        assert_eq!(
            (drafts[0].start, drafts[0].end),
            (1000 * SECOND, 1540 * SECOND)
        );
        assert_eq!(drafts[0].findings.len(), 3);
    }

    #[test]
    fn a_later_repeat_is_another_anomaly() {
        assert_eq!(merged(&[1000, 20_000]).len(), 2);
    }
}

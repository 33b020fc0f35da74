//! Merges anomalous windows and single findings that are near each other in time. Describes
//! nothing.

use super::collect::Series;
use crate::detect::{Finding, RawWindow};
use crate::model::{Moment, Severity};

/// Findings this close to a window belong to it, in nanoseconds.
const NEAR: i64 = 60_000_000_000;
/// A lasting finding attracts others only in its first part: ten minutes, or this share of the
/// corpus.
const ATTRACTS: i64 = 600_000_000_000;
const ATTRACTS_SHARE: i64 = 20;
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
    drafts
}

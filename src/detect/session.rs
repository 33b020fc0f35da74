//! Finds anomalous sessions (lines that share an identifier, or a run of lines) by their rare and
//! missing templates. Order, counts and durations are not used: in measurements they made the
//! result worse when writers interleave. Handles sets of template numbers; does not access the
//! text.

use crate::model::TemplateIx;
use rustc_hash::FxHashMap;

/// A session as input of `score_sessions`.
#[derive(Clone, Debug, Default)]
pub struct Session {
    /// Templates that occur, ascending, without duplicates.
    pub templates: Vec<TemplateIx>,
    /// True if the session started in the baseline.
    pub baseline: bool,
}

/// A reason why a session is anomalous.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cause {
    pub template: TemplateIx,
    /// True if a common template is missing. False if a rare template occurs.
    pub missing: bool,
    /// Share of sessions with the same property.
    pub share: f64,
}

/// The result for one session.
#[derive(Clone, Debug, Default)]
pub struct SessionResult {
    /// Lowest share of its present and missing templates.
    pub share: f64,
    /// True if `share` is below the threshold.
    pub anomalous: bool,
    /// Rarest first, at most five.
    pub causes: Vec<Cause>,
}

/// A template in at least this share of baseline sessions is expected in every session.
const COMMON_SHARE: f64 = 0.5;
/// Threshold if the shares have no clear gap, and the limits of the automatic threshold.
const DEFAULT_THRESHOLD: f64 = 0.02;
const MIN_THRESHOLD: f64 = 0.005;
const MAX_THRESHOLD: f64 = 0.10;

/// Tests all sessions. Returns one result per session and the threshold, which is in the widest gap
/// between the shares.
pub fn score_sessions(sessions: &[Session]) -> (Vec<SessionResult>, f64) {
    let base: Vec<&Session> = sessions.iter().filter(|s| s.baseline).collect();
    let tested: Vec<&Session> = sessions.iter().filter(|s| !s.baseline).collect();
    let all: Vec<&Session> = sessions.iter().collect();
    let (base, tested) = if base.is_empty() || tested.is_empty() {
        (all.clone(), all)
    } else {
        (base, tested)
    };
    let (in_base, in_tested) = (count(&base), count(&tested));
    let share = |n: u64, of: usize| (n as f64 + 0.5) / (of as f64 + 1.0);
    let get = |m: &FxHashMap<TemplateIx, u64>, t: TemplateIx| m.get(&t).copied().unwrap_or(0);
    let present = |t: TemplateIx| {
        let tested_share = share(get(&in_tested, t), tested.len());
        if get(&in_base, t) == 0 {
            tested_share
        } else {
            share(get(&in_base, t), base.len()).max(tested_share)
        }
    };
    let absent = |t: TemplateIx| {
        let (b, j) = (
            base.len() as u64 - get(&in_base, t),
            tested.len() as u64 - get(&in_tested, t),
        );
        share(b, base.len()).max(share(j, tested.len()))
    };
    let mut common: Vec<TemplateIx> = in_base
        .iter()
        .filter(|(_, n)| **n as f64 >= COMMON_SHARE * base.len() as f64)
        .map(|(t, _)| *t)
        .collect();
    common.sort_unstable();
    let mut out: Vec<SessionResult> = sessions
        .iter()
        .map(|s| {
            let mut causes: Vec<Cause> = s
                .templates
                .iter()
                .map(|t| Cause {
                    template: *t,
                    missing: false,
                    share: present(*t),
                })
                .collect();
            let missing = common
                .iter()
                .filter(|t| s.templates.binary_search(t).is_err());
            causes.extend(missing.map(|t| Cause {
                template: *t,
                missing: true,
                share: absent(*t),
            }));
            causes.sort_by(|a, b| {
                a.share
                    .total_cmp(&b.share)
                    .then(a.template.cmp(&b.template))
            });
            let share = causes.first().map_or(1.0, |c| c.share);
            causes.truncate(5);
            SessionResult {
                share,
                anomalous: false,
                causes,
            }
        })
        .collect();
    let threshold = threshold(&out.iter().map(|j| j.share).collect::<Vec<_>>());
    for j in &mut out {
        j.anomalous = j.share < threshold;
        j.causes
            .retain(|c| c.share < threshold.max(COMMON_SHARE / 5.0));
    }
    (out, threshold)
}

/// Number of sessions that contain each template.
fn count(sessions: &[&Session]) -> FxHashMap<TemplateIx, u64> {
    let mut out = FxHashMap::default();
    sessions
        .iter()
        .flat_map(|s| &s.templates)
        .for_each(|t| *out.entry(*t).or_default() += 1);
    out
}

/// The geometric mean of the ends of the widest gap (largest ratio) between consecutive shares,
/// with at most a tenth of the sessions below it. The default if no gap has a ratio of at least 2.
fn threshold(shares: &[f64]) -> f64 {
    let mut sorted = shares.to_vec();
    sorted.sort_by(f64::total_cmp);
    let mut best = (2.0, DEFAULT_THRESHOLD);
    for i in 1..sorted.len() {
        let (a, b) = (sorted[i - 1], sorted[i]);
        if a == b || b < MIN_THRESHOLD || a > MAX_THRESHOLD || i as f64 > 0.1 * sorted.len() as f64
        {
            continue;
        }
        let (low, high) = (a.max(MIN_THRESHOLD), b.min(MAX_THRESHOLD));
        if high / low >= best.0 {
            best = (high / low, (low * high).sqrt());
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_and_missing_templates_are_reported() {
        let mut sessions: Vec<Session> = (0..1000)
            .map(|i| Session {
                templates: [1, 2, 3].map(TemplateIx).to_vec(),
                baseline: i < 500,
            })
            .collect();
        sessions[700].templates = [1, 2, 3, 9].map(TemplateIx).to_vec();
        sessions[800].templates = vec![TemplateIx(1)];
        let (tested, threshold) = score_sessions(&sessions);
        assert!(threshold > 0.001 && threshold < 0.2);
        assert_eq!(tested.iter().filter(|j| j.anomalous).count(), 2);
        assert_eq!(
            (
                tested[700].causes[0].template,
                tested[700].causes[0].missing
            ),
            (TemplateIx(9), false)
        );
        assert!(tested[800].causes.iter().all(|c| c.missing));
    }

    #[test]
    fn a_property_of_many_sessions_is_not_an_anomaly() {
        let sessions: Vec<Session> = (0..1000)
            .map(|i| Session {
                templates: (1..if i % 3 == 0 { 2 } else { 3 })
                    .map(TemplateIx)
                    .collect(),
                baseline: i < 500,
            })
            .collect();
        assert!(score_sessions(&sessions).0.iter().all(|j| !j.anomalous));
    }
}

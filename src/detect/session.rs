//! Sessions (lines that share an identifier, or a run of lines) judged by what occurs in them and what is missing: rare and
//! missing templates alone decide. Order, counts and durations were measured to hurt where writers interleave.
//! Knows sets of templates, not text.

use rustc_hash::FxHashMap;

#[derive(Clone, Debug, Default)]
pub struct Session {
    /// Templates that occur, ascending, each once.
    pub templates: Vec<u32>,
    /// Began in the baseline.
    pub baseline: bool,
}

/// Why a session is odd.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cause {
    pub template: u32,
    /// A template that nearly all others have does not occur; else a rare one occurs.
    pub missing: bool,
    /// Share of sessions that are like that.
    pub share: f64,
}

#[derive(Clone, Debug, Default)]
pub struct Judged {
    /// Lowest share of its features, and whether it is below the threshold.
    pub share: f64,
    pub anomalous: bool,
    /// Rarest first.
    pub causes: Vec<Cause>,
}

/// A template in so large a share of the baseline is expected in each session.
const COMMON: f64 = 0.5;
/// Fallback threshold, and the limits of the automatic one.
const USUAL: f64 = 0.02;
const LOW: f64 = 0.005;
const HIGH: f64 = 0.10;

/// Judges all sessions; the threshold is where the shares leave the widest gap.
pub fn judge(sessions: &[Session]) -> (Vec<Judged>, f64) {
    let base: Vec<&Session> = sessions.iter().filter(|s| s.baseline).collect();
    let judged: Vec<&Session> = sessions.iter().filter(|s| !s.baseline).collect();
    let all: Vec<&Session> = sessions.iter().collect();
    let (base, judged) = if base.is_empty() || judged.is_empty() {
        (all.clone(), all)
    } else {
        (base, judged)
    };
    let (in_base, in_judged) = (count(&base), count(&judged));
    let share = |n: u64, of: usize| (n as f64 + 0.5) / (of as f64 + 1.0);
    let get = |m: &FxHashMap<u32, u64>, t: u32| m.get(&t).copied().unwrap_or(0);
    let present = |t: u32| {
        let judged_share = share(get(&in_judged, t), judged.len());
        if get(&in_base, t) == 0 {
            judged_share
        } else {
            share(get(&in_base, t), base.len()).max(judged_share)
        }
    };
    let absent = |t: u32| {
        let (b, j) = (
            base.len() as u64 - get(&in_base, t),
            judged.len() as u64 - get(&in_judged, t),
        );
        share(b, base.len()).max(share(j, judged.len()))
    };
    let mut common: Vec<u32> = in_base
        .iter()
        .filter(|(_, n)| **n as f64 >= COMMON * base.len() as f64)
        .map(|(t, _)| *t)
        .collect();
    common.sort_unstable();
    let mut out: Vec<Judged> = sessions
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
            Judged {
                share,
                anomalous: false,
                causes,
            }
        })
        .collect();
    let threshold = threshold(&out.iter().map(|j| j.share).collect::<Vec<_>>());
    for j in &mut out {
        j.anomalous = j.share < threshold;
        j.causes.retain(|c| c.share < threshold.max(COMMON / 5.0));
    }
    (out, threshold)
}

fn count(sessions: &[&Session]) -> FxHashMap<u32, u64> {
    let mut out = FxHashMap::default();
    sessions
        .iter()
        .flat_map(|s| &s.templates)
        .for_each(|t| *out.entry(*t).or_default() += 1);
    out
}

/// The widest gap between consecutive shares that leaves at most a tenth of the sessions below it.
fn threshold(shares: &[f64]) -> f64 {
    let mut sorted = shares.to_vec();
    sorted.sort_by(f64::total_cmp);
    let mut best = (2.0, USUAL);
    for i in 1..sorted.len() {
        let (a, b) = (sorted[i - 1], sorted[i]);
        if a == b || b < LOW || a > HIGH || i as f64 > 0.1 * sorted.len() as f64 {
            continue;
        }
        let (low, high) = (a.max(LOW), b.min(HIGH));
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
    fn rare_and_missing_templates_are_told() {
        let mut sessions: Vec<Session> = (0..1000)
            .map(|i| Session {
                templates: vec![1, 2, 3],
                baseline: i < 500,
            })
            .collect();
        sessions[700].templates = vec![1, 2, 3, 9];
        sessions[800].templates = vec![1];
        let (judged, threshold) = judge(&sessions);
        assert!(threshold > 0.001 && threshold < 0.2);
        assert_eq!(judged.iter().filter(|j| j.anomalous).count(), 2);
        assert_eq!(
            (
                judged[700].causes[0].template,
                judged[700].causes[0].missing
            ),
            (9, false)
        );
        assert!(judged[800].causes.iter().all(|c| c.missing));
    }

    #[test]
    fn what_many_sessions_do_is_no_anomaly() {
        let sessions: Vec<Session> = (0..1000)
            .map(|i| Session {
                templates: if i % 3 == 0 { vec![1] } else { vec![1, 2] },
                baseline: i < 500,
            })
            .collect();
        assert!(judge(&sessions).0.iter().all(|j| !j.anomalous));
    }
}

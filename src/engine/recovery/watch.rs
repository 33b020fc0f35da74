//! Did it work? The error templates' rate and the service's P(down) in the followed logs, before and after an action, against
//! what was predicted. Time is that of the logs, which for followed ones is now.

use super::apply::Applied;
use crate::engine::corpus::{Corpus, Snapshot};
use crate::engine::over::each_event;
use crate::model::{Action, Diagnosis, Findings, Level, Moment, NO_TIME, ReasonKind, Severity};
use crate::remediate::Outcome;
use crate::text::civil::{MINUTE, SECOND, human_duration};
use std::collections::BTreeSet;

/// Logs that ended longer ago are of the past: they cannot show what an action does.
const PRESENT: i64 = 3 * MINUTE;
/// The rate before is that of so long at most, and at least.
const BEFORE: i64 = 5 * MINUTE;
const SHORTEST: i64 = 30 * SECOND;
/// What is left of the rate when it worked, and what it grew to when it got worse.
const GONE: f64 = 0.2;
const GREW: f64 = 1.5;
/// As many errors must have been due at the old rate before their absence says something.
const DUE: f64 = 5.0;
/// Without a verdict by then there is none of recovery.
pub const PATIENCE: i64 = 2 * MINUTE;
/// A line that came so shortly ago still comes.
const STILL: i64 = 20 * SECOND;
/// P(down) from which a service is red.
const RED: f64 = 0.455;

/// What is expected of an action.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Watch {
    pub service: String,
    /// Templates of the trouble: index, as in the snapshot that it was made of.
    templates: BTreeSet<u64>,
    /// Their events per minute before.
    pub before: f64,
    pub down: f64,
    /// The logs are followed and of now.
    pub live: bool,
}

/// How it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Watched {
    pub outcome: Option<Outcome>,
    /// Nothing more is to come.
    pub over: bool,
    pub told: String,
}

impl Watch {
    /// What should come of an action, from what is known before it.
    pub fn new(
        snapshot: &Snapshot,
        f: &Findings,
        d: &Diagnosis,
        action: &Action,
        now: Moment,
    ) -> Watch {
        let reasons = f
            .windows
            .iter()
            .filter(|w| w.severity >= Severity::Medium)
            .flat_map(|w| &w.reasons);
        // What is usual and only came more often still comes when all is well.
        let bad = |id: u64| {
            snapshot
                .template_by_id(id)
                .is_some_and(|t| snapshot.templates[t].level >= Level::Warn)
        };
        let suspect: Vec<_> = reasons
            .filter(|r| {
                r.template_id
                    .is_some_and(|id| r.kind == ReasonKind::NewTemplate || bad(id))
            })
            .collect();
        let own: BTreeSet<u64> = suspect
            .iter()
            .filter(|r| r.service == action.service)
            .filter_map(|r| r.template_id)
            .collect();
        // A service that fell silent shows in what its callers say.
        let templates = if own.is_empty() {
            suspect.iter().filter_map(|r| r.template_id).collect()
        } else {
            own
        };
        let end = snapshot
            .chunks
            .iter()
            .map(|c| c.max_time)
            .max()
            .unwrap_or(NO_TIME);
        let down = d
            .services
            .iter()
            .find(|s| s.name == action.service)
            .map_or(0.0, |s| s.p_down);
        let mut out = Watch {
            service: action.service.clone(),
            templates,
            before: 0.0,
            down,
            live: false,
        };
        out.live = snapshot.progress.followed && end != NO_TIME && now - end < PRESENT;
        // Where the trouble began only just, the time before it says nothing of its rate.
        let from = (now - BEFORE).max(d.start).min(now - SHORTEST);
        out.before = per_minute(
            count(snapshot, &out.templates, &out.service, from, now),
            now - from,
        );
        out
    }

    /// What is predicted, in a sentence.
    pub fn prediction(&self) -> String {
        if !self.live {
            return "the logs are of the past: they cannot show whether it helps; say so by + or D on the action".into();
        }
        format!(
            "errors of {} fall from {:.1} to under {:.1} a minute, P(down) from {:.0}% to under {:.0}%",
            self.service,
            self.before,
            self.before * GONE,
            self.down * 100.0,
            RED * 100.0
        )
    }

    /// How it stands at a moment, `since` being when the action had ended.
    pub fn look(&self, corpus: &Corpus, applied: &Applied, since: Moment, now: Moment) -> Watched {
        if applied.stuck {
            return Watched {
                outcome: Some(Outcome::NoEffect),
                over: true,
                told: "the rollout did not end: it had no effect".into(),
            };
        }
        if !self.live {
            return Watched {
                outcome: None,
                over: true,
                told: self.prediction(),
            };
        }
        let snapshot = corpus.snapshot();
        let elapsed = (now - since).max(1);
        let late = elapsed >= PATIENCE;
        let after = count(&snapshot, &self.templates, &self.service, since, now);
        let rates = format!(
            "errors of {}: {:.1} a minute before, {:.1} in the {} since",
            self.service,
            self.before,
            per_minute(after, elapsed),
            human_duration(elapsed / SECOND * SECOND)
        );
        // Where nothing is heard at all, no errors are no good news.
        if !heard(&snapshot, &self.service, since) {
            let told = format!(
                "{rates}; no line of it came since{}",
                if late {
                    ": it cannot be told whether it helped"
                } else {
                    ""
                }
            );
            return Watched {
                outcome: None,
                over: late,
                told,
            };
        }
        let verdict = verdict(self.before, after, elapsed);
        if verdict.is_none() && !late {
            return Watched {
                outcome: None,
                over: false,
                told: rates,
            };
        }
        let down = self.down_now(corpus, &snapshot, since, now);
        let told = format!(
            "{rates}; P(down) {:.0}% before, {:.0}% now",
            self.down * 100.0,
            down * 100.0
        );
        weighed(verdict, down, late, &told)
    }

    /// P(down) by what is not normal since the action: of the windows the part behind it, with the reasons whose lines still come.
    fn down_now(&self, corpus: &Corpus, snapshot: &Snapshot, since: Moment, now: Moment) -> f64 {
        let still = came(snapshot, since.max(now - STILL), now);
        let mut f = (*corpus.findings_of(snapshot)).clone();
        for w in f.windows.iter_mut() {
            let new = w.start >= since;
            w.reasons.retain(|r| match r.template_id {
                Some(t) => still.contains(&t),
                None => new,
            });
            (w.start, w.end) = (w.start.max(since), w.end.max(now));
        }
        f.windows.retain(|w| !w.reasons.is_empty());
        let d = corpus.diagnose(snapshot, &f, None, &|_| true);
        d.services
            .iter()
            .find(|s| s.name == self.service)
            .map_or(0.0, |s| s.p_down)
    }
}

/// By the rates and P(down) together.
fn weighed(verdict: Option<Outcome>, down: f64, late: bool, told: &str) -> Watched {
    let (outcome, word) = match verdict {
        // The rate says so, the map does not yet: wait for it.
        Some(Outcome::Recovered) if down >= RED && !late => {
            return Watched {
                outcome: None,
                over: false,
                told: told.into(),
            };
        }
        Some(Outcome::Recovered) if down >= RED => (Some(Outcome::NoEffect), "no effect"),
        Some(Outcome::Recovered) => (verdict, "recovered"),
        Some(Outcome::Worse) => (verdict, "it got worse"),
        Some(Outcome::NoEffect) => (verdict, "no effect"),
        None => (None, "too few errors to tell"),
    };
    Watched {
        outcome,
        over: true,
        told: format!("{told}: {word}"),
    }
}

/// Whether a line came since a moment: of the service, or of anyone where it has no source of its own.
fn heard(snapshot: &Snapshot, service: &str, since: Moment) -> bool {
    let own: Vec<bool> = snapshot
        .sources
        .iter()
        .map(|s| s.service == service)
        .collect();
    let any = own.contains(&true);
    let late = snapshot
        .chunks
        .iter()
        .filter(|c| c.max_time != NO_TIME && c.max_time >= since);
    late.into_iter()
        .any(|c| !any || own.get(c.source as usize) == Some(&true))
}

/// Events of templates in a stretch of time, and every error of a service: after an action it may say something else.
fn count(
    snapshot: &Snapshot,
    templates: &BTreeSet<u64>,
    service: &str,
    from: Moment,
    to: Moment,
) -> u64 {
    let own: Vec<bool> = snapshot
        .sources
        .iter()
        .map(|s| s.service == service)
        .collect();
    let kinds: Vec<(bool, bool)> = snapshot
        .templates
        .iter()
        .map(|t| (templates.contains(&t.id), t.level >= Level::Error))
        .collect();
    let mut out = 0;
    each_event(snapshot, from, |source, time, template, _| {
        let (wanted, error) = kinds.get(template as usize).copied().unwrap_or_default();
        let counts = wanted || error && own.get(source as usize) == Some(&true);
        out += u64::from(counts && time != NO_TIME && time >= from && time < to);
    });
    out
}

/// Templates of which a line came in a stretch of time.
fn came(snapshot: &Snapshot, from: Moment, to: Moment) -> BTreeSet<u64> {
    let mut seen = vec![false; snapshot.templates.len()];
    each_event(snapshot, from, |_, time, template, _| {
        if time != NO_TIME && time >= from && time < to && (template as usize) < seen.len() {
            seen[template as usize] = true;
        }
    });
    snapshot
        .templates
        .iter()
        .zip(seen)
        .filter(|(_, seen)| *seen)
        .map(|(t, _)| t.id)
        .collect()
}

fn per_minute(events: u64, elapsed: i64) -> f64 {
    events as f64 * MINUTE as f64 / elapsed as f64
}

/// By rates alone: `before` in events a minute, `after` in events within `elapsed` nanoseconds. `None`: not to be told yet.
fn verdict(before: f64, after: u64, elapsed: i64) -> Option<Outcome> {
    let due = before * elapsed as f64 / MINUTE as f64;
    let after = after as f64;
    if after > GREW * due && after - due > 3.0 * due.max(1.0).sqrt() && after >= DUE {
        return Some(Outcome::Worse);
    }
    if due >= DUE && after <= GONE * due {
        return Some(Outcome::Recovered);
    }
    (elapsed >= PATIENCE && due >= DUE).then_some(Outcome::NoEffect)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_needs_as_many_errors_as_would_have_come() {
        assert_eq!(verdict(60.0, 0, 2 * SECOND), None, "two are no silence");
        assert_eq!(verdict(60.0, 0, 6 * SECOND), Some(Outcome::Recovered));
        assert_eq!(verdict(60.0, 40, 60 * SECOND), None, "it is still falling");
        assert_eq!(verdict(60.0, 80, PATIENCE), Some(Outcome::NoEffect));
        assert_eq!(verdict(1.0, 0, PATIENCE), None, "too few to tell");
    }

    #[test]
    fn a_service_that_is_still_red_has_not_recovered() {
        let told = |verdict, down, late| weighed(verdict, down, late, "x");
        assert!(
            !told(Some(Outcome::Recovered), 0.9, false).over,
            "the map is waited for"
        );
        assert_eq!(
            told(Some(Outcome::Recovered), 0.9, true).outcome,
            Some(Outcome::NoEffect)
        );
        assert_eq!(
            told(Some(Outcome::Recovered), 0.1, false).outcome,
            Some(Outcome::Recovered)
        );
        assert_eq!(told(None, 0.1, true).outcome, None);
    }

    #[test]
    fn what_grows_is_worse_at_once() {
        assert_eq!(verdict(60.0, 60, 20 * SECOND), Some(Outcome::Worse));
        assert_eq!(verdict(60.0, 24, 20 * SECOND), None, "that is chance");
        assert_eq!(verdict(0.0, 30, 20 * SECOND), Some(Outcome::Worse));
    }
}

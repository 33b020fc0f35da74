//! Decides whether an action worked: compares the error rate and the fault probability of the
//! service in the followed logs, before and after the action. All times are times in the logs. For
//! followed logs, the end of the logs is the current time. Changes nothing.

use super::apply::Applied;
use crate::analysis::Analysis;
use crate::corpus::Snapshot;
use crate::model::{
    Action, Band, Diagnosis, Findings, Level, Moment, NO_TIME, Reason, ReasonKind, Severity,
    TemplateIx, TemplateKey,
};
use crate::remediate::Outcome;
use crate::text::civil::{MINUTE, SECOND, human_duration};
use std::collections::BTreeSet;

/// Maximum age of the last log line. Older logs are not live and cannot show the effect of an
/// action.
const LIVE: i64 = 3 * MINUTE;
/// Maximum and minimum length of the time range that gives the error rate before the action.
const MAX_BEFORE: i64 = 5 * MINUTE;
const MIN_BEFORE: i64 = 30 * SECOND;
/// At this share of the old rate or less, the errors are gone. Above `INCREASED`, they increased.
const GONE: f64 = 0.2;
const INCREASED: f64 = 1.5;
/// Minimum number of errors for a conclusion. If fewer errors were expected at the old rate, their
/// absence means nothing.
const MIN_EXPECTED: f64 = 5.0;
/// The watch ends after this time, even if the service has not recovered.
pub const PATIENCE: i64 = 2 * MINUTE;
/// A template is active if its last event is not older than this.
const ACTIVE: i64 = 20 * SECOND;

/// Measurements before an action, to compare with the logs after it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Watch {
    pub service: String,
    /// Templates of the problem that the action should fix.
    templates: BTreeSet<TemplateKey>,
    /// Errors per minute before the action.
    pub before: f64,
    /// Fault probability of the service before the action.
    pub down: f64,
    /// True if the logs are followed and current.
    pub live: bool,
}

/// The state of a watch.
#[derive(Clone, Debug, PartialEq)]
pub struct WatchState {
    pub outcome: Option<Outcome>,
    /// True if the watch has ended.
    pub is_over: bool,
    pub message: String,
}

impl WatchState {
    fn over(outcome: Option<Outcome>, message: String) -> WatchState {
        WatchState {
            outcome,
            is_over: true,
            message,
        }
    }

    fn waiting(message: String) -> WatchState {
        WatchState {
            outcome: None,
            is_over: false,
            message,
        }
    }
}

impl Watch {
    /// Measures the error rate and the fault probability before an action.
    pub fn new(
        analysis: &Analysis,
        snapshot: &Snapshot,
        (findings, diagnosis): (&Findings, &Diagnosis),
        action: &Action,
        now: Moment,
    ) -> Watch {
        let worse = findings
            .windows
            .iter()
            .filter(|w| w.severity >= Severity::Medium);
        // A normal template that only became more frequent is not part of the problem: it is still
        // logged after the problem ends.
        let is_problem = |r: &&Reason| {
            let template = r.template_id.and_then(|id| snapshot.template_by_id(id));
            let level = |t: TemplateIx| snapshot.templates[t.index()].level;
            r.template_id.is_some()
                && (r.kind == ReasonKind::NewTemplate
                    || template.is_some_and(|t| level(t) >= Level::Warn))
        };
        let problems: Vec<&Reason> = worse.flat_map(|w| &w.reasons).filter(is_problem).collect();
        let of_service = problems.iter().filter(|r| r.service == action.service);
        let own: BTreeSet<TemplateKey> = of_service.filter_map(|r| r.template_id).collect();
        // If the service has no template here, use those of all services. When a service stops
        // logging, the lines of its callers show the problem.
        let templates = match own.is_empty() {
            true => problems.iter().filter_map(|r| r.template_id).collect(),
            false => own,
        };
        let end = snapshot.span().map_or(NO_TIME, |s| s.1);
        let health = diagnosis.services.iter().find(|s| s.name == action.service);
        let mut out = Watch {
            service: action.service.clone(),
            templates,
            before: 0.0,
            down: health.map_or(0.0, |s| s.p_down),
            live: snapshot.progress.followed && end != NO_TIME && now - end < LIVE,
        };
        // Leave out the time before the problem, because it does not show the rate during the
        // problem.
        let from = (now - MAX_BEFORE)
            .max(diagnosis.start)
            .min(now - MIN_BEFORE);
        out.before = per_minute(out.errors(analysis, snapshot, from, now), now - from);
        out
    }

    /// The expected effect of the action, in one sentence.
    pub fn prediction(&self) -> String {
        if !self.live {
            return "the logs are not live, so they cannot show the effect; press + if the action helped, D if not"
                .into();
        }
        format!(
            "errors of {} should fall from {:.1} to under {:.1} per minute, and its fault probability from {:.0}% to under 46%",
            self.service,
            self.before,
            self.before * GONE,
            self.down * 100.0,
        )
    }

    /// The state at the time `now`. `since` is the end of the action.
    pub fn check(
        &self,
        analysis: &Analysis,
        applied: &Applied,
        since: Moment,
        now: Moment,
    ) -> WatchState {
        if applied.is_stuck {
            let message = "the rollout did not complete: no effect".into();
            return WatchState::over(Some(Outcome::NoEffect), message);
        }
        if !self.live {
            return WatchState::over(None, self.prediction());
        }
        let snapshot = analysis.snapshot();
        let elapsed = (now - since).max(1);
        let is_late = elapsed >= PATIENCE;
        let after = self.errors(analysis, &snapshot, since, now);
        let rates = format!(
            "errors of {}: {:.1} per minute before, {:.1} per minute in the {} after",
            self.service,
            self.before,
            per_minute(after, elapsed),
            human_duration(elapsed / SECOND * SECOND)
        );
        // A service that logs nothing has not necessarily recovered.
        if !has_lines_since(&snapshot, &self.service, since) {
            return match is_late {
                true => WatchState::over(
                    None,
                    format!("{rates}; it has logged nothing since then, so the effect is unknown"),
                ),
                false => WatchState::waiting(format!("{rates}; it has logged nothing since then")),
            };
        }
        let by_rate = outcome_by_rate(self.before, after, elapsed);
        if by_rate.is_none() && !is_late {
            return WatchState::waiting(rates);
        }
        let down = self.fault_probability(analysis, &snapshot, since, now);
        let (before, after) = (self.down * 100.0, down * 100.0);
        let message = format!("{rates}; fault probability {before:.0}% before, {after:.0}% now");
        combine(by_rate, down, is_late, &message)
    }

    /// Fault probability of the service after the action. Only the part of each window after the
    /// action counts, and only reasons whose templates are still active. A reason without a
    /// template counts if its window starts after the action.
    fn fault_probability(
        &self,
        analysis: &Analysis,
        snapshot: &Snapshot,
        since: Moment,
        now: Moment,
    ) -> f64 {
        let active = active_templates(analysis, snapshot, since.max(now - ACTIVE), now);
        let mut findings = (*analysis.findings(snapshot)).clone();
        for w in &mut findings.windows {
            let is_new = w.start >= since;
            w.reasons
                .retain(|r| r.template_id.map_or(is_new, |t| active.contains(&t)));
            (w.start, w.end) = (w.start.max(since), w.end.max(now));
        }
        findings.windows.retain(|w| !w.reasons.is_empty());
        let d = analysis.diagnose(snapshot, &findings, None, &|_| true);
        d.services
            .iter()
            .find(|s| s.name == self.service)
            .map_or(0.0, |s| s.p_down)
    }

    /// Counts the events of the problem's templates and all errors of the service. All errors
    /// count, because the service may log other errors after the action.
    fn errors(&self, analysis: &Analysis, snapshot: &Snapshot, from: Moment, to: Moment) -> u64 {
        let counts = |t: TemplateIx, is_own: bool| {
            snapshot.template(t).is_some_and(|t| {
                self.templates.contains(&t.id) || is_own && t.level >= Level::Error
            })
        };
        let mut count = 0;
        for part in snapshot.parts().filter(|p| p.times().1 >= from) {
            let source = snapshot.sources.get(part.source().index());
            let is_own = source.is_some_and(|s| s.service == self.service);
            for events in part.blocks(&analysis.corpus) {
                let wanted: Vec<bool> = events
                    .templates()
                    .map(|t| t.is_some_and(|t| counts(t, is_own)))
                    .collect();
                let is_counted = |e: &crate::corpus::EventRef<'_>| {
                    wanted[e.slot()] && e.time() != NO_TIME && (from..to).contains(&e.time())
                };
                count += events.iter().filter(is_counted).count() as u64;
            }
        }
        count
    }
}

/// Combines the outcome from the error rates with the fault probability.
fn combine(by_rate: Option<Outcome>, down: f64, is_late: bool, message: &str) -> WatchState {
    let is_red = Band::of(down) == Band::Red;
    let (outcome, word) = match by_rate {
        // The errors are gone, but the service map still shows a fault. Wait for it to change.
        Some(Outcome::Recovered) if is_red && !is_late => {
            return WatchState::waiting(message.into());
        }
        Some(Outcome::Recovered) if is_red => (Some(Outcome::NoEffect), "no effect"),
        Some(Outcome::Recovered) => (by_rate, "recovered"),
        Some(Outcome::Worse) => (by_rate, "worse"),
        Some(Outcome::NoEffect) => (by_rate, "no effect"),
        None => (None, "there were too few errors to see an effect"),
    };
    WatchState::over(outcome, format!("{message}: {word}"))
}

/// True if a line was logged since this moment by the service. If the service has no source of its
/// own, the lines of all services count.
fn has_lines_since(snapshot: &Snapshot, service: &str, since: Moment) -> bool {
    let own: Vec<bool> = snapshot
        .sources
        .iter()
        .map(|s| s.service == service)
        .collect();
    let has_own = own.contains(&true);
    snapshot.has_events_since(since, |s| !has_own || own.get(s.index()) == Some(&true))
}

/// Templates with an event in a time range.
fn active_templates(
    analysis: &Analysis,
    snapshot: &Snapshot,
    from: Moment,
    to: Moment,
) -> BTreeSet<TemplateKey> {
    let mut seen = vec![false; snapshot.templates.len()];
    for part in snapshot.parts().filter(|p| p.times().1 >= from) {
        for events in part.blocks(&analysis.corpus) {
            for e in events
                .iter()
                .filter(|e| e.time() != NO_TIME && (from..to).contains(&e.time()))
            {
                if let Some(t) = e.template() {
                    seen[t.index()] = true;
                }
            }
        }
    }
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

/// The outcome from the error rates alone. `before` is in events per minute. `after` is the number
/// of events within `elapsed` nanoseconds. `None` means that the outcome is not known yet.
fn outcome_by_rate(before: f64, after: u64, elapsed: i64) -> Option<Outcome> {
    let expected = before * elapsed as f64 / MINUTE as f64;
    let after = after as f64;
    let is_significant = after - expected > 3.0 * expected.max(1.0).sqrt();
    if after > INCREASED * expected && is_significant && after >= MIN_EXPECTED {
        return Some(Outcome::Worse);
    }
    if expected >= MIN_EXPECTED && after <= GONE * expected {
        return Some(Outcome::Recovered);
    }
    (elapsed >= PATIENCE && expected >= MIN_EXPECTED).then_some(Outcome::NoEffect)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_needs_enough_expected_errors() {
        let outcome = outcome_by_rate;
        assert_eq!(outcome(60.0, 0, 2 * SECOND), None, "only two were expected");
        assert_eq!(outcome(60.0, 0, 6 * SECOND), Some(Outcome::Recovered));
        assert_eq!(
            outcome(60.0, 40, 60 * SECOND),
            None,
            "the rate is still falling"
        );
        assert_eq!(outcome(60.0, 80, PATIENCE), Some(Outcome::NoEffect));
        assert_eq!(outcome(1.0, 0, PATIENCE), None, "too few errors");
    }

    #[test]
    fn a_service_that_is_still_red_has_not_recovered() {
        let state = |by_rate, down, is_late| combine(by_rate, down, is_late, "x");
        let recovered = Some(Outcome::Recovered);
        assert!(
            !state(recovered, 0.9, false).is_over,
            "the service map may follow"
        );
        assert_eq!(state(recovered, 0.9, true).outcome, Some(Outcome::NoEffect));
        assert_eq!(state(recovered, 0.1, false).outcome, recovered);
        assert_eq!(state(None, 0.1, true).outcome, None);
    }

    #[test]
    fn a_growing_rate_is_worse_at_once() {
        assert_eq!(outcome_by_rate(60.0, 60, 20 * SECOND), Some(Outcome::Worse));
        assert_eq!(
            outcome_by_rate(60.0, 24, 20 * SECOND),
            None,
            "within chance"
        );
        assert_eq!(outcome_by_rate(0.0, 30, 20 * SECOND), Some(Outcome::Worse));
    }
}

//! Decides whether an action worked: compares the rate of errors and the service's fault probability in the followed logs before
//! and after it. The time is that of the logs, which for followed ones is now.

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

/// Logs that ended longer ago than this are not live: they cannot show the effect of an action.
const LIVE: i64 = 3 * MINUTE;
/// The rate before the action is that of at most, and at least, this time.
const MAX_BEFORE: i64 = 5 * MINUTE;
const MIN_BEFORE: i64 = 30 * SECOND;
/// Share of the old rate below which the errors are gone, and above which they increased.
const GONE: f64 = 0.2;
const INCREASED: f64 = 1.5;
/// This many errors must have been expected at the old rate before their absence means something.
const MIN_EXPECTED: f64 = 5.0;
/// Time after which the watch ends without a recovery.
pub const PATIENCE: i64 = 2 * MINUTE;
/// A template with an event this recently is still active.
const ACTIVE: i64 = 20 * SECOND;

/// What is expected of an action.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Watch {
    pub service: String,
    /// Templates of the problem.
    templates: BTreeSet<TemplateKey>,
    /// Errors per minute before the action.
    pub before: f64,
    /// Fault probability of the service before the action.
    pub down: f64,
    /// The logs are followed and current.
    pub live: bool,
}

/// The state of a watch.
#[derive(Clone, Debug, PartialEq)]
pub struct WatchState {
    pub outcome: Option<Outcome>,
    /// The watch has ended.
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
    /// What is expected of an action, from what is known before it.
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
        // A normal template that only became more frequent continues when the problem is over.
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
        // The problem of a service that stopped logging is in the lines of its callers.
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
        // The time before the problem says nothing about its rate.
        let from = (now - MAX_BEFORE)
            .max(diagnosis.start)
            .min(now - MIN_BEFORE);
        out.before = per_minute(out.errors(analysis, snapshot, from, now), now - from);
        out
    }

    /// The prediction, in one sentence.
    pub fn prediction(&self) -> String {
        if !self.live {
            return "the logs are not live and cannot show the effect; rate the action with + or D"
                .into();
        }
        format!(
            "errors of {} fall from {:.1} to under {:.1} per minute, fault probability from {:.0}% to under 46%",
            self.service,
            self.before,
            self.before * GONE,
            self.down * 100.0,
        )
    }

    /// The state at a moment; `since` is the end of the action.
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
            "errors of {}: {:.1} per minute before, {:.1} in the {} since",
            self.service,
            self.before,
            per_minute(after, elapsed),
            human_duration(elapsed / SECOND * SECOND)
        );
        // Silence is not recovery.
        if !has_lines_since(&snapshot, &self.service, since) {
            return match is_late {
                true => WatchState::over(
                    None,
                    format!("{rates}; it logged no lines since: the effect is unknown"),
                ),
                false => WatchState::waiting(format!("{rates}; it logged no lines since")),
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

    /// Fault probability of the service from what is anomalous since the action: windows are cut at it, and only reasons whose
    /// templates are still active remain.
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

    /// Events of the problem's templates, and all errors of the service: after an action it may log other errors.
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

/// The outcome by the rates and the fault probability together.
fn combine(by_rate: Option<Outcome>, down: f64, is_late: bool, message: &str) -> WatchState {
    let is_red = Band::of(down) == Band::Red;
    let (outcome, word) = match by_rate {
        // The errors are gone but the service map does not show it yet.
        Some(Outcome::Recovered) if is_red && !is_late => {
            return WatchState::waiting(message.into());
        }
        Some(Outcome::Recovered) if is_red => (Some(Outcome::NoEffect), "no effect"),
        Some(Outcome::Recovered) => (by_rate, "recovered"),
        Some(Outcome::Worse) => (by_rate, "worse"),
        Some(Outcome::NoEffect) => (by_rate, "no effect"),
        None => (None, "too few errors for a verdict"),
    };
    WatchState::over(outcome, format!("{message}: {word}"))
}

/// Whether a line came since a moment: of the service, or of any service where it has no source of its own.
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

/// The outcome by the rates alone: `before` in events per minute, `after` in events within `elapsed` nanoseconds. `None`:
/// not known yet.
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

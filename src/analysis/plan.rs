//! The plan of a corpus: passes what the diagnosis and the sources say about the workload to the planner. Chooses no actions.

use super::analysis::Analysis;
use super::error::Error;
use crate::corpus::{Snapshot, now};
use crate::kube;
use crate::model::{
    Action, Context, Diagnosis, NO_TIME, ObjectKind, POD_STATES, Severity, SourceInfo, Target,
};
use crate::remediate::{self, Outcome, PlanContext};
use crate::text::civil::{MINUTE, rfc3339};
use std::collections::BTreeMap;

/// A problem that ended this long before the end of the logs is over.
const OVER_AFTER: i64 = 5 * MINUTE;

/// What a plan is made for: the chosen cluster, and the values that the user gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlanFor {
    pub context: Option<String>,
    pub given: BTreeMap<String, String>,
    /// The node of the suspected pod, as the cluster reports it.
    pub node: Option<String>,
}

impl Analysis {
    /// The plan as a runbook, without a cluster.
    pub fn plan(&self, snapshot: &Snapshot) -> Vec<Action> {
        self.plan_for(snapshot, &PlanFor::default())
    }

    /// The plan for a chosen cluster, with the values that were given.
    pub fn plan_for(&self, snapshot: &Snapshot, plan_for: &PlanFor) -> Vec<Action> {
        self.plan_of(snapshot, &self.diagnosis(snapshot), plan_for)
    }

    /// The plan for a diagnosis other than that of this analysis.
    pub fn plan_of(&self, snapshot: &Snapshot, d: &Diagnosis, plan_for: &PlanFor) -> Vec<Action> {
        let service = d.causes.first().map_or("", |c| c.service.as_str());
        let end = snapshot
            .span()
            .map(|s| s.1)
            .filter(|t| *t != NO_TIME)
            .unwrap_or(0);
        let [pod, node, container] = place(snapshot, service);
        // A plan for an archive is reproducible; on a cluster a second restart must differ from the first.
        let at = if plan_for.context.is_some() {
            now()
        } else {
            end
        };
        let context = PlanContext {
            target: target(snapshot, service),
            pod,
            node: node.or_else(|| plan_for.node.clone()),
            container,
            context: plan_for
                .context
                .clone()
                .map_or(Context::Placeholder, Context::Named),
            at: rfc3339(at, 0),
            given: plan_for.given.clone(),
            has_ended: has_ended(d, end),
        };
        remediate::plan(d, &context, &self.memory().priors)
    }

    /// Records the user's verdict on an action: it helped, or it did not.
    pub fn rate_action(&self, action: &Action, helped: bool) -> Result<(), Error> {
        let outcome = if helped {
            Outcome::Recovered
        } else {
            Outcome::NoEffect
        };
        self.record_outcome(action, outcome)
    }

    /// Records the outcome of an action, for later plans.
    pub fn record_outcome(&self, action: &Action, outcome: Outcome) -> Result<(), Error> {
        let class = action.category.to_string();
        self.remember(|m| m.priors.record(&class, &action.verb, outcome))
    }
}

fn has_ended(d: &Diagnosis, end: i64) -> bool {
    d.severity >= Severity::Medium && d.end != 0 && d.end + OVER_AFTER < end
}

/// Sources of a service, by its workload or its name.
fn sources<'s>(snapshot: &'s Snapshot, service: &'s str) -> impl Iterator<Item = &'s SourceInfo> {
    let is_of = move |s: &&SourceInfo| {
        s.origin.workload.as_deref() == Some(service) || s.service == service
    };
    snapshot.sources.iter().filter(is_of)
}

/// The workload behind a service, where the bundle's layout says it.
fn target(snapshot: &Snapshot, service: &str) -> Option<Target> {
    let has_workload =
        |s: &&SourceInfo| s.origin.workload.as_deref() == Some(service) || s.origin.pod.is_some();
    let origin = &sources(snapshot, service).find(has_workload)?.origin;
    let namespace = origin.namespace.clone()?;
    // `name-0` is a pod of a StatefulSet, `name-<hash>-<id>` one of a Deployment.
    let is_ordinal = |n: &str| n.len() <= 3 && n.bytes().all(|b| b.is_ascii_digit());
    let pod = origin.pod.as_deref().unwrap_or_default();
    let kind = match pod.rsplit_once('-') {
        Some((_, n)) if is_ordinal(n) => ObjectKind::StatefulSet,
        _ => ObjectKind::Deployment,
    };
    (kube::is_name(&namespace) && kube::is_name(service)).then(|| Target {
        namespace,
        kind,
        name: service.to_string(),
    })
}

/// The pod of a service with the most events, its node and its container.
fn place(snapshot: &Snapshot, service: &str) -> [Option<String>; 3] {
    let is_log = |s: &&SourceInfo| {
        s.origin.pod.is_some() && s.origin.container.as_deref() != Some(POD_STATES)
    };
    let Some(source) = sources(snapshot, service)
        .filter(is_log)
        .max_by_key(|s| s.events)
    else {
        return [None, None, None];
    };
    let o = &source.origin;
    [&o.pod, &o.node, &o.container].map(|n| n.clone().filter(|n| kube::is_name(n)))
}

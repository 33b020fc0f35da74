//! Creates the plan of a corpus: collects what the diagnosis and the sources contain about the
//! workload, and passes it to the planner. Chooses no actions.

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

/// A problem is over if it ended more than this long before the end of the logs.
const OVER_AFTER: i64 = 5 * MINUTE;

/// The settings of a plan: the selected cluster, and the values that the user entered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlanFor {
    pub context: Option<String>,
    pub given: BTreeMap<String, String>,
    /// Node of the suspected pod, as reported by the cluster.
    pub node: Option<String>,
}

impl Analysis {
    /// Creates the plan as a runbook, without a cluster.
    pub fn plan(&self, snapshot: &Snapshot) -> Vec<Action> {
        self.plan_for(snapshot, &PlanFor::default())
    }

    /// Creates the plan for the selected cluster and the values that the user entered.
    pub fn plan_for(&self, snapshot: &Snapshot, plan_for: &PlanFor) -> Vec<Action> {
        self.plan_of(snapshot, &self.diagnosis(snapshot), plan_for)
    }

    /// Creates the plan for a given diagnosis, which can be different from the cached one.
    pub fn plan_of(&self, snapshot: &Snapshot, d: &Diagnosis, plan_for: &PlanFor) -> Vec<Action> {
        let service = d.causes.first().map_or("", |c| c.service.as_str());
        let end = snapshot
            .span()
            .map(|s| s.1)
            .filter(|t| *t != NO_TIME)
            .unwrap_or(0);
        let [pod, node, container] = place(snapshot, service);
        // Without a cluster, the plan uses the end of the logs as its time, so that it is
        // reproducible. With a cluster, it uses the current time, so that a second restart differs
        // from the first one.
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
            apply: self.corpus.options.apply.clone(),
        };
        remediate::plan(d, &context, &self.memory().priors)
    }

    /// Records the user's verdict on an action: whether it helped.
    pub fn rate_action(&self, action: &Action, helped: bool) -> Result<(), Error> {
        let outcome = if helped {
            Outcome::Recovered
        } else {
            Outcome::NoEffect
        };
        self.record_outcome(action, outcome)
    }

    /// Records the outcome of an action. Later plans use it.
    pub fn record_outcome(&self, action: &Action, outcome: Outcome) -> Result<(), Error> {
        let class = action.category.to_string();
        self.remember(|m| m.priors.record(&class, &action.verb, outcome))
    }
}

fn has_ended(d: &Diagnosis, end: i64) -> bool {
    d.severity >= Severity::Medium && d.end != 0 && d.end + OVER_AFTER < end
}

/// Returns the sources of a service. The name is compared with the workload and with the service.
fn sources<'s>(snapshot: &'s Snapshot, service: &'s str) -> impl Iterator<Item = &'s SourceInfo> {
    let is_of = move |s: &&SourceInfo| {
        s.origin.workload.as_deref() == Some(service) || s.service == service
    };
    snapshot.sources.iter().filter(is_of)
}

/// Returns the workload of a service, if the layout of the bundle contains it.
fn target(snapshot: &Snapshot, service: &str) -> Option<Target> {
    let has_workload =
        |s: &&SourceInfo| s.origin.workload.as_deref() == Some(service) || s.origin.pod.is_some();
    let origin = &sources(snapshot, service).find(has_workload)?.origin;
    let namespace = origin.namespace.clone()?;
    // `name-0` is a pod of a StatefulSet. `name-<hash>-<id>` is a pod of a Deployment.
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

/// Returns the pod, node and container of a service. If there are several pods, uses the source
/// with the most events.
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

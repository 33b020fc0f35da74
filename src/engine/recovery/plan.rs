//! The plan of a corpus: what the diagnosis and the sources tell of the workload goes to the planner.

use crate::engine::corpus::{Corpus, Snapshot, lock};
use crate::kube;
use crate::model::{Action, Diagnosis, NO_TIME, Severity, Target};
use crate::remediate::{self, Outcome, Scene};
use crate::text::civil::{MINUTE, rfc3339};
use std::collections::BTreeMap;

/// Trouble that ended so long before the end of the logs has passed.
const PASSED: i64 = 5 * MINUTE;

/// For what a plan is made: a context, where one is armed, and the values that were given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlanFor {
    pub context: Option<String>,
    pub given: BTreeMap<String, String>,
    /// The node of the suspected pod, as the cluster tells it.
    pub node: Option<String>,
}

impl Corpus {
    /// The plan as a runbook, which no cluster stands behind.
    pub fn plan(&self, snapshot: &Snapshot, d: &Diagnosis) -> Vec<Action> {
        self.plan_for(snapshot, d, &PlanFor::default())
    }

    /// The plan for a connected context, with the values that were given.
    pub fn plan_for(&self, snapshot: &Snapshot, d: &Diagnosis, whom: &PlanFor) -> Vec<Action> {
        let service = d.causes.first().map_or("", |c| c.service.as_str());
        let end = snapshot
            .chunks
            .iter()
            .map(|c| c.max_time)
            .max()
            .filter(|t| *t != NO_TIME)
            .unwrap_or(0);
        let [pod, node, container] = place(snapshot, service);
        let scene = Scene {
            target: target(snapshot, service),
            pod,
            node: node.or_else(|| whom.node.clone()),
            container,
            context: whom.context.clone(),
            // On an archive a plan reads the same twice; on a cluster a second restart must differ from the first.
            at: rfc3339(
                if whom.context.is_some() {
                    crate::engine::now()
                } else {
                    end
                },
                0,
            ),
            given: whom.given.clone(),
            passed: d.severity >= Severity::Medium && d.end != 0 && d.end + PASSED < end,
        };
        remediate::plan(d, &scene, &lock(&self.memory).priors)
    }

    /// The user's word on what came of an action: it helped, or it did not.
    pub fn judge_action(&self, action: &Action, helped: bool) -> Result<(), String> {
        let outcome = if helped {
            Outcome::Recovered
        } else {
            Outcome::NoEffect
        };
        self.remember(|m| m.priors.note(&action.class, &action.verb, outcome))
    }
}

/// The workload behind a service, where the bundle's layout tells it.
fn target(snapshot: &Snapshot, service: &str) -> Option<Target> {
    let source = snapshot.sources.iter().find(|s| {
        s.origin.workload.as_deref() == Some(service)
            || s.service == service && s.origin.pod.is_some()
    })?;
    let (namespace, pod) = (
        source.origin.namespace.clone()?,
        source.origin.pod.clone().unwrap_or_default(),
    );
    // `name-0` is of a StatefulSet, `name-<hash>-<id>` of a Deployment.
    let ordinal = pod
        .rsplit_once('-')
        .is_some_and(|(_, n)| n.len() <= 3 && n.bytes().all(|b| b.is_ascii_digit()));
    let kind = if ordinal { "statefulset" } else { "deployment" };
    let target = Target {
        namespace,
        kind: kind.into(),
        name: service.to_string(),
    };
    (kube::is_name(&target.namespace) && kube::is_name(&target.name)).then_some(target)
}

/// The pod of a service that said most, its node, its container.
fn place(snapshot: &Snapshot, service: &str) -> [Option<String>; 3] {
    let own = snapshot
        .sources
        .iter()
        .filter(|s| s.origin.workload.as_deref() == Some(service) || s.service == service);
    let own = own.filter(|s| s.origin.container.as_deref() != Some(crate::engine::live::STATES));
    let Some(source) = own
        .filter(|s| s.origin.pod.is_some())
        .max_by_key(|s| s.events)
    else {
        return [None, None, None];
    };
    let o = &source.origin;
    [&o.pod, &o.node, &o.container].map(|n| n.clone().filter(|n| kube::is_name(n)))
}

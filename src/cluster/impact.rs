//! Reports what else a change affects: pods, owners, tools that manage the object, disruption
//! budgets and autoscalers. Only reads, and never refuses an action.

use super::connection::Connection;
use super::object;
use super::preflight::Preflight;
use crate::model::{ObjectKind, Target};
use serde_json::Value;

/// Labels that tools set on the objects that they manage.
const MANAGED_BY: [&str; 3] = [
    "argocd.argoproj.io/instance",
    "kustomize.toolkit.fluxcd.io/name",
    "app.kubernetes.io/managed-by",
];

pub fn check(connection: &Connection, t: &Target, object: &Value, out: &mut Preflight) {
    let mut unread = Vec::new();
    let mut list = |kind: ObjectKind| {
        connection.list(&t.namespace, kind).unwrap_or_else(|e| {
            unread.push(format!("{} could not be read: {e}", kind.plural()));
            Vec::new()
        })
    };
    pods(&list(ObjectKind::Pod), t, object, out);
    managers(object, out);
    let labels = match t.kind {
        ObjectKind::Pod => &object["metadata"]["labels"],
        _ => &object["spec"]["template"]["metadata"]["labels"],
    };
    let name = |o: &Value| {
        o["metadata"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_string()
    };
    if labels.is_object() {
        let selects = |b: &&Value| object::selects(&b["spec"]["selector"], labels);
        for budget in list(ObjectKind::Pdb).iter().filter(selects) {
            let allowed = budget["status"]["disruptionsAllowed"].as_u64().unwrap_or(0);
            let name = name(budget);
            out.check(
                true,
                format!("the disruption budget {name} allows {allowed} disruptions now"),
            );
        }
    }
    let is_target = |h: &&Value| h["spec"]["scaleTargetRef"]["name"] == t.name.as_str();
    for scaler in list(ObjectKind::Hpa).iter().filter(is_target) {
        let name = name(scaler);
        out.check(
            true,
            format!("the autoscaler {name} sets the number of pods and will overwrite your change"),
        );
    }
    unread.into_iter().for_each(|text| out.check(true, text));
}

fn pods(pods: &[Value], t: &Target, object: &Value, out: &mut Preflight) {
    let is_affected = |p: &&Value| match t.kind {
        ObjectKind::Node => p["spec"]["nodeName"] == t.name.as_str(),
        _ => object::selects(&object["spec"]["selector"], &p["metadata"]["labels"]),
    };
    let is_ready = |p: &&&Value| {
        let conditions = p["status"]["conditions"].as_array();
        conditions.is_some_and(|c| {
            c.iter()
                .any(|c| c["type"] == "Ready" && c["status"] == "True")
        })
    };
    let affected: Vec<&Value> = pods.iter().filter(is_affected).collect();
    let count = affected.len();
    if t.kind == ObjectKind::Node {
        out.check(
            true,
            format!("{count} pods of namespace {} run on it", t.namespace),
        );
    } else if object["spec"]["selector"].is_object() {
        let ready = affected.iter().filter(is_ready).count();
        out.check(
            true,
            format!("{count} pods are affected, {ready} of them ready"),
        );
    }
}

fn managers(object: &Value, out: &mut Preflight) {
    for owner in object["metadata"]["ownerReferences"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let field = |k: &str| owner[k].as_str().unwrap_or_default().to_lowercase();
        out.check(
            true,
            format!(
                "owned by {} {}, which may revert the change",
                field("kind"),
                field("name")
            ),
        );
    }
    for label in MANAGED_BY {
        if let Some(by) = object["metadata"]["labels"][label].as_str() {
            out.check(
                true,
                format!("managed by a tool ({label}={by}), which may revert the change"),
            );
        }
    }
}

//! Kubernetes objects that a bundle holds as YAML or JSON: what was rolled out, and when. Knows the corpus's text.

use super::corpus::{Corpus, Snapshot};
use crate::ingest::layout::workload;
use crate::model::Moment;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Larger files are not objects that anyone wrote down to be read.
const MOST_BYTES: u64 = 2 << 20;
const MOST_FILES: usize = 2_000;
/// Kinds whose creation is a rollout, as their lists are named in bundles.
const KINDS: [&str; 4] = ["Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"];

#[derive(Deserialize)]
struct Object {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    metadata: Meta,
    #[serde(default)]
    items: Vec<Object>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meta {
    #[serde(default)]
    name: String,
    #[serde(default)]
    creation_timestamp: Option<String>,
}

impl Corpus {
    /// Services and when they were last rolled out: the newest object of theirs.
    pub fn rollouts(&self, snapshot: &Snapshot) -> BTreeMap<String, Moment> {
        let mut out: BTreeMap<String, Moment> = BTreeMap::new();
        let files = snapshot
            .sources
            .iter()
            .enumerate()
            .filter(|(_, s)| s.bytes <= MOST_BYTES && names_objects(&s.name));
        for (i, s) in files.take(MOST_FILES) {
            let Some(text) = self.raw(i as u32, 0, s.bytes as usize) else {
                continue;
            };
            for (service, at) in created(&text) {
                let newest = out.entry(service).or_insert(at);
                *newest = (*newest).max(at);
            }
        }
        out
    }
}

/// A file whose name says that it lists workloads: `apps/deployments.yaml`, `replicaset-cart.json`.
fn names_objects(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_lowercase();
    let typed = [".yaml", ".yml", ".json"].iter().any(|e| name.ends_with(e));
    typed && KINDS.iter().any(|k| name.contains(&k.to_lowercase()))
}

/// Service and creation of each workload in a file; a broken file has none.
fn created(text: &[u8]) -> Vec<(String, Moment)> {
    let Ok(text) = std::str::from_utf8(text) else {
        return Vec::new();
    };
    let documents: Vec<Object> = serde_saphyr::from_multiple(text).unwrap_or_default();
    let all = documents
        .iter()
        .flat_map(|d| std::iter::once(d).chain(&d.items));
    all.filter(|o| KINDS.contains(&o.kind.as_str()))
        .filter_map(|o| {
            let at = super::moment(o.metadata.creation_timestamp.as_deref()?)?;
            // A ReplicaSet is its Deployment's with a hash behind it; a pod of it would have a suffix too.
            let name = if o.kind == "ReplicaSet" {
                workload(&format!("{}-x7k2p", o.metadata.name))
            } else {
                o.metadata.name.clone()
            };
            Some((name, at))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_single_objects_tell_when_they_were_made() {
        let list = "apiVersion: v1\nkind: DeploymentList\nitems:\n- apiVersion: apps/v1\n  kind: Deployment\n  metadata:\n    annotations: {a: \"b: c\"}\n    creationTimestamp: \"2026-03-02T08:50:00Z\"\n    name: payment\n  spec: {replicas: 2}\n";
        assert_eq!(
            created(list.as_bytes()),
            [(
                "payment".to_string(),
                crate::engine::moment("2026-03-02T08:50:00Z").unwrap()
            )]
        );
        let set = r#"{"kind": "ReplicaSet", "metadata": {"name": "payment-7f8d7d756d", "creationTimestamp": "2026-03-02T08:55:00Z"}}"#;
        assert_eq!(created(set.as_bytes())[0].0, "payment");
        assert!(
            created(b"kind: Deployment\nmetadata: [").is_empty() && created(b"\xff").is_empty()
        );
        assert!(
            names_objects("ns/apps/replicasets.yaml")
                && !names_objects("ns/pods/a.yaml")
                && !names_objects("deployment.log")
        );
    }
}

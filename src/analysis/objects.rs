//! Reads the creation times of workloads from the Kubernetes objects (YAML or JSON) in a bundle.
//! Draws no conclusions.

use super::analysis::Analysis;
use crate::corpus::Snapshot;
use crate::ingest::files::layout::workload;
use crate::model::{Moment, SourceId};
use crate::text::time::clock::moment;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Maximum size of a file in bytes, and maximum number of files. Larger files and additional files
/// are skipped.
const MAX_BYTES: u64 = 2 << 20;
const MAX_FILES: usize = 2_000;
/// Kinds of workloads. The creation of such an object is a rollout. Bundles use these kinds in the
/// names of the files that list the objects.
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

impl Analysis {
    /// Returns when each service was last rolled out, which is when its newest object was created.
    pub fn rollouts(&self, snapshot: &Snapshot) -> BTreeMap<String, Moment> {
        let mut out: BTreeMap<String, Moment> = BTreeMap::new();
        let files = snapshot
            .sources
            .iter()
            .enumerate()
            .filter(|(_, s)| s.bytes <= MAX_BYTES && is_object_list(&s.name));
        for (i, s) in files.take(MAX_FILES) {
            let Some(text) = self.corpus.raw(SourceId::at(i), 0, s.bytes as usize) else {
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

/// Returns true if a file name shows that the file lists workloads, as in `apps/deployments.yaml`
/// or `replicaset-cart.json`.
fn is_object_list(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_lowercase();
    let typed = [".yaml", ".yml", ".json"].iter().any(|e| name.ends_with(e));
    typed && KINDS.iter().any(|k| name.contains(&k.to_lowercase()))
}

/// Returns the service and creation time of each workload in a file. Returns nothing if the file is
/// invalid.
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
            let at = moment(o.metadata.creation_timestamp.as_deref()?)?;
            // The name of a ReplicaSet is the name of its Deployment and a hash. The function
            // `workload` expects the name of a pod, so a pod suffix is added.
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
    fn lists_and_single_objects_give_their_creation_time() {
        let list = "apiVersion: v1\nkind: DeploymentList\nitems:\n- apiVersion: apps/v1\n  kind: Deployment\n  metadata:\n    annotations: {a: \"b: c\"}\n    creationTimestamp: \"2026-03-02T08:50:00Z\"\n    name: payment\n  spec: {replicas: 2}\n";
        assert_eq!(
            created(list.as_bytes()),
            [(
                "payment".to_string(),
                moment("2026-03-02T08:50:00Z").unwrap()
            )]
        );
        let set = r#"{"kind": "ReplicaSet", "metadata": {"name": "payment-7f8d7d756d", "creationTimestamp": "2026-03-02T08:55:00Z"}}"#;
        assert_eq!(created(set.as_bytes())[0].0, "payment");
        assert!(
            created(b"kind: Deployment\nmetadata: [").is_empty() && created(b"\xff").is_empty()
        );
        assert!(
            is_object_list("ns/apps/replicasets.yaml")
                && !is_object_list("ns/pods/a.yaml")
                && !is_object_list("deployment.log")
        );
    }
}

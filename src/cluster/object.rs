//! Compares Kubernetes objects, builds the patch that undoes another patch, and reads values by
//! path. Pure functions: does not talk to a cluster.

use serde_json::{Map, Value};

/// Fields that the server maintains.
const SERVER_FIELDS: [&str; 5] = [
    "managedFields",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "uid",
];

/// Lists the differences between two objects, one per line. Ignores the status and the fields that
/// the server maintains.
pub fn differences(before: &Value, after: &Value) -> Vec<String> {
    let mut out = Vec::new();
    for part in ["metadata", "spec"] {
        differ(&format!(".{part}"), &before[part], &after[part], &mut out);
    }
    out
}

fn differ(path: &str, a: &Value, b: &Value, out: &mut Vec<String>) {
    match (a, b) {
        (Value::Object(x), Value::Object(y)) => {
            let mut keys: Vec<&String> = x
                .keys()
                .chain(y.keys())
                .filter(|k| !SERVER_FIELDS.contains(&k.as_str()))
                .collect();
            keys.sort();
            keys.dedup();
            keys.iter()
                .for_each(|k| differ(&format!("{path}.{k}"), &a[k.as_str()], &b[k.as_str()], out));
        }
        (Value::Array(x), Value::Array(y)) if x.len() == y.len() => {
            x.iter()
                .zip(y)
                .enumerate()
                .for_each(|(i, (a, b))| differ(&format!("{path}[{i}]"), a, b, out));
        }
        (a, b) if a != b => out.push(format!("{path}: {a} -> {b}")),
        _ => {}
    }
}

/// The merge patch (RFC 7386) that undoes `patch`. `object` is the object before the patch.
pub fn inverse(patch: &Value, object: &Value) -> Value {
    match patch {
        // If a part did not exist before, only the fields of the patch are removed, not the whole
        // part: other fields may have been added to it.
        Value::Object(fields) if object.is_object() || object.is_null() => fields
            .iter()
            .map(|(k, v)| (k.clone(), inverse(v, &object[k])))
            .collect::<Map<String, Value>>()
            .into(),
        _ => object.clone(),
    }
}

/// The text or number at a path. A path is a JSON pointer, or `container/...`: a path inside the
/// container that is named `container`.
pub fn value(object: &Value, path: &str, container: &str) -> Option<String> {
    let found = match path.strip_prefix("container") {
        Some(rest) => {
            let all = object
                .pointer("/spec/template/spec/containers")?
                .as_array()?;
            all.iter().find(|c| c["name"] == container)?.pointer(rest)?
        }
        None => object.pointer(path)?,
    };
    match found {
        Value::String(text) => Some(text.clone()),
        Value::Number(n) => Some(n.to_string()),
        _ => None,
    }
}

/// True if the `matchLabels` of a selector match these labels. A selector without `matchLabels`
/// matches nothing.
pub fn selects(selector: &Value, labels: &Value) -> bool {
    selector["matchLabels"]
        .as_object()
        .is_some_and(|w| !w.is_empty() && w.iter().all(|(k, v)| labels[k.as_str()] == *v))
}

/// Revision number of a Deployment or of one of its ReplicaSets.
pub fn revision(object: &Value) -> Option<u64> {
    object["metadata"]["annotations"]["deployment.kubernetes.io/revision"]
        .as_str()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    /// Applies a merge patch (RFC 7386).
    fn merged(object: &Value, patch: &Value) -> Value {
        let Value::Object(fields) = patch else {
            return patch.clone();
        };
        let mut out = object.as_object().cloned().unwrap_or_default();
        for (k, v) in fields {
            match v {
                Value::Null => drop(out.remove(k)),
                _ => drop(out.insert(k.clone(), merged(out.get(k).unwrap_or(&Value::Null), v))),
            }
        }
        Value::Object(out)
    }

    #[test]
    fn the_inverse_of_a_patch_restores_the_values_before_it() {
        let object = json!({"metadata": {"annotations": {"a": "1"}}, "spec": {"replicas": 2}});
        let patch = json!({"metadata": {"annotations": {"b": "2"}}, "spec": {"replicas": 4, "paused": true}});
        let back = inverse(&patch, &object);
        assert_eq!(
            back,
            json!({"metadata": {"annotations": {"b": null}}, "spec": {"replicas": 2, "paused": null}})
        );
        assert_eq!(merged(&merged(&object, &patch), &back), object);
    }

    #[test]
    fn the_inverse_removes_annotations_that_the_patch_added() {
        let (object, patch) = (
            json!({"metadata": {}}),
            json!({"metadata": {"annotations": {"b": "2"}}}),
        );
        assert_eq!(
            inverse(&patch, &object),
            json!({"metadata": {"annotations": {"b": null}}})
        );
    }

    /// Removes empty objects. Kubernetes treats an empty object like a missing one.
    fn pruned(v: &Value) -> Value {
        let Value::Object(fields) = v else {
            return v.clone();
        };
        let kept = fields.iter().map(|(k, v)| (k.clone(), pruned(v)));
        Value::Object(
            kept.filter(|(_, v)| v.as_object().is_none_or(|o| !o.is_empty()))
                .collect(),
        )
    }

    #[test]
    fn fields_that_the_server_writes_are_not_differences() {
        let before = json!({"metadata": {"resourceVersion": "1", "labels": {"a": "b"}}, "spec": {"list": [{"x": 1}, {"x": 2}]}});
        let after = json!({"metadata": {"resourceVersion": "2", "labels": {"a": "c"}}, "spec": {"list": [{"x": 1}, {"x": 3}]}, "status": {}});
        assert_eq!(
            differences(&before, &after),
            [
                ".metadata.labels.a: \"b\" -> \"c\"",
                ".spec.list[1].x: 2 -> 3"
            ]
        );
    }

    #[test]
    fn values_are_found_by_pointer_and_by_container() {
        let object = json!({"spec": {"replicas": 3, "template": {"spec": {"containers": [{"name": "a"}, {"name": "b", "image": "i:1"}]}}}});
        assert_eq!(value(&object, "/spec/replicas", "").as_deref(), Some("3"));
        assert_eq!(
            value(&object, "container/image", "b").as_deref(),
            Some("i:1")
        );
        assert_eq!(value(&object, "container/image", "a"), None);
    }

    fn tree() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<u8>().prop_map(Value::from),
            "[a-c]".prop_map(Value::from)
        ];
        leaf.prop_recursive(3, 12, 3, |inner| {
            prop::collection::btree_map("[a-d]", inner, 0..3)
                .prop_map(|m| Value::Object(m.into_iter().collect()))
        })
    }

    proptest! {
        #[test]
        fn taking_a_patch_back_restores_every_object(object in prop::collection::btree_map("[a-d]", tree(), 0..4),
                                                     patch in prop::collection::btree_map("[a-d]", tree(), 0..4)) {
            let (object, patch) = (Value::Object(object.into_iter().collect()), Value::Object(patch.into_iter().collect()));
            prop_assert_eq!(pruned(&merged(&merged(&object, &patch), &inverse(&patch, &object))), pruned(&object));
        }
    }
}

//! The list of fields that a patch may change. All other fields are refused. Runs nothing.

use serde_json::Value;

/// Paths of these fields from the root. `[]` stands for any list item. `*` at the end of a key
/// matches the rest of the key.
const FIELDS: &[&[&str]] = &[
    &["metadata", "resourceVersion"],
    &["metadata", "uid"],
    &["metadata", "annotations", "aiops/*"],
    &["metadata", "labels", "aiops/*"],
    &["spec", "replicas"],
    &["spec", "maxReplicas"],
    &["spec", "paused"],
    &["spec", "unschedulable"],
    &[
        "spec",
        "template",
        "metadata",
        "annotations",
        "kubectl.kubernetes.io/restartedAt",
    ],
    &["spec", "template", "spec", "containers", "[]", "name"],
    &["spec", "template", "spec", "containers", "[]", "image"],
    &[
        "spec",
        "template",
        "spec",
        "containers",
        "[]",
        "resources",
        "limits",
        "memory",
    ],
    &[
        "spec",
        "template",
        "spec",
        "containers",
        "[]",
        "env",
        "[]",
        "name",
    ],
    &[
        "spec",
        "template",
        "spec",
        "containers",
        "[]",
        "env",
        "[]",
        "value",
    ],
    &[
        "spec",
        "template",
        "spec",
        "containers",
        "[]",
        "livenessProbe",
        "initialDelaySeconds",
    ],
    &[
        "spec",
        "template",
        "spec",
        "containers",
        "[]",
        "livenessProbe",
        "failureThreshold",
    ],
];

/// Why a patch is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PatchError {
    /// The patch is not a JSON object, or it is empty.
    NotAnObject,
    /// Path of the first field that may not be changed.
    Field(String),
}

/// Checks the JSON text of a patch.
pub fn check(text: &str) -> Result<(), PatchError> {
    match serde_json::from_str(text) {
        Ok(Value::Object(fields)) if !fields.is_empty() => {
            walk(&Value::Object(fields), &mut Vec::new())
        }
        _ => Err(PatchError::NotAnObject),
    }
}

fn walk(value: &Value, path: &mut Vec<String>) -> Result<(), PatchError> {
    let mut descend = |key: String, value: &Value| {
        path.push(key);
        let found = walk(value, path);
        path.pop();
        found
    };
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            fields.iter().try_for_each(|(k, v)| descend(k.clone(), v))
        }
        Value::Array(items) if !items.is_empty() => {
            items.iter().try_for_each(|v| descend("[]".into(), v))
        }
        // An empty list or object is refused, because it could delete existing content.
        Value::Object(_) | Value::Array(_) => Err(PatchError::Field(path.join("."))),
        _ if FIELDS.iter().any(|field| matches(field, path)) => Ok(()),
        _ => Err(PatchError::Field(path.join("."))),
    }
}

fn matches(field: &[&str], path: &[String]) -> bool {
    let step = |(f, p): (&&str, &String)| {
        f.strip_suffix('*')
            .map_or(p == f, |prefix| p.starts_with(prefix))
    };
    field.len() == path.len() && field.iter().zip(path).all(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_fields_pass_and_all_other_fields_are_refused() {
        for good in [
            r#"{"spec":{"replicas":3}}"#,
            r#"{"metadata":{"annotations":{"aiops/root-cause":null}}}"#,
            r#"{"spec":{"template":{"spec":{"containers":[{"name":"a","env":[{"name":"A","value":"{}"}]}]}}}}"#,
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for (bad, field) in [
            (
                r#"{"spec":{"template":{"spec":{"hostNetwork":true}}}}"#,
                "spec.template.spec.hostNetwork",
            ),
            (
                r#"{"spec":{"template":{"spec":{"containers":[{"name":"a","command":["sh"]}]}}}}"#,
                "spec.template.spec.containers.[].command.[]",
            ),
            (
                r#"{"metadata":{"annotations":null}}"#,
                "metadata.annotations",
            ),
            (
                r#"{"metadata":{"labels":{"app":"x"}}}"#,
                "metadata.labels.app",
            ),
            (
                r#"{"spec":{"template":{"spec":{"containers":[]}}}}"#,
                "spec.template.spec.containers",
            ),
        ] {
            assert_eq!(
                check(bad),
                Err(PatchError::Field(field.to_string())),
                "{bad}"
            );
        }
        for empty in ["{}", "[1]"] {
            assert_eq!(check(empty), Err(PatchError::NotAnObject), "{empty}");
        }
    }
}

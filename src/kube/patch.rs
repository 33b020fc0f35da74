//! What a patch may change, as a list of fields. What the list does not have is refused. Runs nothing.

use serde_json::Value;

/// Steps from the root; `[]` is any item of a list, a trailing `*` any key that begins so.
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

/// The first field of a patch that may not be changed; `Err("")` where it is no JSON object, or changes nothing.
pub fn check(text: &str) -> Result<(), String> {
    match serde_json::from_str(text) {
        Ok(Value::Object(fields)) if !fields.is_empty() => {
            walk(&Value::Object(fields), &mut Vec::new())
        }
        _ => Err(String::new()),
    }
}

fn walk(value: &Value, path: &mut Vec<String>) -> Result<(), String> {
    let mut below = |key: String, value: &Value| {
        path.push(key);
        let found = walk(value, path);
        path.pop();
        found
    };
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            fields.iter().try_for_each(|(k, v)| below(k.clone(), v))
        }
        Value::Array(items) if !items.is_empty() => {
            items.iter().try_for_each(|v| below("[]".into(), v))
        }
        // An empty list or object would sweep away what is there.
        Value::Object(_) | Value::Array(_) => Err(path.join(".")),
        _ if FIELDS.iter().any(|field| is(field, path)) => Ok(()),
        _ => Err(path.join(".")),
    }
}

fn is(field: &[&str], path: &[String]) -> bool {
    let step = |(f, p): (&&str, &String)| {
        f.strip_suffix('*')
            .map_or(p == f, |begin| p.starts_with(begin))
    };
    field.len() == path.len() && field.iter().zip(path).all(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_of_known_fields_passes_and_of_any_other_does_not() {
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
            ("{}", ""),
            ("[1]", ""),
        ] {
            assert_eq!(check(bad), Err(field.to_string()), "{bad}");
        }
    }
}

//! Which Secrets an object refers to. Pure.

use std::collections::BTreeSet;

use kuma_core::secret::SecretText;
use serde_json::Value;

/// The names of the Secrets that an object refers to, in fields `…SecretRef` and in texts.
pub(super) fn secrets(object: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    walk(object, &mut names);
    names
}

fn walk(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                if field.ends_with("SecretRef")
                    && let Some(name) = value.get("name").and_then(Value::as_str)
                {
                    names.insert(name.to_owned());
                }
                walk(value, names);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| walk(item, names)),
        Value::String(text) => {
            // A text that cannot be read was refused when the object was.
            let text = SecretText::parse(text).unwrap_or_default();
            names.extend(text.references().into_iter().map(|at| at.name.clone()));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_are_found_in_fields_and_in_texts() {
        let object = json!({"spec": {
            "target": {"http": {
                "url": "https://x/${SECRET:path:key}",
                "headersFrom": [{"name": "A", "valueFromSecretRef": {"name": "api", "key": "k"}}],
                "headers": {"B": "$${SECRET:no:key}", "C": "${SECRET:broken"},
                "tls": {"caBundleSecretRef": {"name": "ca", "key": "ca.crt"}},
            }},
        }});
        let names: Vec<_> = secrets(&object).into_iter().collect();
        assert_eq!(names, ["api", "ca", "path"]);
    }
}

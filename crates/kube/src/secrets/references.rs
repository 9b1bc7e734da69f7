//! Which Secrets the objects in force refer to: no other one is ever read.

use std::collections::BTreeSet;

use kuma_core::id::{Kind, ObjectName};
use kuma_core::object::RawObject;
use kuma_core::secret::SecretText;
use kuma_core::source::Snapshot;
use serde_json::Value;

/// The end of the names of fields that hold a reference, as `valueFromSecretRef`.
const FIELD_END: &str = "SecretRef";
const INLINE: &str = "${SECRET:";

/// The Secrets that a snapshot refers to. A reference means the object's own namespace; the
/// settings, which have none, mean `system_namespace`.
pub fn references(snapshot: &Snapshot, system_namespace: &str) -> BTreeSet<ObjectName> {
    let mut found = BTreeSet::new();
    for (key, object) in &snapshot.objects {
        if matches!(key.kind, Kind::Secret | Kind::Namespace) || !may_refer(&object.raw) {
            continue;
        }
        let namespace = match &*key.name.namespace {
            "" => system_namespace,
            own => own,
        };
        let mut names = BTreeSet::new();
        if let Some(spec) = object.raw.field("spec") {
            walk(&spec, &mut names);
        }
        found.extend(names.into_iter().map(|name| ObjectName::new(namespace, name)));
    }
    found
}

/// Whether it is worth reading: most objects name no Secret.
fn may_refer(raw: &RawObject) -> bool {
    raw.as_str().contains(FIELD_END) || raw.as_str().contains(INLINE)
}

fn walk(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                let name = value.get("name").and_then(Value::as_str);
                if let Some(name) = name.filter(|_| field.ends_with(FIELD_END)) {
                    names.insert(name.to_owned());
                }
                walk(value, names);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| walk(item, names)),
        Value::String(text) if text.contains(INLINE) => {
            // One that cannot be read is told where the object is judged.
            if let Ok(text) = SecretText::parse(text) {
                names.extend(text.references().into_iter().map(|at| at.name.clone()));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use kuma_api::read::{ReadContext, read_object};
    use kuma_core::object::Origin;
    use serde_json::json;

    use super::*;

    fn snapshot(objects: &[Value]) -> Snapshot {
        let mut snapshot = Snapshot::default();
        for value in objects {
            let read = read_object(value, Origin::Store, &ReadContext::default());
            let object = read.object.unwrap_or_else(|| panic!("{:?}", read.problems));
            snapshot.objects.insert(object.key.clone(), object);
        }
        snapshot
    }

    fn monitor(name: &str, http: &Value) -> Value {
        json!({
            "apiVersion": "monitoring.kubekuma.io/v1", "kind": "Monitor",
            "metadata": {"name": name, "namespace": "shop"},
            "spec": {"type": "http", "target": {"http": http}},
        })
    }

    #[test]
    fn fields_and_texts_that_name_secrets_are_found() {
        let snapshot = snapshot(&[
            monitor("plain", &json!({"url": "https://example.org"})),
            monitor(
                "auth",
                &json!({
                    "url": "https://example.org/${SECRET:path:value}?a=${SECRET:query:value}",
                    "headersFrom": [
                        {"name": "X-Key", "valueFromSecretRef": {"name": "header", "key": "k"}}
                    ],
                    "auth": {"basic": {
                        "usernameSecretRef": {"name": "login", "key": "u"},
                        "passwordSecretRef": {"name": "login", "key": "p"}
                    }},
                }),
            ),
            monitor("escaped", &json!({"url": "https://example.org/$${SECRET:not:one}"})),
            json!({
                "apiVersion": "monitoring.kubekuma.io/v1", "kind": "KubeKumaSettings",
                "metadata": {"name": "kubekuma"},
                "spec": {"heartbeatUrlSecretRef": {"name": "heartbeat", "key": "url"}},
            }),
        ]);
        let found: Vec<_> =
            references(&snapshot, "system").iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            ["shop/header", "shop/login", "shop/path", "shop/query", "system/heartbeat"]
        );
    }
}

//! Who has set which field, as `metadata.managedFields` says it, and whether an object already says
//! what we want it to say.

use serde_json::{Map, Value};

use super::MANAGER;

/// What is left of a wish when fields that somebody else has set are theirs. Metadata is not looked
/// at: label, owner and annotations of ours are ours.
pub(super) fn without_foreign(desired: &Value, live: &Value) -> Value {
    let mut wish = desired.clone();
    let Some(spec) = wish.get_mut("spec") else { return wish };
    for entry in managers(live).filter(|entry| !is_ours(entry)) {
        if let Some(fields) = entry.pointer("/fieldsV1/f:spec") {
            subtract(spec, fields);
        }
    }
    wish
}

/// Whether writing `wish` would change anything in `live`.
pub(super) fn differs(wish: &Value, live: &Value) -> bool {
    let both = |path| (wish.pointer(path).unwrap_or(&Value::Null), live.pointer(path));
    let says = |path| {
        let (wish, live) = both(path);
        wish.is_null() || live.is_some_and(|live| holds(live, wish))
    };
    let (owners, live_owners) = both("/metadata/ownerReferences");
    let live_owners = live_owners.and_then(Value::as_array);
    let owned = owners
        .as_array()
        .into_iter()
        .flatten()
        .all(|owner| live_owners.into_iter().flatten().any(|live| holds(live, owner)));
    let left_over = managers(live).filter(|entry| is_ours(entry)).any(|entry| {
        let fields = entry.pointer("/fieldsV1/f:spec");
        fields.is_some_and(|fields| beyond(wish.get("spec").unwrap_or(&Value::Null), fields))
    });
    let metadata = says("/metadata/labels") && says("/metadata/annotations") && owned;
    !(metadata && says("/spec")) || left_over
}

fn managers(live: &Value) -> impl Iterator<Item = &Value> {
    let entries = live.pointer("/metadata/managedFields").and_then(Value::as_array);
    // Whoever writes the status has no say about the spec.
    entries
        .into_iter()
        .flatten()
        .filter(|entry| entry.get("subresource").is_none_or(Value::is_null))
}

fn is_ours(entry: &Value) -> bool {
    entry.get("manager").and_then(Value::as_str) == Some(MANAGER)
        && entry.get("operation").and_then(Value::as_str) == Some("Apply")
}

/// The named fields of an entry, with what is said about what lies below each.
fn named(fields: &Value) -> impl Iterator<Item = (&str, &Map<String, Value>)> {
    fields
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(key, below)| Some((key.strip_prefix("f:")?, below.as_object()?)))
}

fn has_named(fields: &Map<String, Value>) -> bool {
    fields.keys().any(|key| key.starts_with("f:"))
}

/// Takes fields out of a wish.
fn subtract(wish: &mut Value, fields: &Value) {
    let Some(entries) = wish.as_object_mut() else { return };
    for (name, below) in named(fields) {
        let Some(child) = entries.get_mut(name) else { continue };
        if child.is_object() && has_named(below) {
            subtract(child, &Value::Object(below.clone()));
            if child.as_object().is_some_and(Map::is_empty) {
                entries.shift_remove(name);
            }
        } else if !(child.is_object() && below.keys().all(|key| key == ".") && !below.is_empty()) {
            entries.shift_remove(name);
        }
    }
}

/// Whether everything that `wish` says is so in `live`, which may say more: the API server fills in
/// defaults.
fn holds(live: &Value, wish: &Value) -> bool {
    match (live, wish) {
        (Value::Object(live), Value::Object(wish)) => {
            wish.iter().all(|(key, wish)| live.get(key).is_some_and(|live| holds(live, wish)))
        }
        (Value::Array(live), Value::Array(wish)) => {
            live.len() == wish.len() && live.iter().zip(wish).all(|(live, wish)| holds(live, wish))
        }
        _ => live == wish,
    }
}

/// Whether `fields` name something that `wish` does not say any more.
fn beyond(wish: &Value, fields: &Value) -> bool {
    named(fields).any(|(name, below)| match wish.get(name) {
        None => true,
        Some(child) => {
            child.is_object() && has_named(below) && beyond(child, &Value::Object(below.clone()))
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn live(spec: &Value, managers: &[(&str, Value)]) -> Value {
        let managed: Vec<_> = managers
            .iter()
            .map(|(manager, fields)| {
                json!({"manager": manager, "operation": "Apply", "fieldsV1": {"f:spec": fields}})
            })
            .collect();
        json!({"metadata": {"managedFields": managed}, "spec": spec})
    }

    #[test]
    fn a_field_that_somebody_else_has_set_is_theirs() {
        let wish = json!({"spec": {
            "type": "http", "schedule": {"intervalSeconds": 60}, "target": {"http": {"url": "a"}},
        }});
        let live = live(
            &json!({"type": "http", "schedule": {"intervalSeconds": 5}, "target": {"http": {"url": "a"}}}),
            &[
                (
                    "kubectl-edit",
                    json!({"f:schedule": {"f:intervalSeconds": {}}, "f:target": {"f:http": {".": {}, "f:method": {}}}}),
                ),
                ("kubekuma", json!({"f:type": {}, "f:target": {"f:http": {"f:url": {}}}})),
            ],
        );
        let left = without_foreign(&wish, &live);
        assert_eq!(left, json!({"spec": {"type": "http", "target": {"http": {"url": "a"}}}}));
        assert!(!differs(&left, &live));
        assert!(differs(&wish, &live));
    }

    #[test]
    fn who_writes_the_status_has_no_say_about_the_spec() {
        let mut live = live(&json!({"type": "tcp"}), &[("other", json!({"f:type": {}}))]);
        live["metadata"]["managedFields"][0]["subresource"] = json!("status");
        let wish = json!({"spec": {"type": "http"}});
        assert_eq!(without_foreign(&wish, &live), wish);
        assert!(differs(&wish, &live));
    }

    #[test]
    fn defaults_of_the_api_server_are_no_difference_but_what_we_no_longer_say_is() {
        let wish = json!({"spec": {"rules": [{"backendRefs": [{"name": "a", "port": 1}]}]}});
        let ours = [("kubekuma", json!({"f:rules": {}}))];
        let defaulted = json!({"rules": [{"backendRefs": [{"name": "a", "port": 1, "kind": "Service", "weight": 1}]}]});
        assert!(!differs(&wish, &live(&defaulted, &ours)));
        let ours = [("kubekuma", json!({"f:rules": {}, "f:hostnames": {}}))];
        assert!(differs(&wish, &live(&defaulted, &ours)));
    }

    #[test]
    fn label_owner_and_annotations_are_part_of_it() {
        let wish = json!({"metadata": {"labels": {"a": "1"}, "ownerReferences": [{"uid": "u"}]}, "spec": {}});
        let mut live = json!({"metadata": {"labels": {"a": "1", "b": "2"}, "ownerReferences": [{"uid": "x"}, {"uid": "u", "kind": "K"}]}, "spec": {}});
        assert!(!differs(&wish, &live));
        live["metadata"]["ownerReferences"] = json!([{"uid": "x"}]);
        assert!(differs(&wish, &live));
    }
}

//! One status, applied.

use kube::api::{DynamicObject, Patch, PatchParams};
use kube::{Api, Client};
use kuma_core::id::ObjectKey;
use serde_json::{Value, json};

use super::foreign::Foreign;
use super::plan::Sent;
use crate::client::{FIELD_MANAGER, REQUEST_TIMEOUT, resource, words};

/// Most fields of other managers that are remembered of one answer.
const MOST_FIELDS: usize = 100;

/// Applies a status to the object with this uid.
pub(super) async fn apply(client: &Client, key: &ObjectKey, uid: &str, status: &Value) -> Sent {
    let resource = resource(key.kind);
    let client = client.clone();
    let api: Api<DynamicObject> = if key.name.namespace.is_empty() {
        Api::all_with(client, &resource)
    } else {
        Api::namespaced_with(client, &key.name.namespace, &resource)
    };
    let patch = json!({
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": {"name": &*key.name.name, "uid": uid},
        "status": status,
    });
    let (by, patch) = (PatchParams::apply(FIELD_MANAGER), Patch::Apply(&patch));
    let request = api.patch_status(&key.name.name, &by, &patch);
    match tokio::time::timeout(REQUEST_TIMEOUT, request).await {
        Ok(Ok(mut object)) => Sent::Written {
            version: version(object.metadata.resource_version.as_deref()),
            status: object.data.get_mut("status").map(Value::take).unwrap_or_default(),
        },
        Ok(Err(error)) => refusal(key, uid, &error),
        Err(_) => {
            tracing::debug!(object = %key, "a status was not written in time");
            Sent::Away
        }
    }
}

/// A `resourceVersion` as a number, by which newer ones are greater
/// (kubernetes.io, "Kubernetes API Concepts", resource versions); 0 if it is none.
pub(crate) fn version(text: Option<&str>) -> u64 {
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn refusal(key: &ObjectKey, uid: &str, error: &kube::Error) -> Sent {
    let kube::Error::Api(status) = error else {
        tracing::debug!(object = %key, error = words(error), "a status was not written");
        return Sent::Away;
    };
    let why = words(error);
    let sent = meaning(status, uid);
    match sent {
        Sent::Forbidden | Sent::Refused => {
            tracing::warn!(object = %key, why, "the API server refuses a status; it is tried again");
        }
        _ => tracing::debug!(object = %key, why, "a status was not written"),
    }
    sent
}

/// What an answer means that is no success.
fn meaning(status: &kube::core::Status, uid: &str) -> Sent {
    match status.code {
        403 => Sent::Forbidden,
        404 => Sent::Gone(uid.to_owned()),
        409 => {
            let causes = status.details.iter().flat_map(|details| &details.causes);
            let foreign: Vec<_> = causes
                .filter(|cause| cause.reason == "FieldManagerConflict")
                .map(|cause| Foreign { path: cause.field.clone(), owner: owner(&cause.message) })
                .take(MOST_FIELDS)
                .collect();
            // Otherwise its uid is another one.
            if foreign.is_empty() { Sent::Gone(uid.to_owned()) } else { Sent::Foreign(foreign) }
        }
        // Not the object's fault: who we are, too many requests, a timeout, a full disk.
        401 | 408 | 429 | 500.. => Sent::Away,
        _ => Sent::Refused,
    }
}

/// The manager of `conflict with "somebody" …`.
fn owner(message: &str) -> String {
    message.split('"').nth(1).unwrap_or(message).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(status: Value) -> Sent {
        meaning(&serde_json::from_value(status).unwrap(), "uid")
    }

    #[test]
    fn a_conflict_names_fields_and_their_owner_or_is_about_the_uid() {
        let conflict = json!({
            "status": "Failure", "code": 409, "reason": "Conflict", "message": "Apply failed",
            "details": {"causes": [{
                "reason": "FieldManagerConflict",
                "message": "conflict with \"kubectl\" using monitoring.kubekuma.io/v1",
                "field": ".status.lastResult.state",
            }]},
        });
        let foreign = Foreign { path: ".status.lastResult.state".into(), owner: "kubectl".into() };
        assert_eq!(meant(conflict), Sent::Foreign(vec![foreign]));
        let uid = json!({"status": "Failure", "code": 409, "reason": "Conflict",
            "message": "Precondition failed: UID in precondition: a, UID in object meta: b"});
        assert_eq!(meant(uid), Sent::Gone("uid".to_owned()));
    }

    #[test]
    fn refusals_are_told_apart_from_an_api_server_in_trouble() {
        let of = |code: u16| meant(json!({"status": "Failure", "code": code, "message": "no"}));
        assert_eq!(of(403), Sent::Forbidden);
        assert_eq!(of(404), Sent::Gone("uid".to_owned()));
        for code in [400, 405, 415, 422] {
            assert_eq!(of(code), Sent::Refused, "{code}");
        }
        for code in [401, 408, 429, 500, 503, 504] {
            assert_eq!(of(code), Sent::Away, "{code}");
        }
    }
}

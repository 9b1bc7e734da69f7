//! What the API server says was asked of it, by whom: its audit log.

use std::collections::BTreeMap;

use serde_json::Value;

/// One request that was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Who asked, as `system:serviceaccount:<namespace>:<name>`.
    pub user: String,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, …
    pub verb: String,
    /// `monitors`, `monitors/status`, …
    pub resource: String,
    /// The object, `namespace/name`; empty parts where there are none.
    pub object: String,
    /// The status of the answer.
    pub code: u64,
    /// When it came (RFC 3339).
    pub at: String,
}

impl Request {
    /// Whether it changes something.
    pub fn is_write(&self) -> bool {
        !matches!(self.verb.as_str(), "get" | "list" | "watch")
    }
}

/// The policy that the API server follows: who and what of every request, but of the built-in
/// controllers, which would drown the rest.
pub(crate) const POLICY: &str = r#"{
  "apiVersion": "audit.k8s.io/v1",
  "kind": "Policy",
  "omitStages": ["RequestReceived"],
  "rules": [
    {"level": "None", "users": ["controller-manager", "scheduler", "kwok", "system:apiserver"]},
    {"level": "Metadata"}
  ]
}"#;

/// Reads a log. A line that is being written is left out.
pub(crate) fn read(log: &str) -> Vec<Request> {
    log.lines().filter_map(|line| request(&serde_json::from_str(line).ok()?)).collect()
}

fn request(event: &Value) -> Option<Request> {
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    // A watch is answered when it begins, and once more when it ends.
    let is_first = text("/stage") == "ResponseStarted"
        || text("/stage") == "ResponseComplete" && text("/verb") != "watch";
    if !is_first {
        return None;
    }
    let resource = match (text("/objectRef/resource"), text("/objectRef/subresource")) {
        (resource, "") => resource.to_owned(),
        (resource, below) => format!("{resource}/{below}"),
    };
    Some(Request {
        user: text("/user/username").to_owned(),
        verb: text("/verb").to_owned(),
        resource,
        object: format!("{}/{}", text("/objectRef/namespace"), text("/objectRef/name")),
        code: event.pointer("/responseStatus/code").and_then(Value::as_u64).unwrap_or_default(),
        at: text("/requestReceivedTimestamp").to_owned(),
    })
}

/// How often each verb was used on each resource, for messages and figures.
pub fn summary(requests: &[Request]) -> BTreeMap<(String, String), usize> {
    let mut counts = BTreeMap::new();
    for request in requests {
        *counts.entry((request.verb.clone(), request.resource.clone())).or_default() += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_counts_once_and_other_requests_when_they_are_answered() {
        let line = |stage: &str, verb: &str| {
            format!(
                r#"{{"stage":"{stage}","verb":"{verb}","user":{{"username":"admin"}},"objectRef":{{"resource":"monitors","namespace":"a","name":"b","subresource":"status"}},"responseStatus":{{"code":200}}}}"#
            )
        };
        let log = [
            line("ResponseStarted", "watch"),
            line("ResponseComplete", "watch"),
            line("ResponseComplete", "patch"),
            line("ResponseComplete", "get")[..20].to_owned(),
        ];
        let requests = read(&log.join("\n"));
        let told: Vec<_> = requests.iter().map(|it| (it.verb.as_str(), it.is_write())).collect();
        assert_eq!(told, [("watch", false), ("patch", true)]);
        assert_eq!(requests[1].resource, "monitors/status");
        assert_eq!(requests[1].object, "a/b");
        assert_eq!(summary(&requests)[&("patch".into(), "monitors/status".into())], 1);
    }
}

//! One object that was not read from a file: from a Kubernetes watch, or from the API. The same
//! judgement as for a document of a folder, without places in a text.

use kuma_core::id::ObjectKey;
use kuma_core::object::{Meta, Object, Origin, Problem, RawObject};
use serde_json::Value;

use super::finding::is_sensitive;
use super::identity::{self, Identity};
use super::ours::Registered;
use super::{ReadContext, interpret, metadata, raw, severe};

/// What became of an object.
#[derive(Debug, Clone)]
pub struct ReadObject {
    /// Its identity; none if it has no usable name or is no object of ours.
    pub key: Option<ObjectKey>,
    /// Its metadata, as far as it can be made out; the generation is the API server's.
    pub meta: Meta,
    /// The object, if it can be used.
    pub object: Option<Object>,
    /// Everything worth knowing about it, errors and warnings.
    pub problems: Vec<Problem>,
}

/// Reads one object, `apiVersion` to `spec`; `status` is not looked at. Never panics, whatever the
/// object holds.
pub fn read_object(value: &Value, origin: Origin, context: &ReadContext) -> ReadObject {
    let mut read =
        ReadObject { key: None, meta: Meta::default(), object: None, problems: Vec::new() };
    let kind = match identity::identify(value) {
        Identity::Ours(kind) => kind,
        Identity::Foreign(problem) => {
            read.problems.extend(problem);
            return read;
        }
        Identity::Wrong(problems) => {
            read.problems = problems;
            return read;
        }
    };
    let found = metadata::read(kind, value, context, &mut read.problems);
    read.meta = found.meta;
    let generation = value.pointer("/metadata/generation").and_then(Value::as_i64);
    read.meta.generation = generation.unwrap_or_default();
    let Some(key) = found.key else { return read };
    read.key = Some(key.clone());
    let usable = !severe(&read.problems);
    let body = interpret(&Registered, &key, &read.meta, value, &mut read.problems);
    // These problems go into statuses and into answers that the API server audits.
    for problem in read.problems.iter_mut().filter(|problem| is_sensitive(&problem.path)) {
        problem.value = None;
    }
    read.object = body.filter(|_| usable).map(|body| Object {
        raw: RawObject::new(&as_applied(raw(kind, value))),
        key,
        meta: read.meta.clone(),
        origin,
        body,
    });
    read
}

/// What people wrote of an object: without what the API server keeps in its metadata, which changes
/// with every write of a status, and without kubectl's copy of the whole.
fn as_applied(mut object: Value) -> Value {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|field, _| PEOPLES_METADATA.contains(&field.as_str()));
        if let Some(notes) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            notes.shift_remove(LAST_APPLIED);
        }
    }
    object
}

const PEOPLES_METADATA: [&str; 4] = ["name", "namespace", "labels", "annotations"];
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

#[cfg(test)]
mod tests {
    use kuma_core::object::Body;
    use serde_json::json;

    use super::*;

    fn read(value: &Value) -> ReadObject {
        let origin = Origin::Cluster { resource_version: "7".to_owned() };
        read_object(value, origin, &ReadContext::default())
    }

    #[test]
    fn an_object_of_the_cluster_keeps_its_generation_and_loses_its_status() {
        let read = read(&json!({
            "apiVersion": "monitoring.kubekuma.io/v1", "kind": "Monitor",
            "metadata": {"name": "web", "namespace": "shop", "generation": 4, "uid": "u",
                "resourceVersion": "7", "managedFields": [{"manager": "kubectl"}],
                "annotations": {"team": "a", LAST_APPLIED: "{}"}},
            "spec": {"type": "tcp", "target": {"tcp": {"host": "web", "port": 80}}},
            "status": {"lastResult": {"state": "up"}},
        }));
        assert!(read.problems.is_empty(), "{:?}", read.problems);
        let object = read.object.unwrap();
        assert_eq!(object.meta.generation, 4);
        assert_eq!(object.raw.field("status"), None);
        let metadata = json!({
            "name": "web", "namespace": "shop", "annotations": {"team": "a"},
        });
        assert_eq!(object.raw.field("metadata"), Some(metadata));
        assert!(matches!(object.body, Body::Monitor(_)));
    }

    #[test]
    fn an_object_that_cannot_be_used_is_known_by_name_and_says_why() {
        let read = read(&json!({
            "apiVersion": "monitoring.kubekuma.io/v1", "kind": "Monitor",
            "metadata": {"name": "web", "namespace": "shop", "generation": 2},
            "spec": {"type": "http", "target": {"http": {"url": "ftp://web"}}},
        }));
        assert_eq!(read.key.unwrap().to_string(), "Monitor shop/web");
        assert!(read.object.is_none() && !read.problems.is_empty());
    }

    #[test]
    fn a_problem_does_not_repeat_what_may_be_a_credential() {
        let read = read(&json!({
            "apiVersion": "monitoring.kubekuma.io/v1", "kind": "Monitor",
            "metadata": {"name": "job", "namespace": "shop"},
            "spec": {"type": "push", "target": {"push": {"token": ["hunter2"]}}},
        }));
        assert!(read.problems.iter().any(|problem| problem.path.contains("token")));
        assert!(!format!("{:?}", read.problems).contains("hunter2"), "{:?}", read.problems);
    }
}

//! An API server of a few lines: it numbers versions and hands objects to an index.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};
use kube::core::DynamicObject;
use kuma_api::read::{ReadContext, read_object};
use kuma_core::id::{Kind, ObjectKey, ObjectName};
use kuma_core::object::{Object, Origin};
use kuma_core::ports::StoredObject;
use serde_json::json;

use crate::index::{ClusterIndex, Received, Seen, judge};

/// Hands objects to an index as the watch does.
#[derive(Default)]
pub(super) struct Cluster {
    pub(super) index: ClusterIndex,
    pub(super) version: u64,
}

impl Cluster {
    pub(super) fn apply(&mut self, object: DynamicObject) -> Option<Seen> {
        self.apply_kind(Kind::Monitor, object)
    }

    pub(super) fn apply_kind(&mut self, kind: Kind, mut object: DynamicObject) -> Option<Seen> {
        self.version += 1;
        object.metadata.resource_version.get_or_insert_with(|| self.version.to_string());
        self.take(Received::custom(kind, object))
    }

    pub(super) fn namespace(&mut self, name: &str, annotations: &[(&str, &str)]) -> Option<Seen> {
        let notes = annotations.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        self.take(Received::namespace(ObjectMeta {
            name: Some(name.to_owned()),
            annotations: Some(notes.collect()),
            labels: Some([("kubernetes.io/metadata.name".to_owned(), name.to_owned())].into()),
            ..ObjectMeta::default()
        }))
    }

    fn take(&mut self, received: Received) -> Option<Seen> {
        let held = self.index.held(&received.key);
        self.index.apply(judge(received, held.as_ref(), &ReadContext::default()))
    }
}

/// The name of a monitor.
pub(super) fn key(name: &str) -> ObjectKey {
    ObjectKey { kind: Kind::Monitor, name: ObjectName::new("shop", name) }
}

/// A monitor; port 0 is none that can be used. Its generation is its port.
pub(super) fn monitor(name: &str, port: u16) -> DynamicObject {
    let mut object = object(name, Some("shop"));
    object.metadata.generation = Some(port.into());
    object.data =
        json!({"spec": {"type": "tcp", "target": {"tcp": {"host": "web", "port": port}}}});
    object
}

/// Settings that set nothing.
pub(super) fn settings(name: &str) -> DynamicObject {
    let mut object = object(name, None);
    object.data = json!({"spec": {}});
    object
}

fn object(name: &str, namespace: Option<&str>) -> DynamicObject {
    let manager =
        ManagedFieldsEntry { manager: Some("kubectl".to_owned()), ..ManagedFieldsEntry::default() };
    let metadata = ObjectMeta {
        name: Some(name.to_owned()),
        namespace: namespace.map(str::to_owned),
        uid: Some("u".to_owned()),
        managed_fields: Some(vec![manager]),
        ..ObjectMeta::default()
    };
    DynamicObject { types: None, metadata, data: json!({}) }
}

/// What the store keeps of what is in force.
pub(super) fn kept(cluster: &Cluster) -> Vec<StoredObject> {
    let snapshot = cluster.index.snapshot();
    let stored = |object: &Object| StoredObject {
        key: object.key.clone(),
        meta: object.meta.clone(),
        raw: object.raw.clone(),
        digest: String::new(),
    };
    snapshot.objects.values().map(stored).collect()
}

/// What the store kept, as an object.
pub(super) fn revived(kept: StoredObject) -> Option<Object> {
    let read = read_object(&kept.raw.value(), Origin::Store, &ReadContext::default()).object?;
    Some(Object { meta: kept.meta, ..read })
}

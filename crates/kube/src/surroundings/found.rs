//! One object as it is kept: who it is, what its annotations ask for, where something answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use kuma_core::id::ObjectName;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::resource::Resource;
use super::routing::{Accepted, GatewaySpec, IngressSpec, RouteSpec, ServiceSpec};
use crate::owned::LABEL;

/// What the keys of our labels and annotations begin with.
pub const PREFIX: &str = "kubekuma.io/";

/// An object of the cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// What it is.
    pub resource: Resource,
    /// How it is called.
    pub name: ObjectName,
    /// Its identity, which a new object of the same name does not have.
    pub uid: String,
    /// Its version, which goes up with every write, also of what is not kept here.
    pub resource_version: String,
    /// Its annotations that are ours.
    pub annotations: BTreeMap<String, String>,
    /// Set while it is being deleted.
    pub leaving: bool,
    /// What it says.
    pub body: Body,
    /// The whole of it without version and status, if it carries the label of objects that we write.
    pub whole: Option<Arc<Value>>,
}

/// What an object says.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// A Service.
    Service(ServiceSpec),
    /// An Ingress.
    Ingress(IngressSpec),
    /// A Gateway.
    Gateway(GatewaySpec),
    /// An HTTPRoute, and what Gateways say about it.
    HttpRoute(RouteSpec, Vec<Accepted>),
    /// An object of ours; what it says is in the catalog.
    Ours,
    /// It has not the shape of its kind, and why.
    Unreadable(String),
}

impl Found {
    /// Reads an object. None if it has no name.
    pub fn read(resource: Resource, object: &Value) -> Option<Self> {
        let metadata = object.get("metadata")?;
        let text = |field| metadata.get(field).and_then(Value::as_str);
        let name = text("name").filter(|name| !name.is_empty())?;
        let annotations = texts(metadata.get("annotations"))
            .filter(|(key, _)| key.starts_with(PREFIX))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        let ours = texts(metadata.get("labels")).any(|(key, _)| key == LABEL);
        Some(Self {
            resource,
            name: ObjectName::new(text("namespace").unwrap_or_default(), name),
            uid: text("uid").unwrap_or_default().to_owned(),
            resource_version: text("resourceVersion").unwrap_or_default().to_owned(),
            annotations,
            leaving: text("deletionTimestamp").is_some(),
            body: Body::read(resource, object),
            whole: ours.then(|| Arc::new(without_status(object))),
        })
    }

    /// Whether both say the same about all that is kept: a status that is written is no change.
    pub fn says_the_same(&self, other: &Self) -> bool {
        self.resource == other.resource
            && self.name == other.name
            && self.uid == other.uid
            && self.annotations == other.annotations
            && self.leaving == other.leaving
            && self.body == other.body
            && self.whole == other.whole
    }

    /// How people call it: `Ingress shop/web`.
    pub fn title(&self) -> String {
        format!("{} {}", self.resource.kind(), self.name)
    }

    /// It as the owner of another object.
    pub fn owner(&self) -> Owner {
        Owner {
            api_version: self.resource.api_version(),
            kind: self.resource.kind().to_owned(),
            name: self.name.name.to_string(),
            uid: self.uid.clone(),
        }
    }
}

/// An object without its version, its status, and the record of who writes its status.
fn without_status(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(entries) = object.as_object_mut() {
        entries.shift_remove("status");
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.shift_remove("resourceVersion");
        if let Some(managers) = metadata.get_mut("managedFields").and_then(Value::as_array_mut) {
            managers.retain(|entry| entry.get("subresource").is_none_or(Value::is_null));
        }
    }
    object
}

/// Texts of a map of texts; what is no text is left out.
fn texts(map: Option<&Value>) -> impl Iterator<Item = (&str, &str)> {
    let entries = map.and_then(Value::as_object).into_iter().flatten();
    entries.filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
}

impl Body {
    fn read(resource: Resource, object: &Value) -> Self {
        let spec = object.get("spec").unwrap_or(&Value::Null);
        let read = match resource {
            Resource::Service => typed(spec).map(Self::Service),
            Resource::Ingress => typed(spec).map(Self::Ingress),
            Resource::Gateway => typed(spec).map(Self::Gateway),
            Resource::HttpRoute => {
                typed(spec).map(|spec| Self::HttpRoute(spec, Accepted::read(object)))
            }
            Resource::Monitor | Resource::StatusPage => Ok(Self::Ours),
        };
        read.unwrap_or_else(Self::Unreadable)
    }
}

fn typed<T: DeserializeOwned + Default>(spec: &Value) -> Result<T, String> {
    if spec.is_null() {
        return Ok(T::default());
    }
    T::deserialize(spec).map_err(|error| kuma_core::observation::bounded(error.to_string(), 200))
}

/// The owner of an object, as `metadata.ownerReferences` has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Owner {
    /// Its group and version.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// Its name, in the namespace of the object that it owns.
    pub name: String,
    /// Its identity.
    pub uid: String,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_says_where_something_answers_is_kept() {
        let found = Found::read(
            Resource::Ingress,
            &json!({
                "metadata": {
                    "name": "web", "namespace": "shop", "uid": "u1", "managedFields": [{}],
                    "annotations": {"kubekuma.io/path": "/live", "team": "a", "kubekuma.io/x": 1},
                },
                "spec": {
                    "ingressClassName": "nginx", "tls": [{"hosts": ["a.example.com"]}],
                    "rules": [{"host": "a.example.com", "http": {"paths": [{
                        "path": "/", "pathType": "Prefix",
                        "backend": {"service": {"name": "web", "port": {"number": 80}}},
                    }]}}],
                },
            }),
        );
        let found = found.unwrap();
        assert_eq!(found.title(), "Ingress shop/web");
        assert_eq!(
            found.annotations,
            BTreeMap::from([("kubekuma.io/path".into(), "/live".into())])
        );
        assert!(found.whole.is_none() && !found.leaving);
        let Body::Ingress(spec) = found.body else { panic!("{:?}", found.body) };
        assert_eq!(spec.rules[0].paths()[0].backend.service_name(), "web");
    }

    #[test]
    fn an_object_of_another_shape_is_known_by_name_and_says_what_is_wrong() {
        let object = json!({"metadata": {"name": "web"}, "spec": {"rules": "none"}});
        let found = Found::read(Resource::HttpRoute, &object).unwrap();
        let Body::Unreadable(why) = found.body else { panic!("{:?}", found.body) };
        assert!(why.contains("invalid type"), "{why}");
        assert_eq!(Found::read(Resource::Service, &json!({"metadata": {}})), None);
    }

    #[test]
    fn what_a_gateway_says_against_a_route_is_kept() {
        let object = json!({
            "metadata": {"name": "web"}, "spec": {},
            "status": {"parents": [
                {"parentRef": {"name": "edge"}, "conditions": [
                    {"type": "Accepted", "status": "False", "reason": "NoMatchingListenerHostname",
                     "message": "no listener"},
                ]},
                {"parentRef": {"name": "inner"}, "conditions": [{"type": "Accepted", "status": "True"}]},
                {"parentRef": 7},
            ]},
        });
        let found = Found::read(Resource::HttpRoute, &object).unwrap();
        let Body::HttpRoute(_, accepted) = found.body else { panic!("{:?}", found.body) };
        let said: Vec<_> =
            accepted.iter().map(|it| (it.parent.name.as_str(), it.refusal.as_deref())).collect();
        let refusal = Some("NoMatchingListenerHostname: no listener");
        assert_eq!(said, [("edge", refusal), ("inner", None)]);
    }

    pub(crate) fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[a-z*./:A-Z-]{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 48, 6, |inner| {
            let key = prop_oneof![
                "[a-z]{1,5}",
                proptest::sample::select(vec![
                    "metadata",
                    "name",
                    "spec",
                    "rules",
                    "host",
                    "http",
                    "paths",
                    "path",
                    "ports",
                    "port",
                    "status",
                    "parents",
                    "parentRef",
                    "conditions",
                    "listeners",
                    "tls",
                    "hosts",
                    "annotations",
                    "labels",
                    "hostnames",
                    "parentRefs",
                    "matches",
                ])
                .prop_map(str::to_owned),
            ];
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::vec((key, inner), 0..6)
                    .prop_map(|entries| Value::Object(entries.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_object_makes_reading_panic(object in any_json()) {
            for resource in [Resource::Service, Resource::Ingress, Resource::Gateway, Resource::HttpRoute] {
                let _ = Found::read(resource, &object);
                let _ = Found::read(resource, &json!({"metadata": {"name": "a"}, "spec": object, "status": object}));
            }
        }
    }
}

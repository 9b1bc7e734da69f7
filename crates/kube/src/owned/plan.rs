//! What to write so that the cluster holds what we want and nothing of ours beyond it.

use std::collections::BTreeMap;
use std::fmt;

use kuma_core::id::ObjectName;
use serde_json::{Value, json};

use super::fields::{differs, without_foreign};
use super::{LABEL, Live};
use crate::surroundings::{Owner, Resource};

/// Which object is meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// What it is.
    pub resource: Resource,
    /// How it is called.
    pub name: ObjectName,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.resource.kind(), self.name)
    }
}

/// An object that is to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Desired {
    /// Which.
    pub target: Target,
    /// Who owns it; it goes when its owner goes.
    pub owner: Owner,
    /// The whole of it, `apiVersion` to `spec`.
    pub object: Value,
}

impl Desired {
    /// An object with our label, its owner and where it comes from.
    pub fn new(target: Target, writer: &str, owner: Owner, origin: &str, spec: &Value) -> Self {
        let object = json!({
            "apiVersion": target.resource.api_version(),
            "kind": target.resource.kind(),
            "metadata": {
                "name": &*target.name.name,
                "namespace": &*target.name.namespace,
                "labels": {LABEL: writer},
                "annotations": {"kubekuma.io/made-for": origin},
                "ownerReferences": [{
                    "apiVersion": owner.api_version,
                    "kind": owner.kind,
                    "name": owner.name,
                    "uid": owner.uid,
                }],
            },
            "spec": spec,
        });
        Self { target, owner, object }
    }
}

/// One change.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// Make a new object.
    Create {
        /// Which.
        target: Target,
        /// The whole of it.
        object: Value,
    },
    /// Set the fields of an object that are ours.
    Update {
        /// Which.
        target: Target,
        /// What we want of it, with the identity it must have.
        object: Value,
    },
    /// Take an object away, if it is still the one that we saw.
    Delete {
        /// Which.
        target: Target,
        /// Its identity.
        uid: String,
        /// Its version.
        resource_version: String,
    },
}

impl Write {
    /// Which object it is about.
    pub const fn target(&self) -> &Target {
        match self {
            Self::Create { target, .. }
            | Self::Update { target, .. }
            | Self::Delete { target, .. } => target,
        }
    }
}

/// An object that cannot be made because its name is somebody else's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clash {
    /// Which.
    pub target: Target,
    /// Who wanted it.
    pub owner: Owner,
}

/// What is to be done.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// The changes: deletions first, since they may free what the others need.
    pub writes: Vec<Write>,
    /// What cannot be done.
    pub clashes: Vec<Clash>,
}

/// Compares what is to be with what is. `taken` says whether a name is that of an object that is not
/// ours; `disposable` whether one that nobody wants any more may go.
pub fn plan(
    desired: &[Desired],
    live: &BTreeMap<Target, Live>,
    taken: impl Fn(&Target) -> bool,
    disposable: impl Fn(&Target, &Live) -> bool,
) -> Plan {
    let mut plan = Plan::default();
    let wanted: BTreeMap<&Target, &Desired> =
        desired.iter().map(|desired| (&desired.target, desired)).collect();
    for (target, object) in live {
        if !wanted.contains_key(target) && disposable(target, object) {
            plan.writes.push(Write::Delete {
                target: target.clone(),
                uid: object.uid.clone(),
                resource_version: object.resource_version.clone(),
            });
        }
    }
    for (target, desired) in wanted {
        match live.get(target) {
            Some(object) => {
                let mut wish = without_foreign(&desired.object, &object.object);
                if differs(&wish, &object.object) {
                    // A precondition: another object of this name is somebody else's.
                    if let Some(metadata) = wish.get_mut("metadata") {
                        metadata["uid"] = Value::String(object.uid.clone());
                    }
                    plan.writes.push(Write::Update { target: target.clone(), object: wish });
                }
            }
            None if taken(target) => {
                plan.clashes.push(Clash { target: target.clone(), owner: desired.owner.clone() });
            }
            None => plan
                .writes
                .push(Write::Create { target: target.clone(), object: desired.object.clone() }),
        }
    }
    plan
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;

    fn target(name: &str) -> Target {
        Target { resource: Resource::Monitor, name: ObjectName::new("shop", name) }
    }

    fn owner(uid: &str) -> Owner {
        Owner {
            api_version: "v1".to_owned(),
            kind: "Service".to_owned(),
            name: "web".to_owned(),
            uid: uid.to_owned(),
        }
    }

    fn desired(name: &str, spec: &Value) -> Desired {
        Desired::new(target(name), "discovery", owner("u"), "Service shop/web", spec)
    }

    /// What becomes of the objects when a plan is carried out, as the API server does it.
    fn carried_out(mut live: BTreeMap<Target, Live>, plan: &Plan) -> BTreeMap<Target, Live> {
        for write in &plan.writes {
            match write {
                Write::Delete { target, .. } => drop(live.remove(target)),
                Write::Create { target, object } | Write::Update { target, object } => {
                    let before = live.get(target).map(|it| (*it.object).clone());
                    let object = merged(before, object);
                    let entry = Live {
                        uid: target.to_string(),
                        resource_version: "1".to_owned(),
                        owner: owner("u"),
                        object: Arc::new(object),
                    };
                    live.insert(target.clone(), entry);
                }
            }
        }
        live
    }

    /// Server-side apply, as far as it matters here: our fields are replaced, others stay.
    fn merged(before: Option<Value>, wish: &Value) -> Value {
        fn fields(value: &Value) -> Value {
            match value {
                Value::Object(map) => {
                    map.iter().map(|(key, value)| (format!("f:{key}"), fields(value))).collect()
                }
                _ => json!({}),
            }
        }
        fn set(into: &mut Value, from: &Value) {
            match (into.as_object_mut(), from.as_object()) {
                (Some(into), Some(from)) => {
                    for (key, value) in from {
                        set(into.entry(key).or_insert(json!({})), value);
                    }
                }
                _ => *into = from.clone(),
            }
        }
        fn unset(from: &mut Value, ours: &Value) {
            for (key, below) in ours.as_object().into_iter().flatten() {
                let key = key.trim_start_matches("f:");
                let Some(child) = from.get_mut(key) else { continue };
                if below.as_object().is_some_and(|below| !below.is_empty()) {
                    unset(child, below);
                } else if let Some(from) = from.as_object_mut() {
                    from.shift_remove(key);
                }
            }
        }
        let mut object = before.unwrap_or_else(|| json!({"metadata": {}, "spec": {}}));
        let managed = object.pointer("/metadata/managedFields").cloned();
        let managed = managed.and_then(|it| it.as_array().cloned()).unwrap_or_default();
        for entry in managed.iter().filter(|entry| entry["manager"] == "kubekuma") {
            unset(&mut object["spec"], &entry["fieldsV1"]["f:spec"]);
        }
        let mut others: Vec<_> =
            managed.into_iter().filter(|entry| entry["manager"] != "kubekuma").collect();
        set(&mut object, wish);
        others.push(json!({
            "manager": "kubekuma", "operation": "Apply", "fieldsV1": {"f:spec": fields(&wish["spec"])},
        }));
        object["metadata"]["managedFields"] = Value::Array(others);
        object
    }

    #[test]
    fn an_object_is_made_changed_and_taken_away() {
        let wish = desired("web", &json!({"type": "tcp"}));
        let made = plan(std::slice::from_ref(&wish), &BTreeMap::new(), |_| false, |_, _| true);
        assert!(matches!(made.writes[..], [Write::Create { .. }]), "{made:?}");
        let live = carried_out(BTreeMap::new(), &made);
        let wish = desired("web", &json!({"type": "http"}));
        let changed = plan(std::slice::from_ref(&wish), &live, |_| false, |_, _| true);
        let [Write::Update { object, .. }] = &changed.writes[..] else { panic!("{changed:?}") };
        assert_eq!(object["metadata"]["uid"], "Monitor shop/web");
        let live = carried_out(live, &changed);
        assert_eq!(plan(&[wish], &live, |_| false, |_, _| true), Plan::default());
        let gone = plan(&[], &live, |_| false, |_, _| true);
        assert!(matches!(gone.writes[..], [Write::Delete { .. }]), "{gone:?}");
        assert_eq!(plan(&[], &live, |_| false, |_, _| false), Plan::default());
    }

    #[test]
    fn a_name_that_is_somebody_elses_is_left_to_them() {
        let wish = desired("web", &json!({"type": "tcp"}));
        let plan = plan(&[wish], &BTreeMap::new(), |_| true, |_, _| true);
        assert_eq!(plan.writes, []);
        assert_eq!(plan.clashes[0].target.to_string(), "Monitor shop/web");
    }

    fn any_spec() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            (0..3_i64).prop_map(Value::from),
            proptest::collection::vec((0..3_i64).prop_map(Value::from), 0..3).prop_map(Value::from),
        ];
        let map = |inner: BoxedStrategy<Value>| {
            proptest::collection::btree_map("[abc]", inner, 1..4).prop_map(|it| json!(it)).boxed()
        };
        let leaf = leaf.boxed();
        map(prop_oneof![leaf.clone(), map(leaf)].boxed())
    }

    proptest! {
        /// Whatever was there and whatever somebody else has set: a plan that was carried out is
        /// not made again.
        #[test]
        fn a_plan_that_was_carried_out_is_not_made_again(
            first in proptest::collection::btree_map("[xyz]", any_spec(), 0..4),
            second in proptest::collection::btree_map("[xyz]", any_spec(), 0..4),
            theirs in any_spec(),
        ) {
            let all = |specs: &BTreeMap<String, Value>| -> Vec<_> {
                specs.iter().map(|(name, spec)| desired(name, spec)).collect()
            };
            let first = all(&first);
            let made = plan(&first, &BTreeMap::new(), |_| false, |_, _| true);
            let mut live = carried_out(BTreeMap::new(), &made);
            prop_assert_eq!(plan(&first, &live, |_| false, |_, _| true), Plan::default());
            for object in live.values_mut() {
                let mut edited = (*object.object).clone();
                let entries = theirs.as_object().cloned().unwrap_or_default();
                let fields: Value = entries.keys().map(|key| (format!("f:{key}"), json!({}))).collect();
                for (key, value) in entries {
                    edited["spec"][key.clone()] = value;
                    if let Some(ours) = edited.pointer_mut("/metadata/managedFields/0/fieldsV1/f:spec") {
                        ours.as_object_mut().unwrap().shift_remove(&format!("f:{key}"));
                    }
                }
                edited["metadata"]["managedFields"].as_array_mut().unwrap().push(
                    json!({"manager": "kubectl-edit", "operation": "Update", "fieldsV1": {"f:spec": fields}}),
                );
                object.object = Arc::new(edited);
            }
            let second = all(&second);
            let changed = plan(&second, &live, |_| false, |_, _| true);
            let live = carried_out(live, &changed);
            prop_assert_eq!(plan(&second, &live, |_| false, |_, _| true), Plan::default());
            for object in live.values() {
                for (key, value) in theirs.as_object().into_iter().flatten() {
                    let kept = object.object["spec"].get(key);
                    let new = object.object.pointer("/metadata/managedFields/0/manager") == Some(&json!("kubekuma"));
                    prop_assert!(new || kept == Some(value), "{key} of {theirs} was taken: {}", object.object);
                }
            }
        }
    }
}

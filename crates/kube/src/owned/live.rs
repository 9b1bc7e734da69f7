//! An object of ours as it is in the cluster.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::LABEL;
use crate::surroundings::{Found, Owner};

/// An object that carries the label of one of our writers and has an owner.
#[derive(Debug, Clone, PartialEq)]
pub struct Live {
    /// Its identity.
    pub uid: String,
    /// Its version, so that nothing is deleted that has changed since.
    pub resource_version: String,
    /// Its owner.
    pub owner: Owner,
    /// The whole of it.
    pub object: Arc<Value>,
}

impl Live {
    /// Reads an object. None if it is not ours: without the label with the writer's name, without an
    /// owner of one of the kinds, or on its way out.
    pub fn read(found: &Found, writer: &str, owners: &[&str]) -> Option<Self> {
        let object = found.whole.as_ref().filter(|_| !found.leaving)?;
        let metadata = object.get("metadata")?;
        let label = metadata.get("labels")?.get(LABEL)?.as_str();
        if label != Some(writer) {
            return None;
        }
        let references = metadata.get("ownerReferences")?.as_array()?;
        let owner = references
            .iter()
            .filter_map(|reference| Owner::deserialize(reference).ok())
            .find(|owner| owners.contains(&owner.kind.as_str()))?;
        Some(Self {
            uid: found.uid.clone(),
            resource_version: found.resource_version.clone(),
            owner,
            object: Arc::clone(object),
        })
    }
}

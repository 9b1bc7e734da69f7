//! Which resource of the API server a kind is, asked once.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use kube::core::discovery::Scope as ResourceScope;
use kube::core::{ApiResource, GroupVersionKind};
use kube::error::DiscoveryError;
use kube::{Client, Error, discovery};
use kuma_core::check::kubernetes::ObjectKind;

/// A resource, and whether its objects live in namespaces.
#[derive(Debug, Clone)]
pub(super) struct Resource {
    pub(super) api: ApiResource,
    pub(super) namespaced: bool,
}

/// The resources asked for so far.
pub(super) struct Resources {
    client: Client,
    known: Mutex<HashMap<ObjectKind, Resource>>,
}

impl Resources {
    pub(super) fn new(client: Client) -> Self {
        Self { client, known: Mutex::default() }
    }

    /// The resource of a kind; none if the API server knows none. A group whose server does not
    /// answer is an error, not a kind that does not exist.
    pub(super) async fn of(&self, kind: &ObjectKind) -> Result<Option<Resource>, Error> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(kind).cloned();
        if known.is_some() {
            return Ok(known);
        }
        let gvk = GroupVersionKind::gvk(&kind.group, &kind.version, &kind.kind);
        match discovery::pinned_kind(&self.client, &gvk).await {
            Ok((api, capabilities)) => {
                let namespaced = capabilities.scope == ResourceScope::Namespaced;
                let resource = Resource { api, namespaced };
                let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
                known.insert(kind.clone(), resource.clone());
                Ok(Some(resource))
            }
            Err(Error::Api(status)) if status.code == 404 => Ok(None),
            Err(Error::Discovery(
                DiscoveryError::MissingKind(_)
                | DiscoveryError::MissingApiGroup(_)
                | DiscoveryError::EmptyApiGroup(_),
            )) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Asks again next time: the resource does not exist any more.
    pub(super) fn forget(&self, kind: &ObjectKind) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(kind);
    }
}

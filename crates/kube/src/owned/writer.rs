//! Carrying out one change. Never forces a field, and never changes an object that is not ours.

use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, Preconditions};
use kube::{Api, Client};

use super::plan::{Target, Write};
use super::{LABEL, MANAGER};
use crate::rights::Rule;

/// Why a change was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// We may not.
    #[error("{target} may not be written; add to the ClusterRole of KubeKuma: {rule}")]
    Forbidden {
        /// Which object.
        target: String,
        /// What is missing.
        rule: String,
    },
    /// The object has changed since we looked, or its name is somebody else's now. The next look at
    /// it tells.
    #[error("{target} has changed meanwhile: {why}")]
    Conflict {
        /// Which object.
        target: String,
        /// What the API server says.
        why: String,
    },
    /// The API server does not take it.
    #[error("the API server refuses {target}: {why}")]
    Refused {
        /// Which object.
        target: String,
        /// What the API server says.
        why: String,
    },
    /// The API server cannot be asked now.
    #[error("{target} cannot be written now: {why}")]
    Away {
        /// Which object.
        target: String,
        /// What happened.
        why: String,
    },
}

impl WriteError {
    /// Whether trying it again later may help without anybody doing something.
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Conflict { .. } | Self::Away { .. })
    }
}

/// Makes changes.
#[derive(Clone)]
pub struct Writer {
    client: Client,
}

impl Writer {
    /// Writes through a client.
    pub const fn new(client: Client) -> Self {
        Self { client }
    }

    /// Makes one change. An object that is to go and is gone is no error.
    ///
    /// # Errors
    /// Why it was not made.
    pub async fn perform(&self, write: &Write) -> Result<(), WriteError> {
        let target = write.target();
        let resource = target.resource.api();
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), &target.name.namespace, &resource);
        let name = &*target.name.name;
        let done = match write {
            Write::Create { object, .. } => {
                // Server-side apply has no "only if there is none"; what it would merge into is
                // looked for just before, and differing fields are a conflict even then.
                match api.get_opt(name).await {
                    Ok(Some(there)) if !is_labelled(&there) => {
                        let why = "another object has the name".to_owned();
                        return Err(WriteError::Conflict { target: target.to_string(), why });
                    }
                    Ok(_) => apply(&api, name, object).await,
                    Err(error) => Err(error),
                }
            }
            Write::Update { object, .. } => apply(&api, name, object).await,
            Write::Delete { uid, resource_version, .. } => {
                let only = Preconditions {
                    uid: Some(uid.clone()),
                    resource_version: Some(resource_version.clone()),
                };
                let parameters = DeleteParams::background().preconditions(only);
                match api.delete(name, &parameters).await {
                    Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
                    other => other.map(drop),
                }
            }
        };
        done.map_err(|error| failed(target, &error))
    }
}

async fn apply(
    api: &Api<DynamicObject>,
    name: &str,
    object: &serde_json::Value,
) -> Result<(), kube::Error> {
    api.patch(name, &PatchParams::apply(MANAGER), &Patch::Apply(object)).await.map(drop)
}

fn is_labelled(object: &DynamicObject) -> bool {
    object.metadata.labels.as_ref().is_some_and(|labels| labels.contains_key(LABEL))
}

fn failed(target: &Target, error: &kube::Error) -> WriteError {
    let name = target.to_string();
    let kube::Error::Api(status) = error else {
        return WriteError::Away { target: name, why: error.to_string() };
    };
    let why = kuma_core::observation::bounded(status.message.clone(), 500);
    match status.code {
        // A namespace on its way out takes nothing new; its objects go with it.
        403 if why.contains("being terminated") => WriteError::Conflict { target: name, why },
        401 | 403 => WriteError::Forbidden {
            target: name,
            rule: Rule::to_write(target.resource).to_string(),
        },
        // 404: the namespace or the resource is gone; the watches tell.
        404 | 409 => WriteError::Conflict { target: name, why },
        429 | 500.. => WriteError::Away { target: name, why },
        _ => WriteError::Refused { target: name, why },
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;
    use kuma_core::id::ObjectName;

    use super::*;
    use crate::surroundings::Resource;

    #[test]
    fn what_the_api_server_says_decides_whether_to_try_again() {
        let target = Target { resource: Resource::Monitor, name: ObjectName::new("shop", "web") };
        let failure = |code| {
            let status = Status { code, ..Status::failure("because", "Reason") };
            failed(&target, &kube::Error::Api(Box::new(status)))
        };
        assert_eq!(
            failure(403).to_string(),
            "Monitor shop/web may not be written; add to the ClusterRole of KubeKuma: {apiGroups: \
             [monitoring.kubekuma.io], resources: [monitors], verbs: [get, list, watch, create, patch, \
             delete]}"
        );
        assert!(!failure(403).is_passing() && !failure(422).is_passing());
        assert!(failure(409).is_passing() && failure(503).is_passing());
    }
}

//! Secrets of the cluster: a cache of exactly those that objects refer to, read one by one. The
//! values of others never reach this process.
//!
//! A watch of metadata alone tells at once when one of them changes, where RBAC permits it (`list`
//! and `watch` on Secrets, which permits reading their values too). Where it does not, each one is
//! read again within [`REREAD`]. While the API server is away, what was read last stays in use.

mod cache;
mod follow;
mod references;

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use futures_util::StreamExt;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use kuma_core::id::ObjectName;
use kuma_core::secret::{Rules, SecretError, SecretRef, SecretSource, SecretString};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use cache::{Answer, Cache, Contents};
pub use references::references;

use crate::client::{Cluster, Fault, within};
use crate::index::Seen;
use crate::watch::{Feed, Scope};

/// Each Secret is read again within this time where a watch does not tell of changes.
pub const REREAD: Duration = Duration::from_secs(300);
/// Requests under way at once.
const AT_ONCE: usize = 16;
/// How long the first reading of what a new object refers to may hold its catalog up.
const FIRST_READING: Duration = Duration::from_secs(5);

/// The Secrets of a cluster. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct ClusterSecrets(Arc<Shared>);

struct Shared {
    client: Client,
    scope: Scope,
    feed: Feed,
    cache: RwLock<Cache>,
    /// What is referred to has changed.
    referred: Notify,
}

impl ClusterSecrets {
    /// Secrets of which none is read yet. Changes are handed to `feed`, as changes of kind Secret.
    pub fn new(cluster: &Cluster, scope: Scope, feed: Feed) -> Self {
        Self(Arc::new(Shared {
            client: cluster.client.clone(),
            scope,
            feed,
            cache: RwLock::default(),
            referred: Notify::new(),
        }))
    }

    /// Takes over what objects refer to ([`references()`]) before their catalog is built, and reads
    /// what is new. Returns when all of it was asked for, or after 5 s at most: what is missing then
    /// comes later, and is a change like any other.
    pub async fn refer(&self, rules: Rules, to: BTreeSet<ObjectName>) {
        let new = self.0.write().refer(rules, &to);
        self.0.referred.notify_one();
        if new.is_empty() {
            return;
        }
        let count = new.len();
        // The caller does not wait for ever, but what was asked for is not given up.
        let reading = tokio::spawn({
            let shared = Arc::clone(&self.0);
            async move { shared.read_all(new, false).await }
        });
        if tokio::time::timeout(FIRST_READING, reading).await.is_err() {
            tracing::warn!(secrets = count, "the API server is slow to hand out Secrets");
        }
    }

    /// Keeps what is referred to fresh, until `stop`.
    pub async fn run(&self, stop: &CancellationToken) {
        stop.run_until_cancelled(follow::follow(&self.0)).await;
    }
}

impl SecretSource for ClusterSecrets {
    fn get(&self, namespace: &str, at: &SecretRef) -> Result<SecretString, SecretError> {
        self.0.read().get(namespace, at)
    }
}

impl Shared {
    fn read(&self) -> RwLockReadGuard<'_, Cache> {
        self.cache.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Cache> {
        self.cache.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads Secrets again. What changed is handed on if `tell` says so.
    async fn read_all(&self, names: Vec<ObjectName>, tell: bool) {
        let readings = names.into_iter().map(|name| async move {
            let answer = self.ask(&name).await;
            (name, answer)
        });
        let mut readings = futures_util::stream::iter(readings).buffer_unordered(AT_ONCE);
        while let Some((name, answer)) = readings.next().await {
            if let Answer::Away(why) = &answer {
                tracing::debug!(secret = %name, why, "a Secret could not be read");
            }
            let change = self.write().take(&name, answer);
            if let Some(change) = change.filter(|_| tell) {
                tracing::info!(secret = %name, "a Secret changed");
                self.feed.push(Seen { change, actor: None });
            }
        }
    }

    async fn ask(&self, name: &ObjectName) -> Answer {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), &name.namespace);
        match within(api.get(&name.name)).await {
            Ok(secret) => Answer::Found(Contents::of(secret)),
            Err(Fault::Missing) => Answer::Missing,
            Err(Fault::Forbidden) => Answer::Forbidden,
            Err(Fault::Conflict | Fault::Expired) => Answer::Away("try again".to_owned()),
            Err(Fault::Away(why)) => Answer::Away(why),
        }
    }
}

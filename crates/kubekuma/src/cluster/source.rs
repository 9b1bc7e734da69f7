//! The API server as a source of objects, and of the Secrets that they need.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use kuma_core::ports::StoredObject;
use kuma_core::secret::{Rules, SecretError, SecretRef, SecretSource, SecretString};
use kuma_core::source::Snapshot;
use kuma_core::time::Mono;
use kuma_kube::secrets::{ClusterSecrets, references};
use kuma_kube::watch::{ClusterSource, News};

use crate::secrets::Secrets;
use crate::source::{Seen, Source};

/// How long a start waits for the API server. What the store kept is in force until it answers.
const PATIENCE: Duration = Duration::from_secs(20);

/// Watches of all kinds.
pub(crate) struct Watched {
    source: ClusterSource,
    snapshot: Arc<Snapshot>,
    news: Option<News>,
    looked: bool,
}

impl Watched {
    /// Waits until everything was listed, or for as long as a start may wait, and takes in what the
    /// store kept.
    pub(super) async fn new(source: ClusterSource, kept: Vec<StoredObject>) -> Self {
        if !source.synced_within(PATIENCE).await {
            let remarks = source.remarks().join("; ");
            tracing::warn!(
                remarks,
                "the API server has not told everything; what was valid last is in force"
            );
        }
        source.adopt(kept, crate::runtime::object);
        Self { snapshot: source.snapshot(), source, news: None, looked: false }
    }
}

impl Source for Watched {
    fn changed(&mut self) -> BoxFuture<'_, ()> {
        async {
            let news = self.source.changed().await;
            self.keep(news);
        }
        .boxed()
    }

    fn look(&mut self, _now: Mono) -> Option<Vec<Seen>> {
        let newer = self.source.take();
        self.keep(newer);
        let news = self.news.take()?;
        let first = !std::mem::replace(&mut self.looked, true);
        let same = news.seen.is_empty() && Arc::ptr_eq(&news.snapshot, &self.snapshot);
        self.snapshot = news.snapshot;
        (first || !same).then_some(news.seen)
    }

    fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    fn synced(&self) -> bool {
        self.source.synced()
    }

    fn remarks(&self) -> Vec<String> {
        self.source.remarks()
    }
}

impl Watched {
    /// Puts news behind those that nobody has looked at yet.
    fn keep(&mut self, newer: News) {
        match &mut self.news {
            Some(news) => {
                news.seen.extend(newer.seen);
                news.snapshot = newer.snapshot;
            }
            None => self.news = Some(newer),
        }
    }
}

/// The Secrets that objects of the cluster refer to.
#[derive(Clone)]
pub(crate) struct WatchedSecrets {
    pub(super) secrets: ClusterSecrets,
}

impl Secrets for WatchedSecrets {
    fn sync<'a>(&'a self, rules: Rules, snapshot: &'a Snapshot) -> BoxFuture<'a, ()> {
        let to = references(snapshot, &rules.system_namespace);
        self.secrets.refer(rules, to).boxed()
    }
}

impl SecretSource for WatchedSecrets {
    fn get(&self, namespace: &str, at: &SecretRef) -> Result<SecretString, SecretError> {
        self.secrets.get(namespace, at)
    }
}

//! Which queries have changed objects, gathered until somebody asks.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kuma_core::check::kubernetes::ObjectQuery;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Shortest time between two answers: a rollout changes many objects many times.
const SPACING: Duration = Duration::from_secs(1);

/// What changed, each query once however often it did.
#[derive(Default)]
pub(super) struct Changes {
    queries: Mutex<BTreeSet<ObjectQuery>>,
    added: Notify,
    told: Mutex<Option<Instant>>,
}

impl Changes {
    pub(super) fn add<'a>(&self, changed: impl Iterator<Item = &'a ObjectQuery>) {
        let mut queries = self.queries.lock().unwrap_or_else(PoisonError::into_inner);
        queries.extend(changed.cloned());
        if !queries.is_empty() {
            self.added.notify_one();
        }
    }

    /// What changed since the last answer; waits for something to.
    pub(super) async fn next(&self) -> BTreeSet<ObjectQuery> {
        loop {
            let told = *self.told.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(told) = told {
                tokio::time::sleep_until(told + SPACING).await;
            }
            let queries =
                std::mem::take(&mut *self.queries.lock().unwrap_or_else(PoisonError::into_inner));
            if !queries.is_empty() {
                *self.told.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
                return queries;
            }
            self.added.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use kuma_core::check::kubernetes::{ObjectChoice, ObjectKind};

    use super::*;

    fn query(name: &str) -> ObjectQuery {
        ObjectQuery {
            kind: ObjectKind::new("", "v1", "Pod"),
            namespace: "shop".to_owned(),
            which: ObjectChoice::Name(name.to_owned()),
            cluster_scoped: true,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_change_is_told_at_once_and_more_of_them_together() {
        let (changes, began) = (Changes::default(), Instant::now());
        changes.add([query("a")].iter());
        assert_eq!(changes.next().await, BTreeSet::from([query("a")]));
        assert_eq!(began.elapsed(), Duration::ZERO);
        changes.add([query("b"), query("a")].iter());
        changes.add([query("a")].iter());
        assert_eq!(changes.next().await, BTreeSet::from([query("a"), query("b")]));
        assert_eq!(began.elapsed(), SPACING);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_lost_to_whoever_waits_no_longer() {
        let changes = Changes::default();
        let waited = tokio::time::timeout(SPACING, changes.next()).await;
        assert!(waited.is_err());
        changes.add([query("a")].iter());
        assert_eq!(changes.next().await.len(), 1);
    }
}

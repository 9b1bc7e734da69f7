//! Notices that Secrets change: by a watch of their metadata, or by reading them in turn.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::core::{ObjectMeta, PartialObjectMeta};
use kube::runtime::watcher::{self, Event, watcher};
use kuma_core::id::ObjectName;
use tokio::time::Instant;

use super::{REREAD, Shared};
use crate::client::Fault;
use crate::watch::{Backoff, Scope, WATCH_SECONDS};

/// A round of reading takes less than what is promised, for the sake of slow answers.
const ROUND: Duration = Duration::from_secs(240);
/// The shortest wait between two readings of a round.
const SHORTEST: Duration = Duration::from_millis(50);
/// A round over those whose value is not to be had.
const RETRY_ROUND: Duration = Duration::from_secs(10);
/// The shortest wait between two of these, of which there may be many for a long time.
const RETRY_SHORTEST: Duration = Duration::from_secs(1);
/// How soon a watch that RBAC forbids is tried again.
const REFUSED_WAIT: Duration = Duration::from_secs(60);

/// Watches and reads for ever.
pub(super) async fn follow(shared: &Shared) {
    let watching = tokio::sync::watch::Sender::new(false);
    tokio::join!(watch(shared, &watching), read_in_turn(shared, watching.subscribe()));
}

/// Watches the metadata of Secrets and reads those referred to that changed.
async fn watch(shared: &Shared, watching: &tokio::sync::watch::Sender<bool>) {
    let mut backoff = Backoff::new();
    let mut told = false;
    loop {
        let error = follow_events(shared, watching).await;
        if watching.send_replace(false) {
            backoff.reset();
        }
        let fault = error.as_ref().map(Fault::of_watch);
        if fault == Some(Fault::Forbidden) {
            if !told {
                told = true;
                tracing::info!(
                    within_s = REREAD.as_secs(),
                    "RBAC forbids watching Secrets, so a changed one is noticed by reading it again"
                );
            }
            tokio::time::sleep(REFUSED_WAIT).await;
            continue;
        }
        tracing::debug!(?fault, "the watch of Secrets broke off");
        tokio::time::sleep(backoff.next()).await;
    }
}

/// Follows one watch until it breaks off.
async fn follow_events(
    shared: &Shared,
    watching: &tokio::sync::watch::Sender<bool>,
) -> Option<watcher::Error> {
    let mut events = std::pin::pin!(events(shared));
    let mut listed = BTreeSet::new();
    while let Some(event) = events.next().await {
        let stale = match event {
            Err(error) => return Some(error),
            Ok(Event::Init) => {
                listed.clear();
                Vec::new()
            }
            Ok(Event::InitApply(object)) => {
                let (name, version) = named(&object.metadata);
                let cache = shared.read();
                if cache.refers_to(&name) {
                    listed.insert(name.clone());
                }
                cache.is_stale(&name, Some(version)).then_some(name).into_iter().collect()
            }
            Ok(Event::InitDone) => {
                watching.send_replace(true);
                let cache = shared.read();
                let gone = cache.names().into_iter().filter(|name| !listed.contains(name));
                let gone = gone.filter(|name| cache.is_stale(name, None)).collect();
                listed.clear();
                gone
            }
            Ok(Event::Apply(object)) => {
                let (name, version) = named(&object.metadata);
                shared.read().is_stale(&name, Some(version)).then_some(name).into_iter().collect()
            }
            Ok(Event::Delete(object)) => {
                let (name, _) = named(&object.metadata);
                shared.read().is_stale(&name, None).then_some(name).into_iter().collect()
            }
        };
        if !stale.is_empty() {
            shared.read_all(stale, true).await;
        }
    }
    None
}

fn events(
    shared: &Shared,
) -> impl Stream<Item = watcher::Result<Event<PartialObjectMeta<Secret>>>> + use<> {
    let client = shared.client.clone();
    let api: Api<PartialObjectMeta<Secret>> = match &shared.scope {
        Scope::Cluster => Api::all(client),
        Scope::Namespace(namespace) => Api::namespaced(client, namespace),
    };
    watcher(api, watcher::Config::default().timeout(WATCH_SECONDS))
}

fn named(metadata: &ObjectMeta) -> (ObjectName, &str) {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let name = ObjectName::new(text(&metadata.namespace), text(&metadata.name));
    (name, metadata.resource_version.as_deref().unwrap_or_default())
}

/// Reads Secrets one after the other, evenly spread: all of them where no watch tells of changes,
/// and more often those whose value is not to be had.
async fn read_in_turn(shared: &Shared, mut watching: tokio::sync::watch::Receiver<bool>) {
    let now = Instant::now();
    let (mut all, mut open) = (Turn { last: None, read: now }, Turn { last: None, read: now });
    loop {
        let watched = *watching.borrow_and_update();
        let (every, unsettled) = {
            let cache = shared.read();
            let every = if watched { BTreeSet::new() } else { cache.names() };
            (every, cache.unsettled(watched))
        };
        let due = all.read + pace(every.len(), ROUND, SHORTEST);
        let open_due = open.read + pace(unsettled.len(), RETRY_ROUND, RETRY_SHORTEST);
        let next = tokio::select! {
            () = tokio::time::sleep_until(due) => all.next(&every),
            () = tokio::time::sleep_until(open_due) => open.next(&unsettled),
            () = shared.referred.notified() => None,
            changed = watching.changed() => match changed {
                Ok(()) => None,
                Err(_) => return,
            },
        };
        if let Some(name) = next {
            shared.read_all(vec![name], true).await;
        }
    }
}

/// A walk through names, round and round.
struct Turn {
    last: Option<ObjectName>,
    /// When it came to the last one.
    read: Instant,
}

impl Turn {
    fn next(&mut self, names: &BTreeSet<ObjectName>) -> Option<ObjectName> {
        self.read = Instant::now();
        let next = next(names, self.last.as_ref());
        self.last.clone_from(&next);
        next
    }
}

/// The wait between two of so many readings, so that all of them take a round.
fn pace(names: usize, round: Duration, shortest: Duration) -> Duration {
    let names = u32::try_from(names).unwrap_or(u32::MAX).max(1);
    (round / names).max(shortest)
}

/// The name after the last one, and the first one after all.
fn next(names: &BTreeSet<ObjectName>, last: Option<&ObjectName>) -> Option<ObjectName> {
    let after = last.and_then(|last| names.range((Bound::Excluded(last), Bound::Unbounded)).next());
    after.or_else(|| names.first()).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_takes_less_than_what_is_promised() {
        for names in [0, 1, 7, 1000, 4000] {
            let round = pace(names, ROUND, SHORTEST) * u32::try_from(names).unwrap();
            assert!(round + Duration::from_secs(30) < REREAD, "{names}: {round:?}");
        }
        assert_eq!(pace(usize::MAX, ROUND, SHORTEST), SHORTEST);
    }

    #[test]
    fn each_has_its_turn_also_while_others_come_and_go() {
        let name = |text: &str| -> ObjectName { text.parse().unwrap() };
        let mut names: BTreeSet<_> = ["s/a", "s/b", "s/c"].map(name).into();
        let mut last = None;
        let mut turn = |names: &BTreeSet<ObjectName>| {
            last = next(names, last.as_ref());
            last.as_ref().map(ToString::to_string).unwrap_or_default()
        };
        assert_eq!([turn(&names), turn(&names)], ["s/a", "s/b"]);
        names.remove(&name("s/b"));
        assert_eq!([turn(&names), turn(&names)], ["s/c", "s/a"]);
        names.clear();
        assert_eq!(turn(&names), "");
    }
}

//! What was looked up a moment ago and what is being looked up right now. The time-to-live of an
//! answer is respected but cut, since a monitor should notice a changed address soon. Failures
//! are not kept: the next attempt asks again.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, Shared, WeakShared};
use kuma_core::check::IpFamily;
use kuma_core::time::Mono;

use super::error::ResolveError;

/// The longest an answer is kept.
const MAX_TTL: Duration = Duration::from_secs(30);
/// Names kept; with more the expired ones go, then all.
const MAX_ENTRIES: usize = 16_384;

/// Addresses as shared between callers.
pub(crate) type Looked = Result<Arc<[IpAddr]>, ResolveError>;
/// A look-up that several callers wait for. It runs only while somebody does.
pub(crate) type Running = Shared<BoxFuture<'static, Looked>>;

/// What is looked up, and through which set of servers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) upstream: usize,
    pub(crate) host: String,
    pub(crate) family: IpFamily,
}

/// A look-up: who has less time than another does not wait for his.
pub(crate) type Timed = (Key, Duration);

/// Both maps.
#[derive(Default)]
pub(crate) struct Cache {
    kept: HashMap<Key, (Arc<[IpAddr]>, Mono)>,
    running: HashMap<Timed, WeakShared<BoxFuture<'static, Looked>>>,
}

impl Cache {
    /// What is known at `now`.
    pub(crate) fn get(&self, key: &Key, now: Mono) -> Option<Arc<[IpAddr]>> {
        self.kept
            .get(key)
            .filter(|(_, until)| now < *until)
            .map(|(addresses, _)| Arc::clone(addresses))
    }

    /// The look-up under way, if somebody waits for one.
    pub(crate) fn running(&self, key: &Timed) -> Option<Running> {
        self.running.get(key).and_then(WeakShared::upgrade)
    }

    /// Remembers a look-up that begins.
    pub(crate) fn begin(&mut self, key: Timed, lookup: &Running) {
        if self.running.len() >= MAX_ENTRIES {
            self.running.retain(|_, lookup| lookup.upgrade().is_some());
        }
        if let Some(weak) = lookup.downgrade() {
            self.running.insert(key, weak);
        }
    }

    /// A look-up ended; what it found is kept for `ttl` seconds.
    pub(crate) fn end(&mut self, timed: Timed, found: Option<(Arc<[IpAddr]>, u32)>, now: Mono) {
        self.running.remove(&timed);
        let (key, _) = timed;
        let Some((addresses, ttl)) = found else {
            self.kept.remove(&key);
            return;
        };
        if self.kept.len() >= MAX_ENTRIES {
            self.kept.retain(|_, (_, until)| now < *until);
            if self.kept.len() >= MAX_ENTRIES {
                self.kept.clear();
            }
        }
        let lasts = Duration::from_secs(u64::from(ttl)).min(MAX_TTL);
        if !lasts.is_zero() {
            self.kept.insert(key, (addresses, now + lasts));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(host: &str) -> Key {
        Key { upstream: 1, host: host.to_owned(), family: IpFamily::Auto }
    }

    fn timed(host: &str) -> Timed {
        (key(host), Duration::from_secs(5))
    }

    fn kept_for(ttl: u32) -> u64 {
        let mut cache = Cache::default();
        cache.end(timed("a"), Some((Arc::from([]), ttl)), Mono(0));
        (0..100)
            .take_while(|second| cache.get(&key("a"), Mono(second * 1_000_000_000)).is_some())
            .count() as u64
    }

    #[test]
    fn answers_are_kept_as_long_as_they_say_but_no_longer_than_half_a_minute() {
        assert_eq!(kept_for(0), 0);
        assert_eq!(kept_for(7), 7);
        assert_eq!(kept_for(86_400), 30);
    }

    #[test]
    fn a_failure_forgets_what_was_kept() {
        let mut cache = Cache::default();
        cache.end(timed("a"), Some((Arc::from([]), 20)), Mono(0));
        cache.end(timed("a"), None, Mono(1));
        assert!(cache.get(&key("a"), Mono(2)).is_none());
    }

    #[test]
    fn the_number_of_names_is_bounded() {
        let mut cache = Cache::default();
        for number in 0..=MAX_ENTRIES {
            cache.end(timed(&number.to_string()), Some((Arc::from([]), 20)), Mono(0));
        }
        assert!(cache.kept.len() <= MAX_ENTRIES);
    }
}

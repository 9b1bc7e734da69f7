//! Tokens in memory, shared by all monitors that would get the same one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kuma_core::observation::Outcome;
use kuma_core::secret::SecretString;
use kuma_core::time::Mono;

use crate::fault::Fault;

/// Most settings that are remembered; beyond, those that nobody waits for are forgotten.
const MAX_SLOTS: usize = 1024;
/// How long a token without `expires_in` is used.
const UNSTATED: Duration = Duration::from_mins(5);
/// A token is no longer used this long before it expires …
const MARGIN: Duration = Duration::from_secs(30);
/// … or this part of its life, for those that live shortly.
const MARGIN_PART: u32 = 10;

/// SHA-256 of everything that decides which token comes.
pub(super) type Key = [u8; 32];

/// A token and until when it is used.
pub(super) struct Token {
    pub(super) value: SecretString,
    pub(super) until: Mono,
}

/// What is known for one key.
#[derive(Default)]
pub(super) struct Slot {
    pub(super) token: Option<Token>,
    /// When asking failed last, and how: whoever waited for it does not ask again.
    pub(super) failed: Option<(Mono, Outcome, String)>,
}

impl Slot {
    /// The failure of a question that ended after `asked`.
    pub(super) fn failed_since(&self, asked: Mono) -> Option<Fault> {
        let (at, outcome, message) = self.failed.as_ref()?;
        (*at >= asked).then(|| Fault {
            outcome: *outcome,
            message: message.clone(),
            facts: Vec::new(),
        })
    }
}

/// All tokens.
#[derive(Default)]
pub(crate) struct TokenCache(Mutex<HashMap<Key, Arc<tokio::sync::Mutex<Slot>>>>);

impl TokenCache {
    /// The place for a key. Whoever holds its lock is the one who asks.
    pub(super) fn slot(&self, key: Key) -> Arc<tokio::sync::Mutex<Slot>> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= MAX_SLOTS && !slots.contains_key(&key) {
            slots.retain(|_, slot| Arc::strong_count(slot) > 1);
        }
        Arc::clone(slots.entry(key).or_default())
    }
}

/// How long a token that lives `lifetime` is used.
pub(super) fn usable(lifetime: Option<Duration>) -> Duration {
    lifetime.map_or(UNSTATED, |life| life.saturating_sub(MARGIN.min(life / MARGIN_PART)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_used_until_shortly_before_they_expire() {
        let seconds = Duration::from_secs;
        assert_eq!(usable(Some(seconds(3600))), seconds(3570));
        assert_eq!(usable(Some(seconds(60))), seconds(54));
        assert_eq!(usable(Some(seconds(0))), seconds(0));
        assert_eq!(usable(None), seconds(300));
    }

    #[test]
    fn what_nobody_uses_is_forgotten_when_there_is_too_much() {
        let cache = TokenCache::default();
        let used = cache.slot([255; 32]);
        for n in 0..3000_u32 {
            let mut key = [0; 32];
            key[..4].copy_from_slice(&n.to_be_bytes());
            cache.slot(key);
        }
        assert!(cache.0.lock().unwrap().len() <= MAX_SLOTS);
        assert!(Arc::ptr_eq(&used, &cache.slot([255; 32])));
    }
}

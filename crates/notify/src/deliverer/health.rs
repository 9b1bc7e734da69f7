//! How providers are, as their use shows.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use kuma_core::delivery::UNHEALTHY_AFTER;
use kuma_core::id::ObjectName;
use kuma_core::time::Timestamp;

/// How a provider is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderHealth {
    /// Which one.
    pub name: ObjectName,
    /// False after a dead letter or three failures in a row, until something arrives.
    pub healthy: bool,
    /// When something last arrived.
    pub last_sent: Option<Timestamp>,
    /// The last failure, none once something arrived after it.
    pub last_error: Option<String>,
}

#[derive(Debug, Default)]
struct Known {
    unhealthy: bool,
    failures: u32,
    last_sent: Option<Timestamp>,
    last_error: Option<String>,
}

/// What is known of all of them.
#[derive(Debug, Default)]
pub(super) struct Board(Mutex<BTreeMap<ObjectName, Known>>);

impl Board {
    fn known(&self) -> MutexGuard<'_, BTreeMap<ObjectName, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn sent(&self, provider: &ObjectName, now: Timestamp) {
        self.known().insert(provider.clone(), Known { last_sent: Some(now), ..Known::default() });
    }

    /// It was verified, which says nothing about what was sent before it changed.
    pub(super) fn verified(&self, provider: &ObjectName) {
        let mut board = self.known();
        let known = board.entry(provider.clone()).or_default();
        *known = Known { last_sent: known.last_sent, ..Known::default() };
    }

    /// Whether nothing is known against it.
    pub(super) fn is_well(&self, provider: &ObjectName) -> bool {
        self.known().get(provider).is_none_or(|known| known.last_error.is_none())
    }

    pub(super) fn failed(&self, provider: &ObjectName, dead: bool, error: &str) {
        let mut board = self.known();
        let known = board.entry(provider.clone()).or_default();
        known.failures = known.failures.saturating_add(1);
        known.unhealthy |= dead || known.failures >= UNHEALTHY_AFTER;
        known.last_error = Some(error.to_owned());
    }

    pub(super) fn all(&self) -> Vec<ProviderHealth> {
        self.known()
            .iter()
            .map(|(name, known)| ProviderHealth {
                name: name.clone(),
                healthy: !known.unhealthy,
                last_sent: known.last_sent,
                last_error: known.last_error.clone(),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_unhealthy_after_a_dead_letter_or_three_failures_until_something_arrives() {
        let board = Board::default();
        let name = ObjectName::new("shop", "chat");
        let healthy = || board.all().first().map(|health| health.healthy);
        board.failed(&name, false, "TIMEOUT");
        board.failed(&name, false, "TIMEOUT");
        assert_eq!(healthy(), Some(true));
        board.failed(&name, false, "TIMEOUT");
        assert_eq!(healthy(), Some(false));
        board.sent(&name, kuma_core::time::from_ms(1));
        assert_eq!(healthy(), Some(true));
        assert_eq!(board.all()[0].last_error, None);
        board.failed(&name, true, "GONE");
        assert_eq!(healthy(), Some(false));
    }
}

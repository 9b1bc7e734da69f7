//! Providers that are new or changed are verified without a message, some at a time, and again with
//! growing waits while the trouble may pass.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kuma_core::delivery::{DeliveryError, usable};
use kuma_core::id::ObjectName;
use kuma_core::provider::Provider;
use tokio::sync::Semaphore;

use super::Deliverer;
use crate::channel::channel;

/// So many are verified at a time.
const AT_ONCE: usize = 4;
/// The waits after failures that may pass. Then its messages show how the provider is.
const WAITS: [Duration; 4] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(10),
];
/// A receiver that asks for a longer wait is not asked again.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// Which verification of a provider is the latest, and the room for them.
pub(super) struct Verifications {
    latest: Mutex<HashMap<ObjectName, u64>>,
    room: Semaphore,
}

impl Default for Verifications {
    fn default() -> Self {
        Self { latest: Mutex::default(), room: Semaphore::new(AT_ONCE) }
    }
}

impl Verifications {
    /// Makes a verification the latest of its provider.
    fn begin(&self, provider: &ObjectName) -> u64 {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let number = latest.entry(provider.clone()).or_default();
        *number = number.wrapping_add(1);
        *number
    }

    fn is_latest(&self, provider: &ObjectName, number: u64) -> bool {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        latest.get(provider) == Some(&number)
    }
}

impl Deliverer {
    /// Verifies a provider that is new or has changed until that is decided, the provider changes
    /// again or a message went through. Shows in [`Deliverer::health`] and in the log; whatever
    /// comes out, messages are sent.
    pub async fn verify(self: Arc<Self>, provider: Arc<Provider>) {
        let number = self.verifications.begin(&provider.name);
        for failures in 0_usize.. {
            let Err(error) = self.try_verify(&provider).await else {
                tracing::info!(provider = %provider.name, "the provider was verified");
                self.health.verified(&provider.name);
                return;
            };
            if !self.verifications.is_latest(&provider.name, number) {
                return;
            }
            let wait = wait(failures, &error);
            self.health.failed(&provider.name, !error.is_retryable(), &error.to_string());
            let again_in = wait.map(|wait| wait.as_secs());
            tracing::warn!(provider = %provider.name, %error, again_in, "the provider cannot be verified");
            let Some(wait) = wait else { return };
            tokio::time::sleep(wait).await;
            let listed = self.config.catalog.current().providers.contains_key(&provider.name);
            let over = !self.verifications.is_latest(&provider.name, number)
                || self.health.is_well(&provider.name);
            if over || !listed {
                return;
            }
        }
    }

    async fn try_verify(&self, provider: &Provider) -> Result<(), DeliveryError> {
        // The semaphore is never closed.
        let _room = self.verifications.room.acquire().await.ok();
        let provider = usable(Some(provider), &provider.name)?;
        let transports = self.transports(&provider.name, &self.config.catalog.current());
        let channel = channel(provider, &transports)?;
        channel.verify(self.config.secrets.as_ref(), self.wall()).await
    }
}

/// After how long to try again; none when that would change nothing.
fn wait(failures: usize, error: &DeliveryError) -> Option<Duration> {
    let DeliveryError::Retryable { after, .. } = error else {
        return None;
    };
    let own = *WAITS.get(failures)?;
    let wait = after.map_or(own, |asked| asked.max(own));
    (wait <= LONGEST_WAIT).then_some(wait)
}

#[cfg(test)]
mod tests {
    use kuma_core::delivery::DeliveryReason;

    use super::*;

    #[test]
    fn only_trouble_that_may_pass_is_tried_again_with_growing_waits() {
        let away = DeliveryError::retryable(DeliveryReason::Connect, "refused");
        let waits: Vec<_> = (0..6).map_while(|failures| wait(failures, &away)).collect();
        assert_eq!(waits, WAITS);
        let wrong = DeliveryError::permanent(DeliveryReason::Unauthorized, "no");
        assert_eq!(wait(0, &wrong), None);
    }

    #[test]
    fn a_receiver_may_ask_for_a_longer_wait_but_not_for_any() {
        let asked = |minutes| {
            wait(0, &DeliveryError::throttled(Some(Duration::from_mins(minutes)), "later"))
        };
        assert_eq!(asked(0), Some(WAITS[0]));
        assert_eq!(asked(20), Some(Duration::from_mins(20)));
        assert_eq!(asked(61), None);
    }
}

//! What stands is told again to receivers that forget: alerts at an Alertmanager, which must hear
//! of them at regular intervals, and of their end for some minutes.

use std::sync::Arc;
use std::time::Duration;

use kuma_core::provider::Provider;
use kuma_core::time::minus;
use tokio_util::sync::CancellationToken;

use super::Deliverer;
use super::attempt::Outgoing;
use crate::channel::channel;

/// Between two rounds.
const EVERY: Duration = Duration::from_mins(1);
/// For how long an end is told again
/// (<https://prometheus.io/docs/alerting/latest/alerts_api/#expectations-from-clients>).
const ENDS_FOR: Duration = Duration::from_mins(5);

impl Deliverer {
    /// Rounds until `stop`.
    pub(super) async fn renew_often(self: Arc<Self>, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(EVERY) => self.renew().await,
            }
        }
    }

    /// One round: tells receivers that forget what stands. What fails is told in the next round,
    /// so it is neither retried nor counted as a delivery.
    pub async fn renew(&self) {
        let catalog = self.config.catalog.current();
        let now = self.wall();
        for provider in catalog.providers.values().filter(|provider| provider.enabled) {
            if provider.config.provider_type().forgets()
                && self.paused_until(&provider.name, now).is_none()
            {
                self.renew_at(provider).await;
            }
        }
    }

    async fn renew_at(&self, provider: &Provider) {
        let now = self.wall();
        let name = &provider.name;
        let standing = match self.config.store.standing(name, minus(now, ENDS_FOR)).await {
            Ok(standing) => standing,
            Err(error) => {
                tracing::warn!(provider = %name, %error, "what stands cannot be read");
                return;
            }
        };
        let transports = self.transports(name, &self.config.catalog.current());
        let Ok(channel) = channel(provider, &transports) else {
            return;
        };
        let Some(payload) = channel.renew(&standing, now) else {
            return;
        };
        let message =
            Outgoing { payload: &payload, key: "renewal", may_be_repeat: false, earlier: &[] };
        match self.send(channel.as_ref(), message).await {
            Ok(_) => tracing::debug!(provider = %name, alerts = standing.len(), "told again"),
            Err(error) => tracing::warn!(provider = %name, %error, "what stands is not told again"),
        }
    }
}

//! Test messages: sent past the outbox, once.

use kuma_core::delivery::{DeliveryError, DeliveryReason, usable};
use kuma_core::event::{Event, EventKind};
use kuma_core::provider::Provider;
use kuma_core::state::MonitorState;
use kuma_core::time::Timestamp;

use super::Deliverer;
use super::attempt::Outgoing;
use crate::channel::channel;
use crate::render::{RenderInput, render};

impl Deliverer {
    /// Sends a test message past the outbox, once. Also shows in [`Deliverer::health`].
    pub async fn send_test(&self, provider: &Provider) -> Result<(), DeliveryError> {
        let now = self.wall();
        let outcome = self.try_test(provider, now).await;
        match &outcome {
            Ok(()) => self.health.sent(&provider.name, now),
            Err(error) => {
                let dead = !error.is_retryable();
                self.health.failed(&provider.name, dead, &error.to_string());
            }
        }
        outcome
    }

    async fn try_test(&self, provider: &Provider, now: Timestamp) -> Result<(), DeliveryError> {
        let provider = usable(Some(provider), &provider.name)?;
        let transports = self.transports(&provider.name, &self.config.catalog.current());
        let channel = channel(provider, &transports)?;
        let at = format!("test {} {}", provider.generation, now.as_millisecond());
        let key = kuma_core::delivery::fallback_key(&at, &provider.name);
        let event = test_event(provider, now);
        let message = render(RenderInput {
            key: &key,
            events: std::slice::from_ref(&event),
            policy: None,
            now,
        })
        .ok_or_else(|| DeliveryError::permanent(DeliveryReason::Unrenderable, "no event"))?;
        let payload = channel.render(&message)?;
        let message = Outgoing { payload: &payload, key: &key, may_be_repeat: false, earlier: &[] };
        self.send(channel.as_ref(), message).await?;
        Ok(())
    }
}

fn test_event(provider: &Provider, now: Timestamp) -> Event {
    Event {
        kind: EventKind::Test,
        monitor: provider.name.clone(),
        check_type: String::new(),
        target: String::new(),
        incident: None,
        previous_state: MonitorState::Up,
        current_state: MonitorState::Up,
        reason: None,
        message: Some(format!("Sent through NotificationProvider {}.", provider.name)),
        latency_ms: None,
        at: now,
        started_at: None,
        ended_at: None,
        labels: std::collections::BTreeMap::new(),
        annotations: std::collections::BTreeMap::new(),
        tags: Vec::new(),
        cert_days: None,
        attempts: 0,
        note: None,
    }
}

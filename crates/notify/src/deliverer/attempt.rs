//! One attempt from claim to record.

use std::future::Future;
use std::time::Duration;

use kuma_core::catalog::Catalog;
use kuma_core::delivery::{
    Attempt, Decision, DeliveryError, DeliveryReason, after_failure, fallback_key, fallback_rows,
    usable,
};
use kuma_core::engine::announce::DeliveryFeedback;
use kuma_core::id::ObjectName;
use kuma_core::ports::{Batch, Claim, DeliveryEnd, Earlier, OutboxRow, StoreError};
use kuma_core::time::Timestamp;

use super::Deliverer;
use super::numbers::Outcome;
use crate::channel::{Channel, Payload, Receipt, SendContext, channel};
use crate::render::{RenderInput, events_of, render};

/// First wait after trouble with the store, doubled up to [`LONGEST_STORE_WAIT`].
const STORE_WAIT: Duration = Duration::from_millis(100);
const LONGEST_STORE_WAIT: Duration = Duration::from_secs(5);
/// How often freezing is tried before the message is sent all the same: a page that might be
/// repeated unmarked is better than one that is lost with the store.
const FREEZE_ATTEMPTS: u32 = 4;

/// A message as an attempt sends it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outgoing<'a> {
    pub(super) payload: &'a Payload,
    pub(super) key: &'a str,
    pub(super) may_be_repeat: bool,
    pub(super) earlier: &'a [Earlier],
}

/// How an attempt ended, to be recorded.
#[derive(Debug)]
pub(super) struct Ended {
    key: String,
    end: DeliveryEnd,
    took: Duration,
}

impl Deliverer {
    /// Renders a claim unless an earlier attempt did, and freezes it. Claims that are prepared
    /// together share a write. What cannot be prepared is left to the attempt.
    pub(super) async fn prepare(&self, mut claim: Claim) -> Claim {
        if self.direct.knows(&claim) {
            return claim;
        }
        // What was never frozen was never sent.
        claim.may_be_repeat &= claim.frozen.is_some();
        // An error is met again by the attempt, which records it.
        if let Ok(bytes) = self.bytes(&claim) {
            // Also what is frozen already: it is this write that takes the claim to the disk.
            self.freeze(&claim.key, &bytes).await;
            claim.frozen = Some(bytes);
        }
        claim
    }

    fn bytes(&self, claim: &Claim) -> Result<Vec<u8>, DeliveryError> {
        let first = first(claim)?;
        let catalog = self.config.catalog.current();
        let provider =
            usable(catalog.providers.get(&first.provider).map(AsRef::as_ref), &first.provider)?;
        match &claim.frozen {
            Some(frozen) if Payload::thaw(frozen, provider).is_some() => Ok(frozen.clone()),
            _ => {
                let transports = self.transports(&provider.name, &catalog);
                let channel = channel(provider, &transports)?;
                Ok(self.render(claim, first, &catalog, channel.as_ref())?.freeze(provider))
            }
        }
    }

    /// Makes the attempt that a prepared claim is for. Its end is still to be recorded; none when
    /// nothing was left to send.
    pub(super) async fn deliver(&self, claim: Claim) -> Option<Ended> {
        let now = self.wall();
        let claim = self.without_direct(claim, now).await?;
        if !self.config.authority.may_act() {
            // Others may have taken over meanwhile; they find the row `sending` and send it.
            return None;
        }
        let provider = &claim.rows.first()?.provider;
        if let Some(until) = self.paused_until(provider, now) {
            let end = DeliveryEnd::Retry {
                at: until,
                error: format!("{}: the provider is left alone", DeliveryReason::Throttled),
            };
            return Some(Ended { key: claim.key, end, took: Duration::ZERO });
        }
        let started = self.config.clock.now().mono;
        let outcome = self.attempt(&claim, true).await;
        let took = self.config.clock.now().mono.since(started);
        let end = self.conclude(&claim, outcome, took).await;
        Some(Ended { key: claim.key, end, took })
    }

    /// Records the end of an attempt.
    pub(super) async fn record(&self, ended: Ended) {
        self.finish(&ended.key, ended.end, ended.took).await;
    }

    /// Sends; renders and freezes first unless that is done.
    pub(super) async fn attempt(
        &self,
        claim: &Claim,
        store: bool,
    ) -> Result<Receipt, DeliveryError> {
        let first = first(claim)?;
        let catalog = self.config.catalog.current();
        let known = catalog.providers.get(&first.provider).map(AsRef::as_ref);
        let provider = usable(known, &first.provider)?;
        let transports = self.transports(&provider.name, &catalog);
        let channel = channel(provider, &transports)?;
        let thawed = claim.frozen.as_deref().and_then(|frozen| Payload::thaw(frozen, provider));
        let payload = if let Some(payload) = thawed {
            payload
        } else {
            let payload = self.render(claim, first, &catalog, channel.as_ref())?;
            if store {
                self.freeze(&claim.key, &payload.freeze(provider)).await;
            }
            payload
        };
        let repeat = claim.may_be_repeat && claim.frozen.is_some();
        let message = Outgoing {
            payload: &payload,
            key: &claim.key,
            may_be_repeat: repeat,
            earlier: &claim.earlier,
        };
        self.send(channel.as_ref(), message).await
    }

    fn render(
        &self,
        claim: &Claim,
        first: &OutboxRow,
        catalog: &Catalog,
        channel: &dyn Channel,
    ) -> Result<Payload, DeliveryError> {
        let policy = first.policy.as_ref().and_then(|name| catalog.policies.get(name));
        let events = events_of(claim);
        let message = render(RenderInput {
            key: &claim.key,
            events: &events,
            policy: policy.map(AsRef::as_ref),
            now: self.wall(),
        })
        .ok_or_else(|| {
            DeliveryError::permanent(DeliveryReason::Unrenderable, "the message is empty")
        })?;
        channel.render(&message)
    }

    pub(super) async fn send(
        &self,
        channel: &dyn Channel,
        message: Outgoing<'_>,
    ) -> Result<Receipt, DeliveryError> {
        let _running = self.numbers.start();
        let context = SendContext {
            key: message.key,
            may_be_repeat: message.may_be_repeat,
            earlier: message.earlier,
            secrets: self.config.secrets.as_ref(),
            now: self.wall(),
        };
        channel.send(message.payload, context).await
    }

    /// Decides what follows and does what goes with it: pauses and fallbacks are stored when it
    /// returns.
    async fn conclude(
        &self,
        claim: &Claim,
        outcome: Result<Receipt, DeliveryError>,
        took: Duration,
    ) -> DeliveryEnd {
        let error = outcome.as_ref().err().map(ToString::to_string);
        let end = self.decide(claim, outcome, took);
        if let Some(row) = claim.rows.first() {
            self.store_pause(&row.provider).await;
        }
        if let (DeliveryEnd::Dead { .. }, Some(error)) = (&end, error) {
            self.fall_back(claim, &error, self.wall()).await;
        }
        end
    }

    /// Decides what follows an attempt; updates health, numbers, log and pauses in memory.
    pub(super) fn decide(
        &self,
        claim: &Claim,
        outcome: Result<Receipt, DeliveryError>,
        took: Duration,
    ) -> DeliveryEnd {
        let Some(first) = claim.rows.first() else {
            return DeliveryEnd::Sent { receipt: None };
        };
        let now = self.wall();
        let error = match outcome {
            Ok(receipt) => {
                self.sent(claim, first, &receipt, took, now);
                return DeliveryEnd::Sent { receipt: receipt.handle };
            }
            Err(error) => error,
        };
        let attempt = Attempt {
            key: &claim.key,
            attempts: claim.attempts.saturating_add(1),
            created_at: claim.created_at,
        };
        let decision = after_failure(&error, attempt, now);
        self.failed(claim, first, &error, &decision, took);
        if let Some(until) = decision.pause_until {
            self.pauses().insert(first.provider.clone(), until);
        }
        decision.end
    }

    fn sent(
        &self,
        claim: &Claim,
        row: &OutboxRow,
        receipt: &Receipt,
        took: Duration,
        now: Timestamp,
    ) {
        self.health.sent(&row.provider, now);
        self.numbers.ended(&row.provider_type, Outcome::Sent, None, took);
        tracing::info!(
            key = claim.key,
            provider = %row.provider,
            event = %row.event.kind,
            monitor = %row.event.monitor,
            attempts = claim.attempts + 1,
            took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            answer = receipt.answer,
            "message sent"
        );
    }

    fn failed(
        &self,
        claim: &Claim,
        row: &OutboxRow,
        error: &DeliveryError,
        decision: &Decision,
        took: Duration,
    ) {
        let dead = decision.is_dead();
        let outcome = if dead { Outcome::Dead } else { Outcome::Retried };
        self.health.failed(&row.provider, dead, &error.to_string());
        self.numbers.ended(&row.provider_type, outcome, Some(decision.reason), took);
        tracing::warn!(
            key = claim.key,
            provider = %row.provider,
            event = %row.event.kind,
            monitor = %row.event.monitor,
            attempts = claim.attempts + 1,
            reason = %decision.reason,
            %error,
            dead,
            "message not sent"
        );
    }

    async fn store_pause(&self, provider: &ObjectName) {
        let now = self.wall();
        let until = self.paused_until(provider, now);
        let Some(until) = until else {
            return;
        };
        if let Err(error) = self.config.store.pause_provider(provider, until).await {
            tracing::warn!(%provider, %error, "the pause is kept in memory only");
        }
    }

    /// Enqueues to the fallback providers before the row is recorded as dead, so that a crash
    /// between the two repeats an insert that changes nothing.
    async fn fall_back(&self, claim: &Claim, why: &str, now: Timestamp) {
        let rows = self.fallbacks(claim, why, now);
        if rows.is_empty() {
            return;
        }
        let stored = self
            .until_stored("fallback messages", || {
                let batch = Batch { outbox: rows.clone(), durable: true, ..Batch::default() };
                self.config.store.commit(batch, self.config.authority.fence())
            })
            .await;
        if stored {
            self.tell_engine(claim, &rows);
            self.wake();
        }
    }

    /// Lets the engine hear who was told instead, so that they are told the end too.
    fn tell_engine(&self, claim: &Claim, fallbacks: &[OutboxRow]) {
        let Some(feedback) = &self.config.feedback else {
            return;
        };
        for dead in &claim.rows {
            for row in fallbacks {
                let stands_in = fallback_key(&dead.key, &row.provider) == row.key;
                if let (true, Some(monitor)) = (stands_in, dead.monitor) {
                    let told = DeliveryFeedback::FellBack {
                        key: dead.key.clone(),
                        provider: row.provider.clone(),
                        fallback_key: row.key.clone(),
                    };
                    feedback(monitor, told);
                }
            }
        }
    }

    pub(super) fn fallbacks(&self, claim: &Claim, why: &str, now: Timestamp) -> Vec<OutboxRow> {
        // An up that was merged into its down is told by the same row.
        let dead: Vec<_> = claim
            .rows
            .iter()
            .zip(events_of(claim))
            .map(|(row, event)| OutboxRow { event, ..row.clone() })
            .collect();
        let catalog = self.config.catalog.current();
        let policy = claim
            .rows
            .first()
            .and_then(|row| row.policy.as_ref())
            .and_then(|name| catalog.policies.get(name));
        let provider_type = |name: &ObjectName| {
            let provider = catalog.providers.get(name)?;
            Some(provider.config.provider_type().to_string())
        };
        fallback_rows(&dead, why, policy.map(AsRef::as_ref), provider_type, now)
    }

    async fn freeze(&self, key: &str, frozen: &[u8]) {
        let mut wait = STORE_WAIT;
        for _ in 0..FREEZE_ATTEMPTS {
            match self.config.store.freeze(key, frozen).await {
                Ok(()) => return,
                Err(error) => tracing::warn!(key, %error, "the message cannot be frozen"),
            }
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
    }

    pub(super) async fn finish(&self, key: &str, end: DeliveryEnd, took: Duration) {
        self.until_stored("the end of a delivery", || {
            self.config.store.finish(key, end.clone(), took, self.wall())
        })
        .await;
    }

    /// Repeats a write until the store takes it: what was sent must not be sent again. An error
    /// that no attempt mends is logged, once.
    async fn until_stored<T, F>(&self, what: &str, mut write: impl FnMut() -> F) -> bool
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let mut wait = STORE_WAIT;
        loop {
            match write().await {
                Ok(_) => return true,
                Err(error @ StoreError::Unavailable(_)) => {
                    tracing::warn!(%error, what, "not stored yet");
                }
                Err(error) => {
                    tracing::error!(%error, what, "cannot be stored");
                    return false;
                }
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_STORE_WAIT);
        }
    }
}

fn first(claim: &Claim) -> Result<&OutboxRow, DeliveryError> {
    claim.rows.first().ok_or_else(|| {
        DeliveryError::permanent(DeliveryReason::Unrenderable, "the message is empty")
    })
}

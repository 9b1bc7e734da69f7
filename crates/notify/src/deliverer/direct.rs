//! Delivery past a store that is down: the same rows and keys, their state in memory. When the
//! shell stores the rows later, their results are recorded instead of sending them again.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use kuma_core::delivery::DeliveryReason;
use kuma_core::id::ObjectName;
use kuma_core::ports::{Claim, DeliveryEnd, OutboxRow};
use kuma_core::time::{Timestamp, between, plus};
use tokio::sync::Semaphore;

use super::Deliverer;
use super::lanes::PER_PROVIDER;

/// Results that are remembered; the oldest are forgotten first.
const MOST_REMEMBERED: usize = 20_000;
/// When a row is looked at again that is being delivered directly.
const IN_FLIGHT: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Known {
    InFlight,
    Ended(DeliveryEnd),
}

type Stream = Arc<tokio::sync::Mutex<()>>;

#[derive(Debug, Default)]
struct Memory {
    known: HashMap<String, Known>,
    order: VecDeque<String>,
}

/// What was delivered past the store.
#[derive(Debug, Default)]
pub(super) struct Direct {
    memory: Mutex<Memory>,
    streams: Mutex<HashMap<(String, ObjectName), Stream>>,
    slots: Mutex<HashMap<ObjectName, Arc<Semaphore>>>,
}

impl Direct {
    fn set(&self, key: &str, known: Known) {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if memory.known.insert(key.to_owned(), known).is_none() {
            memory.order.push_back(key.to_owned());
        }
        while memory.order.len() > MOST_REMEMBERED {
            if let Some(oldest) = memory.order.pop_front() {
                memory.known.remove(&oldest);
            }
        }
    }

    /// True for the first who wants to deliver the key.
    fn begin(&self, key: &str) -> bool {
        let known = self.get(key).is_some();
        if !known {
            self.set(key, Known::InFlight);
        }
        !known
    }

    fn get(&self, key: &str) -> Option<Known> {
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.known.get(key).cloned()
    }

    /// Whether any of a claim's rows was ever given to it.
    pub(super) fn knows(&self, claim: &Claim) -> bool {
        claim.rows.iter().any(|row| self.get(&row.key).is_some())
    }

    /// Room for the sends that one provider gets at a time.
    fn slots(&self, provider: &ObjectName) -> Arc<Semaphore> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let slots =
            slots.entry(provider.clone()).or_insert_with(|| Arc::new(Semaphore::new(PER_PROVIDER)));
        Arc::clone(slots)
    }

    /// The stream's lock; it is fair, so rows go in the order in which they came.
    fn stream(&self, row: &OutboxRow) -> Stream {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        streams.retain(|_, stream| Arc::strong_count(stream) > 1);
        let key = (row.subject.clone(), row.provider.clone());
        Arc::clone(streams.entry(key).or_default())
    }
}

impl Deliverer {
    /// Delivers rows without the store, until each is sent or dead. A key that was given before is
    /// left alone. The rows of one stream keep their order; fallbacks are delivered the same way.
    ///
    /// The caller stores the rows when the store is back: the worker then records their results.
    pub async fn deliver_direct(&self, rows: Vec<OutboxRow>) {
        let mut rows = rows;
        while !rows.is_empty() {
            let mut streams: BTreeMap<(String, ObjectName), Vec<OutboxRow>> = BTreeMap::new();
            for row in rows.drain(..).filter(|row| self.direct.begin(&row.key)) {
                streams.entry((row.subject.clone(), row.provider.clone())).or_default().push(row);
            }
            let work = streams.into_values().map(|rows| self.direct_stream(rows));
            rows = join_all(work).await.into_iter().flatten().collect();
        }
    }

    /// Delivers the rows of one stream in order; gives back what falls back elsewhere.
    async fn direct_stream(&self, rows: Vec<OutboxRow>) -> Vec<OutboxRow> {
        let Some(stream) = rows.first().map(|row| self.direct.stream(row)) else {
            return Vec::new();
        };
        let _turn = stream.lock().await;
        let mut fallbacks = Vec::new();
        for row in rows {
            fallbacks.extend(self.direct_row(row).await);
        }
        fallbacks
    }

    async fn direct_row(&self, row: OutboxRow) -> Vec<OutboxRow> {
        let slots = self.direct.slots(&row.provider);
        let mut claim = Claim {
            key: row.key.clone(),
            rows: vec![row],
            merged_up: None,
            frozen: None,
            attempts: 0,
            may_be_repeat: false,
            created_at: self.wall(),
            // They are in the store, which is away.
            earlier: Vec::new(),
        };
        loop {
            // Never closed, so there is always a permit to wait for.
            let slot = slots.acquire().await;
            self.pause_over(&claim).await;
            let started = self.config.clock.now().mono;
            let outcome = self.attempt(&claim, false).await;
            drop(slot);
            let took = self.config.clock.now().mono.since(started);
            let error = outcome.as_ref().err().map(ToString::to_string);
            let end = self.decide(&claim, outcome, took);
            if let DeliveryEnd::Retry { at, .. } = &end {
                claim.attempts += 1;
                tokio::time::sleep(between(self.wall(), *at)).await;
                continue;
            }
            self.direct.set(&claim.key, Known::Ended(end.clone()));
            let DeliveryEnd::Dead { .. } = end else {
                return Vec::new();
            };
            return self.fallbacks(&claim, &error.unwrap_or_default(), self.wall());
        }
    }

    /// Waits while the claim's provider wants to be left alone.
    async fn pause_over(&self, claim: &Claim) {
        let now = self.wall();
        let provider = claim.rows.first().map(|row| &row.provider);
        if let Some(until) = provider.and_then(|name| self.paused_until(name, now)) {
            tokio::time::sleep(between(now, until)).await;
        }
    }

    /// Takes out of a claim what was delivered directly. None when nothing is left to send: its
    /// end is recorded then.
    pub(super) async fn without_direct(&self, mut claim: Claim, now: Timestamp) -> Option<Claim> {
        let mut ended = None;
        let mut in_flight = false;
        let before = claim.rows.len();
        claim.rows.retain(|row| match self.direct.get(&row.key) {
            None => true,
            Some(Known::InFlight) => {
                in_flight = true;
                true
            }
            Some(Known::Ended(DeliveryEnd::Retry { .. })) => false,
            Some(Known::Ended(end @ DeliveryEnd::Dead { .. })) => {
                ended = Some(end);
                false
            }
            Some(Known::Ended(end @ DeliveryEnd::Sent { .. })) => {
                ended.get_or_insert(end);
                false
            }
        });
        if in_flight {
            let end = DeliveryEnd::Retry {
                at: plus(now, IN_FLIGHT),
                error: format!("{}: being delivered past the store", DeliveryReason::Network),
            };
            self.finish(&claim.key, end, Duration::ZERO).await;
            return None;
        }
        if claim.rows.is_empty() && before > 0 {
            let end = ended.unwrap_or(DeliveryEnd::Sent { receipt: None });
            self.finish(&claim.key, end, Duration::ZERO).await;
            return None;
        }
        Some(claim)
    }
}

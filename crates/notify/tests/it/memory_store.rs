//! The outbox part of the store's port in memory, as faithful as the tests need: streams, groups,
//! merging, freezing, pauses, recovery. Everything else answers `Invalid`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use kuma_core::event::Event;
use kuma_core::id::{IdMap, IncidentId, MonitorId, ObjectName};
use kuma_core::ports::*;
use kuma_core::settings::RetentionSettings;
use kuma_core::shard::ShardSet;
use kuma_core::time::Timestamp;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Pending,
    Sending,
    Sent,
    Dead,
    Merged,
}

#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) row: OutboxRow,
    pub(crate) status: Status,
    pub(crate) attempts: u32,
    pub(crate) due: Timestamp,
    pub(crate) created_at: Timestamp,
    pub(crate) frozen: Option<Vec<u8>>,
    pub(crate) may_be_repeat: bool,
    pub(crate) last_error: Option<String>,
    pub(crate) receipt: Option<String>,
    pub(crate) merged_up: Option<Event>,
    /// The claim that holds it.
    pub(crate) claim: Option<String>,
}

#[derive(Debug, Default)]
pub(crate) struct MemoryStore {
    rows: Mutex<Vec<Stored>>,
    pauses: Mutex<HashMap<ObjectName, Timestamp>>,
    pub(crate) down: AtomicBool,
    /// Calls that were refused because it is down.
    pub(crate) refused: AtomicU32,
}

fn ready<'a, T: Send + 'a>(value: Result<T, StoreError>) -> StoreResult<'a, T> {
    Box::pin(async move { value })
}

fn invalid<'a, T: Send + 'a>() -> StoreResult<'a, T> {
    ready(Err(StoreError::Invalid("not part of this store".into())))
}

impl MemoryStore {
    pub(crate) fn enqueue(&self, row: OutboxRow, now: Timestamp) {
        let mut rows = self.rows.lock().unwrap();
        if rows.iter().any(|stored| stored.row.key == row.key) {
            return;
        }
        // An up merges into its down only while that was never attempted.
        if let Some(merges) = &row.merges
            && let Some(down) = rows.iter_mut().find(|stored| stored.row.key == *merges)
            && down.status == Status::Pending
            && down.attempts == 0
        {
            down.merged_up = Some(row.event.clone());
            let merged = Stored::new(row, now, Status::Merged);
            rows.push(merged);
            return;
        }
        rows.push(Stored::new(row, now, Status::Pending));
    }

    pub(crate) fn rows(&self) -> Vec<Stored> {
        self.rows.lock().unwrap().clone()
    }

    pub(crate) fn row(&self, key: &str) -> Stored {
        let rows = self.rows();
        rows.into_iter().find(|stored| stored.row.key == key).unwrap()
    }

    pub(crate) fn status(&self, key: &str) -> Status {
        self.row(key).status
    }

    fn up(&self) -> Result<(), StoreError> {
        if self.down.load(Ordering::SeqCst) {
            self.refused.fetch_add(1, Ordering::SeqCst);
            return Err(StoreError::Unavailable("disk full".into()));
        }
        Ok(())
    }

    fn take(&self, now: Timestamp, busy: &[ObjectName], limit: u32) -> Vec<Claim> {
        let mut rows = self.rows.lock().unwrap();
        let mut seen = BTreeSet::new();
        let mut claims: BTreeMap<String, Claim> = BTreeMap::new();
        let before = rows.clone();
        for stored in rows.iter_mut() {
            let open = matches!(stored.status, Status::Pending | Status::Sending);
            let stream = (stored.row.subject.clone(), stored.row.provider.clone());
            // Only the head of a stream, and a head that is not due blocks the rest.
            if !open || !seen.insert(stream) {
                continue;
            }
            let free = stored.status == Status::Pending
                && stored.due <= now
                && !busy.contains(&stored.row.provider);
            let group = stored.row.group_key.clone();
            let key = group.map_or_else(
                || stored.row.key.clone(),
                |group| format!("{group}-{}", stored.row.provider.name),
            );
            if !free || (claims.len() >= limit as usize && !claims.contains_key(&key)) {
                continue;
            }
            stored.status = Status::Sending;
            stored.claim = Some(key.clone());
            claims
                .entry(key.clone())
                .or_insert_with(|| Claim {
                    key,
                    rows: Vec::new(),
                    merged_up: stored.merged_up.clone(),
                    frozen: stored.frozen.clone(),
                    attempts: stored.attempts,
                    may_be_repeat: stored.may_be_repeat,
                    created_at: stored.created_at,
                    earlier: earlier(&before, &stored.row),
                })
                .rows
                .push(stored.row.clone());
        }
        claims.into_values().collect()
    }
}

/// Receipts of what was sent through the row's provider about its incident.
fn earlier(rows: &[Stored], row: &OutboxRow) -> Vec<Earlier> {
    let same = |stored: &&Stored| {
        stored.row.provider == row.provider && stored.row.event.incident == row.event.incident
    };
    rows.iter()
        .filter(same)
        .filter_map(|stored| {
            Some(Earlier { incident: row.event.incident?, receipt: stored.receipt.clone()? })
        })
        .collect()
}

impl Stored {
    fn new(row: OutboxRow, now: Timestamp, status: Status) -> Self {
        Self {
            due: row.not_before,
            row,
            status,
            attempts: 0,
            created_at: now,
            frozen: None,
            may_be_repeat: false,
            last_error: None,
            receipt: None,
            merged_up: None,
            claim: None,
        }
    }
}

impl Store for MemoryStore {
    fn commit(&self, batch: Batch, _: Fence) -> StoreResult<'_, CommitReport> {
        if let Err(error) = self.up() {
            return ready(Err(error));
        }
        for row in batch.outbox {
            let now = row.not_before;
            self.enqueue(row, now);
        }
        ready(Ok(CommitReport::default()))
    }

    fn claim<'a>(
        &'a self,
        now: Timestamp,
        busy: &'a [ObjectName],
        limit: u32,
    ) -> StoreResult<'a, Vec<Claim>> {
        ready(self.up().map(|()| self.take(now, busy, limit)))
    }

    fn freeze<'a>(&'a self, key: &'a str, payload: &'a [u8]) -> StoreResult<'a, ()> {
        let up = self.up();
        if up.is_ok() {
            for stored in self.rows.lock().unwrap().iter_mut() {
                if stored.claim.as_deref() == Some(key) {
                    stored.frozen = Some(payload.to_vec());
                }
            }
        }
        ready(up)
    }

    fn finish<'a>(
        &'a self,
        key: &'a str,
        end: DeliveryEnd,
        _: Duration,
        _: Timestamp,
    ) -> StoreResult<'a, ()> {
        if let Err(error) = self.up() {
            return ready(Err(error));
        }
        let mut rows = self.rows.lock().unwrap();
        let held = rows.iter_mut().filter(|stored| {
            stored.claim.as_deref() == Some(key) && stored.status == Status::Sending
        });
        for stored in held {
            stored.attempts += 1;
            match &end {
                DeliveryEnd::Sent { receipt } => {
                    stored.status = Status::Sent;
                    stored.receipt.clone_from(receipt);
                }
                DeliveryEnd::Retry { at, error } => {
                    stored.status = Status::Pending;
                    stored.due = *at;
                    stored.last_error = Some(error.clone());
                }
                DeliveryEnd::Dead { error } => {
                    stored.status = Status::Dead;
                    stored.last_error = Some(error.clone());
                }
            }
        }
        drop(rows);
        ready(Ok(()))
    }

    fn standing<'a>(
        &'a self,
        provider: &'a ObjectName,
        _: Timestamp,
    ) -> StoreResult<'a, Vec<Standing>> {
        let mut last = BTreeMap::new();
        for stored in self.rows.lock().unwrap().iter() {
            if stored.status == Status::Sent
                && stored.row.provider == *provider
                && let Some(incident) = stored.row.event.incident
            {
                let (row, receipt) = (stored.row.clone(), stored.receipt.clone());
                last.insert(incident, Standing { row, receipt });
            }
        }
        ready(Ok(last.into_values().collect()))
    }

    fn recover_sending(&self, now: Timestamp) -> StoreResult<'_, u64> {
        let mut recovered = 0;
        for stored in self.rows.lock().unwrap().iter_mut() {
            if stored.status == Status::Sending {
                stored.status = Status::Pending;
                stored.due = now;
                stored.may_be_repeat = true;
                recovered += 1;
            }
        }
        ready(Ok(recovered))
    }

    fn next_due(&self) -> StoreResult<'_, Option<Timestamp>> {
        let rows = self.rows.lock().unwrap();
        let due = rows
            .iter()
            .filter(|stored| stored.status == Status::Pending)
            .map(|stored| stored.due)
            .min();
        ready(Ok(due))
    }

    fn provider_pauses(&self) -> StoreResult<'_, Vec<(ObjectName, Timestamp)>> {
        let pauses = self.pauses.lock().unwrap();
        ready(Ok(pauses.iter().map(|(name, at)| (name.clone(), *at)).collect()))
    }

    fn pause_provider<'a>(
        &'a self,
        provider: &'a ObjectName,
        until: Timestamp,
    ) -> StoreResult<'a, ()> {
        self.pauses.lock().unwrap().insert(provider.clone(), until);
        ready(Ok(()))
    }

    fn intern<'a>(&'a self, _: &'a [ObjectName]) -> StoreResult<'a, Vec<MonitorId>> {
        invalid()
    }
    fn names(&self) -> StoreResult<'_, IdMap<ObjectName>> {
        invalid()
    }
    fn states_since(&self, _: i64) -> StoreResult<'_, (Vec<StateRow>, i64)> {
        invalid()
    }
    fn load_states(&self, _: ShardSet) -> StoreResult<'_, Vec<StateRow>> {
        invalid()
    }
    fn load_objects(&self) -> StoreResult<'_, Vec<StoredObject>> {
        invalid()
    }
    fn last_results(&self, _: ShardSet) -> StoreResult<'_, Vec<LastResult>> {
        invalid()
    }
    fn incidents(&self, _: IncidentQuery) -> StoreResult<'_, Vec<Incident>> {
        invalid()
    }
    fn heartbeats(
        &self,
        _: MonitorId,
        _: Timestamp,
        _: Timestamp,
        _: u32,
    ) -> StoreResult<'_, Vec<Heartbeat>> {
        invalid()
    }
    fn evidence(&self, _: MonitorId, _: Timestamp) -> StoreResult<'_, Option<String>> {
        invalid()
    }
    fn uptime<'a>(
        &'a self,
        _: &'a [MonitorId],
        _: Timestamp,
        _: Timestamp,
    ) -> StoreResult<'a, Vec<UptimeSums>> {
        invalid()
    }
    fn latency(
        &self,
        _: MonitorId,
        _: Timestamp,
        _: Timestamp,
        _: Duration,
    ) -> StoreResult<'_, Vec<LatencyStep>> {
        invalid()
    }
    fn push(&self, _: PushArrival) -> StoreResult<'_, PushArrival> {
        invalid()
    }
    fn pending_pushes(&self, _: ShardSet) -> StoreResult<'_, Vec<PushArrival>> {
        invalid()
    }
    fn requeue_dead<'a>(&'a self, _: &'a ObjectName, _: Timestamp) -> StoreResult<'a, u64> {
        invalid()
    }
    fn deliveries(&self, _: Option<IncidentId>, _: u32) -> StoreResult<'_, Vec<Delivery>> {
        invalid()
    }
    fn outbox_backlog(&self, _: Timestamp) -> StoreResult<'_, (u64, Option<Duration>)> {
        invalid()
    }
    fn audit(&self, _: AuditQuery) -> StoreResult<'_, Vec<AuditEvent>> {
        invalid()
    }
    fn retention_step(&self, _: Timestamp, _: RetentionSettings) -> StoreResult<'_, bool> {
        invalid()
    }
    fn ping(&self) -> StoreResult<'_, ()> {
        ready(self.up())
    }
    fn close(&self) -> StoreResult<'_, ()> {
        ready(Ok(()))
    }
}

//! A store of its own, a clock that a test sets, and rows to put in.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use kuma_core::event::{Event, EventKind};
use kuma_core::id::{IncidentId, MonitorId, ObjectName};
use kuma_core::ports::{
    Batch, Claim, CommitReport, DeliveryEnd, Fence, Heartbeat, Incident, IntervalWrite, OutboxRow,
    Store, StoreError,
};
use kuma_core::reason::Reason;
use kuma_core::settings::RetentionSettings;
use kuma_core::shard::MemberId;
use kuma_core::state::MonitorState;
use kuma_core::time::{Clock, Mono, Now, Timestamp, from_ms};
use kuma_fixture::Postgres;
use kuma_fixture::postgres::Database;
use kuma_store::{PostgresOptions, PostgresStore, SqliteOptions, SqliteStore};

/// 2026-01-01T00:00:00Z.
pub(crate) const START: i64 = 1_767_225_600_000;
pub(crate) const HOUR: i64 = 3_600_000;
pub(crate) const DAY: i64 = 24 * HOUR;

/// `ms` after the start of the test's time.
pub(crate) fn at(ms: i64) -> Timestamp {
    from_ms(START + ms)
}

/// A clock that stands where it is put.
#[derive(Default)]
pub(crate) struct FakeClock(Mutex<i64>);

impl FakeClock {
    pub(crate) fn set(&self, ms: i64) {
        *self.0.lock().unwrap() = ms;
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Now {
        let ms = *self.0.lock().unwrap();
        Now { mono: Mono(u64::try_from(ms).unwrap() * 1_000_000), wall: at(ms) }
    }
}

/// A store that can be opened again on what it left behind.
pub(crate) struct Bench {
    pub(crate) folder: tempfile::TempDir,
    /// None on SQLite.
    pub(crate) database: Option<Database>,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) store: Arc<dyn Store>,
}

impl Bench {
    /// On SQLite.
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(FakeClock::default());
        let store = open(&folder, &clock).await.unwrap();
        Self { folder, database: None, clock, store: Arc::new(store) }
    }

    /// On PostgreSQL, where that is installed.
    pub(crate) async fn on_postgres() -> Option<Self> {
        let database = Postgres::shared()?.database();
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(FakeClock::default());
        let store = open_postgres(&database.url(), "test/1", &clock).await.unwrap();
        Some(Self { folder, database: Some(database), clock, store: Arc::new(store) })
    }

    pub(crate) fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("kubekuma.db")
    }

    /// Closes and opens again.
    pub(crate) async fn reopen(&mut self) {
        self.store.close().await.unwrap();
        self.store = match &self.database {
            None => Arc::new(open(&self.folder, &self.clock).await.unwrap()),
            Some(database) => {
                let store = open_postgres(&database.url(), "test/1", &self.clock).await;
                Arc::new(store.unwrap())
            }
        };
    }

    pub(crate) async fn monitor(&self, name: &str) -> MonitorId {
        let ids = self.store.intern(&[ObjectName::new("shop", name)]).await;
        ids.unwrap()[0]
    }

    pub(crate) async fn commit(&self, batch: Batch) -> CommitReport {
        self.store.commit(batch, Fence::Exclusive).await.unwrap()
    }

    pub(crate) async fn enqueue(&self, rows: &[OutboxRow]) {
        self.commit(Batch { outbox: rows.to_vec(), durable: true, ..Batch::default() }).await;
    }

    pub(crate) async fn claim(&self, ms: i64) -> Vec<Claim> {
        self.store.claim(at(ms), &[], 100).await.unwrap()
    }

    /// Steps of upkeep until there is nothing to do; returns how many did something.
    pub(crate) async fn upkeep(&self, ms: i64, keep: &RetentionSettings) -> usize {
        self.clock.set(ms);
        for steps in 0..2000 {
            if !self.store.retention_step(at(ms), keep.clone()).await.unwrap() {
                return steps;
            }
        }
        panic!("upkeep does not end");
    }

    pub(crate) async fn finish(&self, key: &str, end: DeliveryEnd, ms: i64) {
        let took = Duration::from_millis(20);
        self.store.finish(key, end, took, at(ms)).await.unwrap();
    }
}

pub(crate) async fn open(
    folder: &tempfile::TempDir,
    clock: &Arc<FakeClock>,
) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(SqliteOptions {
        path: folder.path().join("kubekuma.db"),
        clock: clock.clone(),
        product_version: "0.1.0".to_owned(),
    })
    .await
}

pub(crate) async fn open_postgres(
    url: &str,
    member: &str,
    clock: &Arc<FakeClock>,
) -> Result<PostgresStore, StoreError> {
    PostgresStore::open(PostgresOptions {
        url: url.parse().unwrap(),
        clock: clock.clone(),
        product_version: "0.1.0".to_owned(),
        member: MemberId(member.to_owned()),
    })
    .await
}

/// Arrived, and cannot be referred to.
pub(crate) fn sent() -> DeliveryEnd {
    DeliveryEnd::Sent { receipt: None }
}

pub(crate) fn name(text: &str) -> ObjectName {
    ObjectName::new("shop", text)
}

pub(crate) fn beat(monitor: MonitorId, ms: i64, latency_us: u32) -> Heartbeat {
    Heartbeat {
        monitor,
        at: at(ms),
        sequence: 0,
        state: MonitorState::Up,
        reason: None,
        latency_us: Some(latency_us),
        attempts: 1,
        message: None,
        evidence: None,
    }
}

pub(crate) fn enter(monitor: MonitorId, state: MonitorState, ms: i64) -> IntervalWrite {
    IntervalWrite::Enter { monitor, state, at: at(ms) }
}

pub(crate) fn incident(monitor: MonitorId, sequence: u32, ms: i64) -> Incident {
    Incident {
        id: IncidentId::new(monitor, sequence),
        monitor,
        monitor_name: name("web"),
        started_at: at(ms),
        ended_at: None,
        reason: Some(Reason::ConnectionRefused),
        message: Some("nothing listens on the port – „ü“ 🦀".to_owned()),
        closed_reason: None,
        suppressed: false,
        suppress_reason: None,
        acknowledged: None,
        toggles: Vec::new(),
    }
}

pub(crate) fn event(kind: EventKind, incident: Option<IncidentId>) -> Event {
    Event {
        kind,
        monitor: name("web"),
        check_type: "http".to_owned(),
        target: "http://web".to_owned(),
        incident,
        previous_state: MonitorState::Up,
        current_state: MonitorState::Down,
        reason: Some("TIMEOUT".to_owned()),
        message: None,
        latency_ms: Some(12),
        at: at(0),
        started_at: Some(at(0)),
        ended_at: None,
        labels: [("team".to_owned(), "a".to_owned())].into(),
        annotations: std::collections::BTreeMap::new(),
        tags: vec!["prod".to_owned()],
        cert_days: None,
        attempts: 3,
        note: None,
    }
}

/// A message about `subject` through `provider`, due at `ms`.
pub(crate) fn row(key: &str, subject: &str, provider: &str, kind: EventKind, ms: i64) -> OutboxRow {
    OutboxRow {
        key: key.to_owned(),
        subject: subject.to_owned(),
        monitor: Some(MonitorId(1)),
        policy: Some(name("all")),
        provider: name(provider),
        provider_type: "webhook".to_owned(),
        not_before: at(ms),
        group_key: None,
        merges: None,
        event: event(kind, Some(IncidentId::new(MonitorId(1), 1))),
    }
}

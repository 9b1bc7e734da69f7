//! Who may write what: heartbeats and shards on the server's clock, and fences that hold.

use std::sync::Arc;
use std::time::Duration;

use kuma_core::id::MonitorId;
use kuma_core::ports::{Batch, Fence, Membership, StateRow, Store};
use kuma_core::shard::{Held, MemberId, Shard, ShardSet};
use kuma_fixture::Postgres;
use kuma_fixture::postgres::Database;
use kuma_store::PostgresStore;

use crate::support::{FakeClock, name, open_postgres};

/// Long enough for nobody to expire within a test.
const LONG: Duration = Duration::from_secs(600);
/// Short enough to wait for.
const SHORT: Duration = Duration::from_millis(300);

struct Member {
    id: MemberId,
    store: PostgresStore,
}

impl Member {
    async fn new(database: &Database, id: &str) -> Self {
        let clock = Arc::new(FakeClock::default());
        let store = open_postgres(&database.url(), id, &clock).await.unwrap();
        Self { id: MemberId(id.to_owned()), store }
    }

    async fn beat(&self, ttl: Duration) {
        self.store.beat(&self.id, ttl).await.unwrap();
    }

    async fn claim(&self, shards: ShardSet) -> Held {
        let claimed = self.store.claim_shards(&self.id, shards).await.unwrap();
        Held { member: self.id.clone(), epochs: claimed.into_iter().collect() }
    }

    /// Writes a monitor's state in the name of what is held; how many rows were refused.
    async fn write(&self, held: &Held) -> u64 {
        let monitor = self.store.intern(&[name("web")]).await.unwrap()[0];
        let state = StateRow { monitor, version: 1, blob: self.id.0.clone().into_bytes() };
        let batch = Batch { states: vec![state], durable: true, ..Batch::default() };
        let fence = Fence::Held(Arc::new(held.clone()));
        self.store.commit(batch, fence).await.unwrap().refused
    }

    /// Who wrote the monitor's state last.
    async fn writer(&self) -> Option<String> {
        let rows = self.store.load_states(ShardSet::ALL).await.unwrap();
        rows.first().map(|row| String::from_utf8(row.blob.clone()).unwrap())
    }

    /// Waits until a member has expired by the server's clock.
    async fn sees_expired(&self, other: &Self) {
        for _ in 0..500 {
            let view = self.store.beat(&self.id, LONG).await.unwrap();
            let known = view.members.iter().find(|member| member.id == other.id);
            if known.is_none_or(|member| !member.alive) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{:?} does not expire", other.id);
    }
}

#[tokio::test]
async fn a_shard_of_a_living_member_is_nobody_elses() {
    let Some(database) = Postgres::shared().map(|server| server.database()) else { return };
    let (one, two) = (Member::new(&database, "a/1").await, Member::new(&database, "b/1").await);
    one.beat(LONG).await;
    two.beat(LONG).await;
    let held = one.claim(ShardSet::ALL).await;
    assert_eq!(held.shards(), ShardSet::ALL);
    assert!(two.claim(ShardSet::ALL).await.epochs.is_empty());
    assert_eq!(one.write(&held).await, 0);
    let stolen = Held { member: two.id.clone(), ..held.clone() };
    assert_eq!(two.write(&stolen).await, 1, "another's epochs are no authority");
    assert_eq!(one.writer().await.as_deref(), Some("a/1"));
}

#[tokio::test]
async fn of_many_that_claim_at_once_one_gets_each_shard() {
    let Some(database) = Postgres::shared().map(|server| server.database()) else { return };
    let mut members = Vec::new();
    for number in 0..4 {
        let member = Member::new(&database, &format!("m{number}/1")).await;
        member.beat(LONG).await;
        members.push(member);
    }
    for round in 1..6 {
        let claims = members.iter().map(|member| member.claim(ShardSet::ALL));
        let held = futures_util::future::join_all(claims).await;
        let mut owners = std::collections::BTreeMap::new();
        for (number, held) in held.iter().enumerate() {
            for (shard, epoch) in &held.epochs {
                assert_eq!(owners.insert(*shard, number), None, "{shard:?} has two owners");
                assert_eq!(*epoch, round, "epochs grow with every claim");
            }
        }
        assert_eq!(owners.len(), Shard::all().count());
        for member in &members {
            member.store.release_shards(&member.id, ShardSet::ALL).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_member_that_slept_past_its_heartbeat_writes_nothing_any_more() {
    let Some(database) = Postgres::shared().map(|server| server.database()) else { return };
    let (one, two) = (Member::new(&database, "a/1").await, Member::new(&database, "b/1").await);
    one.beat(SHORT).await;
    let held = one.claim(ShardSet::ALL).await;
    assert_eq!(one.write(&held).await, 0);
    two.sees_expired(&one).await;
    // Before anybody has taken anything over …
    assert_eq!(one.write(&held).await, 1);
    assert!(one.claim(ShardSet::ALL).await.epochs.is_empty(), "who has expired claims nothing");
    // … and after.
    let taken = two.claim(ShardSet::ALL).await;
    assert_eq!(taken.shards(), ShardSet::ALL);
    assert_eq!(two.write(&taken).await, 0);
    one.beat(LONG).await;
    assert_eq!(one.write(&held).await, 1, "it lives again, and holds nothing");
    assert_eq!(one.writer().await.as_deref(), Some("b/1"));
}

#[tokio::test]
async fn who_slept_and_was_missed_by_nobody_goes_on() {
    let Some(database) = Postgres::shared().map(|server| server.database()) else { return };
    let (one, two) = (Member::new(&database, "a/1").await, Member::new(&database, "b/1").await);
    one.beat(SHORT).await;
    let held = one.claim(ShardSet::ALL).await;
    two.sees_expired(&one).await;
    assert_eq!(one.write(&held).await, 1);
    one.beat(LONG).await;
    assert_eq!(one.write(&held).await, 0);
    assert!(two.claim(ShardSet::ALL).await.epochs.is_empty());
}

#[tokio::test]
async fn what_is_handed_over_needs_no_waiting() {
    let Some(database) = Postgres::shared().map(|server| server.database()) else { return };
    let (one, two) = (Member::new(&database, "a/1").await, Member::new(&database, "b/1").await);
    one.beat(LONG).await;
    two.beat(LONG).await;
    let held = one.claim(ShardSet::ALL).await;
    let some: ShardSet = Shard::all().take(20).collect();
    one.store.release_shards(&one.id, some).await.unwrap();
    assert_eq!(two.claim(ShardSet::ALL).await.shards(), some);
    one.store.leave(&one.id).await.unwrap();
    let view = two.store.beat(&two.id, LONG).await.unwrap();
    assert!(view.members.iter().all(|member| member.id == two.id), "{view:?}");
    assert_eq!(two.claim(ShardSet::ALL).await.shards(), ShardSet::ALL.without(some));
    assert_eq!(one.write(&held).await, 1);
}

#[tokio::test]
async fn a_run_that_is_asked_for_is_handed_once_to_who_holds_the_shard() {
    let Some(database) = Postgres::shared().map(|server| server.database()) else { return };
    let (one, two) = (Member::new(&database, "one").await, Member::new(&database, "two").await);
    let (web, db) = (MonitorId(3), MonitorId(4));
    one.store.ask_runs(&[web, db, web]).await.unwrap();
    one.store.ask_runs(&[db]).await.unwrap();
    let of = |monitor| [Shard::of(monitor)].into_iter().collect::<ShardSet>();
    assert_ne!(Shard::of(web), Shard::of(db));
    assert_eq!(two.store.take_asked(of(db)).await.unwrap(), [db]);
    assert_eq!(two.store.take_asked(of(db)).await.unwrap(), []);
    assert_eq!(one.store.take_asked(ShardSet::ALL).await.unwrap(), [web]);
}

#[tokio::test]
async fn others_see_what_was_decided_since_they_looked() {
    let Some(database) = Postgres::shared().map(|server| server.database()) else { return };
    let (one, two) = (Member::new(&database, "a/1").await, Member::new(&database, "b/1").await);
    one.beat(LONG).await;
    let held = one.claim(ShardSet::ALL).await;
    let (before, cursor) = two.store.states_since(0).await.unwrap();
    assert!(before.is_empty());
    one.write(&held).await;
    let (seen, cursor) = two.store.states_since(cursor).await.unwrap();
    assert_eq!(seen.len(), 1);
    one.write(&held).await;
    let (seen, _) = two.store.states_since(cursor).await.unwrap();
    assert_eq!(seen.len(), 1);
}

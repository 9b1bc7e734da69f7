//! Who may write what: the shards that a batch is about, locked and compared, and the rows that
//! are left (`design/engine.md`, who may act).

use std::collections::{BTreeMap, BTreeSet};

use kuma_core::id::{IncidentId, MonitorId, ObjectKey};
use kuma_core::ports::{
    AuditEvent, Batch, Fence, Heartbeat, Incident, IntervalWrite, OutboxRow, StateRow,
    StoredObject, SuppressedRow,
};
use kuma_core::shard::{Held, Shard, ShardSet};
use sqlx::PgConnection;

/// What the writer of a batch may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Right {
    /// Nothing: it has expired, or others live where it claims to be alone.
    Nothing,
    /// What is about these shards, and what is about none.
    Of(ShardSet),
}

/// A shard as it is stored: owner and epoch.
pub(super) type Owned = BTreeMap<Shard, (Option<String>, i64)>;

/// The right of a member that lives or not, by what is stored.
fn right(held: &Held, stored: &Owned, alive: bool) -> Right {
    if !alive {
        return Right::Nothing;
    }
    let still = held.epochs.iter().filter(|(shard, epoch)| {
        let found = stored.get(shard);
        found.is_some_and(|(owner, at)| owner.as_ref() == Some(&held.member.0) && at == *epoch)
    });
    Right::Of(still.map(|(shard, _)| *shard).collect())
}

/// Locks the shards that some batches are about, in order, until the end of the transaction, and
/// says for each batch what may be written. A shard cannot be claimed by another meanwhile.
pub(super) async fn check(
    connection: &mut PgConnection,
    batches: &[(&Batch, &Fence)],
) -> sqlx::Result<Vec<Right>> {
    let mut shards = ShardSet::NONE;
    let mut members = BTreeSet::new();
    let mut exclusive = false;
    for (batch, fence) in batches {
        match fence {
            Fence::Exclusive => exclusive = true,
            Fence::Held(held) => {
                members.insert(held.member.0.clone());
                for shard in concerned(batch, held).iter() {
                    shards.insert(shard);
                }
            }
        }
    }
    let stored = lock_shards(connection, shards).await?;
    // After the locks: what was alive when they were there cannot lose a shard before the end.
    let alive = alive(connection, members).await?;
    let alone = exclusive && nobody_lives(connection).await?;
    let rights = batches.iter().map(|(_, fence)| match fence {
        Fence::Exclusive if alone => Right::Of(ShardSet::ALL),
        Fence::Exclusive => Right::Nothing,
        Fence::Held(held) => right(held, &stored, alive.contains(&held.member.0)),
    });
    Ok(rights.collect())
}

/// The shards of those held that a batch is about. Whose arrivals it consumes is only known to the
/// database, so all of them then.
fn concerned(batch: &Batch, held: &Held) -> ShardSet {
    if !batch.push_consumed.is_empty() {
        return held.shards();
    }
    let mut shards = ShardSet::NONE;
    let mut about = |monitor: MonitorId| shards.insert(Shard::of(monitor));
    batch.heartbeats.iter().for_each(|beat| about(beat.monitor));
    batch.intervals.iter().for_each(|write| about(monitor_of(write)));
    batch.incidents.iter().for_each(|incident| about(incident.monitor));
    batch.outbox.iter().filter_map(|row| row.monitor).for_each(&mut about);
    batch.suppressed.iter().filter_map(|it| it.row.monitor).for_each(&mut about);
    batch.states.iter().for_each(|state| about(state.monitor));
    if !(batch.objects.is_empty() && batch.objects_deleted.is_empty() && batch.audit.is_empty()) {
        shards.insert(Shard::COORDINATOR);
    }
    shards
}

async fn lock_shards(connection: &mut PgConnection, shards: ShardSet) -> sqlx::Result<Owned> {
    if shards.is_empty() {
        return Ok(Owned::new());
    }
    let rows: Vec<(i16, Option<String>, i64)> = sqlx::query_as(
        "SELECT shard, owner, epoch FROM shard WHERE shard = ANY($1) ORDER BY shard FOR SHARE",
    )
    .bind(numbers(shards))
    .fetch_all(connection)
    .await?;
    let known = rows.into_iter().filter_map(|(number, owner, epoch)| {
        Some((Shard::new(u8::try_from(number).ok()?)?, (owner, epoch)))
    });
    Ok(known.collect())
}

/// Shards as they are stored.
pub(super) fn numbers(shards: ShardSet) -> Vec<i16> {
    shards.iter().map(|shard| i16::from(shard.number())).collect()
}

/// Which of the members live, and stay until the end of the transaction.
async fn alive(
    connection: &mut PgConnection,
    members: BTreeSet<String>,
) -> sqlx::Result<BTreeSet<String>> {
    if members.is_empty() {
        return Ok(members);
    }
    let alive: Vec<String> = sqlx::query_scalar(
        "SELECT id FROM member WHERE id = ANY($1) AND expires_at > clock_timestamp()
         ORDER BY id FOR KEY SHARE",
    )
    .bind(members.into_iter().collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    Ok(alive.into_iter().collect())
}

/// Whether no member lives.
pub(super) async fn nobody_lives(connection: &mut PgConnection) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "SELECT NOT EXISTS (SELECT 1 FROM member WHERE expires_at > clock_timestamp())",
    )
    .fetch_one(connection)
    .await
}

fn monitor_of(write: &IntervalWrite) -> MonitorId {
    match write {
        IntervalWrite::Enter { monitor, .. } | IntervalWrite::Vouch { monitor, .. } => *monitor,
    }
}

/// What is left of the batches of a transaction, by kind, in the order in which they came. Of rows
/// that are replaced whole the last one counts.
#[derive(Debug, Default)]
pub(super) struct Rows<'a> {
    pub(super) heartbeats: Vec<&'a Heartbeat>,
    pub(super) intervals: Vec<&'a IntervalWrite>,
    pub(super) incidents: BTreeMap<IncidentId, &'a Incident>,
    pub(super) outbox: Vec<&'a OutboxRow>,
    pub(super) suppressed: Vec<&'a SuppressedRow>,
    pub(super) states: BTreeMap<MonitorId, &'a StateRow>,
    pub(super) consumed: Vec<(&'a [i64], ShardSet)>,
    pub(super) objects: BTreeMap<&'a ObjectKey, &'a StoredObject>,
    /// Whether the last that was said of an object is that it is deleted.
    pub(super) deleted: BTreeMap<&'a ObjectKey, bool>,
    pub(super) audit: Vec<&'a AuditEvent>,
}

impl<'a> Rows<'a> {
    /// Takes what its writer may write; returns how many rows that leaves out.
    pub(super) fn take(&mut self, batch: &'a Batch, right: Right) -> u64 {
        let Right::Of(shards) = right else {
            return crate::queue::batch_rows(batch) as u64;
        };
        let mut refused = 0;
        let mut may = |allowed: bool| {
            refused += u64::from(!allowed);
            allowed
        };
        let about = |monitor: Option<MonitorId>| monitor.is_none_or(|it| shards.holds(it));
        let coordinates = shards.contains(Shard::COORDINATOR);
        self.heartbeats.extend(batch.heartbeats.iter().filter(|it| may(shards.holds(it.monitor))));
        let intervals = batch.intervals.iter();
        self.intervals.extend(intervals.filter(|it| may(shards.holds(monitor_of(it)))));
        let incidents = batch.incidents.iter().filter(|it| may(shards.holds(it.monitor)));
        self.incidents.extend(incidents.map(|incident| (incident.id, incident)));
        self.outbox.extend(batch.outbox.iter().filter(|row| may(about(row.monitor))));
        let suppressed = batch.suppressed.iter();
        self.suppressed.extend(suppressed.filter(|it| may(about(it.row.monitor))));
        let states = batch.states.iter().filter(|it| may(shards.holds(it.monitor)));
        self.states.extend(states.map(|state| (state.monitor, state)));
        if !batch.push_consumed.is_empty() {
            self.consumed.push((&batch.push_consumed, shards));
        }
        for object in batch.objects.iter().filter(|_| may(coordinates)) {
            self.objects.insert(&object.key, object);
            self.deleted.insert(&object.key, false);
        }
        for key in batch.objects_deleted.iter().filter(|_| may(coordinates)) {
            self.deleted.insert(key, true);
        }
        self.audit.extend(batch.audit.iter().filter(|_| may(coordinates)));
        refused
    }
}

#[cfg(test)]
mod tests {
    use kuma_core::shard::MemberId;

    use super::*;

    fn shard(number: u8) -> Shard {
        Shard::new(number).unwrap()
    }

    fn held(shards: &[(u8, i64)]) -> Held {
        Held {
            member: MemberId("a".to_owned()),
            epochs: shards.iter().map(|(number, epoch)| (shard(*number), *epoch)).collect(),
        }
    }

    fn stored(rows: &[(u8, Option<&str>, i64)]) -> Owned {
        let rows = rows.iter();
        rows.map(|(number, owner, epoch)| (shard(*number), (owner.map(str::to_owned), *epoch)))
            .collect()
    }

    #[test]
    fn a_shard_counts_with_its_owner_and_its_epoch() {
        let stored =
            stored(&[(1, Some("a"), 5), (2, Some("a"), 6), (3, Some("b"), 5), (4, None, 5)]);
        let held = held(&[(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]);
        assert_eq!(right(&held, &stored, true), Right::Of([shard(1)].into_iter().collect()));
        assert_eq!(right(&held, &stored, false), Right::Nothing);
    }

    fn state(monitor: i64) -> StateRow {
        StateRow { monitor: MonitorId(monitor), version: 1, blob: vec![1] }
    }

    #[test]
    fn rows_of_other_shards_are_left_out_and_counted() {
        // Surrogates 1 and 2 are in shards 57 and 51.
        let batch = Batch {
            states: vec![state(1), state(2)],
            audit: vec![AuditEvent {
                at: kuma_core::time::from_ms(0),
                resource_type: String::new(),
                resource_key: String::new(),
                event_type: String::new(),
                actor: None,
                summary: None,
                details: None,
            }],
            ..Batch::default()
        };
        let mut rows = Rows::default();
        assert_eq!(rows.take(&batch, Right::Of([shard(57)].into_iter().collect())), 2);
        assert_eq!(rows.states.keys().copied().collect::<Vec<_>>(), [MonitorId(1)]);
        assert_eq!(Rows::default().take(&batch, Right::Nothing), 3);
        assert_eq!(Rows::default().take(&batch, Right::Of(ShardSet::ALL)), 0);
    }

    #[test]
    fn the_shards_of_a_batch_are_those_of_its_rows() {
        let held = held(&[(57, 1), (50, 1), (7, 1)]);
        let batch = Batch { states: vec![state(1), state(2)], ..Batch::default() };
        let of = |numbers: &[u8]| numbers.iter().map(|number| shard(*number)).collect::<ShardSet>();
        assert_eq!(concerned(&batch, &held), of(&[57, 50]));
        let consuming = Batch { push_consumed: vec![1], ..batch };
        assert_eq!(concerned(&consuming, &held), of(&[57, 50, 7]));
        let object = Batch { audit: Vec::new(), objects_deleted: vec![key()], ..Batch::default() };
        assert_eq!(concerned(&object, &held), of(&[64]));
    }

    fn key() -> ObjectKey {
        ObjectKey {
            kind: kuma_core::id::Kind::Silence,
            name: kuma_core::id::ObjectName::new("shop", "night"),
        }
    }
}

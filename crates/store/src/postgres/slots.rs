//! The partitions of the hot table: one for each two hours, made before they are needed, gone once
//! their rows are in chunks.

use kuma_core::time::{Timestamp, to_ms};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::chunk::SLOT_MS;
use crate::code::slot_of;

/// The advisory lock of those who make partitions.
const LOCK: i64 = 0x4B4B_554E;

/// Whether results of a slot go to the hot table at all: those of the slots around now. Others are
/// of somebody's history, or of a clock that is wrong.
pub(super) fn is_near(slot: i64, now: Timestamp) -> bool {
    (slot - slot_of(to_ms(now))).abs() <= 1
}

/// The slots that should have a partition.
pub(super) fn wanted(now: Timestamp) -> [i64; 2] {
    let slot = slot_of(to_ms(now));
    [slot, slot + 1]
}

/// The name of a slot's partition.
pub(super) fn table(slot: i64) -> String {
    format!("beat_{slot}")
}

/// Makes the partitions of slots that were never open; leaves the others as they are. Nobody who
/// reads or writes the table waits.
pub(super) async fn make(connection: &mut PgConnection, slots: &[i64]) -> sqlx::Result<()> {
    let mut transaction = connection.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LOCK).execute(&mut *transaction).await?;
    for slot in slots {
        let new = sqlx::query(
            "INSERT INTO slot (slot, state) VALUES ($1, 0) ON CONFLICT (slot) DO NOTHING",
        )
        .bind(slot)
        .execute(&mut *transaction)
        .await?;
        if new.rows_affected() == 1 && *slot >= 0 {
            let (table, from, to) = (table(*slot), slot * SLOT_MS, (slot + 1) * SLOT_MS);
            let sql = format!(
                "CREATE TABLE {table} (LIKE beat INCLUDING ALL);
                 ALTER TABLE beat ATTACH PARTITION {table} FOR VALUES FROM ({from}) TO ({to});"
            );
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *transaction).await?;
        }
    }
    transaction.commit().await
}

/// Which of some slots are open. They stay so until the end of the transaction.
pub(super) async fn lock_open(
    connection: &mut PgConnection,
    slots: Vec<i64>,
) -> sqlx::Result<Vec<(i64, bool)>> {
    sqlx::query_as("SELECT slot, state = 0 FROM slot WHERE slot = ANY($1) ORDER BY slot FOR SHARE")
        .bind(slots)
        .fetch_all(connection)
        .await
}

#[cfg(test)]
mod tests {
    use kuma_core::time::from_ms;

    use super::*;

    #[test]
    fn only_slots_around_now_are_hot() {
        let now = from_ms(SLOT_MS * 10 + 5);
        let near: Vec<i64> = (0..20).filter(|slot| is_near(*slot, now)).collect();
        assert_eq!(near, [9, 10, 11]);
        assert_eq!(wanted(now), [10, 11]);
    }
}

//! What was sent before: receipts to refer to it by, and what still stands.

use kuma_core::id::{IncidentId, ObjectName};
use kuma_core::ports::{Earlier, OutboxRow, Standing};
use kuma_core::time::{Timestamp, to_ms};
use sqlx::{Row, SqliteConnection, SqlitePool};

use super::outbox_row;
use crate::message::{MOST_EARLIER, MOST_STANDING};
use crate::sqlite::sql::json_ids;

/// Receipts of the messages that were sent through the rows' provider about their incidents.
pub(super) async fn earlier(
    connection: &mut SqliteConnection,
    rows: &[OutboxRow],
) -> sqlx::Result<Vec<Earlier>> {
    let Some(first) = rows.first() else {
        return Ok(Vec::new());
    };
    let incidents = rows.iter().filter_map(|row| row.event.incident).map(|incident| incident.0);
    let found: Vec<(i64, String)> = sqlx::query_as(
        "SELECT incident, receipt FROM outbox
         WHERE incident IN (SELECT value FROM json_each(?)) AND provider = ? AND status = 2
           AND receipt IS NOT NULL
         ORDER BY id LIMIT ?",
    )
    .bind(json_ids(incidents))
    .bind(first.provider.to_string())
    .bind(MOST_EARLIER)
    .fetch_all(connection)
    .await?;
    Ok(found
        .into_iter()
        .map(|(incident, receipt)| Earlier { incident: IncidentId(incident), receipt })
        .collect())
}

/// The last message about each incident that is open, or was told to be over after `since`.
const STANDING: &str = "
    SELECT * FROM outbox WHERE id IN (
      SELECT max(id) FROM outbox
      WHERE provider = ?1 AND status = 2 AND incident IN (
        SELECT id FROM incident WHERE ended IS NULL
        UNION
        SELECT incident FROM outbox
        WHERE status >= 2 AND updated > ?2 AND status = 2 AND provider = ?1
          AND kind IN ('up', 'closed'))
      GROUP BY incident)
    ORDER BY id LIMIT ?3";

/// See the port.
pub(in crate::sqlite) async fn standing(
    pool: &SqlitePool,
    provider: &ObjectName,
    since: Timestamp,
) -> sqlx::Result<Vec<Standing>> {
    let rows = sqlx::query(STANDING)
        .bind(provider.to_string())
        .bind(to_ms(since))
        .bind(MOST_STANDING)
        .fetch_all(pool)
        .await?;
    rows.iter()
        .map(|row| Ok(Standing { row: outbox_row(row)?, receipt: row.try_get("receipt")? }))
        .collect()
}

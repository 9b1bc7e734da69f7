//! Surrogates of monitors.

use std::collections::HashMap;
use std::sync::LazyLock;

use kuma_core::id::{MonitorId, ObjectName};
use sqlx::SqliteConnection;

use crate::sqlite::sql::MultiInsert;

static NAME: LazyLock<MultiInsert> =
    LazyLock::new(|| MultiInsert::new("INSERT OR IGNORE INTO monitor (namespace, name)", 2, ""));

/// Assigns and returns surrogates.
pub(in crate::sqlite) async fn intern(
    connection: &mut SqliteConnection,
    names: &[ObjectName],
) -> sqlx::Result<Vec<MonitorId>> {
    NAME.run(connection, names, |query, name| {
        query.bind(name.namespace.clone()).bind(name.name.clone())
    })
    .await?;
    let pairs: serde_json::Value = names
        .iter()
        .map(|name| serde_json::Value::from(vec![&*name.namespace, &*name.name]))
        .collect();
    let ids: Vec<i64> = sqlx::query_scalar(
        "SELECT m.id FROM json_each(?) asked
         CROSS JOIN monitor m ON m.namespace = asked.value ->> 0 AND m.name = asked.value ->> 1
         ORDER BY asked.key",
    )
    .bind(pairs.to_string())
    .fetch_all(connection)
    .await?;
    if ids.len() == names.len() {
        Ok(ids.into_iter().map(MonitorId).collect())
    } else {
        Err(sqlx::Error::RowNotFound)
    }
}

/// Writes surrogates that the program already uses into a file that lost them.
pub(in crate::sqlite) async fn restore_names(
    connection: &mut SqliteConnection,
    names: &HashMap<ObjectName, MonitorId>,
) -> sqlx::Result<()> {
    for (name, id) in names {
        sqlx::query("INSERT OR IGNORE INTO monitor (id, namespace, name) VALUES (?, ?, ?)")
            .bind(id.0)
            .bind(name.namespace.clone())
            .bind(name.name.clone())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

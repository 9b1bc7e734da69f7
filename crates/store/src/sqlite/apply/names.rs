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
    let mut ids = Vec::with_capacity(names.len());
    for name in names {
        let id: i64 = sqlx::query_scalar("SELECT id FROM monitor WHERE namespace = ? AND name = ?")
            .bind(name.namespace.clone())
            .bind(name.name.clone())
            .fetch_one(&mut *connection)
            .await?;
        ids.push(MonitorId(id));
    }
    Ok(ids)
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

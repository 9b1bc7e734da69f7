//! Surrogates of monitors.

use kuma_core::id::{MonitorId, ObjectName};
use sqlx::postgres::PgPool;

use crate::postgres::sql::clean;

/// Assigns and returns surrogates. Several members may see a name first at once; one number wins.
pub(in crate::postgres) async fn intern(
    pool: &PgPool,
    names: &[ObjectName],
) -> sqlx::Result<Vec<MonitorId>> {
    let namespaces: Vec<String> = names.iter().map(|name| clean(&name.namespace)).collect();
    let short: Vec<String> = names.iter().map(|name| clean(&name.name)).collect();
    let mut transaction = pool.begin().await?;
    // Numbers are not used up by names that are known. In one order, so that nobody waits in a ring.
    sqlx::query(
        "INSERT INTO monitor (namespace, name)
         SELECT DISTINCT n.namespace, n.name FROM unnest($1::text[], $2::text[]) AS n (namespace, name)
         WHERE NOT EXISTS (SELECT 1 FROM monitor m
                           WHERE m.namespace = n.namespace AND m.name = n.name)
         ORDER BY n.namespace, n.name
         ON CONFLICT (namespace, name) DO NOTHING",
    )
    .bind(namespaces.clone())
    .bind(short.clone())
    .execute(&mut *transaction)
    .await?;
    let ids: Vec<i64> = sqlx::query_scalar(
        "SELECT m.id
         FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS n (namespace, name, place)
         JOIN monitor m ON m.namespace = n.namespace AND m.name = n.name
         ORDER BY n.place",
    )
    .bind(namespaces)
    .bind(short)
    .fetch_all(&mut *transaction)
    .await?;
    transaction.commit().await?;
    if ids.len() == names.len() {
        Ok(ids.into_iter().map(MonitorId).collect())
    } else {
        Err(sqlx::Error::RowNotFound)
    }
}

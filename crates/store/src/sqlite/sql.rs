//! Statements for many rows at once: a row per call costs forty times as much.

use std::sync::Arc;

use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Sqlite, SqliteConnection};

/// A query under construction.
pub(super) type Query<'q> = sqlx::query::Query<'q, Sqlite, SqliteArguments>;

/// Rows per statement, largest first. Few sizes, so that each is prepared once.
const SIZES: [usize; 4] = [500, 50, 8, 1];

/// `INSERT … VALUES (?, …), …` in several sizes.
pub(super) struct MultiInsert {
    texts: [Arc<str>; SIZES.len()],
}

impl MultiInsert {
    /// `head` up to `VALUES`, `columns` many placeholders a row, `tail` such as `ON CONFLICT …`.
    pub(super) fn new(head: &str, columns: usize, tail: &str) -> Self {
        let row = format!("({})", vec!["?"; columns].join(","));
        Self {
            texts: SIZES
                .map(|rows| format!("{head} VALUES {} {tail}", vec![&*row; rows].join(",")).into()),
        }
    }

    /// Inserts all rows; returns how many the database counted.
    pub(super) async fn run<T: Sync>(
        &self,
        connection: &mut SqliteConnection,
        rows: &[T],
        bind: impl for<'q> Fn(Query<'q>, &T) -> Query<'q> + Send,
    ) -> sqlx::Result<u64> {
        let mut rest = rows;
        let mut written = 0;
        for (size, text) in SIZES.iter().zip(&self.texts) {
            while rest.len() >= *size {
                let (chunk, after) = rest.split_at(*size);
                rest = after;
                let mut query = sqlx::query(AssertSqlSafe(text.clone()));
                for row in chunk {
                    query = bind(query, row);
                }
                written += query.execute(&mut *connection).await?.rows_affected();
            }
        }
        Ok(written)
    }
}

/// Ids as a JSON array, for `IN (SELECT value FROM json_each(?))`.
pub(super) fn json_ids(ids: impl IntoIterator<Item = i64>) -> String {
    let ids: Vec<String> = ids.into_iter().map(|id| id.to_string()).collect();
    format!("[{}]", ids.join(","))
}

/// Texts as a JSON array, for `IN (SELECT value FROM json_each(?))`.
pub(super) fn json_texts(texts: impl IntoIterator<Item = String>) -> String {
    serde_json::Value::from(texts.into_iter().collect::<Vec<_>>()).to_string()
}

//! What went wrong in SQLite, in the port's words.

use kuma_core::ports::StoreError;

pub(super) use crate::code::damaged;

/// Primary result codes (<https://www.sqlite.org/rescode.html>) that mend by waiting, or by a
/// person making room: PERM, BUSY, LOCKED, NOMEM, READONLY, INTERRUPT, IOERR, FULL, CANTOPEN,
/// PROTOCOL, SCHEMA.
const UNAVAILABLE: [i64; 11] = [3, 5, 6, 7, 8, 9, 10, 13, 14, 15, 17];
/// CORRUPT and NOTADB.
const DAMAGED: [i64; 2] = [11, 26];
const BUSY: [i64; 2] = [5, 6];
const FULL: i64 = 13;

/// Translates an error of sqlx.
pub(super) fn store_error(error: &sqlx::Error) -> StoreError {
    let text = error.to_string();
    match error {
        sqlx::Error::Database(_) => match primary_code(error) {
            Some(code) if UNAVAILABLE.contains(&code) => StoreError::Unavailable(text),
            Some(code) if DAMAGED.contains(&code) => StoreError::Damaged(text),
            _ => StoreError::Invalid(text),
        },
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::RowNotFound => {
            StoreError::Damaged(text)
        }
        sqlx::Error::Encode(_) | sqlx::Error::Configuration(_) => StoreError::Invalid(text),
        _ => StoreError::Unavailable(text),
    }
}

/// Whether a new connection may help: not when another process holds a lock or the disk is full.
pub(super) fn wants_reopen(error: &sqlx::Error) -> bool {
    !matches!(primary_code(error), Some(code) if BUSY.contains(&code) || code == FULL)
        && matches!(store_error(error), StoreError::Unavailable(_))
}

fn primary_code(error: &sqlx::Error) -> Option<i64> {
    let extended: i64 = error.as_database_error()?.code()?.parse().ok()?;
    Some(extended & 0xff)
}

#[cfg(test)]
mod tests {
    use sqlx::{Connection, SqliteConnection};

    use super::*;

    async fn error_of(sql: &'static str) -> sqlx::Error {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        let ran = sqlx::raw_sql(sql).execute(&mut connection).await;
        ran.unwrap_err()
    }

    #[tokio::test]
    async fn a_full_disk_is_worth_trying_again_on_the_same_connection() {
        let full = error_of(
            "CREATE TABLE t (a); PRAGMA max_page_count = 4; INSERT INTO t VALUES (zeroblob(99999));",
        )
        .await;
        assert!(matches!(store_error(&full), StoreError::Unavailable(_)), "{full}");
        assert!(!wants_reopen(&full));
    }

    #[tokio::test]
    async fn a_row_that_breaks_a_rule_is_invalid() {
        let broken = error_of("CREATE TABLE t (a NOT NULL); INSERT INTO t VALUES (NULL);").await;
        assert!(matches!(store_error(&broken), StoreError::Invalid(_)), "{broken}");
    }

    #[test]
    fn a_dead_connection_is_unavailable_and_made_anew() {
        assert!(wants_reopen(&sqlx::Error::WorkerCrashed));
    }
}

//! What went wrong in PostgreSQL, in the port's words.

use kuma_core::ports::StoreError;

/// An error of one piece of work: the database's, or ours.
#[derive(Debug, thiserror::Error)]
pub(super) enum WorkError {
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Results are due to be written into slots that have no partition yet.
    #[error("there is no partition yet for slots {0:?}")]
    Slots(Vec<i64>),
}

impl From<WorkError> for StoreError {
    fn from(error: WorkError) -> Self {
        match error {
            WorkError::Sql(error) => store_error(&error),
            WorkError::Store(error) => error,
            WorkError::Slots(_) => Self::Unavailable(error.to_string()),
        }
    }
}

/// Classes of SQLSTATE (<https://www.postgresql.org/docs/current/errcodes-appendix.html>) that mend
/// by waiting, or by a person: connection, refused sign-in, rolled back, out of something, object
/// in use, somebody intervened, the server's own trouble.
const UNAVAILABLE: [&str; 7] = ["08", "28", "40", "53", "55", "57", "58"];
/// Single codes that do: a server that is (or has become) read-only, a transaction that idled.
const ALSO_UNAVAILABLE: [&str; 2] = ["25006", "25P03"];
/// Corrupt data and indexes.
const DAMAGED: [&str; 2] = ["XX001", "XX002"];

/// Translates an error of sqlx.
pub(super) fn store_error(error: &sqlx::Error) -> StoreError {
    let text = error.to_string();
    match error {
        sqlx::Error::Database(found) => match found.code() {
            Some(code) if is_unavailable(&code) => StoreError::Unavailable(text),
            Some(code) if DAMAGED.contains(&&*code) => StoreError::Damaged(text),
            _ => StoreError::Invalid(text),
        },
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::RowNotFound => {
            StoreError::Damaged(text)
        }
        sqlx::Error::Encode(_) | sqlx::Error::Configuration(_) => StoreError::Invalid(text),
        sqlx::Error::PoolTimedOut => {
            StoreError::Unavailable("no connection to PostgreSQL came about in time".to_owned())
        }
        sqlx::Error::PoolClosed => closed(),
        _ => StoreError::Unavailable(text),
    }
}

fn is_unavailable(code: &str) -> bool {
    UNAVAILABLE.iter().any(|class| code.starts_with(class)) || ALSO_UNAVAILABLE.contains(&code)
}

/// Whether the error is of somebody else holding what is needed: worth another try soon, and
/// nothing to tell.
pub(super) fn is_busy(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code == "55P03" || code == "40P01")
}

/// Nothing is answered after closing.
pub(super) fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}

/// The server did not answer in time.
pub(super) fn silent() -> StoreError {
    StoreError::Unavailable("PostgreSQL did not answer in time".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_mends_by_waiting_is_unavailable() {
        for code in ["57P01", "57P03", "08006", "53300", "40P01", "55P03", "25006", "28P01"] {
            assert!(is_unavailable(code), "{code}");
        }
        for code in ["23505", "42P01", "22021", "25001"] {
            assert!(!is_unavailable(code), "{code}");
        }
        for error in [sqlx::Error::PoolTimedOut, sqlx::Error::PoolClosed] {
            assert!(matches!(store_error(&error), StoreError::Unavailable(_)));
        }
    }
}

//! How connections are made, and how long anything may take.

use std::time::Duration;

use kuma_core::ports::StoreError;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgConnection};
use tokio::time::timeout;

use super::error::{silent, store_error};

/// How long a connection is waited for.
const CONNECT_PATIENCE: Duration = Duration::from_secs(4);
/// How long a question or a transaction may take in all. The server gives up before: see
/// [`SETTINGS`]. This is for a server, or a network, that says nothing.
pub(super) const PATIENCE: Duration = Duration::from_secs(12);
/// The same for a step of upkeep, which may read two hours of results.
pub(super) const UPKEEP_PATIENCE: Duration = Duration::from_secs(90);
/// Connections for questions, beside the writer's.
const CONNECTIONS: u32 = 8;

/// What each connection sets. A member that is frozen in the middle of a transaction holds locks
/// that others wait for: the server ends it after five seconds.
const SETTINGS: &str = "
    SET statement_timeout = '8s';
    SET lock_timeout = '4s';
    SET idle_in_transaction_session_timeout = '5s';
    SET timezone = 'UTC';
    SET client_min_messages = 'warning'";
const READ_ONLY: &str = "SET default_transaction_read_only = on";

/// The options of every connection.
pub(super) fn prepared(options: PgConnectOptions) -> PgConnectOptions {
    options.application_name("kubekuma").disable_statement_logging()
}

/// A few connections that answer questions. None is made before it is needed.
pub(super) fn pool(options: PgConnectOptions, read_only: bool) -> PgPool {
    PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(CONNECT_PATIENCE)
        .idle_timeout(Duration::from_mins(5))
        .max_lifetime(Duration::from_mins(30))
        .after_connect(move |connection, _| {
            Box::pin(async move {
                sqlx::raw_sql(SETTINGS).execute(&mut *connection).await?;
                if read_only {
                    sqlx::raw_sql(READ_ONLY).execute(connection).await?;
                }
                Ok(())
            })
        })
        .connect_lazy_with(options)
}

/// One connection, for the writer.
pub(super) async fn one(options: &PgConnectOptions) -> Result<PgConnection, StoreError> {
    let made = async {
        let mut connection = PgConnection::connect_with(options).await?;
        sqlx::raw_sql(SETTINGS).execute(&mut connection).await?;
        Ok(connection)
    };
    match timeout(CONNECT_PATIENCE, made).await {
        Ok(made) => made.map_err(|error: sqlx::Error| store_error(&error)),
        Err(_) => Err(silent()),
    }
}

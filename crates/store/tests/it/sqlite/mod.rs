//! The contract on SQLite, and what is SQLite's own: the file, its lock, its views, its failures.

#[path = "../contract/mod.rs"]
mod contract;
mod crash;
mod failures;
mod file;
mod replay;
mod sealing;
mod views;

use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, SqliteConnection};

use crate::support::Bench;

/// For the contract.
async fn bench() -> Option<Bench> {
    Some(Bench::new().await)
}

/// A connection of somebody else.
pub(crate) async fn outsider(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).connect().await.unwrap()
}

//! What is SQLite's own: the file, its lock, its views, its failures.

mod crash;
mod failures;
mod file;
mod replay;
mod sealing;
mod views;

use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, SqliteConnection};

/// A connection of somebody else.
pub(crate) async fn outsider(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).connect().await.unwrap()
}

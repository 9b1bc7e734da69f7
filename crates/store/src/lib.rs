//! History, engine state, outbox and audit behind `kuma_core::ports::Store`.
//!
//! [`SqliteStore`] keeps them in one SQLite file. `sqlite/writer.rs` is the only code that writes;
//! `sqlite/apply/` turns what is committed into rows, `sqlite/outbox/` hands messages out to be
//! delivered, `sqlite/read/` answers questions. `migrations/` holds the layout; the tables of the
//! documentation are views over it.

pub mod chunk;
mod sqlite;
mod url;

pub use sqlite::{CheckReport, Replay, SqliteOptions, SqliteStore};
pub use url::{DatabaseUrl, DatabaseUrlError, PostgresUrl};

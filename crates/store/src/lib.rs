//! History, engine state, outbox and audit behind `kuma_core::ports::Store`.
//!
//! [`SqliteStore`] keeps them in one SQLite file for one process, [`PostgresStore`] in a PostgreSQL
//! database that several share. In both `writer.rs` is the only code that commits batches; `apply/`
//! turns them into rows, `outbox/` hands messages out to be delivered, `read/` answers questions.
//! `migrations/` holds the layouts; the tables of the documentation are views over them. What is
//! the same in both is pure and stands beside them.

pub mod chunk;
mod code;
mod counters;
mod message;
mod postgres;
mod queue;
mod sqlite;
mod steps;
mod sums;
mod text;
mod timeline;
mod url;

pub use postgres::{PostgresOptions, PostgresStore};
pub use sqlite::{CheckReport, Replay, SqliteOptions, SqliteStore};
pub use url::{DatabaseUrl, DatabaseUrlError, PostgresUrl};

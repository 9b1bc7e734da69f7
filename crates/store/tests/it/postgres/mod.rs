//! The contract on PostgreSQL, and what is PostgreSQL's own: members, fences, outages, TLS.

#[expect(clippy::duplicate_mod, reason = "the same tests for each store")]
#[path = "../contract/mod.rs"]
mod contract;

use crate::support::Bench;

/// For the contract.
async fn bench() -> Option<Bench> {
    Bench::on_postgres().await
}

mod members;
mod outage;

//! Answers to the port's questions, each from one read-only connection.

use std::sync::Mutex;
use std::time::Duration;

use sqlx::sqlite::SqlitePool;
use sqlx::{Sqlite, Transaction};

use super::live::Live;
use super::writer::lock;

mod beats;
mod chunks;
mod history;
mod latency;
mod log;
mod state;
mod uptime;

pub(super) use beats::heartbeats;
pub(super) use chunks::{ChunkRow, damage, decode};
pub(super) use history::{evidence, incidents};
pub(super) use latency::latency;
pub(super) use log::{audit, backlog, deliveries, next_due, pauses};
pub(super) use state::{load_objects, load_states, pending_pushes, ping};
pub(super) use uptime::uptime;

/// How often a state of the file is sought that fits the memory.
const ATTEMPTS: u32 = 100;
const PAUSE: Duration = Duration::from_millis(5);

/// One state of the file, and what `remember` takes from memory, from between two moves of rows from
/// one to the other: whatever is then read of that state, however long it takes, is counted once.
/// After half a second of nothing but moves it is taken as it is.
async fn snapshot<T>(
    pool: &SqlitePool,
    live: &Mutex<Live>,
    remember: impl Fn(&Live) -> T,
) -> sqlx::Result<(Transaction<'static, Sqlite>, T)> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        let last = attempt == ATTEMPTS;
        let before = lock(live).moves;
        if before.is_multiple_of(2) || last {
            let mut state = pool.begin().await?;
            // It is the first read that chooses the state.
            sqlx::query("SELECT 1 FROM meta LIMIT 1").execute(&mut *state).await?;
            let known = {
                let live = lock(live);
                (live.moves == before || last).then(|| remember(&live))
            };
            if let Some(known) = known {
                return Ok((state, known));
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

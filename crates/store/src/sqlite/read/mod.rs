//! Answers to the port's questions, each from one read-only connection.

use std::sync::Mutex;
use std::time::Duration;

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

/// How often an answer is sought that nothing came between.
const ATTEMPTS: u32 = 100;
const PAUSE: Duration = Duration::from_millis(5);

/// The answer to a question that is put to the file and to memory, from between two moves of rows
/// from one to the other. After half a second of moves it is taken as it is.
async fn undisturbed<T, E, F: Future<Output = Result<T, E>>>(
    live: &Mutex<Live>,
    ask: impl Fn() -> F,
) -> Result<T, E> {
    for _ in 0..ATTEMPTS {
        let before = lock(live).moves;
        if before.is_multiple_of(2) {
            let answer = ask().await?;
            if lock(live).moves == before {
                return Ok(answer);
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
    ask().await
}

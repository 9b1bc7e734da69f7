//! Answers to the port's questions, each from one read-only connection.

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
pub(super) use uptime::{add, uptime};

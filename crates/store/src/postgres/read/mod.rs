//! Answers to the port's questions. What needs several is asked of one state of the database.

mod beats;
mod chunks;
mod history;
mod last;
mod latency;
mod log;
mod state;
mod uptime;

pub(super) use beats::heartbeats;
pub(super) use history::{evidence, incidents};
pub(super) use last::last_results;
pub(super) use latency::latency;
pub(super) use log::{audit, backlog, deliveries, next_due, pauses};
pub(super) use state::{load_objects, load_states, names, pending_pushes, ping, states_since};
pub(super) use uptime::uptime;

//! The alert engine: what a result means, when a person is told (`design/engine.md`).
//!
//! Two halves, each a pure step over plain data. [`verdict`] turns attempts into states,
//! incidents and the time line. [`announce`] turns what happened into messages: holds, routes,
//! dedupe, resend, escalation, certificates. [`notice`] is all that passes between them.
//!
//! [`step`](step()) puts the two together for one monitor; [`Engine`] holds all of them, lets
//! groups and children hear of changes, wakes who is due and takes in new catalogs.
//!
//! State is kept in wall-clock instants so that it survives a restart; when the wall clock jumps
//! the shell says by how much and [`rebase`](verdict::VerdictState::rebase) moves every stored
//! instant, so that durations stay those of the monotonic clock.

pub mod announce;
pub mod guard;
pub mod notice;
mod record;
mod replay;
mod set;
mod step;
#[cfg(test)]
mod testkit;
#[cfg(test)]
mod tests;
pub mod verdict;

pub use record::{BadState, MonitorRecord, STATE_VERSION};
pub use replay::{Replay, replay};
pub use set::{Change, Engine, Handover, Report};
pub use step::{Effects, Input, View, step};

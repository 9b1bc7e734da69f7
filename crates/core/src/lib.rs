//! The pure heart of `KubeKuma`: what is watched, what a result means, who is told.
//!
//! Nothing here does I/O, knows a runtime or reads a clock. Time comes in as [`time::Mono`] and
//! [`time::Timestamp`], everything else as plain data, so that every decision can be replayed.
//! `ARCHITECTURE.md` has the map; `engine` holds the rules.

pub mod catalog;
pub mod check;
pub mod delivery;
pub mod digest;
pub mod egress;
pub mod engine;
pub mod event;
pub mod id;
pub mod maintenance;
pub mod monitor;
pub mod object;
pub mod observation;
pub mod particulars;
pub mod policy;
pub mod ports;
pub mod provider;
pub mod reason;
pub mod schedule;
pub mod secret;
pub mod selector;
pub mod settings;
pub mod shard;
pub mod silence;
pub mod sketch;
pub mod source;
pub mod state;
pub mod stats;
pub mod time;
pub mod trouble;

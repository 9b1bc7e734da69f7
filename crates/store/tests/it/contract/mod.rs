//! What every store promises. Written against the port; each store has these tests as a module of
//! its own, which gives them their [`bench`].

mod history;
mod latency;
mod outbox;
mod receipts;
mod retention;
mod sealed;
mod state;
mod uptime;

use super::bench;

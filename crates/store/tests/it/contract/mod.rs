//! What every store promises. Written against the port, so that another store can pass it too.

mod history;
mod latency;
mod outbox;
mod receipts;
mod retention;
mod sealed;
mod state;
mod uptime;

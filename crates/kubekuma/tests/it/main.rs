//! The product from outside: the built binary, real servers, nothing shared between tests.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what a test expects and does not get fails the test"
)]
#![expect(
    clippy::print_stderr,
    reason = "says what is missing on this machine, and what a failed program printed"
)]

mod api;
mod blackbox;
mod canary;
mod check_types;
mod cli;
mod crash;
mod delivery;
mod faults;
mod fixture;
mod import;
mod kit;
mod manifests;
mod outage;
mod plugin;
mod postgres;
mod reload;
mod secrets;
mod settings;
mod shutdown;
mod standstill;
mod store_away;
mod uptime_kuma_names;

//! Watches, Secrets and Leases against a server that speaks as much of the Kubernetes API as they
//! use, and that can be told to misbehave. The real thing is in `crates/e2e`.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail their test by panicking"
)]

mod fake;
mod kit;
mod lease;
mod secrets;
mod status;
mod watch;

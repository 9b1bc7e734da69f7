//! Providers and the delivery worker against real servers on loopback.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail their test by panicking"
)]

mod alertmanager;
mod apprise;
mod bench;
mod contract;
mod deliverer;
mod direct;
mod discord;
mod gotify;
mod http_server;
mod kit;
mod memory_store;
mod pagerduty;
mod pushover;
mod slack;
mod smtp;
mod smtp_hostile;
mod smtp_server;
mod stub;
mod teams;
mod telegram;
mod webhook;

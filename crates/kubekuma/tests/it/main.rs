//! The product from outside: the built binary, real servers, nothing shared between tests.

mod api;
mod check_types;
mod cli;
mod crash;
mod delivery;
mod fixture;
mod kit;
mod outage;
mod reload;
mod secrets;
mod shutdown;

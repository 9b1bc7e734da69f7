//! The stages below every protocol: name to address, egress rules, connection.

mod dial;
mod io_fault;
mod wire;

pub(crate) use io_fault::{connect_fault, exchange_fault};
pub(crate) use wire::{Completion, Wire};

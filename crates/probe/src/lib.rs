//! One file per check type, and the network stages with timings that they share.

mod dns;
pub mod resolve;

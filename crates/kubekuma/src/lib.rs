//! The `kubekuma` program as a library, so that `xtask` and the benchmarks can reach its parts.

pub mod cli;
pub mod clock;
pub mod cluster;
pub mod demo;
pub mod logging;
pub mod runtime;
pub mod secrets;
pub mod source;
pub mod terminal;

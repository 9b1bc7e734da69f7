//! The engine as a whole: recorded sequences from attempts to rows, and monitors that depend on
//! each other.

mod kit;
mod recorded;
mod related;
mod replayed;
mod shared;
mod shell;

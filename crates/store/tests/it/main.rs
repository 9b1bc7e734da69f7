//! The store from outside: the contract that every store passes, and what is SQLite's own.

mod contract;
mod support;

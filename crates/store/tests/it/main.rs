//! The store from outside: the contract that every store passes, and what is SQLite's own.

#[cfg(test)]
mod contract;
#[cfg(test)]
mod sqlite;
#[cfg(test)]
mod support;

//! The store from outside: the contract that every store passes, and what is each one's own.

#[cfg(test)]
mod postgres;
#[cfg(test)]
mod sqlite;
#[cfg(test)]
mod support;

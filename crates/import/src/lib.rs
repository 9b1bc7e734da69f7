//! Other monitors' configuration as objects of ours, with a report of what could not be carried
//! over. Pure: whoever calls reads the files and the database, and writes what comes out.
//!
//! Guarantees: every object that comes out is valid (what is not is left out and reported);
//! credentials are in Secrets only, in a file of their own; the same input gives the same output.

pub mod blackbox;
mod cel;
pub mod gatus;
mod go;
mod names;
mod plan;
mod report;
pub mod uptime_kuma;
mod yaml;

pub use plan::{File, Imported, Output};
pub use report::{Entry, Report, Weight};
pub use yaml::{Unreadable, read_yaml};

//! What people see in a terminal: the live table, and colours.

pub mod paint;
pub mod screen;
pub mod table;

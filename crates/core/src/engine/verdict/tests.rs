//! Every row of the table, one test each.

mod kit;
mod rows;

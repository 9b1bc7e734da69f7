//! Every row of the table, one test each, and what must hold whatever happens.

mod flapping;
mod invariants;
mod kit;
mod lifecycle;
mod passive;
mod rows;
mod timeline;

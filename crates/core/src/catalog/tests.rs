//! Every rule of the catalog, one test each.

mod cycles;
mod kit;
mod rules;

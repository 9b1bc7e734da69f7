//! Every rule of the catalog, one test each.

mod cycles;
mod egress;
mod kit;
mod objects;
mod rules;
mod tenants;

//! Every sentence of `design/engine.md`, "Who hears what", by the stage it belongs to.

mod certificates;
mod dependencies;
mod keepers;
mod kit;
mod limits;
mod properties;
mod repeats;
mod routes;
mod suppression;

//! `http`, `keyword` and `jsonQuery` over plain HTTP.

mod bodies;
mod conditions;
mod failures;
mod redirects;
mod requests;
mod secrets;

//! `http`, `keyword` and `jsonQuery` over plain HTTP.

mod bodies;
mod failures;
mod redirects;
mod requests;
mod secrets;

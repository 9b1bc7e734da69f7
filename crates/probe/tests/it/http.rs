//! `http`, `keyword` and `jsonQuery` over plain HTTP.

mod auth;
mod bodies;
mod conditions;
mod encodings;
mod failures;
mod hostile;
mod redirects;
mod requests;
mod secrets;

//! The product on a real control plane. Where its programs are missing the tests say so and pass;
//! in continuous integration they fail.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what a test expects and does not get fails the test"
)]

mod admission;
mod chaos;
mod control_plane;
mod corpus;
mod crds;
mod discovery;
mod exposure;
mod gateway;
mod ha;
mod image;
mod kit;
mod manifests;
mod plugin;
mod push;
mod secrets;
mod story;
mod tenancy;
mod workloads;
mod writes;

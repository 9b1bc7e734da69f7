//! The product on a real control plane: starts etcd, kube-apiserver and the rest, installs the
//! definitions, runs the real program and looks at it from outside.
//!
//! Everything started here ends with its value, and at the latest with the process that runs the
//! tests, however that ends. What was logged stays below `target/tmp/e2e` until the next run.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a harness that cannot do its work ends the test that relies on it"
)]
#![expect(clippy::print_stderr, reason = "says what is missing on this machine and where logs are")]

pub mod audit;
pub mod control_plane;
mod folder;
pub mod kubectl;
pub mod namespace;
pub mod parts;
pub mod process;
pub mod replica;
pub mod wait;

pub use control_plane::ControlPlane;
pub use kubectl::{Kubectl, Plugin, Told};
pub use kuma_fixture::Site;
pub use namespace::Namespace;
pub use replica::Replica;
pub use wait::{until, until_for};

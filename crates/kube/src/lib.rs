//! KubeKuma on Kubernetes: watches that become the same snapshots as a folder, statuses, Leases,
//! Secrets, discovery, exposure, admission. Knows the API server; decides nothing about monitors.

pub mod admission;
pub mod audit;
pub mod client;
pub mod discovery;
pub mod events;
pub mod exposure;
pub mod index;
pub mod lease;
pub mod objects;
pub mod owned;
pub mod rights;
pub mod secrets;
pub mod status;
pub mod surroundings;
pub mod watch;

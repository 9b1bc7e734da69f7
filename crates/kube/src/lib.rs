//! KubeKuma on Kubernetes: watches that become the same snapshots as a folder, statuses, Leases,
//! Secrets, discovery, exposure, admission. Knows the API server; decides nothing about monitors.

pub mod admission;
pub mod discovery;
pub mod exposure;
pub mod owned;
pub mod rights;
pub mod surroundings;

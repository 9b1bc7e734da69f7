//! Where objects come from. A folder for now; a Kubernetes watch yields the same
//! [`Snapshot`](settle::Snapshot)s later.

pub mod folder;
pub mod review;
pub mod scan;
pub mod settle;

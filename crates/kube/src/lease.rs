//! Who may open the database when it is one file: a Lease elects one of several replicas.
//!
//! - [`elect`] is the pure rule. A Lease counts as expired when its holder has been *seen* not to
//!   renew it for as long as it is meant to last, on the clock of whoever watches. Times that others
//!   wrote are never compared with a clock of ours, so it does not matter how wrong any clock is.
//! - [`keep`] reads and writes the Lease. Each write names the version that was read, so of two
//!   that come at once one fails.
//! - [`mirror`] writes a Lease for each replica of a shared database, for people to look at.
//!
//! **The Lease is no fence.** A process that was stopped for a minute goes on for a moment as if it
//! still held it. What keeps two of them from writing is the lock on the database file. So a holder
//! that cannot reach the API server goes on working and keeps trying: nothing can have taken the
//! file from it. One that *sees* another holder stops at once.

pub mod elect;
pub mod keep;
pub mod mirror;

use std::time::Duration;

pub use keep::{LeaseKeeper, LeaseState};
pub use mirror::LeaseMirror;

/// The name of the Lease that elects.
pub const LEASE_NAME: &str = "kubekuma";

/// How long a Lease lasts and how often it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// A holder that has not renewed for so long has lost it.
    pub duration: Duration,
    /// How often a holder renews.
    pub renew: Duration,
    /// How often others look, and how soon what failed is tried again.
    pub retry: Duration,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            duration: Duration::from_secs(15),
            renew: Duration::from_secs(5),
            // A clean stop hands over within a second, and opening the database is a part of it.
            retry: Duration::from_millis(500),
        }
    }
}

//! Where objects come from: a folder, or a Kubernetes watch. Both yield the same
//! [`Snapshot`]s.

pub mod files;
pub mod folder;
pub mod review;
pub mod scan;
pub mod settle;

use futures_util::future::BoxFuture;
use kuma_core::source::Snapshot;
use kuma_core::time::Mono;
pub use kuma_kube::index::Seen;

/// Where objects come from.
pub trait Source: Send {
    /// Resolves when a look may find something new.
    fn changed(&mut self) -> BoxFuture<'_, ()>;

    /// Looks, and says what changed since the last look; none when nothing did. Objects that cannot
    /// be used keep their last valid version in the snapshot.
    fn look(&mut self, now: Mono) -> Option<Vec<Seen>>;

    /// What is in force.
    fn snapshot(&self) -> &Snapshot;

    /// Whether everything that is there was seen at least once.
    fn synced(&self) -> bool;

    /// What is worth knowing about the source itself.
    fn remarks(&self) -> Vec<String>;
}

//! What a source of objects hands on, a folder and a Kubernetes watch alike: what is in force, what
//! cannot be used as it is written, and what changed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::id::ObjectKey;
use crate::object::{Object, Origin, Problem};

/// An object that cannot be used as it is written now.
#[derive(Debug, Clone, PartialEq)]
pub struct Invalid {
    /// Where it is written.
    pub origin: Origin,
    /// What is wrong.
    pub problems: Vec<Problem>,
    /// Whether an older version stays in force.
    pub last_valid_in_force: bool,
}

/// What is in force after a scan.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Objects in force.
    pub objects: BTreeMap<ObjectKey, Object>,
    /// Objects that cannot be used as written.
    pub invalid: BTreeMap<ObjectKey, Invalid>,
    /// What is worth knowing about objects that can be used.
    pub warnings: BTreeMap<ObjectKey, Vec<Problem>>,
    /// Files that cannot be read or parsed, and why.
    pub broken_files: BTreeMap<PathBuf, String>,
    /// Set while much has vanished at once and the last catalog is kept.
    pub holding: Option<String>,
}

/// What changed, for audit and log.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// New or changed; the paths that changed.
    Applied {
        /// Which.
        key: ObjectKey,
        /// Changed field paths, at most twenty.
        paths: Vec<String>,
        /// Whether it is new.
        new: bool,
    },
    /// Gone.
    Deleted {
        /// Which.
        key: ObjectKey,
    },
    /// Written, but not usable.
    Rejected {
        /// Which.
        key: ObjectKey,
        /// Why.
        problems: Vec<Problem>,
    },
}

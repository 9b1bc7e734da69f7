//! Ad-hoc muting (`Silence`).

use crate::id::ObjectName;
use crate::selector::Selector;
use crate::time::Timestamp;

/// A validated silence.
#[derive(Debug, Clone, PartialEq)]
pub struct Silence {
    /// Its name.
    pub name: ObjectName,
    /// From when on; none means since ever.
    pub starts_at: Option<Timestamp>,
    /// Until when, exclusive.
    pub expires_at: Timestamp,
    /// Which monitors.
    pub selector: Selector,
    /// Why.
    pub reason: Option<String>,
    /// Who.
    pub created_by: Option<String>,
}

impl Silence {
    /// Whether it is in force.
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.starts_at.is_none_or(|start| start <= now) && now < self.expires_at
    }
}

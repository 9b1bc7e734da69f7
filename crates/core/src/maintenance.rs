//! Planned work (`MaintenanceWindow`).

use std::time::Duration;

use kuma_expr::Recurrence;

use crate::id::ObjectName;
use crate::selector::Selector;
use crate::time::{Timestamp, plus};

/// A validated maintenance window.
#[derive(Debug, Clone, PartialEq)]
pub struct MaintenanceWindow {
    /// Its name.
    pub name: ObjectName,
    /// False does nothing.
    pub enabled: bool,
    /// For people.
    pub description: Option<String>,
    /// When it happens.
    pub schedule: WindowSchedule,
    /// Which monitors.
    pub selector: Selector,
    /// Whether messages are held until it ends.
    pub suppress_notifications: bool,
    /// Whether checks stop.
    pub pause_checks: bool,
    /// Whether its time counts in uptime.
    pub count_in_uptime: bool,
    /// Whether status pages show a banner, and its text.
    pub banner: Option<String>,
}

/// When a window is open.
#[derive(Debug, Clone, PartialEq)]
pub enum WindowSchedule {
    /// Once.
    Once {
        /// From.
        start: Timestamp,
        /// Until, exclusive.
        end: Timestamp,
    },
    /// Again and again.
    Recurring {
        /// The starts, in their own time zone.
        recurrence: Recurrence,
        /// How long each lasts.
        duration: Duration,
    },
}

impl MaintenanceWindow {
    /// The occurrence that `now` lies in, as `(start, end)`.
    pub fn active_at(&self, now: Timestamp) -> Option<(Timestamp, Timestamp)> {
        if !self.enabled {
            return None;
        }
        match &self.schedule {
            WindowSchedule::Once { start, end } => {
                (*start <= now && now < *end).then_some((*start, *end))
            }
            WindowSchedule::Recurring { recurrence, duration } => {
                let start = recurrence.last_at_or_before(now)?;
                let end = plus(start, *duration);
                (now < end).then_some((start, end))
            }
        }
    }

    /// The next start after `now`.
    pub fn next_occurrence(&self, now: Timestamp) -> Option<Timestamp> {
        if !self.enabled {
            return None;
        }
        match &self.schedule {
            WindowSchedule::Once { start, .. } => (*start > now).then_some(*start),
            WindowSchedule::Recurring { recurrence, .. } => recurrence.next_after(now),
        }
    }
}

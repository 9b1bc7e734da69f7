//! A monitor: what to check, how often, and what to make of it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::check::{Check, Criteria};
use crate::event::EventKind;
use crate::id::ObjectName;
use crate::settings::SchedulerSettings;

/// When a monitor runs (`spec.schedule`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Start to start.
    pub interval: Duration,
    /// Per attempt; none means the smaller of the settings' default and the interval.
    pub timeout: Option<Duration>,
    /// Further attempts before a failure is confirmed.
    pub retries: u32,
    /// Start to start of those; none means the smaller of the interval and 20 s.
    pub retry_interval: Option<Duration>,
    /// Wait before the first run.
    pub initial_delay: Duration,
    /// How long failures must last before down.
    pub grace_down: Duration,
    /// Successes in a row before up again; at least 1.
    pub recover_after: u32,
    /// Bound of the per-run offset in per cent of the interval; none means the settings'.
    pub jitter_percent: Option<u32>,
}

impl Schedule {
    /// The time one attempt may take.
    pub fn timeout(&self, settings: &SchedulerSettings) -> Duration {
        self.timeout.unwrap_or_else(|| settings.default_timeout.min(self.interval))
    }

    /// The time from one attempt's start to the next one's, while failing.
    pub fn retry_interval(&self) -> Duration {
        self.retry_interval.unwrap_or_else(|| self.interval.min(Duration::from_secs(20)))
    }

    /// The longest a run with all its attempts may take.
    pub fn run_budget(&self, settings: &SchedulerSettings) -> Duration {
        let timeout = self.timeout(settings);
        timeout + self.retry_interval().max(timeout) * self.retries
    }
}

/// Who is told (`spec.alerting`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Alerting {
    /// A policy in the same namespace that applies whatever its selector says.
    pub policy: Option<String>,
    /// Repeat while open and unacknowledged; wins over the policy's.
    pub resend_interval: Option<Duration>,
    /// Events that may be told; none means the default set of [`Alerting::notifies`].
    pub notify_on: Option<Vec<EventKind>>,
}

impl Alerting {
    /// Whether the monitor lets the event through. Resend and escalation follow `down`; `unknown`
    /// is decided by the policy alone (`crds.md` does not let a monitor turn it off).
    pub fn notifies(&self, kind: EventKind) -> bool {
        let asked = match kind {
            EventKind::Resend | EventKind::Escalation => EventKind::Down,
            EventKind::Closed => EventKind::Up,
            other => other,
        };
        match &self.notify_on {
            _ if asked == EventKind::Unknown => true,
            Some(list) => list.contains(&asked),
            None => matches!(
                asked,
                EventKind::Down | EventKind::Up | EventKind::Flapping | EventKind::CertExpiring
            ),
        }
    }
}

/// Where a monitor comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MonitorOrigin {
    /// Its own object.
    Monitor,
    /// An item of a set, named `<set>-<item>`.
    Set {
        /// The set's name.
        set: String,
        /// The item's name.
        item: String,
    },
}

/// A validated monitor.
#[derive(Debug, Clone, PartialEq)]
pub struct Monitor {
    /// Its public name.
    pub name: ObjectName,
    /// Where it comes from.
    pub origin: MonitorOrigin,
    /// The object's generation, 1 where the source has none.
    pub generation: i64,
    /// The object's labels (of the set, for items).
    pub labels: BTreeMap<String, String>,
    /// False is paused.
    pub enabled: bool,
    /// What to check.
    pub check: Check,
    /// Limits that hold for every type.
    pub criteria: Criteria,
    /// When.
    pub schedule: Schedule,
    /// Who is told.
    pub alerting: Alerting,
    /// Monitors whose announced down keeps this one's quiet.
    pub depends_on: Vec<ObjectName>,
    /// For selectors and people.
    pub tags: Vec<String>,
    /// Free text such as a runbook (`spec.annotations`).
    pub annotations: BTreeMap<String, String>,
}

impl Monitor {
    /// What identifies the thing checked: type and target without credentials. A change starts
    /// a run at once; other changes touch no state.
    pub fn target_identity(&self) -> String {
        format!("{} {}", self.check.check_type(), self.check.target())
    }

    /// Days before a certificate's expiry from which the state is degraded.
    pub fn warn_before_days(&self) -> Option<u32> {
        match &self.check {
            Check::Http(check) => check.tls.warn_before_days,
            Check::Keyword(check) => check.http.tls.warn_before_days,
            Check::JsonQuery(check) => check.http.tls.warn_before_days,
            Check::Tcp(check) => check.tls.as_ref().and_then(|tls| tls.warn_before_days),
            Check::Tls(check) => check.tls.warn_before_days,
            _ => None,
        }
    }
}

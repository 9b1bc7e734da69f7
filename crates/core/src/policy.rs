//! Who is told what (`NotificationPolicy`).

use std::collections::BTreeMap;
use std::time::Duration;

use kuma_expr::Template;

use crate::event::EventKind;
use crate::id::ObjectName;
use crate::selector::Selector;

/// Which events pass (`triggers`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Triggers {
    /// Confirmed outages.
    pub on_down: bool,
    /// Their end.
    pub on_up: bool,
    /// Flapping.
    pub on_flapping: bool,
    /// Slow.
    pub on_degraded: bool,
    /// Our own trouble.
    pub on_unknown: bool,
    /// Days before a certificate's expiry, descending, empty when off.
    pub cert_thresholds: Vec<u32>,
}

impl Default for Triggers {
    fn default() -> Self {
        Self {
            on_down: true,
            on_up: true,
            on_flapping: true,
            on_degraded: false,
            on_unknown: true,
            cert_thresholds: vec![14],
        }
    }
}

impl Triggers {
    /// Whether the policy lets the event through. A closing notice follows `onUp`; resend and
    /// escalation follow `onDown`; a mass outage and a test always pass.
    pub const fn passes(&self, kind: EventKind) -> bool {
        match kind {
            EventKind::Down | EventKind::Resend | EventKind::Escalation => self.on_down,
            EventKind::Up | EventKind::Closed => self.on_up,
            EventKind::Degraded => self.on_degraded,
            EventKind::Flapping => self.on_flapping,
            EventKind::Unknown => self.on_unknown,
            EventKind::CertExpiring => !self.cert_thresholds.is_empty(),
            EventKind::MassOutage | EventKind::OwnTrouble | EventKind::Test => true,
        }
    }
}

/// One step of an escalation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EscalationStep {
    /// Counted from the announcement of the down.
    pub after: Duration,
    /// Who is told then.
    pub providers: Vec<ObjectName>,
}

/// What a group of messages has in common (`routing.groupBy`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum GroupBy {
    /// The namespace.
    Namespace,
    /// The monitor's name.
    Name,
    /// The check type.
    Type,
    /// The reason code.
    Reason,
    /// The value of a label.
    Label(String),
}

/// A validated policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Its name.
    pub name: ObjectName,
    /// Lower comes first.
    pub priority: i32,
    /// Which monitors.
    pub selector: Selector,
    /// Which events.
    pub triggers: Triggers,
    /// Who is told.
    pub providers: Vec<ObjectName>,
    /// Whether later policies are looked at after this one matched.
    pub continue_matching: bool,
    /// Rendered per event; with event and incident it is the effective key.
    pub dedupe_key: Template,
    /// How long a repeated key is held.
    pub dedupe_window: Duration,
    /// Least time between messages about one monitor by this policy.
    pub rate_limit: Duration,
    /// Repeat while open and unacknowledged; zero is never.
    pub resend_interval: Duration,
    /// Messages of one group travel together.
    pub group_by: Vec<GroupBy>,
    /// How long a group gathers.
    pub group_wait: Duration,
    /// Who else is told if nobody acknowledges.
    pub escalation: Vec<EscalationStep>,
    /// Who is told when a provider fails for good.
    pub fallback_providers: Vec<ObjectName>,
    /// Own title.
    pub title: Option<Template>,
    /// Own body.
    pub body: Option<Template>,
    /// The object's labels, for people.
    pub labels: BTreeMap<String, String>,
}

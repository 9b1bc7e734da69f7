//! The states of a monitor and the windows and numbers derived from them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a monitor is at a moment (`crds.md`, Monitor: states). The number is what is stored.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum MonitorState {
    /// Never decided, or failing and not yet confirmed.
    #[default]
    Pending = 0,
    /// Answers as it should.
    Up = 1,
    /// Answers, but slowly or with a certificate about to expire.
    Degraded = 2,
    /// Confirmed not to answer as it should; an incident is open.
    Down = 3,
    /// Changes too often to be called up or down.
    Flapping = 4,
    /// `enabled: false`.
    Paused = 5,
    /// In a maintenance window that pauses checks.
    Maintenance = 6,
    /// Our own trouble: nothing is known about the target.
    Unknown = 7,
}

impl MonitorState {
    /// Every state, in stored order.
    pub const ALL: [Self; 8] = [
        Self::Pending,
        Self::Up,
        Self::Degraded,
        Self::Down,
        Self::Flapping,
        Self::Paused,
        Self::Maintenance,
        Self::Unknown,
    ];

    /// The name people and programs read.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Up => "up",
            Self::Degraded => "degraded",
            Self::Down => "down",
            Self::Flapping => "flapping",
            Self::Paused => "paused",
            Self::Maintenance => "maintenance",
            Self::Unknown => "unknown",
        }
    }

    /// The state stored as `code`.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }

    /// Whether time in this state counts as up (`Some(true)`), down (`Some(false)`) or is not
    /// known time (`None`). Maintenance is decided by settings.
    pub const fn counts_as_up(self) -> Option<bool> {
        match self {
            Self::Up | Self::Degraded => Some(true),
            Self::Down | Self::Flapping => Some(false),
            Self::Pending | Self::Paused | Self::Maintenance | Self::Unknown => None,
        }
    }
}

impl fmt::Display for MonitorState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

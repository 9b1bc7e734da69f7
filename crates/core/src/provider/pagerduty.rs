//! Configuration of PagerDuty's Events API v2.

use serde::{Deserialize, Serialize};

use crate::secret::SecretText;

/// Severity of an event at PagerDuty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PagerdutySeverity {
    /// Critical.
    #[default]
    Critical,
    /// Error.
    Error,
    /// Warning.
    Warning,
    /// Info.
    Info,
}

impl PagerdutySeverity {
    /// The word that PagerDuty knows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// `config.pagerduty`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PagerdutyConfig {
    /// The integration's routing key, always from a Secret.
    pub routing_key: SecretText,
    /// Severity of outages.
    pub severity: PagerdutySeverity,
    /// Address of the Events API.
    pub api_base_url: SecretText,
}

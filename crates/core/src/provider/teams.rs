//! Configuration of a Microsoft Teams workflow.

use crate::secret::SecretText;

/// `config.teams`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamsConfig {
    /// The workflow's address, always from a Secret.
    pub webhook_url: SecretText,
}

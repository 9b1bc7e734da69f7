//! Configuration of Apprise.

use crate::secret::SecretText;

/// `config.apprise`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppriseConfig {
    /// Apprise addresses, always from Secrets; each may hold several, one in a line. Empty where
    /// the server has them under a key.
    pub urls: Vec<SecretText>,
    /// Address of an Apprise API server; none runs the `apprise` program.
    pub api_url: Option<SecretText>,
}

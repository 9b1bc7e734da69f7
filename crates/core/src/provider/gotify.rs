//! Configuration of a Gotify server.

use crate::secret::SecretText;

/// `config.gotify`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GotifyConfig {
    /// Address of the server.
    pub url: SecretText,
    /// The application's token, always from a Secret.
    pub token: SecretText,
    /// Priority of every message; none means one by severity.
    pub priority: Option<i32>,
}

//! Configuration of Prometheus Alertmanager.

use crate::secret::SecretText;

/// How a server wants to be signed in to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignIn {
    /// User name and password (RFC 7617).
    Basic {
        /// User name.
        username: SecretText,
        /// Password.
        password: SecretText,
    },
    /// A token (RFC 6750).
    Bearer(SecretText),
}

/// `config.alertmanager`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertmanagerConfig {
    /// Addresses of all Alertmanagers of a cluster; each may hold several, one in a line.
    pub urls: Vec<SecretText>,
    /// Labels of every alert beside its own.
    pub labels: Vec<(String, String)>,
    /// How to sign in, if it is wanted.
    pub sign_in: Option<SignIn>,
}

//! Configuration of Pushover.

use crate::secret::SecretText;

/// How often and how long an emergency is repeated, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PushoverRepeat {
    /// Between repeats, at least 30.
    pub retry: i32,
    /// Until repeats end, at most 10,800.
    pub expire: i32,
}

/// `config.pushover`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushoverConfig {
    /// The user's or group's key, always from a Secret.
    pub user_key: SecretText,
    /// The application's token, always from a Secret.
    pub api_token: SecretText,
    /// -2 to 2; none means one by severity.
    pub priority: Option<i32>,
    /// For priority 2, which needs it.
    pub repeat: Option<PushoverRepeat>,
    /// Sound.
    pub sound: Option<String>,
    /// Device.
    pub device: Option<String>,
    /// Address of the API.
    pub api_base_url: SecretText,
}

//! `config.smtp`: e-mail.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kinds::common::SecretKeyRef;
use crate::kinds::rules::rules;

/// `config.smtp`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[
    (
        "!has(self.username) || !has(self.usernameSecretRef)",
        "set only one of username and usernameSecretRef",
    ),
    (
        "!has(self.password) || !has(self.passwordSecretRef)",
        "set only one of password and passwordSecretRef",
    ),
    (
        "(has(self.username) || has(self.usernameSecretRef)) == (has(self.password) || has(self.passwordSecretRef))",
        "user name and password need each other",
    ),
])))]
pub struct SmtpSpec {
    /// The mail server.
    #[schemars(length(min = 1, max = 253))]
    pub host: String,
    /// Its port. Default: `587` with starttls, `465` with tls, `25` with none.
    #[schemars(range(min = 1, max = 65_535))]
    pub port: Option<u16>,
    /// How mail is protected on its way. Default: `starttls`.
    pub security: Option<SmtpSecuritySpec>,
    /// Secret with the user name. Default: none, no sign-in.
    pub username_secret_ref: Option<SecretKeyRef>,
    /// User name as `${SECRET:name:key}`.
    #[schemars(length(min = 1, max = 1024))]
    pub username: Option<String>,
    /// Secret with the password.
    pub password_secret_ref: Option<SecretKeyRef>,
    /// Password as `${SECRET:name:key}`.
    #[schemars(length(min = 1, max = 1024))]
    pub password: Option<String>,
    /// Sender, an address or `Name <address>`.
    #[schemars(length(min = 3, max = 512))]
    pub from: String,
    /// Recipients.
    #[schemars(length(min = 1, max = 100), inner(length(min = 3, max = 512)), extend("x-kubernetes-list-type" = "set"))]
    pub to: Vec<String>,
    /// More recipients. Default: none.
    #[schemars(length(max = 100), inner(length(min = 3, max = 512)), extend("x-kubernetes-list-type" = "set"))]
    pub cc: Option<Vec<String>>,
    /// Where answers go. Default: the sender.
    #[schemars(length(min = 3, max = 512))]
    pub reply_to: Option<String>,
}

/// How mail is protected on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(transform = crate::kinds::common::without_description)]
pub enum SmtpSecuritySpec {
    /// In the clear.
    None,
    /// STARTTLS; a server without it is refused.
    Starttls,
    /// TLS from the first byte.
    Tls,
}

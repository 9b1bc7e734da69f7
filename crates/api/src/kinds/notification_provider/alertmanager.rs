//! `config.alertmanager`: Prometheus Alertmanager.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kinds::common::{SecretKeyRef, TextMap};
use crate::kinds::rules::rules;

/// `config.alertmanager`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[
    (
        "(has(self.url) ? 1 : 0) + (has(self.urls) ? 1 : 0) + (has(self.urlSecretRef) ? 1 : 0) == 1",
        "set one of url, urls and urlSecretRef",
    ),
    (
        "!has(self.username) || !has(self.usernameSecretRef)",
        "set only one of username and usernameSecretRef",
    ),
    (
        "!has(self.password) || !has(self.passwordSecretRef)",
        "set only one of password and passwordSecretRef",
    ),
    (
        "!has(self.bearerToken) || !has(self.bearerTokenSecretRef)",
        "set only one of bearerToken and bearerTokenSecretRef",
    ),
    (
        "(has(self.username) || has(self.usernameSecretRef)) == (has(self.password) || has(self.passwordSecretRef))",
        "user name and password need each other",
    ),
    (
        "!(has(self.username) || has(self.usernameSecretRef)) || !(has(self.bearerToken) || has(self.bearerTokenSecretRef))",
        "sign in with a password or with a token",
    ),
])))]
pub struct AlertmanagerSpec {
    /// Address of the Alertmanager (API version 2).
    #[schemars(length(min = 1, max = 2048))]
    pub url: Option<String>,
    /// Addresses of all Alertmanagers of a cluster: each is told.
    #[schemars(length(min = 1, max = 16), inner(length(min = 1, max = 2048)))]
    pub urls: Option<Vec<String>>,
    /// Secret with the address; several stand one in a line.
    pub url_secret_ref: Option<SecretKeyRef>,
    /// Labels added to every alert. Default: none.
    #[schemars(extend("maxProperties" = 64))]
    pub labels: Option<TextMap>,
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
    /// Secret with a token to sign in with instead. Default: none.
    pub bearer_token_secret_ref: Option<SecretKeyRef>,
    /// The same as `${SECRET:name:key}`.
    #[schemars(length(min = 1, max = 1024))]
    pub bearer_token: Option<String>,
}

//! `auth`: how people and programs sign in.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rules;
use crate::kinds::common::SecretKeyRef;

/// How people and programs sign in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[(
    "!has(self.mode) || self.mode != 'oidc' || has(self.oidc)",
    "mode oidc needs auth.oidc",
)])))]
pub struct AuthSpec {
    /// Who signs people in; with `oidc`, `local.enabled: true` allows both. Default: `local`.
    pub mode: Option<AuthModeSpec>,
    /// People who sign in with a password.
    pub local: Option<LocalAuthSpec>,
    /// People who sign in at an OpenID Connect provider.
    pub oidc: Option<OidcSpec>,
    /// Keys for programs.
    pub api_keys: Option<ApiKeysSpec>,
}

/// Who signs people in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(transform = crate::kinds::common::without_description)]
pub enum AuthModeSpec {
    /// An OpenID Connect provider.
    Oidc,
    /// LocalUser objects.
    Local,
    /// Nobody: everybody is an administrator.
    Disabled,
}

/// People who sign in with a password.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LocalAuthSpec {
    /// Whether they may. Default: `true` with mode `local`, else `false`.
    pub enabled: Option<bool>,
    /// Seconds that a session lasts. Default: `604800`.
    #[schemars(range(min = 60, max = 31_536_000))]
    pub session_max_age_seconds: Option<u32>,
    /// Whether people may sign up. Default: `false`.
    pub allow_signup: Option<bool>,
    /// Whether a second factor is needed. Default: `optional`.
    pub require_mfa: Option<MfaRequirement>,
    /// Secret with the password of the first administrator. Default: none.
    pub bootstrap_admin_secret_ref: Option<SecretKeyRef>,
}

/// Whether a second factor is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(transform = crate::kinds::common::without_description)]
pub enum MfaRequirement {
    /// It is not asked for.
    Disabled,
    /// Whoever set one up is asked for it.
    Optional,
    /// Nobody signs in without.
    Required,
}

/// People who sign in at an OpenID Connect provider.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OidcSpec {
    /// Address of the provider.
    #[schemars(length(min = 1, max = 2048))]
    pub issuer_url: String,
    /// Client id.
    #[schemars(length(min = 1, max = 1024))]
    pub client_id: String,
    /// Secret with the client secret. Default: none, a public client.
    pub client_secret_ref: Option<SecretKeyRef>,
    /// Address that the provider sends people back to. Default: derived from the request.
    #[schemars(length(min = 1, max = 2048))]
    pub redirect_url: Option<String>,
    /// Scopes to ask for. Default: `[openid, profile, email]`.
    #[schemars(length(max = 32), inner(length(min = 1, max = 256)), extend("x-kubernetes-list-type" = "set"))]
    pub scopes: Option<Vec<String>>,
    /// Claim that lists a person's groups. Default: `groups`.
    #[schemars(length(min = 1, max = 256))]
    pub group_claim: Option<String>,
    /// Roles by group; the strongest counts. Default: none, everybody is a viewer.
    #[schemars(length(max = 100), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["matchGroup"]))]
    pub role_mappings: Option<Vec<RoleMappingSpec>>,
}

/// The role of a group's members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoleMappingSpec {
    /// The group.
    #[schemars(length(min = 1, max = 256))]
    pub match_group: String,
    /// Its members' role.
    pub role: RoleSpec,
}

/// What a person may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(transform = crate::kinds::common::without_description)]
pub enum RoleSpec {
    /// Everything.
    Admin,
    /// Writes monitoring objects.
    Editor,
    /// Reads.
    Viewer,
}

/// Keys for programs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[(
    "!has(self.maxKeysPerUser) || !has(self.maxPerUser)",
    "maxPerUser is an alias of maxKeysPerUser; set only one of them",
)])))]
pub struct ApiKeysSpec {
    /// Whether they work. Default: `true`.
    pub enabled: Option<bool>,
    /// How many a person may have. Default: `5`.
    #[schemars(range(min = 0, max = 1000))]
    pub max_keys_per_user: Option<u32>,
    /// Alias of `maxKeysPerUser`.
    #[schemars(range(min = 0, max = 1000))]
    pub max_per_user: Option<u32>,
}

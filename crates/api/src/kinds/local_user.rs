//! `LocalUser`: a person who signs in with a password.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{Condition, SecretKeyRef};
use super::settings::{MfaRequirement, RoleSpec};

/// A person who signs in with a password.
#[derive(CustomResource, Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "monitoring.kubekuma.io",
    version = "v1",
    kind = "LocalUser",
    plural = "localusers",
    namespaced,
    status = "LocalUserStatus",
    derive = "PartialEq",
    category = "kubekuma",
    shortname = "kuser",
    doc = "A person who signs in with a password.",
    printcolumn(
        name = "Username",
        type_ = "string",
        json_path = ".spec.username",
        description = "What is typed at sign-in"
    ),
    printcolumn(
        name = "Role",
        type_ = "string",
        json_path = ".spec.role",
        description = "What they may do"
    ),
    printcolumn(
        name = "Disabled",
        type_ = "boolean",
        json_path = ".spec.disabled",
        description = "Whether they may not sign in"
    ),
    printcolumn(
        name = "Last login",
        type_ = "date",
        json_path = ".status.lastLoginAt",
        description = "When they last signed in"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct LocalUserSpec {
    /// What is typed at sign-in.
    #[schemars(length(min = 1, max = 128))]
    pub username: String,
    /// Secret with the Argon2id hash of the password.
    pub password_hash_secret_ref: SecretKeyRef,
    /// What the person may do.
    pub role: RoleSpec,
    /// Namespaces that the role is limited to. Default: all.
    #[schemars(length(max = 256), inner(length(min = 1, max = 63)), extend("x-kubernetes-list-type" = "set"))]
    pub namespaces: Option<Vec<String>>,
    /// Second factor.
    pub mfa: Option<MfaSpec>,
    /// Whether the person may not sign in. Default: `false`.
    pub disabled: Option<bool>,
}

/// Second factor.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MfaSpec {
    /// Whether it is needed; the stricter of this and the settings' `auth.local.requireMfa`
    /// counts. Default: `optional`.
    pub mode: Option<MfaRequirement>,
    /// Secret with the TOTP seed (base32). Default: none, not set up.
    pub totp_secret_ref: Option<SecretKeyRef>,
}

/// What is known of a person's sign-ins.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LocalUserStatus {
    /// Generation of the spec that the status is about.
    pub observed_generation: Option<i64>,
    /// `Valid`, `Reconciled` and `Ready`.
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Option<Vec<Condition>>,
    /// When the person last signed in (RFC 3339).
    #[schemars(extend("format" = "date-time"))]
    pub last_login_at: Option<String>,
    /// Whether a second factor is set up.
    pub mfa_enabled: Option<bool>,
}

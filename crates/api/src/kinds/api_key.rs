//! `ApiKey`: a key for programs.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{Condition, SecretKeyRef};
use super::rules::time_rules;

/// A key for programs, never stronger than its owner.
#[derive(CustomResource, Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "monitoring.kubekuma.io",
    version = "v1",
    kind = "ApiKey",
    plural = "apikeys",
    namespaced,
    status = "ApiKeyStatus",
    derive = "PartialEq",
    category = "kubekuma",
    shortname = "kkey",
    doc = "A key for programs, never stronger than its owner.",
    printcolumn(
        name = "Owner",
        type_ = "string",
        json_path = ".spec.ownerRef.name",
        description = "Whose it is"
    ),
    printcolumn(
        name = "Prefix",
        type_ = "string",
        json_path = ".spec.prefix",
        description = "Its public part"
    ),
    printcolumn(
        name = "Expires",
        type_ = "string",
        json_path = ".spec.expiresAt",
        description = "Until when it works"
    ),
    printcolumn(
        name = "Last used",
        type_ = "date",
        json_path = ".status.lastUsedAt",
        description = "When it was last used"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeySpec {
    /// Whose it is.
    pub owner_ref: OwnerRef,
    /// Secret with the Argon2id hash of the key.
    pub key_hash_secret_ref: SecretKeyRef,
    /// Public part of the key, by which its hash is found. Default: none, every hash is tried.
    #[schemars(length(min = 4, max = 64))]
    pub prefix: Option<String>,
    /// What it may do: `<resource>:read`, `<resource>:write`, `metrics:read`, `push:write` or
    /// `*`. Default: nothing.
    #[schemars(length(max = 64), inner(length(min = 1, max = 128)), extend("x-kubernetes-list-type" = "set"))]
    pub scopes: Option<Vec<String>>,
    /// Until when it works (RFC 3339). Default: for ever.
    #[schemars(extend("format" = "date-time", "x-kubernetes-validations" = time_rules()))]
    pub expires_at: Option<String>,
    /// Whether it does not work. Default: `false`.
    pub disabled: Option<bool>,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OwnerRef {
    /// How the person signs in.
    pub kind: OwnerKind,
    /// Name of the LocalUser in the same namespace, or subject at the OpenID Connect provider.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// How a person signs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::kinds::common::without_description)]
pub enum OwnerKind {
    /// With a password.
    LocalUser,
    /// At an OpenID Connect provider.
    #[serde(rename = "OIDCUser")]
    OidcUser,
}

/// What is known of a key's use.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeyStatus {
    /// Generation of the spec that the status is about.
    pub observed_generation: Option<i64>,
    /// `Valid`, `Reconciled` and `Ready`.
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Option<Vec<Condition>>,
    /// When it was last used (RFC 3339).
    #[schemars(extend("format" = "date-time"))]
    pub last_used_at: Option<String>,
}

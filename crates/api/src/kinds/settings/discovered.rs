//! `status.discovery`: a bounded extract of what discovery finds; the API has all of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

// What is none is left out of what is written: a list that is null is none to the API server, which
// then refuses the whole status.
/// What discovery finds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DiscoveryStatus {
    /// How many targets are found that no monitor checks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestion_count: Option<i64>,
    /// How many Monitors discovery has written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub written_count: Option<i64>,
    /// The first of the suggestions by name; the API has all of them.
    #[schemars(length(max = 20))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestions: Option<Vec<SuggestionStatus>>,
    /// What is wrong with objects that are looked at, or keeps us from looking.
    #[schemars(length(max = 20), inner(length(max = 1024)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remarks: Option<Vec<String>>,
}

/// A target that no monitor checks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SuggestionStatus {
    /// The object it is read from, as `Ingress shop/web`.
    #[schemars(length(max = 600))]
    pub source: String,
    /// Namespace and name of the Monitor that would check it.
    #[schemars(length(max = 320))]
    pub name: String,
    /// What would be checked.
    #[schemars(length(max = 2100))]
    pub target: String,
}

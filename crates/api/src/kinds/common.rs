//! Parts that several kinds share: references, selectors, conditions.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::rules::rules;

/// One entry of a Secret in the object's own namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-map-type" = "atomic"))]
pub struct SecretKeyRef {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Entry within the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

/// An object by name, in the same namespace unless one is given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-map-type" = "atomic"))]
pub struct ObjectRef {
    /// Name of the object.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Namespace of the object. Default: the namespace of the object that refers to it.
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,
}

/// An object of the same namespace by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-map-type" = "atomic"))]
pub struct LocalRef {
    /// Name of the object.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// A reference wrapped in `ref`, as lists of references are written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RefEntry {
    /// The object meant.
    #[serde(rename = "ref")]
    pub reference: ObjectRef,
}

/// A header whose value comes from a Secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeaderFrom {
    /// Name of the header.
    #[schemars(length(min = 1, max = 256))]
    pub name: String,
    /// Where its value is.
    pub value_from_secret_ref: SecretKeyRef,
}

/// Which monitors are meant. Entries of one list are alternatives; all lists that are given must
/// match. Without `matchNamespaces` the object's own namespace is meant, or all namespaces for
/// objects in KubeKuma's own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MonitorSelector {
    /// Namespaces of which the monitor must be in one. Default: the object's own namespace, or
    /// all of them for objects in KubeKuma's own namespace.
    #[schemars(length(max = 100), inner(length(min = 1, max = 63)), extend("x-kubernetes-list-type" = "set"))]
    pub match_namespaces: Option<Vec<String>>,
    /// Labels that the monitor must all have. Default: any.
    #[schemars(extend("maxProperties" = 64))]
    pub match_labels: Option<BTreeMap<String, String>>,
    /// Tags of which the monitor must have one. Default: any.
    #[schemars(length(max = 100), inner(length(min = 1, max = 63)), extend("x-kubernetes-list-type" = "set"))]
    pub match_tags: Option<Vec<String>>,
    /// Names of which the monitor's must match one. Default: any.
    #[schemars(length(max = 100))]
    pub match_names: Option<Vec<NameSelector>>,
}

/// One entry of `matchNames`: an exact name or a pattern.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[
    ("has(self.name) != has(self.pattern)", "set either name or pattern"),
    ("!has(self.regex) || has(self.pattern)", "regex says how pattern is read; set pattern too"),
])))]
pub struct NameSelector {
    /// Namespace of the monitor. Default: the namespaces that the selector means.
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,
    /// The exact name.
    #[schemars(length(min = 1, max = 253))]
    pub name: Option<String>,
    /// A pattern for the name: a glob (`*`, `?`, `[…]`), or a regular expression with
    /// `regex: true`, which you anchor yourself.
    #[schemars(length(min = 1, max = 1024))]
    pub pattern: Option<String>,
    /// Whether `pattern` is a regular expression (RE2 syntax). Default: `false`.
    pub regex: Option<bool>,
}

/// A condition of the object, as Kubernetes objects have them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// What the condition is about: `Valid`, `Reconciled` or `Ready`.
    #[serde(rename = "type")]
    #[schemars(length(max = 316))]
    pub type_: String,
    /// `True`, `False` or `Unknown`.
    #[schemars(length(max = 16))]
    pub status: String,
    /// Stable code that says why.
    #[schemars(length(max = 1024))]
    pub reason: Option<String>,
    /// The same in words.
    #[schemars(length(max = 32768))]
    pub message: Option<String>,
    /// When the status last changed (RFC 3339).
    #[schemars(extend("format" = "date-time"))]
    pub last_transition_time: Option<String>,
    /// Generation of the spec that the condition is about.
    pub observed_generation: Option<i64>,
}

/// A status of nothing but conditions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BasicStatus {
    /// Generation of the spec that the status is about.
    pub observed_generation: Option<i64>,
    /// `Valid`, `Reconciled` and `Ready`.
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Option<Vec<Condition>>,
}

/// A number or a text: the only union in the schemas (`x-kubernetes-int-or-string`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum IntOrText {
    /// Written as a number.
    Int(i64),
    /// Written as a text.
    Text(String),
}

impl std::fmt::Display for IntOrText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Int(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl JsonSchema for IntOrText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "IntOrText".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"x-kubernetes-int-or-string": true})
    }
}

/// `headers` and alike: names with texts that may hold `${SECRET:name:key}`.
pub type TextMap = BTreeMap<String, String>;

/// Takes the description off the schema of an enum, so that the one of the field that holds it
/// stays: making the schema of an optional enum structural would put the enum's in its place.
pub(crate) fn without_description(schema: &mut Schema) {
    schema.remove("description");
}

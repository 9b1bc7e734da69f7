//! `MonitorSet`: many monitors written once.

use std::collections::BTreeMap;

use kube::CustomResource;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::common::Condition;
use super::monitor::{MonitorSpec, item_rules};

/// Many monitors written once. Each item is a monitor named `<set>-<item>`; an item that uses
/// variables of the matrix is one for each combination, named `<set>-<item>-<value>…`.
#[derive(CustomResource, Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "monitoring.kubekuma.io",
    version = "v1",
    kind = "MonitorSet",
    plural = "monitorsets",
    namespaced,
    status = "MonitorSetStatus",
    derive = "PartialEq",
    category = "kubekuma",
    shortname = "kmonset",
    doc = "Many monitors written once.",
    printcolumn(
        name = "Valid",
        type_ = "integer",
        json_path = ".status.validCount",
        description = "Items that run"
    ),
    printcolumn(
        name = "Invalid",
        type_ = "integer",
        json_path = ".status.invalidCount",
        description = "Items that cannot"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct MonitorSetSpec {
    /// Fields that items have unless they say otherwise: any of a Monitor's but `type` and
    /// `target`. Objects are merged field by field, lists and values are replaced.
    #[serde(default)]
    #[schemars(schema_with = "defaults_schema")]
    pub defaults: Option<Map<String, Value>>,
    /// The monitors. The values of `matrix` may stand in their strings as `{{ .variable }}`.
    #[schemars(length(min = 1, max = 1000), schema_with = "items_schema")]
    pub items: Vec<Map<String, Value>>,
    /// Variables with their values. An item becomes one monitor for every combination of the
    /// variables that it uses as `{{ .variable }}`. Where its name uses one, the value stands
    /// there; the others are appended to the name as `-<value>`, in the order of the variables'
    /// names, in lower case with `-` for what a name cannot hold. At most 1,000 monitors in all.
    /// Default: none.
    #[serde(default)]
    #[schemars(schema_with = "matrix_schema")]
    pub matrix: Option<BTreeMap<String, Vec<String>>>,
}

fn matrix_schema(_: &mut SchemaGenerator) -> Schema {
    schemars::json_schema!({
        "type": "object",
        "maxProperties": 8,
        "additionalProperties": {
            "type": "array",
            "minItems": 1,
            "maxItems": 100,
            "items": {"type": "string", "minLength": 1, "maxLength": 253},
        },
    })
}

/// A Monitor's schema, to be changed into an item's or the defaults'.
fn monitor_schema(generator: &mut SchemaGenerator) -> Map<String, Value> {
    let schema = MonitorSpec::json_schema(generator);
    let mut map = schema.as_object().cloned().unwrap_or_default();
    map.remove("x-kubernetes-validations");
    map.remove("description");
    map.remove("title");
    map
}

fn defaults_schema(generator: &mut SchemaGenerator) -> Schema {
    let mut map = monitor_schema(generator);
    map.remove("required");
    if let Some(Value::Object(properties)) = map.get_mut("properties") {
        properties.remove("type");
        properties.remove("target");
    }
    Schema::from(map)
}

fn items_schema(generator: &mut SchemaGenerator) -> Schema {
    let mut map = monitor_schema(generator);
    if let Some(Value::Object(properties)) = map.get_mut("properties") {
        let name = json!({
            "type": "string",
            "minLength": 1,
            "maxLength": 253,
            "description": "Name of the item; the monitor is named `<set>-<item>`.",
        });
        properties.insert("name".to_owned(), name);
    }
    if let Some(Value::Array(required)) = map.get_mut("required") {
        required.push(json!("name"));
    }
    map.insert("x-kubernetes-validations".to_owned(), item_rules());
    schemars::json_schema!({
        "type": "array",
        "minItems": 1,
        "maxItems": 1000,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
        "items": Value::Object(map),
    })
}

/// How a set's items are.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MonitorSetStatus {
    /// Generation of the spec that the status is about.
    pub observed_generation: Option<i64>,
    /// `Valid`, `Reconciled` and `Ready`.
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Option<Vec<Condition>>,
    /// Items that run.
    pub valid_count: Option<i64>,
    /// Items that cannot.
    pub invalid_count: Option<i64>,
    /// Each item.
    #[schemars(length(max = 1000), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub item_statuses: Option<Vec<ItemStatus>>,
}

/// How one item is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ItemStatus {
    /// Its name within the set.
    #[schemars(length(max = 253))]
    pub name: String,
    /// Whether it runs.
    pub ready: Option<bool>,
    /// Its state.
    #[schemars(length(max = 32))]
    pub state: Option<String>,
    /// What is wrong with it.
    #[schemars(length(max = 1024))]
    pub message: Option<String>,
}

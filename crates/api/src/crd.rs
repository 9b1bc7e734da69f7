//! The CustomResourceDefinitions of the ten kinds, made from their types.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps,
};
use kube::CustomResourceExt;
use kuma_core::id::Kind;
use serde_json::Value;

use crate::kinds;

/// The definitions of all kinds, in the order of the documentation.
pub fn crds() -> Vec<CustomResourceDefinition> {
    Kind::OURS.iter().filter_map(|kind| crd(*kind)).collect()
}

/// The definition of a kind; none for the foreign ones.
pub fn crd(kind: Kind) -> Option<CustomResourceDefinition> {
    let definition = match kind {
        Kind::Monitor => kinds::Monitor::crd(),
        Kind::MonitorSet => kinds::MonitorSet::crd(),
        Kind::NotificationProvider => kinds::NotificationProvider::crd(),
        Kind::NotificationPolicy => kinds::NotificationPolicy::crd(),
        Kind::StatusPage => kinds::StatusPage::crd(),
        Kind::MaintenanceWindow => kinds::MaintenanceWindow::crd(),
        Kind::Silence => kinds::Silence::crd(),
        Kind::LocalUser => kinds::LocalUser::crd(),
        Kind::ApiKey => kinds::ApiKey::crd(),
        Kind::KubeKumaSettings => kinds::KubeKumaSettings::crd(),
        Kind::Secret | Kind::Namespace => return None,
    };
    Some(normal(definition))
}

/// The schema of a whole object of a kind (`apiVersion` to `status`); none for the foreign ones.
pub fn schema(kind: Kind) -> Option<JSONSchemaProps> {
    crd(kind)?.spec.versions.into_iter().next()?.schema?.open_api_v3_schema
}

/// The definition as YAML, the same bytes every time.
pub fn to_yaml(definition: &CustomResourceDefinition) -> String {
    let value = serde_json::to_value(definition).unwrap_or(Value::Null);
    let text = serde_saphyr::to_string(&value).unwrap_or_default();
    format!("# Generated from crates/api/src/kinds by `cargo xtask generate`; do not edit.\n{text}")
}

/// Takes what the API server has no use for out of every schema of the definition.
fn normal(mut definition: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut definition.spec.versions {
        let schema = version.schema.as_mut().and_then(|it| it.open_api_v3_schema.as_mut());
        if let Some(schema) = schema {
            simplify(schema);
        }
    }
    definition
}

/// No `nullable` (the API server drops nulls of fields that are not), no defaults, only formats
/// that it knows.
fn simplify(schema: &mut JSONSchemaProps) {
    use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
        JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
    };
    schema.nullable = None;
    schema.default = None;
    schema.title = None;
    if !matches!(schema.format.as_deref(), Some("date-time" | "int32" | "int64" | "double")) {
        schema.format = None;
    }
    if let Some(values) = &mut schema.enum_ {
        values.retain(|value| !value.0.is_null());
    }
    for property in schema.properties.iter_mut().flat_map(|map| map.values_mut()) {
        simplify(property);
    }
    match &mut schema.items {
        Some(JSONSchemaPropsOrArray::Schema(items)) => simplify(items),
        Some(JSONSchemaPropsOrArray::Schemas(list)) => list.iter_mut().for_each(simplify),
        None => {}
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        simplify(values);
    }
}

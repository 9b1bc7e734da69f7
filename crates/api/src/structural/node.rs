//! A schema compiled: what the walk needs, without the documentation.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use regex::Regex;
use serde_json::Value;

use super::SchemaError;

/// A JSON type, or the one union that structural schemas have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
    IntOrString,
    Any,
}

impl Type {
    /// With its article.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Object => "an object",
            Self::Array => "a list",
            Self::String => "text",
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::Boolean => "true or false",
            Self::IntOrString => "a whole number or text",
            Self::Any => "any value",
        }
    }
}

/// `x-kubernetes-list-type`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ListType {
    Atomic,
    Set,
    Map(Vec<String>),
}

#[derive(Debug)]
pub(super) struct Node {
    pub(super) kind: Type,
    pub(super) nullable: bool,
    pub(super) preserve_unknown: bool,
    pub(super) properties: BTreeMap<String, Self>,
    pub(super) additional: Option<Box<Self>>,
    /// `additionalProperties: true`.
    pub(super) any_property: bool,
    pub(super) required: BTreeSet<String>,
    pub(super) property_count: (Option<u64>, Option<u64>),
    pub(super) items: Option<Box<Self>>,
    pub(super) item_count: (Option<u64>, Option<u64>),
    pub(super) list_type: ListType,
    pub(super) length: (Option<u64>, Option<u64>),
    pub(super) pattern: Option<Regex>,
    pub(super) format: Option<String>,
    pub(super) minimum: Option<(f64, bool)>,
    pub(super) maximum: Option<(f64, bool)>,
    pub(super) multiple_of: Option<f64>,
    pub(super) permitted: Vec<Value>,
    pub(super) all_of: Vec<Self>,
    pub(super) any_of: Vec<Self>,
    pub(super) one_of: Vec<Self>,
    pub(super) not: Option<Box<Self>>,
}

impl Node {
    pub(super) fn compile(schema: &JSONSchemaProps, path: &str) -> Result<Self, SchemaError> {
        let kind = kind(schema);
        let branches = |list: &Option<Vec<JSONSchemaProps>>| {
            list.iter()
                .flatten()
                .map(|schema| Self::compile(schema, path))
                .collect::<Result<Vec<_>, _>>()
        };
        let (additional, any_property) = match &schema.additional_properties {
            Some(JSONSchemaPropsOrBool::Schema(schema)) => {
                (Some(Box::new(Self::compile(schema, &format!("{path}[*]"))?)), false)
            }
            Some(JSONSchemaPropsOrBool::Bool(any)) => (None, *any),
            None => (None, false),
        };
        Ok(Self {
            kind,
            nullable: schema.nullable.unwrap_or(false),
            preserve_unknown: schema.x_kubernetes_preserve_unknown_fields.unwrap_or(false),
            properties: schema
                .properties
                .iter()
                .flatten()
                .map(|(name, schema)| {
                    Ok((name.clone(), Self::compile(schema, &format!("{path}.{name}"))?))
                })
                .collect::<Result<_, _>>()?,
            additional,
            any_property,
            required: schema.required.iter().flatten().cloned().collect(),
            property_count: (count(schema.min_properties), count(schema.max_properties)),
            items: match &schema.items {
                Some(JSONSchemaPropsOrArray::Schema(schema)) => {
                    Some(Box::new(Self::compile(schema, &format!("{path}[]"))?))
                }
                _ => None,
            },
            item_count: (count(schema.min_items), count(schema.max_items)),
            list_type: list_type(schema),
            length: (count(schema.min_length), count(schema.max_length)),
            pattern: pattern(schema, path)?,
            format: schema.format.clone(),
            minimum: schema.minimum.map(|limit| (limit, schema.exclusive_minimum.unwrap_or(false))),
            maximum: schema.maximum.map(|limit| (limit, schema.exclusive_maximum.unwrap_or(false))),
            multiple_of: schema.multiple_of,
            permitted: schema.enum_.iter().flatten().map(|value| value.0.clone()).collect(),
            all_of: branches(&schema.all_of)?,
            // The branches of an int-or-string only repeat its two types.
            any_of: if kind == Type::IntOrString { Vec::new() } else { branches(&schema.any_of)? },
            one_of: branches(&schema.one_of)?,
            not: match &schema.not {
                Some(schema) => Some(Box::new(Self::compile(schema, path)?)),
                None => None,
            },
        })
    }
}

fn kind(schema: &JSONSchemaProps) -> Type {
    if schema.x_kubernetes_int_or_string == Some(true) {
        return Type::IntOrString;
    }
    match schema.type_.as_deref() {
        Some("object") => Type::Object,
        Some("array") => Type::Array,
        Some("string") => Type::String,
        Some("integer") => Type::Integer,
        Some("number") => Type::Number,
        Some("boolean") => Type::Boolean,
        _ => Type::Any,
    }
}

fn count(limit: Option<i64>) -> Option<u64> {
    limit.and_then(|limit| u64::try_from(limit).ok())
}

fn list_type(schema: &JSONSchemaProps) -> ListType {
    match schema.x_kubernetes_list_type.as_deref() {
        Some("map") => ListType::Map(schema.x_kubernetes_list_map_keys.clone().unwrap_or_default()),
        Some("set") => ListType::Set,
        _ if schema.unique_items == Some(true) => ListType::Set,
        _ => ListType::Atomic,
    }
}

fn pattern(schema: &JSONSchemaProps, path: &str) -> Result<Option<Regex>, SchemaError> {
    schema
        .pattern
        .as_deref()
        .map(|source| {
            Regex::new(source).map_err(|error| SchemaError::Pattern {
                path: path.to_owned(),
                why: error.to_string(),
            })
        })
        .transpose()
}

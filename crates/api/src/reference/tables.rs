//! A schema as Markdown tables, one per object in it.

use std::fmt::Write as _;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};

/// A part of the object as one table per object in it.
pub(super) fn tables(part: &str, schema: &JSONSchemaProps) -> String {
    let mut out = String::new();
    let mut queue = std::collections::VecDeque::from([(part.to_owned(), schema)]);
    while let Some((path, schema)) = queue.pop_front() {
        let Some(properties) = &schema.properties else {
            continue;
        };
        let level = if path == part { "##" } else { "###" };
        let _ = write!(out, "\n{level} {path}\n\n");
        if path != part
            && let Some(text) = &schema.description
        {
            let _ = writeln!(out, "{}\n", flat(text));
        }
        out.push_str(&rules(schema));
        out.push_str("| field | type | default | bounds | description |\n|---|---|---|---|---|\n");
        let required = schema.required.clone().unwrap_or_default();
        let mut below = Vec::new();
        for (name, property) in properties {
            out.push_str(&row(name, property, required.contains(name)));
            if let Some((suffix, inner)) = object_in(property) {
                below.push((format!("{path}.{name}{suffix}"), inner));
            }
        }
        // Depth first: what belongs together stands together.
        for entry in below.into_iter().rev() {
            queue.push_front(entry);
        }
    }
    out
}

/// The object that a property is, or is a list or map of.
fn object_in(property: &JSONSchemaProps) -> Option<(&'static str, &JSONSchemaProps)> {
    if is_common(property) {
        return None;
    }
    if property.properties.is_some() {
        return Some(("", property));
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &property.items
        && items.properties.is_some()
    {
        return Some(("[]", items));
    }
    None
}

/// References of two fields need no table of their own.
fn is_common(property: &JSONSchemaProps) -> bool {
    let Some(properties) = &property.properties else {
        return false;
    };
    let names: Vec<&str> = properties.keys().map(String::as_str).collect();
    names == ["key", "name"] || names == ["name", "namespace"] || names == ["name"]
}

fn rules(schema: &JSONSchemaProps) -> String {
    let messages: Vec<&str> = schema
        .x_kubernetes_validations
        .iter()
        .flatten()
        .filter_map(|rule| rule.message.as_deref())
        .collect();
    if messages.is_empty() {
        return String::new();
    }
    let list: String = messages.iter().fold(String::new(), |mut list, message| {
        let _ = writeln!(list, "- {}", flat(message));
        list
    });
    format!("Rules:\n\n{list}\n")
}

fn row(name: &str, property: &JSONSchemaProps, required: bool) -> String {
    let text = flat(property.description.as_deref().unwrap_or_default());
    let (text, default) = match text.split_once("Default: ") {
        Some((before, after)) => split_default(before, after),
        None if required => (text, "required".to_owned()),
        None => (text, String::new()),
    };
    format!(
        "| `{name}` | {} | {} | {} | {} |\n",
        escaped(&type_of(property)),
        escaped(&default),
        escaped(&bounds(property)),
        escaped(text.trim()),
    )
}

/// A description without its `Default: …` sentence, and that.
fn split_default(before: &str, after: &str) -> (String, String) {
    let end = after.find(". ").map_or(after.len(), |at| at + 1);
    let (default, rest) = after.split_at(end);
    (format!("{before}{rest}"), default.trim_end_matches('.').to_owned())
}

fn type_of(property: &JSONSchemaProps) -> String {
    if property.x_kubernetes_int_or_string == Some(true) {
        return "number or text".to_owned();
    }
    if let Some(values) = &property.enum_ {
        let values: Vec<String> = values
            .iter()
            .map(|value| format!("`{}`", value.0.as_str().unwrap_or_default()))
            .collect();
        return values.join(", ");
    }
    match property.type_.as_deref() {
        Some("array") => match &property.items {
            Some(JSONSchemaPropsOrArray::Schema(items)) => format!("list of {}", type_of(items)),
            _ => "list".to_owned(),
        },
        Some("object") => object_type(property),
        Some("string") if property.format.as_deref() == Some("date-time") => "time".to_owned(),
        Some("string") => "text".to_owned(),
        Some("integer" | "number") => "number".to_owned(),
        Some("boolean") => "yes or no".to_owned(),
        _ => "any".to_owned(),
    }
}

fn object_type(property: &JSONSchemaProps) -> String {
    if let Some(properties) = property.properties.as_ref().filter(|_| is_common(property)) {
        let names: Vec<&str> = properties.keys().map(String::as_str).collect();
        return format!("{{{}}}", names.join(", "));
    }
    match &property.additional_properties {
        Some(JSONSchemaPropsOrBool::Schema(values)) => format!("map to {}", type_of(values)),
        _ => "object".to_owned(),
    }
}

fn bounds(property: &JSONSchemaProps) -> String {
    let whole = |number: f64| format!("{number}");
    let range = |low: Option<String>, high: Option<String>, unit: &str| match (low, high) {
        (Some(low), Some(high)) => Some(format!("{low} to {high}{unit}")),
        (Some(low), None) => Some(format!("at least {low}{unit}")),
        (None, Some(high)) => Some(format!("at most {high}{unit}")),
        (None, None) => None,
    };
    let text = |number: i64| number.to_string();
    let parts = [
        range(property.minimum.map(whole), property.maximum.map(whole), ""),
        range(property.min_length.map(text), property.max_length.map(text), " characters"),
        range(property.min_items.map(text), property.max_items.map(text), " entries"),
        range(property.min_properties.map(text), property.max_properties.map(text), " entries"),
        property.pattern.as_ref().map(|pattern| format!("`{pattern}`")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// One line.
pub(super) fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Fit for a cell of a table.
pub(super) fn escaped(text: &str) -> String {
    text.replace('|', "\\|")
}

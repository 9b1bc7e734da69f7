//! Which documents are ours: `apiVersion` and `kind`.

use kuma_core::id::{Kind, ObjectKey};
use kuma_core::object::Problem;
use serde_json::Value;

use super::{ReadContext, missing, object_name};
use crate::document::Document;
use crate::structural::{closest, shown, structural};

/// The group of our kinds.
const GROUP: &str = "monitoring.kubekuma.io";
/// The version of our kinds.
const VERSION: &str = "v1";

/// What a document is.
pub(super) enum Identity {
    /// An object that is read.
    Ours(Kind),
    /// Someone else's; with a warning where that may be a mistake.
    Foreign(Option<Problem>),
    /// Meant to be ours, but not of a kind that exists.
    Wrong(Vec<Problem>),
}

/// Whether a document is a `v1/List`, as `kubectl get -o yaml` writes it.
pub(super) fn is_list(value: &Value) -> bool {
    value.get("apiVersion").and_then(Value::as_str) == Some("v1")
        && value.get("kind").and_then(Value::as_str) == Some("List")
}

pub(super) fn identify(value: &Value) -> Identity {
    let Some(entries) = value.as_object() else {
        return Identity::Wrong(vec![
            structural("", "a document must be an object with apiVersion, kind and metadata")
                .with_value(shown(value)),
        ]);
    };
    if !["apiVersion", "kind", "metadata", "spec"].iter().any(|name| entries.contains_key(*name)) {
        let why = "is no Kubernetes object (it has neither apiVersion nor kind) and is skipped";
        return Identity::Foreign(Some(Problem::warning("", why)));
    }
    let mut problems = Vec::new();
    let api_version =
        text(value, "apiVersion", "apiVersion: monitoring.kubekuma.io/v1", &mut problems);
    let kind = text(value, "kind", "kind: Monitor", &mut problems);
    let (Some(api_version), Some(kind)) = (api_version, kind) else {
        return Identity::Wrong(problems);
    };
    let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
    match (group, version, kind) {
        ("", "v1", "Secret") => Identity::Ours(Kind::Secret),
        ("", "v1", "Namespace") => Identity::Ours(Kind::Namespace),
        (GROUP, VERSION, _) => our_kind(kind),
        (GROUP, ..) => Identity::Wrong(vec![
            structural("apiVersion", format!("there is no version `{version}` of {GROUP}"))
                .with_value(api_version)
                .with_fix(format!("write `apiVersion: {GROUP}/{VERSION}`")),
        ]),
        _ => Identity::Foreign(mistaken_group(api_version, kind)),
    }
}

fn text<'a>(
    value: &'a Value,
    name: &str,
    example: &str,
    problems: &mut Vec<Problem>,
) -> Option<&'a str> {
    match value.get(name) {
        Some(Value::String(text)) => Some(text),
        None | Some(Value::Null) => {
            problems.push(missing(name, example));
            None
        }
        Some(other) => {
            problems.push(structural(name, "must be text").with_value(shown(other)));
            None
        }
    }
}

fn our_kind(name: &str) -> Identity {
    if let Some(kind) = Kind::OURS.into_iter().find(|kind| kind.as_str() == name) {
        return Identity::Ours(kind);
    }
    let names = || Kind::OURS.iter().map(|kind| kind.as_str());
    let fix = closest(name, names()).map_or_else(
        || format!("the kinds are {}", names().collect::<Vec<_>>().join(", ")),
        |meant| format!("did you mean `{meant}`?"),
    );
    Identity::Wrong(vec![
        structural("kind", format!("there is no kind `{name}` in {GROUP}/{VERSION}"))
            .with_value(name)
            .with_fix(fix),
    ])
}

/// A document of one of our kinds in a group that looks like ours would be skipped silently.
fn mistaken_group(api_version: &str, kind: &str) -> Option<Problem> {
    let ours = Kind::OURS.iter().any(|other| other.as_str() == kind);
    let group = api_version.rsplit_once('/').map_or(api_version, |(group, _)| group);
    (ours && (group.contains("kuma") || closest(group, [GROUP]).is_some())).then(|| {
        Problem::warning(
            "apiVersion",
            format!("is another group than {GROUP}; the document is skipped"),
        )
        .with_value(api_version)
        .with_fix(format!("did you mean `{GROUP}/{VERSION}`?"))
    })
}

/// The identity of a document that is no sound YAML, as far as it can be made out.
pub(super) fn of_broken(document: &Document, context: &ReadContext) -> Option<ObjectKey> {
    let field =
        |path: &str| document.value.pointer(path).and_then(Value::as_str).map(str::to_owned);
    let guess = document.guess.clone().unwrap_or_default();
    let kind = field("/kind").or(guess.kind)?;
    let name = field("/metadata/name").or(guess.name)?;
    let namespace = field("/metadata/namespace").or(guess.namespace);
    let api_version = field("/apiVersion").or(guess.api_version)?;
    let kind = match api_version.as_str() {
        "v1" => [Kind::Secret, Kind::Namespace].into_iter().find(|other| other.as_str() == kind),
        _ if api_version.starts_with(GROUP) => {
            Kind::OURS.into_iter().find(|other| other.as_str() == kind)
        }
        _ => None,
    }?;
    Some(ObjectKey { kind, name: object_name(kind, namespace.as_deref(), &name, context) })
}

//! Objects of our own kinds: schema, rules, conversion.

use std::collections::BTreeMap;
use std::sync::{LazyLock, OnceLock};

use kuma_core::id::{Kind, ObjectKey};
use kuma_core::object::{Body, Meta, Problem};
use serde_json::Value;

use super::severe;
use crate::convert::{self, Conversion};
use crate::crd;
use crate::structural::{Schema, SchemaError};

/// What is known about our kinds.
pub(super) trait Kinds {
    /// The compiled schema of a kind; none for the foreign ones.
    fn schema(&self, kind: Kind) -> Option<Result<&Schema, &SchemaError>>;
    /// Converts an object into what the core runs.
    fn convert(&self, key: &ObjectKey, meta: &Meta, object: &Value) -> Conversion;
}

/// The kinds of this program.
pub(super) struct Registered;

/// A kind's schema, compiled when the first object of it is read: that takes as long as reading
/// hundreds of objects, and few folders hold every kind.
type Lazily = OnceLock<Option<Result<Schema, SchemaError>>>;

static SCHEMAS: LazyLock<BTreeMap<Kind, Lazily>> =
    LazyLock::new(|| Kind::OURS.into_iter().map(|kind| (kind, Lazily::new())).collect());

impl Kinds for Registered {
    fn schema(&self, kind: Kind) -> Option<Result<&Schema, &SchemaError>> {
        let compile = || crd::schema(kind).map(|schema| Schema::compile(&schema));
        SCHEMAS.get(&kind)?.get_or_init(compile).as_ref().map(Result::as_ref)
    }

    fn convert(&self, key: &ObjectKey, meta: &Meta, object: &Value) -> Conversion {
        convert::convert(key, meta, object)
    }
}

/// Judges and converts an object. An object with structural errors is converted without the
/// fields that are wrong, so that semantic errors elsewhere are reported with them.
pub(super) fn read(
    kinds: &dyn Kinds,
    key: &ObjectKey,
    meta: &Meta,
    value: &Value,
    problems: &mut Vec<Problem>,
) -> Option<Body> {
    let normal;
    let (value, structural) = match kinds.schema(key.kind) {
        Some(Ok(schema)) => {
            normal = schema.normal(value);
            (&normal, schema.validate(value))
        }
        Some(Err(error)) => {
            // A mistake of ours, which the tests find; nothing is let through because of it.
            let why = format!("the schema of {} cannot be used: {error}", key.kind);
            problems.push(Problem::semantic("kind", why));
            return None;
        }
        None => (value, Vec::new()),
    };
    if !severe(&structural) {
        let conversion = kinds.convert(key, meta, value);
        problems.extend(structural);
        problems.extend(conversion.problems);
        return conversion.body;
    }
    let mut rest = value.clone();
    let wrong: Vec<_> = structural
        .iter()
        .filter(|problem| is_field(problem, value))
        .map(|p| p.path.clone())
        .collect();
    for path in &wrong {
        remove(&mut rest, path);
    }
    let conversion = kinds.convert(key, meta, &rest);
    let more = conversion
        .problems
        .into_iter()
        .filter(|problem| !wrong.iter().any(|known| overlaps(known, &problem.path)));
    let more: Vec<_> = more.collect();
    problems.extend(structural);
    problems.extend(more);
    None
}

/// Whether a problem is about one field, which can be left out. A rule about an object as a whole
/// leaves its fields as they are: they can still be wrong in other ways.
fn is_field(problem: &Problem, value: &Value) -> bool {
    let found = segments(&problem.path).into_iter().try_fold(value, |at, segment| match at {
        Value::Array(items) => items.get(segment.parse::<usize>().ok()?),
        other => other.get(segment),
    });
    !found.is_some_and(Value::is_object) || problem.why.contains("unknown field")
}

/// Whether one path is the other or lies below it.
fn overlaps(one: &str, other: &str) -> bool {
    let (short, long) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    long.strip_prefix(short)
        .is_some_and(|rest| short.is_empty() || rest.is_empty() || rest.starts_with(['.', '[']))
}

/// Removes a field. An item of a list stays in its place for the sake of the others' paths; the
/// field that holds the list goes instead.
fn remove(value: &mut Value, path: &str) {
    let mut segments = segments(path);
    while segments.last().is_some_and(|segment| segment.parse::<usize>().is_ok()) {
        segments.pop();
    }
    let Some((last, parents)) = segments.split_last() else {
        return;
    };
    let mut at = value;
    for segment in parents {
        let next = match at {
            Value::Object(entries) => entries.get_mut(*segment),
            Value::Array(items) => {
                segment.parse().ok().and_then(|index: usize| items.get_mut(index))
            }
            _ => None,
        };
        let Some(next) = next else {
            return;
        };
        at = next;
    }
    if let Value::Object(entries) = at {
        entries.shift_remove(*last);
    }
}

/// `spec.items[2].headers[x.y]` as its parts.
fn segments(path: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let end = inner.find(']').unwrap_or(inner.len());
            out.push(&inner[..end]);
            rest = inner.get(end + 1..).unwrap_or("");
        } else {
            rest = rest.strip_prefix('.').unwrap_or(rest);
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            out.push(&rest[..end]);
            rest = &rest[end..];
        }
    }
    out
}

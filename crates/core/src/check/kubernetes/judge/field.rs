//! Whether a field of any object exists or has a value.

use kuma_expr::JsonPath;

use super::object::{Object, shown};
use super::{Judgement, Unwell};
use crate::check::value;
use crate::reason::Reason;

/// Of several nodes that the query finds, the first counts.
pub(super) fn judge(object: Object<'_>, path: &JsonPath, expected: Option<&str>) -> Judgement {
    let found = path.query(object.value());
    let query = path.as_str();
    let fail = |message: String| Err(Unwell::new(Reason::KubernetesField, message));
    let Some(first) = found.first() else {
        return fail(format!("`{query}` finds nothing"));
    };
    let is = shown(&value::shown(first));
    match expected {
        Some(expected) if !value::equal(first, expected) => {
            fail(format!("`{query}` is {is}, expected {}", shown(expected)))
        }
        _ => Ok(format!("`{query}` is {is}")),
    }
}

//! Whether any object's condition is True.

use super::object::{Object, shown};
use super::{Judgement, Unwell};
use crate::reason::Reason;

pub(super) fn judge(object: Object<'_>, kind: &str) -> Judgement {
    let Some(condition) = object.condition(kind) else {
        let known: Vec<String> = object.conditions().map(|it| shown(it.kind())).collect();
        let message = format!("it has no condition {kind}");
        let unwell = Unwell::new(Reason::KubernetesNotReady, message);
        return Err(unwell.with("conditions", shown(&known.join(", "))));
    };
    let written = object.metadata("generation").as_i64();
    let behind = condition.generation().zip(written).is_some_and(|(seen, written)| seen < written);
    let old = if behind { "; that is about an older version of it" } else { "" };
    let status = condition.status();
    if condition.is_true() {
        return Ok(format!("{kind} is True{old}"));
    }
    let message =
        format!("{kind} is {}{}{}{old}", shown(status), condition.since(), condition.why());
    Err(Unwell::new(Reason::KubernetesNotReady, message))
}

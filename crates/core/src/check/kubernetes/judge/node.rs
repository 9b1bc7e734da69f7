//! Whether a Node is ready, and what presses it.

use super::object::{Object, with_remarks};
use super::{Judgement, Unwell};
use crate::reason::Reason;

/// Conditions that are bad when they are True. They make a node refuse or evict pods, and not
/// unready.
const PRESSURES: [&str; 4] =
    ["MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable"];

pub(super) fn judge(node: Object<'_>) -> Judgement {
    let mut remarks = Vec::new();
    for kind in PRESSURES {
        if let Some(pressure) = node.condition(kind).filter(|it| it.is_true()) {
            remarks.push(format!("{kind}{}", pressure.why()));
        }
    }
    if node.spec("unschedulable") == true {
        remarks.push("no new pods come to it (cordoned)".to_owned());
    }
    let message = match node.condition("Ready") {
        Some(ready) if ready.is_true() => {
            return Ok(with_remarks("the node is ready".to_owned(), &remarks));
        }
        Some(ready) if ready.status() == "Unknown" => {
            format!("nothing is heard from the node{}{}", ready.since(), ready.why())
        }
        Some(ready) => format!("the node is not ready{}{}", ready.since(), ready.why()),
        None => "the node has never said whether it is ready".to_owned(),
    };
    Err(Unwell::new(Reason::KubernetesNotReady, with_remarks(message, &remarks)))
}

//! Whether a PersistentVolumeClaim is bound.

use super::object::{Object, shown, with_remarks};
use super::{Judgement, Unwell};
use crate::reason::Reason;

pub(super) fn judge(claim: Object<'_>) -> Judgement {
    let mut remarks = Vec::new();
    if claim.is_being_deleted() {
        remarks.push("being deleted".to_owned());
    }
    let class = claim.spec("storageClassName").as_str().unwrap_or_default();
    let volume = claim.spec("volumeName").as_str().unwrap_or_default();
    let message = match claim.status("phase").as_str().unwrap_or_default() {
        "Bound" => {
            for condition in claim.conditions().filter(|it| it.is_true()) {
                remarks.push(format!("{}{}", shown(condition.kind()), condition.why()));
            }
            return Ok(with_remarks(format!("bound to {}", shown(volume)), &remarks));
        }
        "Pending" if volume.is_empty() => "not bound: no volume has been found or made for it, or no pod uses it yet and its storage class waits for one".to_owned(),
        "Pending" => format!("not bound to {} yet", shown(volume)),
        "Lost" => format!("lost: its volume {} does not exist", shown(volume)),
        "" => "not bound: nobody has looked at it yet".to_owned(),
        other => format!("not bound: its phase is {}", shown(other)),
    };
    let unwell = Unwell::new(Reason::KubernetesNotReady, with_remarks(message, &remarks));
    Err(unwell.with("storage class", shown(class)).with("volume", shown(volume)))
}

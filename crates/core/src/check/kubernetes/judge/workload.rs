//! Replicas of Deployments, StatefulSets, DaemonSets and whatever else counts them likewise.

use super::object::{Object, with_remarks};
use super::{Judgement, Unwell};
use crate::reason::Reason;

/// How many replicas there are, of how many, and how far a change has come.
struct Counts {
    have: u64,
    wanted: u64,
    updated: u64,
    /// What those are that there are.
    word: &'static str,
}

/// At least so many replicas are available.
pub(super) fn judge(object: Object<'_>, least: u32) -> Judgement {
    let least = u64::from(least);
    let counts = counts(object);
    let Counts { have, wanted, word, .. } = counts;
    let sentence = format!("{have} of {wanted} replicas are {word}");
    let remarks = remarks(object, &counts);
    if have >= least {
        return Ok(with_remarks(sentence, &remarks));
    }
    let message = if wanted == 0 {
        format!("scaled to 0, {least} needed")
    } else if wanted < least {
        format!("{sentence}, {least} needed, which is more than it is scaled to")
    } else {
        format!("{sentence}, {least} needed")
    };
    let mut unwell = Unwell::new(Reason::KubernetesReplicas, with_remarks(message, &remarks))
        .with("replicas wanted", wanted.to_string())
        .with(format!("replicas {word}"), have.to_string())
        .with("replicas updated", counts.updated.to_string());
    for condition in object.conditions().filter(|it| !it.is_true()) {
        let text = format!("{}{}", condition.status(), condition.why());
        unwell = unwell.with(condition.kind(), text);
    }
    Err(unwell)
}

fn counts(object: Object<'_>) -> Counts {
    let scaled_to = object.spec("replicas").as_u64().unwrap_or(1);
    match object.kind() {
        "DaemonSet" => Counts {
            have: object.count("numberAvailable"),
            wanted: object.count("desiredNumberScheduled"),
            updated: object.count("updatedNumberScheduled"),
            word: "available",
        },
        // What is available there waits for minReadySeconds too, which few set; ready is what
        // kubectl shows.
        "StatefulSet" => Counts {
            have: object.count("readyReplicas"),
            wanted: scaled_to,
            updated: object.count("updatedReplicas"),
            word: "ready",
        },
        // These know nothing of updates.
        "ReplicaSet" | "ReplicationController" => Counts {
            have: object.count("availableReplicas"),
            wanted: scaled_to,
            updated: scaled_to,
            word: "available",
        },
        "Deployment" => Counts {
            have: object.count("availableReplicas"),
            wanted: scaled_to,
            updated: object.count("updatedReplicas"),
            word: "available",
        },
        // Custom resources often only count what is ready, and not what is updated.
        _ => Counts {
            have: object
                .status("availableReplicas")
                .as_u64()
                .unwrap_or_else(|| object.count("readyReplicas")),
            wanted: scaled_to,
            updated: object.status("updatedReplicas").as_u64().unwrap_or(scaled_to),
            word: "available",
        },
    }
}

/// What else a person should know.
fn remarks(object: Object<'_>, counts: &Counts) -> Vec<String> {
    let mut remarks = Vec::new();
    if object.is_being_deleted() {
        remarks.push("being deleted".to_owned());
    }
    if object.spec("paused") == true {
        remarks.push("paused".to_owned());
    }
    if object.is_behind() {
        remarks.push("its controller has not seen the latest change yet".to_owned());
    } else if counts.updated < counts.wanted {
        remarks.push(format!("being rolled out, {} of {} updated", counts.updated, counts.wanted));
    }
    if let Some(stuck) = object.condition("Progressing").filter(|it| it.status() == "False") {
        remarks.push(format!("the rollout does not progress{}", stuck.why()));
    }
    if let Some(failure) = object.condition("ReplicaFailure").filter(|it| it.is_true()) {
        remarks.push(format!("pods cannot be made{}", failure.why()));
    }
    remarks
}

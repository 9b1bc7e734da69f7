//! Every row of what objects may say about themselves, in the words that people read.

#![expect(
    clippy::needless_pass_by_value,
    reason = "parts of objects are written where they are used"
)]

mod cron;
mod pods;
mod rows;
mod strange;

use std::sync::Arc;

use serde_json::Value;

use super::*;
use crate::check::kubernetes::{ObjectAccess, ObjectKind};

/// The check of a kind as it is without being told more, or with.
fn check(kind: &str, what: impl Into<Option<KubernetesWhat>>) -> KubernetesCheck {
    let kind = match kind {
        "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" => {
            ObjectKind::new("apps", "v1", kind)
        }
        "Job" | "CronJob" => ObjectKind::new("batch", "v1", kind),
        "EndpointSlice" => ObjectKind::new("discovery.k8s.io", "v1", kind),
        "Certificate" => ObjectKind::new("cert-manager.io", "v1", kind),
        _ => ObjectKind::new("", "v1", kind),
    };
    KubernetesCheck {
        what: what.into().unwrap_or_else(|| KubernetesWhat::default_for(&kind)),
        kind,
        namespace: "shop".to_owned(),
        which: ObjectChoice::Labels("app=web".parse().unwrap()),
        access: ObjectAccess::Full,
    }
}

/// Noon, by which everything is judged.
const NOW: &str = "2026-06-10T12:00:00Z";

/// What is said about objects.
fn say(check: &KubernetesCheck, objects: &[Value]) -> String {
    let objects: Vec<Arc<Value>> = objects.iter().cloned().map(Arc::new).collect();
    match judge(check, &objects, NOW.parse().unwrap()) {
        Ok(sentence) => format!("up: {sentence}"),
        Err(unwell) => format!("{}: {}", unwell.reason, unwell.message),
    }
}

/// Compares what is said about single objects of a kind.
fn assert_rows(check: &KubernetesCheck, rows: Vec<(Value, &str)>) {
    for (object, expected) in rows {
        assert_eq!(say(check, std::slice::from_ref(&object)), expected, "{object:#}");
    }
}

//! Statuses: what every object's should say, which differences are worth a write and how soon
//! (`design/crds.md`, status writes), and the writer. Specs and metadata are never written.
//!
//! `conditions`, `monitor` and `others` say what a status is, `differ` what is worth a write, `plan`
//! what is written when, `foreign` what is left to other writers; all of them are pure. `writer` is
//! the loop that asks and writes, `apply` one write.

mod apply;
mod conditions;
mod differ;
mod foreign;
mod monitor;
mod others;
mod plan;
mod writer;

use std::collections::BTreeMap;

use kuma_api::kinds::settings::DiscoveryStatus;
use kuma_core::catalog::Catalog;
use kuma_core::id::{Kind, MonitorId, ObjectKey, ObjectName};
use kuma_core::state::MonitorState;
use kuma_core::time::Timestamp;
use serde_json::Value;

pub(crate) use apply::version;
pub use differ::{Urgency, awaits_result, urgency};
pub use foreign::Foreign;
pub use plan::{Observed, Planner, Rates, Sent};
pub use writer::{Answers, StatusWriter};

use crate::exposure::Standing;

/// What is known of a monitor beside its object.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MonitorFacts {
    /// Its state.
    pub state: MonitorState,
    /// Since when.
    pub since: Option<Timestamp>,
    /// Microseconds of the last attempt.
    pub latency_us: Option<u32>,
    /// Its end.
    pub checked_at: Option<Timestamp>,
    /// Attempts of its run so far.
    pub attempts: Option<u32>,
    /// Why its last attempt ended as it did.
    pub reason: Option<&'static str>,
    /// The same in words.
    pub message: Option<String>,
    /// Shares of known time, 0 to 1, of the last hour, day, 7 days and 30 days.
    pub uptime: [Option<f64>; 4],
    /// The certificate last seen.
    pub certificate: Option<CertificateFacts>,
    /// When it runs next.
    pub next_run: Option<Timestamp>,
}

/// A certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFacts {
    /// End of validity.
    pub expires_at: Timestamp,
    /// Whether it was found good.
    pub valid: bool,
    /// Who issued it.
    pub issuer: String,
    /// For whom.
    pub subject: String,
}

/// What is known of a provider beside its object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProviderFacts {
    /// Whether messages arrive.
    pub healthy: bool,
    /// When something last arrived.
    pub last_sent: Option<Timestamp>,
    /// What went wrong last.
    pub last_error: Option<String>,
}

/// Everything that statuses are made of.
pub struct World<'a> {
    /// The catalog in force.
    pub catalog: &'a Catalog,
    /// What is known of each monitor.
    pub monitor: &'a dyn Fn(MonitorId) -> Option<MonitorFacts>,
    /// What is known of each provider that was used.
    pub providers: &'a BTreeMap<ObjectName, ProviderFacts>,
    /// How exposed pages stand.
    pub exposures: &'a BTreeMap<ObjectName, Standing>,
    /// What discovery found.
    pub discovery: Option<&'a DiscoveryStatus>,
    /// Now.
    pub now: Timestamp,
}

/// What the status of an object should say; `before` is what it says, so that conditions that stay
/// keep their times. None for kinds that have none.
pub fn status(world: &World<'_>, key: &ObjectKey, before: &Value) -> Option<Value> {
    let known = world.catalog.objects.get(key)?;
    let conditions = conditions::conditions(world, key, known, before);
    let mut status = match key.kind {
        Kind::Monitor => monitor::status(world, &key.name, before),
        Kind::MonitorSet => others::set(world, &key.name),
        Kind::NotificationProvider => others::provider(world, &key.name),
        Kind::StatusPage => others::page(world, &key.name),
        Kind::MaintenanceWindow => others::window(world, &key.name),
        Kind::Silence => others::silence(world, &key.name),
        Kind::KubeKumaSettings => others::settings(world, known),
        Kind::LocalUser => others::user(world, key),
        Kind::NotificationPolicy | Kind::ApiKey => serde_json::json!({}),
        Kind::Secret | Kind::Namespace => return None,
    };
    if let Some(fields) = status.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
        fields.insert("observedGeneration".to_owned(), known.generation.into());
        fields.insert("conditions".to_owned(), conditions);
    }
    Some(status)
}

#[cfg(test)]
mod tests;

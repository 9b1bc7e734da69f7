//! What statuses say, asked of the running program.

use std::collections::BTreeMap;
use std::sync::Arc;

use kuma_core::catalog::{Catalog, CatalogSource};
use kuma_core::id::{Kind, MonitorId, ObjectKey, ObjectName};
use kuma_core::reason::Reason;
use kuma_core::shard::ShardSet;
use kuma_core::time::Clock;
use kuma_kube::discovery::{Discoverer, summary};
use kuma_kube::events::{EventWriter, validity};
use kuma_kube::exposure::Exposer;
use kuma_kube::status::{self, Answers, CertificateFacts, MonitorFacts, ProviderFacts};
use kuma_notify::Deliverer;
use kuma_server::Live;
use serde_json::Value;

use crate::clock::SystemClock;
use crate::runtime::Standing;
use crate::runtime::catalog::Holder;

/// Reads what the rest of the program knows.
pub(super) struct Statuses {
    pub(super) catalog: Holder,
    pub(super) live: Arc<Live>,
    pub(super) deliverer: Arc<Deliverer>,
    pub(super) standing: Arc<Standing>,
    pub(super) discoverer: Arc<Discoverer>,
    pub(super) exposer: Arc<Exposer>,
    pub(super) events: Arc<EventWriter>,
    pub(super) clock: SystemClock,
}

impl Answers for Statuses {
    fn ours(&self) -> Vec<ObjectKey> {
        let (catalog, standing) = (self.catalog.current(), &*self.standing);
        let (held, coordinates) = (standing.held(), standing.coordinates());
        let is_ours = |key: &ObjectKey| owns(&catalog, held, coordinates, key);
        catalog.objects.keys().filter(|key| is_ours(key)).cloned().collect()
    }

    fn is_ours(&self, key: &ObjectKey) -> bool {
        let (catalog, standing) = (self.catalog.current(), &*self.standing);
        catalog.objects.contains_key(key)
            && owns(&catalog, standing.held(), standing.coordinates(), key)
    }

    fn status(&self, key: &ObjectKey, before: &Value) -> Option<Value> {
        let catalog = self.catalog.current();
        let monitor = |id: MonitorId| self.monitor(id);
        let health = |it: kuma_notify::ProviderHealth| {
            let facts = ProviderFacts {
                healthy: it.healthy,
                last_sent: it.last_sent,
                last_error: it.last_error,
            };
            (it.name, facts)
        };
        let providers: BTreeMap<ObjectName, ProviderFacts> = match key.kind {
            Kind::NotificationProvider => self.deliverer.health().into_iter().map(health).collect(),
            _ => BTreeMap::new(),
        };
        let exposures = (key.kind == Kind::StatusPage).then(|| self.exposer.report());
        let unexposed = BTreeMap::new();
        let found = (key.kind == Kind::KubeKumaSettings).then(|| {
            let report = self.discoverer.report();
            (report.coordinator && catalog.settings.discovery.enabled).then(|| summary(&report))
        });
        let world = status::World {
            catalog: &catalog,
            monitor: &monitor,
            providers: &providers,
            exposures: exposures.as_ref().map_or(&unexposed, |it| &it.standings),
            discovery: found.as_ref().and_then(Option::as_ref),
            now: self.clock.now().wall,
        };
        status::status(&world, key, before)
    }

    fn members(&self) -> u64 {
        self.standing.members()
    }

    fn written(&self, key: &ObjectKey, uid: &str, before: &Value, after: &Value) {
        if let Some(happened) = validity(before, after) {
            self.events.tell_object(key, happened, Some(uid.to_owned()));
        }
    }
}

/// Whose status this is to write: a monitor's is its shard's, all else the coordinator's. A monitor
/// that cannot run has no shard; the coordinator says so.
fn owns(catalog: &Catalog, held: ShardSet, coordinates: bool, key: &ObjectKey) -> bool {
    let monitor = (key.kind == Kind::Monitor).then(|| catalog.monitors.get(&key.name)).flatten();
    monitor.map_or(coordinates, |entry| held.holds(entry.id))
}

impl Statuses {
    fn monitor(&self, id: MonitorId) -> Option<MonitorFacts> {
        let live = self.live.get(id)?;
        let last = live.last;
        let certificate = live.certificate.map(|it| CertificateFacts {
            expires_at: it.expires_at,
            valid: it.valid,
            issuer: it.issuer,
            subject: it.subject,
        });
        Some(MonitorFacts {
            state: live.state,
            since: live.since,
            latency_us: last.as_ref().and_then(|last| last.latency_us),
            checked_at: last.as_ref().map(|last| last.at),
            attempts: last.as_ref().map(|last| last.attempts),
            reason: last.as_ref().and_then(|last| last.reason).map(Reason::code),
            message: last.map(|last| last.message),
            uptime: live.uptime,
            certificate,
            next_run: live.next_run,
        })
    }
}

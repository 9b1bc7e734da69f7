//! The loop that turns what a source holds into catalogs: look, give surrogates, build, put in
//! force, audit.

use std::collections::HashMap;
use std::sync::Arc;

use kuma_core::catalog::Catalog;
use kuma_core::id::{Kind, MonitorId, ObjectKey, ObjectName};
use kuma_core::object::{Object, Problem, Severity};
use kuma_core::ports::{AuditEvent, Batch, Store, StoredObject};
use kuma_core::source::{Change, Snapshot};
use kuma_core::time::Clock;
use kuma_notify::Deliverer;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::catalog::{self, Holder, Surrogates};
use super::commit::Committer;
use super::engine_loop::Message;
use super::ready::{SourceStatus, Status};
use super::standing::Standing;
use super::tokens;
use crate::clock::SystemClock;
use crate::secrets::{Rules, Secrets};
use crate::source::{Seen, Source};

/// Hears of every catalog that is put in force, and of the snapshot it was made of.
pub type CatalogListener = Arc<dyn Fn(&Arc<Catalog>, &Snapshot) + Send + Sync>;

/// What the loop is made of.
pub(super) struct Parts {
    /// Time.
    pub(super) clock: SystemClock,
    /// Where objects come from.
    pub(super) source: Box<dyn Source>,
    /// Gives surrogates.
    pub(super) store: Arc<dyn Store>,
    /// Whether what is not about one monitor is ours to do.
    pub(super) standing: Arc<Standing>,
    /// Takes audit events and last valid versions.
    pub(super) committer: Committer,
    /// Hears of providers that can be tried again, and sends test messages.
    pub(super) deliverer: Arc<Deliverer>,
    /// Hears which Secrets are there, or are needed.
    pub(super) secrets: Arc<dyn Secrets>,
    /// Holds the catalog.
    pub(super) holder: Holder,
    /// Hears of new catalogs.
    pub(super) engine: mpsc::UnboundedSender<Message>,
    /// The same, for what runs on Kubernetes only.
    pub(super) listener: Option<CatalogListener>,
    /// Hears how the source stands.
    pub(super) status: Arc<Status>,
    /// `KUBE_NAMESPACE`.
    pub(super) namespace: String,
}

/// The loop and what it remembers.
pub(super) struct SourceLoop {
    parts: Parts,
    surrogates: Surrogates,
    version: u64,
    /// Set while monitors wait for surrogates because the store is away.
    waiting: bool,
    /// Whether objects, audit and providers were ours to look after at the last look.
    in_charge: bool,
}

impl SourceLoop {
    /// A loop that has looked at nothing yet.
    pub(super) fn new(parts: Parts) -> Self {
        let in_charge = parts.standing.coordinates();
        Self { parts, surrogates: HashMap::new(), version: 0, waiting: false, in_charge }
    }

    /// The first look: puts a catalog in force and returns it, without telling the engine.
    ///
    /// # Errors
    /// When the store gives no surrogates.
    pub(super) async fn first(&mut self) -> anyhow::Result<Arc<Catalog>> {
        let now = self.parts.clock.now();
        let seen = self.parts.source.look(now.mono).unwrap_or_default();
        let names = catalog::monitor_names(self.parts.source.snapshot());
        self.intern(names).await?;
        let catalog = self.build().await;
        if self.in_charge {
            self.record(&seen, &catalog);
            self.revive(&seen, &catalog).await;
            self.try_out(&seen, &catalog, true);
        }
        Ok(catalog)
    }

    /// Looks again whenever something may have changed, until `stop`.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let standing = self.parts.standing.clone();
        let mut held = standing.changes();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.parts.source.changed() => {}
                Ok(()) = held.changed() => {}
            }
            self.take_charge().await;
            self.again().await;
        }
    }

    async fn again(&mut self) {
        let now = self.parts.clock.now();
        let seen = match self.parts.source.look(now.mono) {
            Some(seen) => seen,
            None if self.waiting => Vec::new(),
            None => return self.show_source(),
        };
        let names = catalog::monitor_names(self.parts.source.snapshot());
        self.waiting = false;
        if let Err(error) = self.intern(names).await {
            error!(%error, "new monitors wait for the store");
            self.waiting = true;
        }
        let catalog = self.build().await;
        if self.in_charge {
            self.record(&seen, &catalog);
            self.revive(&seen, &catalog).await;
            self.try_out(&seen, &catalog, false);
        }
        // Without an engine loop the process is stopping.
        let _ = self.parts.engine.send(Message::Catalog(catalog));
    }

    /// Sees to what is not about one monitor when that becomes ours: what the store has of the
    /// objects may be older than what is in force.
    async fn take_charge(&mut self) {
        let before = std::mem::replace(&mut self.in_charge, self.parts.standing.coordinates());
        if before || !self.in_charge {
            return;
        }
        let catalog = self.parts.holder.catalog();
        let objects: Vec<StoredObject> =
            self.parts.source.snapshot().objects.values().filter_map(stored).collect();
        self.parts.committer.commit(Batch { objects, durable: true, ..Batch::default() });
        self.revive(&[], &catalog).await;
        self.try_out(&[], &catalog, true);
    }

    /// Gives dead letters of open incidents another chance when their provider or its Secret
    /// changed.
    async fn revive(&self, seen: &[Seen], catalog: &Catalog) {
        for name in catalog.providers.keys() {
            if !is_changed(name, seen) && !is_secret_changed(name, seen) {
                continue;
            }
            let now = self.parts.clock.now().wall;
            match self.parts.store.requeue_dead(name, now).await {
                Ok(0) => {}
                Ok(messages) => info!(provider = %name, messages, "dead letters are tried again"),
                Err(error) => warn!(provider = %name, %error, "dead letters stay dead"),
            }
        }
        self.parts.deliverer.wake();
    }

    /// Sends the test messages that new and changed providers ask for. Verifies the others without
    /// a message when they or a Secret of their namespace changed, and at the start, when nothing
    /// is known of them yet.
    fn try_out(&self, seen: &[Seen], catalog: &Catalog, start: bool) {
        for (name, provider) in catalog.providers.iter().filter(|(_, it)| it.enabled) {
            let changed = is_changed(name, seen);
            let (deliverer, provider) = (self.parts.deliverer.clone(), provider.clone());
            if changed && provider.send_test_message {
                tokio::spawn(async move {
                    match deliverer.send_test(&provider).await {
                        Ok(()) => info!(provider = %provider.name, "test message sent"),
                        Err(error) => {
                            warn!(provider = %provider.name, %error, "test message not sent");
                        }
                    }
                });
            } else if start || changed || is_secret_changed(name, seen) {
                tokio::spawn(deliverer.verify(provider));
            }
        }
    }

    async fn intern(&mut self, mut names: Vec<ObjectName>) -> anyhow::Result<()> {
        names.retain(|name| !self.surrogates.contains_key(name));
        names.sort();
        names.dedup();
        if !names.is_empty() {
            let ids = self.parts.store.intern(&names).await?;
            self.surrogates.extend(names.into_iter().zip(ids));
        }
        Ok(())
    }

    async fn build(&mut self) -> Arc<Catalog> {
        self.version += 1;
        let snapshot = self.parts.source.snapshot();
        // A monitor without a surrogate (the store was away) waits for the next catalog.
        let ids = |name: &ObjectName| self.surrogates.get(name).copied().unwrap_or(MonitorId(0));
        let mut built = catalog::build(snapshot, &self.parts.namespace, &ids, self.version);
        built.monitors.retain(|_, entry| entry.id != MonitorId(0));
        built.by_id.remove(&MonitorId(0));
        let rules = Rules {
            system_namespace: self.parts.namespace.clone(),
            isolated: built.settings.tenancy_isolated,
        };
        self.parts.secrets.sync(rules, snapshot).await;
        self.apply_tokens(&mut built);
        let catalog = Arc::new(built);
        self.parts.holder.set(catalog.clone());
        self.show_source();
        if let Some(listener) = &self.parts.listener {
            listener(&catalog, snapshot);
        }
        catalog
    }

    fn show_source(&self) {
        let catalog = self.parts.holder.catalog();
        self.parts.status.set_source(status(&catalog, &*self.parts.source));
    }

    fn apply_tokens(&self, catalog: &mut Catalog) {
        let tokens = tokens::resolve(catalog, &*self.parts.secrets);
        for (name, owner) in &tokens.clashes {
            let why = format!("{owner} has the same push token; arrivals go to that monitor");
            warn!(monitor = %name, owner = %owner, "two push monitors share a token");
            let key = ObjectKey { kind: Kind::Monitor, name: name.clone() };
            if let Some(status) = catalog.objects.get_mut(&key) {
                status.problems.push(
                    Problem::semantic("spec.target.push", why)
                        .with_fix("give each job its own token"),
                );
            }
            if let Some(entry) = catalog.monitors.remove(name) {
                catalog.by_id.remove(&entry.id);
            }
        }
        for (name, why) in &tokens.missing {
            warn!(monitor = %name, why, "a push monitor has no token, so nothing can arrive");
        }
        self.parts.status.set_tokens(tokens.by_token);
    }

    /// Audit events, log lines and last valid versions of what changed.
    fn record(&self, seen: &[Seen], catalog: &Catalog) {
        if seen.is_empty() {
            return;
        }
        let mut batch = Batch { durable: true, ..Batch::default() };
        for seen in seen {
            self.record_one(seen, &mut batch);
        }
        info!(
            monitors = catalog.monitors.len(),
            objects = catalog.objects.len(),
            changes = seen.len(),
            "configuration applied"
        );
        self.parts.committer.commit(batch);
    }

    fn record_one(&self, seen: &Seen, batch: &mut Batch) {
        let objects = &self.parts.source.snapshot().objects;
        let (key, event_type, summary) = match &seen.change {
            Change::Applied { key, paths, new } => {
                let Some(object) = objects.get(key) else { return };
                batch.objects.extend(stored(object));
                let summary = if *new { "created".to_owned() } else { paths.join(", ") };
                (key, "applied", Some(summary))
            }
            Change::Deleted { key } => {
                batch.objects_deleted.push(key.clone());
                (key, "deleted", None)
            }
            Change::Rejected { key, problems } => {
                let why: Vec<_> = problems.iter().map(ToString::to_string).collect();
                let at = seen.actor.as_deref().unwrap_or_default();
                error!(object = %key, at, why = why.join("; "), "an object cannot be used as written");
                (key, "rejected", Some(why.join("; ")))
            }
        };
        batch.audit.push(AuditEvent {
            at: self.parts.clock.now().wall,
            resource_type: key.kind.to_string(),
            resource_key: key.name.to_string(),
            event_type: event_type.to_owned(),
            actor: seen.actor.clone(),
            summary,
            details: None,
        });
    }
}

/// Whether a provider is new or changed.
fn is_changed(provider: &ObjectName, seen: &[Seen]) -> bool {
    applied(seen).any(|key| key.kind == Kind::NotificationProvider && key.name == *provider)
}

/// Whether a Secret that a provider may use is new or changed.
fn is_secret_changed(provider: &ObjectName, seen: &[Seen]) -> bool {
    applied(seen).any(|key| key.kind == Kind::Secret && key.name.namespace == provider.namespace)
}

fn applied(seen: &[Seen]) -> impl Iterator<Item = &ObjectKey> {
    seen.iter().filter_map(|seen| match &seen.change {
        Change::Applied { key, .. } => Some(key),
        _ => None,
    })
}

/// The stored copy of an object; Secrets are never stored.
fn stored(object: &Object) -> Option<StoredObject> {
    if matches!(object.key.kind, Kind::Secret) {
        return None;
    }
    let raw = object.raw.clone();
    let digest = kuma_core::digest::sha256_hex(raw.as_str().as_bytes());
    Some(StoredObject { key: object.key.clone(), meta: object.meta.clone(), raw, digest })
}

fn status(catalog: &Catalog, source: &dyn Source) -> SourceStatus {
    let mut broken: Vec<String> = source
        .snapshot()
        .broken_files
        .iter()
        .map(|(path, why)| format!("{}: {why}", path.display()))
        .collect();
    for (key, status) in &catalog.objects {
        let errors = status.problems.iter().filter(|problem| problem.severity == Severity::Error);
        broken
            .extend(errors.map(|problem| format!("{key} ({}): {problem}", status.origin)).take(1));
    }
    SourceStatus { synced: source.synced(), broken, remarks: source.remarks() }
}

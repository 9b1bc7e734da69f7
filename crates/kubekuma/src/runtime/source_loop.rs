//! The loop that turns the folder into catalogs: scan, settle, give surrogates, build, put in
//! force, audit.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use kuma_core::catalog::Catalog;
use kuma_core::id::{Kind, MonitorId, ObjectKey, ObjectName};
use kuma_core::object::{Object, Problem, Severity};
use kuma_core::ports::{AuditEvent, Batch, Store, StoredObject};
use kuma_core::source::{Change, Invalid, Snapshot};
use kuma_core::time::Clock;
use kuma_notify::Deliverer;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::catalog::{self, Holder, Surrogates};
use super::commit::Committer;
use super::engine_loop::Message;
use super::ready::{SourceStatus, Status};
use super::tokens;
use crate::clock::SystemClock;
use crate::secrets::{LocalSecrets, Rules};
use crate::source::folder::FolderWatch;
use crate::source::scan::{Scan, Scanner};
use crate::source::settle::Settler;

/// What the loop is made of.
pub(super) struct Parts {
    /// Time.
    pub(super) clock: SystemClock,
    /// Reads the folder.
    pub(super) scanner: Scanner,
    /// Tells when it changes.
    pub(super) watch: FolderWatch,
    /// Decides what a scan changes.
    pub(super) settler: Settler,
    /// Gives surrogates.
    pub(super) store: Arc<dyn Store>,
    /// Takes audit events and last valid versions.
    pub(super) committer: Committer,
    /// Hears of providers that can be tried again, and sends test messages.
    pub(super) deliverer: Arc<Deliverer>,
    /// Takes Secret documents.
    pub(super) secrets: Arc<LocalSecrets>,
    /// Holds the catalog.
    pub(super) holder: Holder,
    /// Hears of new catalogs.
    pub(super) engine: mpsc::UnboundedSender<Message>,
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
    /// What was settled last.
    settled: Scan,
}

impl SourceLoop {
    /// A loop that has read nothing yet.
    pub(super) fn new(parts: Parts) -> Self {
        Self {
            parts,
            surrogates: HashMap::new(),
            version: 0,
            waiting: false,
            settled: Scan::default(),
        }
    }

    /// The first scan: puts a catalog in force and returns it, without telling the engine.
    ///
    /// # Errors
    /// When the store gives no surrogates.
    pub(super) async fn first(&mut self) -> anyhow::Result<Arc<Catalog>> {
        let scan = self.parts.scanner.scan();
        let now = self.parts.clock.now();
        let changes = self.parts.settler.apply(&scan, now.mono);
        let snapshot = self.parts.settler.snapshot();
        if let Some(holding) = &snapshot.holding {
            warn!(reason = holding, "the last catalog is kept");
        }
        let names = catalog::monitor_names(snapshot);
        self.intern(names).await?;
        let catalog = self.build(&scan);
        self.record(&changes, &catalog);
        self.revive(&changes, &catalog).await;
        self.try_out(&changes, &catalog, true);
        self.settled = scan;
        Ok(catalog)
    }

    /// Scans again whenever something changed, until `stop`.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        loop {
            let deadline = self.parts.settler.deadline();
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.parts.watch.changed(deadline) => {}
            }
            self.again().await;
        }
    }

    async fn again(&mut self) {
        self.parts.watch.follow();
        let scan = self.parts.scanner.scan();
        let now = self.parts.clock.now();
        let due = self.parts.settler.deadline().is_some_and(|at| at <= now.mono);
        if !due && !self.waiting && scan.saw_the_same(&self.settled) {
            return;
        }
        let before = Standing::of(self.parts.settler.snapshot());
        let changes = self.parts.settler.apply(&scan, now.mono);
        let after = self.parts.settler.snapshot();
        before.log_news(after);
        self.settled = scan.clone();
        let same = changes.is_empty() && before == Standing::of(after);
        if same && !self.waiting {
            return;
        }
        let names = catalog::monitor_names(after);
        self.waiting = false;
        if let Err(error) = self.intern(names).await {
            error!(%error, "new monitors wait for the store");
            self.waiting = true;
        }
        let catalog = self.build(&scan);
        self.record(&changes, &catalog);
        self.revive(&changes, &catalog).await;
        self.try_out(&changes, &catalog, false);
        // Without an engine loop the process is stopping.
        let _ = self.parts.engine.send(Message::Catalog(catalog));
    }

    /// Gives dead letters of open incidents another chance when their provider or its Secret
    /// changed.
    async fn revive(&self, changes: &[Change], catalog: &Catalog) {
        for name in catalog.providers.keys() {
            if !is_changed(name, changes) && !is_secret_changed(name, changes) {
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
    fn try_out(&self, changes: &[Change], catalog: &Catalog, start: bool) {
        for (name, provider) in catalog.providers.iter().filter(|(_, it)| it.enabled) {
            let changed = is_changed(name, changes);
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
            } else if start || changed || is_secret_changed(name, changes) {
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

    fn build(&mut self, scan: &Scan) -> Arc<Catalog> {
        self.version += 1;
        let snapshot = self.parts.settler.snapshot();
        // A monitor without a surrogate (the store was away) waits for the next catalog.
        let ids = |name: &ObjectName| self.surrogates.get(name).copied().unwrap_or(MonitorId(0));
        let mut built = catalog::build(snapshot, &self.parts.namespace, &ids, self.version);
        built.monitors.retain(|_, entry| entry.id != MonitorId(0));
        built.by_id.remove(&MonitorId(0));
        let rules = Rules {
            system_namespace: self.parts.namespace.clone(),
            isolated: built.settings.tenancy_isolated,
        };
        self.parts.secrets.sync(rules, snapshot.objects.values());
        self.apply_tokens(&mut built);
        let catalog = Arc::new(built);
        self.parts.holder.set(catalog.clone());
        self.parts.status.set_source(status(&catalog, snapshot, scan));
        catalog
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
    fn record(&self, changes: &[Change], catalog: &Catalog) {
        if changes.is_empty() {
            return;
        }
        let mut batch = Batch { durable: true, ..Batch::default() };
        for change in changes {
            self.record_one(change, catalog, &mut batch);
        }
        info!(
            monitors = catalog.monitors.len(),
            objects = catalog.objects.len(),
            changes = changes.len(),
            "configuration applied"
        );
        self.parts.committer.commit(batch);
    }

    fn record_one(&self, change: &Change, catalog: &Catalog, batch: &mut Batch) {
        let objects = &self.parts.settler.snapshot().objects;
        let (key, event_type, actor, summary) = match change {
            Change::Applied { key, paths, new } => {
                let Some(object) = objects.get(key) else { return };
                batch.objects.extend(stored(object));
                let summary = if *new { "created".to_owned() } else { paths.join(", ") };
                (key, "applied", Some(object.origin.to_string()), Some(summary))
            }
            Change::Deleted { key } => {
                batch.objects_deleted.push(key.clone());
                (key, "deleted", None, None)
            }
            Change::Rejected { key, problems } => {
                let why: Vec<_> = problems.iter().map(ToString::to_string).collect();
                let actor = catalog.objects.get(key).map(|status| status.origin.to_string());
                let at = actor.as_deref().unwrap_or_default();
                error!(object = %key, at, why = why.join("; "), "an object cannot be used as written");
                (key, "rejected", actor, Some(why.join("; ")))
            }
        };
        batch.audit.push(AuditEvent {
            at: self.parts.clock.now().wall,
            resource_type: key.kind.to_string(),
            resource_key: key.name.to_string(),
            event_type: event_type.to_owned(),
            actor,
            summary,
            details: None,
        });
    }
}

/// What else than its objects can change in a snapshot.
#[derive(PartialEq)]
struct Standing {
    broken_files: BTreeMap<PathBuf, String>,
    holding: Option<String>,
    invalid: BTreeMap<ObjectKey, Invalid>,
}

impl Standing {
    fn of(snapshot: &Snapshot) -> Self {
        Self {
            broken_files: snapshot.broken_files.clone(),
            holding: snapshot.holding.clone(),
            invalid: snapshot.invalid.clone(),
        }
    }

    fn log_news(&self, after: &Snapshot) {
        if let Some(holding) = &after.holding
            && self.holding.is_none()
        {
            warn!(reason = holding, "the last catalog is kept");
        }
        for (path, why) in &after.broken_files {
            if self.broken_files.get(path) != Some(why) {
                error!(file = %path.display(), why, "a file is broken; what it held stays as it was");
            }
        }
    }
}

/// Whether a provider is new or changed.
fn is_changed(provider: &ObjectName, changes: &[Change]) -> bool {
    applied(changes).any(|key| key.kind == Kind::NotificationProvider && key.name == *provider)
}

/// Whether a Secret that a provider may use is new or changed.
fn is_secret_changed(provider: &ObjectName, changes: &[Change]) -> bool {
    applied(changes).any(|key| key.kind == Kind::Secret && key.name.namespace == provider.namespace)
}

fn applied(changes: &[Change]) -> impl Iterator<Item = &ObjectKey> {
    changes.iter().filter_map(|change| match change {
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

fn status(catalog: &Catalog, snapshot: &Snapshot, scan: &Scan) -> SourceStatus {
    let mut broken: Vec<String> = snapshot
        .broken_files
        .iter()
        .map(|(path, why)| format!("{}: {why}", path.display()))
        .collect();
    for (key, status) in &catalog.objects {
        let errors = status.problems.iter().filter(|problem| problem.severity == Severity::Error);
        broken
            .extend(errors.map(|problem| format!("{key} ({}): {problem}", status.origin)).take(1));
    }
    let missing = scan.root_missing().then(|| "the folder is gone".to_owned());
    SourceStatus { synced: true, broken, holding: snapshot.holding.clone().or(missing) }
}

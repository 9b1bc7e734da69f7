//! What the tests are made with: events, providers, secrets, a clock that only moves when told.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kuma_core::catalog::{Catalog, CatalogSource};
use kuma_core::event::{Event, EventKind};
use kuma_core::id::{IncidentId, MonitorId, ObjectName};
use kuma_core::policy::{Policy, Triggers};
use kuma_core::ports::OutboxRow;
use kuma_core::provider::{Provider, ProviderConfig};
use kuma_core::secret::{SecretError, SecretRef, SecretSource, SecretString, SecretText};
use kuma_core::selector::Selector;
use kuma_core::state::MonitorState;
use kuma_core::time::{Clock, Mono, Now, Timestamp, from_ms};
use kuma_notify::{Message, RenderInput, render};

pub(crate) const T0: i64 = 1_700_000_000_000;
pub(crate) use kuma_fixture::CANARY;

pub(crate) const ALL_KINDS: [EventKind; 11] = [
    EventKind::Down,
    EventKind::Up,
    EventKind::Closed,
    EventKind::Degraded,
    EventKind::Flapping,
    EventKind::Unknown,
    EventKind::CertExpiring,
    EventKind::Resend,
    EventKind::Escalation,
    EventKind::MassOutage,
    EventKind::Test,
];

#[derive(Debug, Default)]
pub(crate) struct ManualClock(AtomicI64);

impl ManualClock {
    pub(crate) fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_millis()).unwrap();
        self.0.fetch_add(by, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Now {
        let ms = self.0.load(Ordering::SeqCst);
        Now { mono: Mono(u64::try_from(ms).unwrap() * 1_000_000), wall: from_ms(T0 + ms) }
    }
}

#[derive(Debug, Default)]
pub(crate) struct MapSecrets(pub(crate) Mutex<HashMap<(String, String, String), String>>);

impl MapSecrets {
    pub(crate) fn set(&self, namespace: &str, name: &str, key: &str, value: &str) {
        let at = (namespace.into(), name.into(), key.into());
        self.0.lock().unwrap().insert(at, value.into());
    }
}

impl SecretSource for MapSecrets {
    fn get(&self, namespace: &str, at: &SecretRef) -> Result<SecretString, SecretError> {
        let key = (namespace.to_owned(), at.name.clone(), at.key.clone());
        let map = self.0.lock().unwrap();
        map.get(&key).map(|value| value.clone().into()).ok_or_else(|| SecretError::Missing {
            namespace: namespace.to_owned(),
            name: at.name.clone(),
            key: at.key.clone(),
        })
    }
}

#[derive(Debug, Default)]
pub(crate) struct FixedCatalog(pub(crate) Mutex<Arc<Catalog>>);

impl FixedCatalog {
    pub(crate) fn of(providers: Vec<Provider>, policies: Vec<Policy>) -> Arc<Self> {
        let catalog = Catalog {
            providers: providers
                .into_iter()
                .map(|provider| (provider.name.clone(), Arc::new(provider)))
                .collect(),
            policies: policies
                .into_iter()
                .map(|policy| (policy.name.clone(), Arc::new(policy)))
                .collect(),
            ..Catalog::default()
        };
        Arc::new(Self(Mutex::new(Arc::new(catalog))))
    }
}

impl CatalogSource for FixedCatalog {
    fn current(&self) -> Arc<Catalog> {
        Arc::clone(&self.0.lock().unwrap())
    }
}

pub(crate) fn name(name: &str) -> ObjectName {
    ObjectName::new("shop", name)
}

pub(crate) fn text(source: &str) -> SecretText {
    SecretText::parse(source).unwrap()
}

pub(crate) fn provider(called: &str, config: ProviderConfig) -> Provider {
    Provider {
        name: name(called),
        generation: 1,
        enabled: true,
        config,
        send_test_message: false,
        is_default: false,
        is_system: false,
    }
}

pub(crate) fn policy(called: &str, fallback: &[&str]) -> Policy {
    Policy {
        name: name(called),
        priority: 50,
        selector: Selector::default(),
        triggers: Triggers::default(),
        providers: Vec::new(),
        continue_matching: true,
        dedupe_key: kuma_expr::Template::compile("", &[]).unwrap(),
        dedupe_window: Duration::ZERO,
        rate_limit: Duration::ZERO,
        resend_interval: Duration::ZERO,
        group_by: Vec::new(),
        group_wait: Duration::ZERO,
        escalation: Vec::new(),
        fallback_providers: fallback.iter().map(|called| name(called)).collect(),
        title: None,
        body: None,
        labels: BTreeMap::new(),
    }
}

pub(crate) fn event(kind: EventKind) -> Event {
    let recovery = kind.is_recovery();
    Event {
        kind,
        monitor: name("api"),
        check_type: "http".into(),
        target: "https://api.example/health".into(),
        incident: Some(IncidentId::new(MonitorId(7), 3)),
        previous_state: if recovery { MonitorState::Down } else { MonitorState::Up },
        current_state: if recovery { MonitorState::Up } else { MonitorState::Down },
        reason: Some("TIMEOUT".into()),
        message: Some("no answer within 10 s".into()),
        latency_ms: Some(10_000),
        at: from_ms(T0),
        started_at: Some(from_ms(T0)),
        ended_at: recovery.then(|| from_ms(T0 + 60_000)),
        labels: BTreeMap::from([("team".into(), "payments".into())]),
        annotations: BTreeMap::from([("runbook".into(), "https://wiki.example/api".into())]),
        tags: vec!["prod".into()],
        cert_days: None,
        attempts: 3,
        note: None,
    }
}

pub(crate) fn key(seed: &str) -> String {
    kuma_core::delivery::fallback_key(&format!("{seed:0>64}"), &name("key"))
}

pub(crate) fn row(seed: &str, to: &str, kind: EventKind) -> OutboxRow {
    OutboxRow {
        key: key(&format!("{seed}{to}{kind}")),
        subject: format!("shop/{seed}"),
        monitor: Some(MonitorId(7)),
        policy: None,
        provider: name(to),
        provider_type: "webhook".into(),
        not_before: from_ms(T0),
        group_key: None,
        merges: None,
        event: Event { monitor: name(seed), ..event(kind) },
    }
}

pub(crate) fn message(seed: &str, event: &Event) -> Message {
    render(RenderInput {
        key: &key(seed),
        events: std::slice::from_ref(event),
        policy: None,
        now: at(5_000),
    })
    .unwrap()
}

pub(crate) fn at(after_ms: i64) -> Timestamp {
    from_ms(T0 + after_ms)
}

/// Waits for a condition that another task brings about.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..1_000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never happened: {what}");
}

//! What the engine's tests are made of: small catalogs and a clock of plain seconds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kuma_expr::{EVENT_VARIABLES, Template};

use crate::catalog::{Catalog, Entry, Route, RouteVia};
use crate::check::{Check, Criteria, GroupCheck, GroupMembers, GroupRule, SteamCheck};
use crate::id::{MonitorId, ObjectName};
use crate::monitor::{Alerting, Monitor, MonitorOrigin, Schedule};
use crate::policy::{Policy, Triggers};
use crate::provider::{Provider, ProviderConfig, ProviderType};
use crate::selector::Selector;
use crate::silence::Silence;
use crate::time::{Timestamp, from_ms};

/// The instant `seconds` after the tests' beginning of time.
pub(super) fn at(seconds: i64) -> Timestamp {
    from_ms(1_700_000_000_000 + seconds * 1000)
}

pub(super) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(super) fn name(text: &str) -> ObjectName {
    ObjectName::new("shop", text)
}

/// A monitor checked every 60 s for at most 10 s, without retries.
pub(super) fn monitor(text: &str) -> Monitor {
    Monitor {
        name: name(text),
        origin: MonitorOrigin::Monitor,
        generation: 1,
        labels: BTreeMap::from([("tier".to_owned(), "gold".to_owned())]),
        enabled: true,
        check: Check::Steam(Box::new(SteamCheck {
            host: format!("{text}.example"),
            port: 27015,
            min_players: None,
            max_players: None,
            expected_map: None,
        })),
        criteria: Criteria::default(),
        schedule: Schedule {
            interval: secs(60),
            timeout: Some(secs(10)),
            retries: 0,
            retry_interval: None,
            initial_delay: Duration::ZERO,
            grace_down: Duration::ZERO,
            recover_after: 1,
            jitter_percent: Some(0),
        },
        alerting: Alerting::default(),
        depends_on: Vec::new(),
        tags: Vec::new(),
        annotations: BTreeMap::new(),
    }
}

pub(super) fn group(text: &str, rule: GroupRule, suppress_members: bool) -> Monitor {
    Monitor {
        check: Check::Group(Box::new(GroupCheck {
            members: GroupMembers::Names(Vec::new()),
            rule,
            suppress_members,
        })),
        ..monitor(text)
    }
}

pub(super) fn policy(text: &str, providers: &[&str]) -> Policy {
    Policy {
        name: name(text),
        priority: 50,
        selector: Selector::default(),
        triggers: Triggers::default(),
        providers: providers.iter().map(|text| name(text)).collect(),
        continue_matching: true,
        dedupe_key: Template::compile("{{ .monitorId }}", EVENT_VARIABLES).unwrap(),
        dedupe_window: Duration::ZERO,
        rate_limit: Duration::ZERO,
        resend_interval: Duration::ZERO,
        group_by: Vec::new(),
        group_wait: secs(30),
        escalation: Vec::new(),
        fallback_providers: Vec::new(),
        title: None,
        body: None,
        labels: BTreeMap::new(),
    }
}

pub(super) fn route(policy: Policy) -> Route {
    Route { providers: policy.providers.clone(), via: RouteVia::Policy(Arc::new(policy)) }
}

pub(super) fn provider(text: &str) -> Provider {
    Provider {
        name: name(text),
        generation: 1,
        enabled: true,
        config: ProviderConfig::Unsupported(ProviderType::Webhook),
        send_test_message: false,
        is_default: false,
        is_system: false,
    }
}

pub(super) fn silence(text: &str, from: i64, until: i64) -> Arc<Silence> {
    Arc::new(Silence {
        name: name(text),
        starts_at: Some(at(from)),
        expires_at: at(until),
        selector: Selector::default(),
        reason: None,
        created_by: None,
    })
}

pub(super) fn entry(id: i64, monitor: Monitor, routes: Vec<Route>) -> Entry {
    Entry {
        id: MonitorId(id),
        monitor: Arc::new(monitor),
        routes,
        parents: Vec::new(),
        children: Vec::new(),
        members: Vec::new(),
        groups: Vec::new(),
        silences: Vec::new(),
        windows: Vec::new(),
    }
}

/// A catalog of these monitors and the providers `chat`, `mail`, `pager` and `boss`.
pub(super) fn catalog(entries: Vec<Entry>) -> Catalog {
    let mut catalog =
        Catalog { version: 1, system_namespace: "kubekuma".to_owned(), ..Catalog::default() };
    for text in ["chat", "mail", "pager", "boss"] {
        catalog.providers.insert(name(text), Arc::new(provider(text)));
    }
    for entry in entries {
        let entry = Arc::new(entry);
        catalog.by_id.insert(entry.id, Arc::clone(&entry));
        catalog.monitors.insert(entry.monitor.name.clone(), entry);
    }
    catalog
}

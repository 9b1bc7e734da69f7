//! Objects with as little as possible in them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::catalog::{BuildInput, Catalog, Entry, ObjectStatus, build};
use crate::check::{Check, Criteria, GroupCheck, GroupMembers, GroupRule, PingCheck};
use crate::egress::NamespaceEgress;
use crate::id::{Kind, MonitorId, ObjectKey, ObjectName};
use crate::maintenance::{MaintenanceWindow, WindowSchedule};
use crate::monitor::{Alerting, Monitor, MonitorOrigin, Schedule};
use crate::object::{
    Body, Exposure, Meta, MonitorSet, Object, Origin, PageGroup, Problem, StatusPage,
};
use crate::policy::{Policy, Triggers};
use crate::provider::{Provider, ProviderConfig, ProviderType};
use crate::selector::Selector;
use crate::settings::Settings;
use crate::silence::Silence;
use crate::time::Timestamp;

pub(super) fn name(text: &str) -> ObjectName {
    text.parse().unwrap()
}

pub(super) fn monitor(text: &str) -> Monitor {
    Monitor {
        name: name(text),
        origin: MonitorOrigin::Monitor,
        generation: 1,
        labels: BTreeMap::new(),
        enabled: true,
        check: Check::Ping(Box::new(ping())),
        criteria: Criteria::default(),
        schedule: Schedule {
            interval: Duration::from_secs(60),
            timeout: None,
            retries: 0,
            retry_interval: None,
            initial_delay: Duration::ZERO,
            grace_down: Duration::ZERO,
            recover_after: 1,
            jitter_percent: None,
        },
        alerting: Alerting::default(),
        depends_on: Vec::new(),
        tags: Vec::new(),
        annotations: BTreeMap::new(),
    }
}

fn ping() -> PingCheck {
    PingCheck {
        host: "127.0.0.1".to_owned(),
        count: 1,
        packet_size: 56,
        max_loss_percent: 0,
        tcp_fallback: None,
        tcp_fallback_port: None,
        ip_family: crate::check::IpFamily::Auto,
    }
}

pub(super) fn group(text: &str, members: GroupMembers, suppress: bool) -> Monitor {
    Monitor {
        check: Check::Group(Box::new(GroupCheck {
            members,
            rule: GroupRule::All,
            suppress_members: suppress,
        })),
        ..monitor(text)
    }
}

pub(super) fn names(all: &[&str]) -> GroupMembers {
    GroupMembers::Names(all.iter().map(|text| name(text)).collect())
}

pub(super) fn policy(text: &str, providers: &[&str]) -> Policy {
    Policy {
        name: name(text),
        priority: 50,
        selector: Selector::default(),
        triggers: Triggers::default(),
        providers: providers.iter().map(|text| name(text)).collect(),
        continue_matching: true,
        dedupe_key: kuma_expr::Template::compile("{{ .monitorId }}", &["monitorId"]).unwrap(),
        dedupe_window: Duration::ZERO,
        rate_limit: Duration::ZERO,
        resend_interval: Duration::ZERO,
        group_by: Vec::new(),
        group_wait: Duration::ZERO,
        escalation: Vec::new(),
        fallback_providers: Vec::new(),
        title: None,
        body: None,
        labels: BTreeMap::new(),
    }
}

pub(super) fn provider(text: &str) -> Provider {
    Provider {
        name: name(text),
        generation: 1,
        enabled: true,
        config: ProviderConfig::Unsupported(ProviderType::Gotify),
        send_test_message: false,
        is_default: false,
        is_system: false,
    }
}

pub(super) fn silence(text: &str) -> Silence {
    Silence {
        name: name(text),
        starts_at: None,
        expires_at: Timestamp::MAX,
        selector: Selector::default(),
        reason: None,
        created_by: None,
    }
}

pub(super) fn window(text: &str) -> MaintenanceWindow {
    MaintenanceWindow {
        name: name(text),
        enabled: true,
        description: None,
        schedule: WindowSchedule::Once { start: Timestamp::MIN, end: Timestamp::MAX },
        selector: Selector::default(),
        suppress_notifications: true,
        pause_checks: false,
        count_in_uptime: false,
        banner: None,
    }
}

pub(super) fn page(text: &str, slug: &str, members: &[&str]) -> StatusPage {
    StatusPage {
        name: name(text),
        slug: slug.to_owned(),
        title: "Shop".to_owned(),
        published: true,
        exposure: Exposure::default(),
        groups: vec![PageGroup {
            name: "All".to_owned(),
            description: None,
            monitors: members.iter().map(|text| name(text)).collect(),
        }],
    }
}

/// Items of a set called `set`, named `<set>-<item>` as sources expand them.
pub(super) fn set(text: &str, items: &[&str]) -> MonitorSet {
    let set = name(text);
    let item = |item: &&str| {
        let text = format!("{}/{}-{item}", set.namespace, set.name);
        Arc::new(Monitor {
            origin: MonitorOrigin::Set { set: set.name.to_string(), item: (*item).to_owned() },
            ..monitor(&text)
        })
    };
    MonitorSet {
        monitors: items.iter().map(item).collect(),
        name: set.clone(),
        invalid: Vec::new(),
    }
}

/// Objects to build a catalog from.
#[derive(Default)]
pub(super) struct World {
    pub(super) objects: BTreeMap<ObjectKey, Object>,
    pub(super) reports: BTreeMap<ObjectKey, ObjectStatus>,
}

impl World {
    pub(super) fn add(&mut self, kind: Kind, name: ObjectName, body: Body) {
        let key = ObjectKey { kind, name };
        let object = Object {
            key: key.clone(),
            meta: Meta { generation: 3, ..Meta::default() },
            origin: Origin::Store,
            raw: crate::object::RawObject::new(&serde_json::Value::Null),
            body,
        };
        self.objects.insert(key, object);
    }

    pub(super) fn monitor(mut self, monitor: Monitor) -> Self {
        let name = monitor.name.clone();
        self.add(Kind::Monitor, name, Body::Monitor(Arc::new(monitor)));
        self
    }

    pub(super) fn monitors(self, all: &[&str]) -> Self {
        all.iter().fold(self, |world, text| world.monitor(monitor(text)))
    }

    pub(super) fn set(mut self, set: MonitorSet) -> Self {
        let name = set.name.clone();
        self.add(Kind::MonitorSet, name, Body::MonitorSet(Arc::new(set)));
        self
    }

    pub(super) fn policy(mut self, policy: Policy) -> Self {
        let name = policy.name.clone();
        self.add(Kind::NotificationPolicy, name, Body::Policy(Arc::new(policy)));
        self
    }

    pub(super) fn provider(mut self, provider: Provider) -> Self {
        let name = provider.name.clone();
        let body = Body::Provider(Arc::new(provider));
        self.add(Kind::NotificationProvider, name, body);
        self
    }

    pub(super) fn page(mut self, page: StatusPage) -> Self {
        let name = page.name.clone();
        self.add(Kind::StatusPage, name, Body::StatusPage(Arc::new(page)));
        self
    }

    pub(super) fn silence(mut self, silence: Silence) -> Self {
        let name = silence.name.clone();
        self.add(Kind::Silence, name, Body::Silence(Arc::new(silence)));
        self
    }

    pub(super) fn window(mut self, window: MaintenanceWindow) -> Self {
        let name = window.name.clone();
        let body = Body::MaintenanceWindow(Arc::new(window));
        self.add(Kind::MaintenanceWindow, name, body);
        self
    }

    pub(super) fn settings(mut self, text: &str, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::default();
        change(&mut settings);
        let body = Body::Settings(Arc::new(settings));
        self.add(Kind::KubeKumaSettings, ObjectName::new("", text), body);
        self
    }

    pub(super) fn isolated(self) -> Self {
        self.settings("kubekuma", |settings| settings.tenancy_isolated = true)
    }

    pub(super) fn grant(mut self, namespace: &str, to: &[&str]) -> Self {
        let grant_to = to.iter().map(|&text| text.to_owned()).collect();
        let name = ObjectName::new("", namespace);
        self.add(
            Kind::Namespace,
            name,
            Body::Namespace { grant_to, egress: NamespaceEgress::Unset },
        );
        self
    }

    pub(super) fn build(&self) -> Catalog {
        build(BuildInput {
            objects: &self.objects,
            reports: &self.reports,
            system_namespace: "kubekuma",
            ids: &|name| MonitorId(crate::catalog::tests::kit::id_of(name)),
            version: 5,
        })
    }
}

/// Any number that names tell apart.
pub(super) fn id_of(name: &ObjectName) -> i64 {
    name.to_string().bytes().fold(7, |id: i64, byte| (id * 31 + i64::from(byte)) % 1_000_000_007)
}

pub(super) fn entry<'a>(catalog: &'a Catalog, text: &str) -> &'a Entry {
    &catalog.monitors[&name(text)]
}

/// The names of the routes of a monitor, in order.
pub(super) fn routes(catalog: &Catalog, text: &str) -> Vec<String> {
    let routes = &entry(catalog, text).routes;
    routes.iter().map(|route| route.name().to_string()).collect()
}

/// The names of monitors.
pub(super) fn named(catalog: &Catalog, ids: &[MonitorId]) -> Vec<String> {
    ids.iter().map(|id| catalog.by_id[id].monitor.name.to_string()).collect()
}

pub(super) fn problems<'a>(catalog: &'a Catalog, kind: Kind, text: &str) -> &'a [Problem] {
    let key = ObjectKey { kind, name: name(text) };
    &catalog.objects[&key].problems
}

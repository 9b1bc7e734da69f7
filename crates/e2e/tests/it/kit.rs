//! What scenarios with the running product need: an installation in a cluster, its objects, and
//! what its receiver was told.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use kuma_e2e::replica::Settings;
use kuma_e2e::{ControlPlane, Replica, Site, until};
use kuma_fixture::Postgres;
use kuma_fixture::postgres::Database;
use serde_json::{Value, json};

/// Where KubeKuma is installed.
pub(crate) const HOME: &str = "kubekuma";
/// Where a team has its monitors.
pub(crate) const TEAM: &str = "shop";

pub(crate) fn object(kind: &str, namespace: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "monitoring.kubekuma.io/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    })
}

/// A monitor of a web page that runs each second.
pub(crate) fn web(name: &str, url: &str) -> Value {
    let schedule = json!({"intervalSeconds": 1, "timeoutSeconds": 1});
    let spec = json!({"type": "http", "schedule": schedule, "target": {"http": {"url": url}}});
    object("Monitor", TEAM, name, &spec)
}

/// The same in another namespace.
pub(crate) fn web_in(namespace: &str, name: &str, url: &str) -> Value {
    let mut monitor = web(name, url);
    monitor["metadata"]["namespace"] = json!(namespace);
    monitor
}

/// A channel that tells a site.
pub(crate) fn channel(namespace: &str, name: &str, to: &Site) -> Value {
    let hook = json!({"type": "webhook", "config": {"webhook": {"url": to.url("/")}}});
    object("NotificationProvider", namespace, name, &hook)
}

/// Settings under which a test is quick.
fn quick() -> Value {
    json!({"minIntervalSeconds": 1, "flapping": {"enabled": false}})
}

fn settings_object(spec: &Value) -> Value {
    json!({
        "apiVersion": "monitoring.kubekuma.io/v1",
        "kind": "KubeKumaSettings",
        "metadata": {"name": "kubekuma"},
        "spec": spec,
    })
}

/// An installation: definitions, the shipped manifests, settings under which a test is quick, and
/// a receiver that is told everything. Its pods are not those of the Deployment, which have no
/// machine, but processes of their own under the same account.
pub(crate) struct Installation {
    pub(crate) plane: ControlPlane,
    pub(crate) receiver: Site,
    database: String,
    _postgres: Option<Database>,
}

impl Installation {
    /// On SQLite. None where the programs of a control plane are missing.
    pub(crate) fn new(name: &str) -> Option<Self> {
        Self::with(name, None)
    }

    /// On PostgreSQL, whose shards all replicas share if `spread`. None where the programs of a
    /// control plane or of PostgreSQL are missing.
    pub(crate) fn on_postgres(name: &str, spread: bool) -> Option<Self> {
        let database = Postgres::shared()?.database();
        let home = Self::with(name, Some(database))?;
        let settings = json!({"mode": {"singleInstanceRequired": !spread}, "scheduler": quick()});
        home.plane.kubectl().apply(&[settings_object(&settings)]);
        Some(home)
    }

    /// On a PostgreSQL of the test's own.
    pub(crate) fn on_server(name: &str, server: &Arc<Postgres>) -> Option<Self> {
        Self::with(name, Some(server.database()))
    }

    fn with(name: &str, postgres: Option<Database>) -> Option<Self> {
        let plane = ControlPlane::own(name)?;
        plane.install_crds();
        plane.install_manifests("deploy/manifests/overlays/single");
        plane.kubectl().run(&["scale", "-n", HOME, "deployment/kubekuma", "--replicas=0"]);
        plane.kubectl().run(&["create", "namespace", TEAM]);
        let receiver = Site::start();
        let routing = json!({"providers": [{"ref": {"name": "hook"}}]});
        plane.kubectl().apply(&[
            settings_object(&json!({"scheduler": quick()})),
            channel(HOME, "hook", &receiver),
            object("NotificationPolicy", HOME, "all", &json!({"match": {}, "routing": routing})),
        ]);
        let file = plane.folder().join("kubekuma.db");
        let database = match &postgres {
            Some(database) => database.url(),
            None => format!("sqlite:{}", file.display()),
        };
        Some(Self { database, plane, receiver, _postgres: postgres })
    }

    /// Changes settings, without making the test slow.
    pub(crate) fn set(&self, spec: &Value) {
        let mut spec = spec.clone();
        spec["scheduler"] = quick();
        self.plane.kubectl().apply(&[settings_object(&spec)]);
    }

    /// Adds a component's roles, as a kustomization that names it would.
    pub(crate) fn grant(&self, component: &str) {
        let rights = format!("deploy/manifests/components/{component}/rbac.yaml");
        self.plane.kubectl().apply_files(HOME, &[&Self::file(&rights)]);
    }

    /// A condition of an object.
    pub(crate) fn condition(&self, at: (&str, &str, &str), kind: &str) -> Value {
        let (resource, namespace, name) = at;
        let status = self.plane.object(resource, namespace, name)["status"].take();
        let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
        conditions.into_iter().find(|it| it["type"] == kind).unwrap_or_default()
    }

    /// Waits until a condition of an object has a status, and returns it.
    #[track_caller]
    pub(crate) fn becomes(&self, at: (&str, &str, &str), kind: &str, status: &str) -> Value {
        until(&format!("{at:?} to have {kind}={status}"), || {
            let condition = self.condition(at, kind);
            if condition["status"] == status { Ok(condition) } else { Err(condition.to_string()) }
        })
    }

    /// A replica; all share the database, as pods share a volume.
    pub(crate) fn replica(&self, pod: &str) -> Replica {
        let settings = Settings::new(&self.plane, pod, HOME, "kubekuma").database(&self.database);
        Replica::start(&self.plane, &settings)
    }

    /// The file of an installation on SQLite.
    pub(crate) fn file_of_database(&self) -> PathBuf {
        PathBuf::from(self.database.strip_prefix("sqlite:").expect("not on SQLite"))
    }

    /// A file of the examples.
    pub(crate) fn example(path: &str) -> PathBuf {
        Self::file("examples").join(path)
    }

    /// A file of this repository.
    pub(crate) fn file(path: &str) -> PathBuf {
        PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(path)
    }

    /// What `kubectl get monitors` prints of a monitor: type, state, reason.
    pub(crate) fn row(&self, name: &str) -> Vec<String> {
        let table = self.plane.kubectl().run(&["get", "monitors", "-n", TEAM, "--no-headers"]);
        let line = table.lines().find(|line| line.split_whitespace().next() == Some(name));
        line.unwrap_or_default().split_whitespace().skip(1).take(3).map(str::to_owned).collect()
    }

    /// Waits until kubectl shows a state.
    #[track_caller]
    pub(crate) fn shows(&self, name: &str, state: &str) {
        until(&format!("kubectl to show {name} {state}"), || {
            let row = self.row(name);
            if row.get(1).is_some_and(|it| it == state) { Ok(()) } else { Err(format!("{row:?}")) }
        });
    }

    /// Waits for a webhook about a monitor that tells an event.
    #[track_caller]
    pub(crate) fn hears(&self, monitor: &str, event: &str) {
        until(&format!("a webhook that tells {event} of {monitor}"), || {
            let told = self.receiver.told(monitor, event);
            if told.is_empty() { Err(format!("{:?}", self.keys())) } else { Ok(()) }
        });
    }

    /// Every key that was received, with the number of its first arrivals and of its repeats that
    /// say so.
    pub(crate) fn keys(&self) -> BTreeMap<String, (usize, usize)> {
        let mut keys = BTreeMap::<String, (usize, usize)>::new();
        for request in self.receiver.requests() {
            let key = request.header("webhook-id").unwrap_or_default().to_owned();
            let counts = keys.entry(key).or_default();
            if request.header("kubekuma-may-be-repeat").is_some() {
                counts.1 += 1;
            } else {
                counts.0 += 1;
            }
        }
        keys
    }

    /// Nothing was repeated without saying so.
    #[track_caller]
    pub(crate) fn repeats_are_marked(&self) {
        for (key, (first, _)) in self.keys() {
            assert!(first <= 1, "{key} came {first} times as if for the first time");
        }
    }

    /// Waits until these are the events about a monitor, repeats left out.
    #[track_caller]
    pub(crate) fn has_heard(&self, monitor: &str, expected: &[&str]) {
        until(&format!("{expected:?} of {monitor}"), || {
            let events = self.events(monitor);
            if events == expected { Ok(()) } else { Err(format!("{events:?}")) }
        });
    }

    /// The events about a monitor in the order in which they came, repeats left out.
    pub(crate) fn events(&self, monitor: &str) -> Vec<String> {
        let mut seen = Vec::new();
        let mut events = Vec::new();
        for request in self.receiver.requests().iter().filter(|it| it.monitor() == monitor) {
            let key = request.header("webhook-id").map(str::to_owned);
            if !seen.contains(&key) {
                seen.push(key);
                events.push(request.event());
            }
        }
        events
    }
}

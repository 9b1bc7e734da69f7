//! A control plane with KubeKuma installed, and many Monitors.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _};
use kube::Api;
use kube::api::{DynamicObject, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kuma_e2e::audit::Request;
use kuma_e2e::replica::Settings;
use kuma_e2e::{ControlPlane, Replica, Site};
use kuma_fixture::Postgres;
use kuma_fixture::postgres::Database;
use serde_json::{Value, json};

use super::needed;

const HOME: &str = "kubekuma";
const TEAM: &str = "shop";
/// Monitors that are created at once.
const AT_ONCE: usize = 16;

/// A control plane with the definitions and the shipped manifests, whose pods are processes here.
pub(super) struct Installation {
    plane: ControlPlane,
    receiver: Site,
    database: String,
    program: PathBuf,
    _postgres: Option<Database>,
}

impl Installation {
    pub(super) fn new(spread: bool, binary: &Path) -> anyhow::Result<Self> {
        let plane = needed(ControlPlane::own("bench"), "a control plane")?;
        let postgres = if spread {
            let server = needed(Postgres::shared(), "PostgreSQL")?;
            Some(Arc::clone(server).database())
        } else {
            None
        };
        plane.install_crds();
        plane.install_manifests("deploy/manifests/overlays/single");
        plane.kubectl().run(&["scale", "-n", HOME, "deployment/kubekuma", "--replicas=0"]);
        plane.kubectl().run(&["create", "namespace", TEAM]);
        let receiver = Site::start();
        let hook = json!({"type": "webhook", "config": {"webhook": {"url": receiver.url("/")}}});
        let routing = json!({"providers": [{"ref": {"name": "hook"}}]});
        plane.kubectl().apply(&[
            object(
                "KubeKumaSettings",
                "",
                "kubekuma",
                &json!({"mode": {"singleInstanceRequired": !spread}}),
            ),
            object("NotificationProvider", HOME, "hook", &hook),
            object("NotificationPolicy", HOME, "all", &json!({"match": {}, "routing": routing})),
        ]);
        let database = match &postgres {
            Some(database) => database.url(),
            None => format!("sqlite:{}", plane.folder().join("kubekuma.db").display()),
        };
        let program = std::path::absolute(binary)?;
        Ok(Self { plane, receiver, database, program, _postgres: postgres })
    }

    /// Creates monitors of one target.
    pub(super) async fn create(&self, count: u32, interval: u32, url: &str) -> anyhow::Result<()> {
        let client = self.plane.client().await;
        let kind = GroupVersionKind::gvk("monitoring.kubekuma.io", "v1", "Monitor");
        let resource = ApiResource::from_gvk(&kind);
        let api: Api<DynamicObject> = Api::namespaced_with(client, TEAM, &resource);
        let spec = json!({
            "type": "http", "schedule": {"intervalSeconds": interval},
            "target": {"http": {"url": url}},
        });
        let create = |number: u32| {
            let (api, spec) = (api.clone(), &spec);
            async move {
                let monitor = object("Monitor", TEAM, &format!("page-{number}"), spec);
                let monitor: DynamicObject = serde_json::from_value(monitor)?;
                api.create(&PostParams::default(), &monitor).await?;
                anyhow::Ok(())
            }
        };
        futures_util::stream::iter((0..count).map(create))
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
    }

    pub(super) fn replica(&self, pod: &str) -> Replica {
        let mut settings = Settings::new(&self.plane, pod, HOME, "kubekuma")
            .database(&self.database)
            .variable("LOG_LEVEL", "warn");
        settings.program = Some(self.program.clone());
        Replica::start(&self.plane, &settings)
    }

    /// What our ServiceAccount asked of the API server.
    pub(super) fn requests(&self) -> Vec<Request> {
        self.plane.requests_of(HOME, "kubekuma")
    }

    /// The statuses that it wrote.
    pub(super) fn writes(&self) -> Vec<Request> {
        let mut writes = self.requests();
        writes.retain(|request| request.is_write() && super::is_status(request));
        writes
    }

    /// Messages that arrived.
    pub(super) fn told(&self) -> usize {
        self.receiver.requests().len()
    }
}

fn object(kind: &str, namespace: &str, name: &str, spec: &Value) -> Value {
    let mut object = json!({
        "apiVersion": "monitoring.kubekuma.io/v1", "kind": kind,
        "metadata": {"name": name}, "spec": spec,
    });
    if !namespace.is_empty() {
        object["metadata"]["namespace"] = namespace.into();
    }
    object
}

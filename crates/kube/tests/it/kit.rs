//! What all tests here need: a way to the fake server, objects, a clock, and patience.

use std::time::Duration;

use kuma_core::id::{Kind, ObjectKey, ObjectName};
use kuma_core::time::{Clock, Mono, Now, Timestamp, plus};
use kuma_kube::client::{Cluster, connect};
use kuma_kube::watch::{ClusterSource, News, Options, Scope};
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::fake::Fake;

/// How long anything may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A way to the server.
pub(crate) async fn cluster(fake: &Fake) -> Cluster {
    cluster_at(fake.port).await
}

/// A way to the server at a port.
pub(crate) async fn cluster_at(port: u16) -> Cluster {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("kubeconfig");
    let text = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "x",
        "clusters": [{"name": "c", "cluster": {"server": format!("http://127.0.0.1:{port}")}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
    });
    std::fs::write(&path, text.to_string()).unwrap();
    connect(Some(&path), "test").await.unwrap()
}

/// Watches the whole cluster, from nothing.
pub(crate) async fn source(fake: &Fake) -> ClusterSource {
    let options =
        Options { scope: Scope::Cluster, system_namespace: "kubekuma".to_owned(), observer: None };
    ClusterSource::start(&cluster(fake).await, options, &CancellationToken::new())
}

/// Takes news until some of it is what was waited for.
pub(crate) async fn until(source: &ClusterSource, done: impl Fn(&News) -> bool) -> News {
    let waiting = async {
        loop {
            let news = source.changed().await;
            if done(&news) {
                return news;
            }
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("it never came")
}

/// A monitor that uses a Secret.
pub(crate) fn monitor(name: &str, port: u16) -> Value {
    json!({
        "apiVersion": "monitoring.kubekuma.io/v1", "kind": "Monitor",
        "metadata": {"name": name, "namespace": "shop", "generation": port},
        "spec": {"type": "tcp", "target": {"tcp": {
            "host": "web", "port": port, "send": "${SECRET:api:token}",
        }}},
    })
}

/// The key of a monitor.
pub(crate) fn key(name: &str) -> ObjectKey {
    ObjectKey { kind: Kind::Monitor, name: ObjectName::new("shop", name) }
}

/// A clock for Leases; its wall clock shows what nobody compares.
pub(crate) struct TestClock(pub(crate) Instant);

impl Clock for TestClock {
    fn now(&self) -> Now {
        let since = self.0.elapsed();
        Now { mono: Mono::default() + since, wall: plus(Timestamp::UNIX_EPOCH, since) }
    }
}

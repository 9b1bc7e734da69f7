//! The folder that the product watches in a run.

use std::path::Path;

use serde_json::{Value, json};

use crate::receiver::Receiver;
use crate::target::{Target, World, others};

fn document(kind: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "monitoring.kubekuma.io/v1",
        "kind": kind,
        "metadata": { "name": name },
        "spec": spec,
    })
}

fn secret(name: &str, data: &Value) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": { "name": name, "labels": { "kubekuma.io/use": "true" } },
        "stringData": data,
    })
}

/// Writes it.
pub(crate) fn write(
    folder: &Path,
    world: &World,
    targets: &[Target],
    receivers: &[(String, Box<dyn Receiver + Send>)],
) -> anyhow::Result<()> {
    // No flapping: targets here change more often than services do.
    let settings = json!({
        "scheduler": { "minIntervalSeconds": 1, "flapping": { "enabled": false } },
        "networking": { "dns": { "resolvers": [world.resolver.address] } },
    });
    let mut all = vec![
        document("KubeKumaSettings", "kubekuma", &settings),
        secret("job", &json!({ "token": others::TOKEN })),
    ];
    all.extend(targets.iter().map(|target| document("Monitor", &target.name, &target.spec)));
    for (name, receiver) in receivers {
        let spec = json!({ "type": name, "config": { name: receiver.config() } });
        all.push(document("NotificationProvider", name, &spec));
        all.push(secret(name, &receiver.secret()));
    }
    let refs: Vec<_> =
        receivers.iter().map(|(name, _)| json!({ "ref": { "name": name } })).collect();
    let policy = json!({ "match": {}, "routing": { "providers": refs } });
    all.push(document("NotificationPolicy", "all", &policy));
    let all: Vec<_> = all.iter().map(|document| format!("{document:#}")).collect();
    std::fs::write(folder.join("config/all.yaml"), all.join("\n---\n"))?;
    Ok(())
}

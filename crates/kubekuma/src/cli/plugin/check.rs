//! `kubectl kuma check`: a monitor as the cluster has it, checked once from this machine. What a
//! network policy or a name of the cluster changes shows by comparison.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use k8s_openapi::api::core::v1::Secret;
use kuma_api::kinds::{KubeKumaSettings, Monitor, MonitorSet};
use kuma_api::read::{ReadContext, ReadObject, read_object};
use kuma_core::catalog::Catalog;
use kuma_core::check::kubernetes::ClusterObjects;
use kuma_core::id::{Kind, MonitorId, ObjectKey, ObjectName};
use kuma_core::monitor;
use kuma_core::object::{Body, Object, Origin, Problem};
use kuma_core::source::Snapshot;
use kuma_kube::objects::ObjectWatches;
use kuma_kube::secrets::references;
use serde_json::Value;

use super::cluster::Cluster;
use super::{SYSTEM_NAMESPACE, Shared, monitors};
use crate::cli::{OutputFormat, check, output, runtime};
use crate::clock::SystemClock;
use crate::runtime::catalog;
use crate::secrets::{LocalSecrets, Rules};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// A monitor as `namespace/name` or `name`; an item of a set as `set-item`.
    what: ObjectName,
    /// KubeKuma's own namespace, whose Secrets need a label.
    #[arg(long, env = "KUBE_NAMESPACE", default_value = SYSTEM_NAMESPACE)]
    system_namespace: String,
    /// Shape of the result.
    #[arg(short, long, value_enum, default_value_t)]
    output: OutputFormat,
}

pub(super) fn run(shared: &Shared, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    runtime()?.block_on(async {
        let cluster = Cluster::connect(shared).await?;
        let name = within(&cluster.namespace, &arguments.what);
        let context = ReadContext { default_namespace: arguments.system_namespace.clone() };
        let found = find(&cluster, &name, &context).await?;
        let secrets = secrets(&cluster, &found, &context).await?;
        let settings = settings(&cluster, &context).await?;
        let (catalog, monitor) = prepare(&name, found, settings, &context)?;
        let rules = Rules {
            system_namespace: arguments.system_namespace.clone(),
            isolated: catalog.settings.tenancy_isolated,
        };
        let source = LocalSecrets::new(None, std::collections::HashMap::new());
        source.take_over(rules, secrets.iter());
        output::note("asked from this machine, not from where KubeKuma runs");
        let objects = objects(&cluster, &catalog);
        let results = check::check_all(&catalog, &[monitor], source, objects).await?;
        check::show(arguments.output, &results, shared.color.on_stdout())
    })
}

/// A name without a namespace is in the one that is meant.
fn within(namespace: &str, name: &ObjectName) -> ObjectName {
    if name.namespace.is_empty() {
        ObjectName::new(namespace, Arc::clone(&name.name))
    } else {
        name.clone()
    }
}

/// The Monitor of that name, or the set with the item.
async fn find(
    cluster: &Cluster,
    name: &ObjectName,
    context: &ReadContext,
) -> anyhow::Result<Object> {
    if let Some(monitor) = cluster.get::<Monitor>(name).await? {
        return usable(&monitor, context);
    }
    let sets = cluster.list::<MonitorSet>(Some(&name.namespace), None).await?;
    for set in &sets {
        let read = read(set, context);
        if read.object.as_ref().is_some_and(|object| holds(object, name)) {
            return usable(set, context);
        }
    }
    let monitors = cluster.list::<Monitor>(Some(&name.namespace), None).await?;
    let rows = monitors::rows(&monitors, &sets);
    let known: Vec<_> = rows.iter().take(10).map(|row| row.monitor.to_string()).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    bail!("there is no monitor {name} (there are: {known})")
}

fn holds(object: &Object, name: &ObjectName) -> bool {
    match &object.body {
        Body::MonitorSet(set) => set.monitors.iter().any(|monitor| monitor.name == *name),
        _ => false,
    }
}

fn read(object: &Value, context: &ReadContext) -> ReadObject {
    let version = object.pointer("/metadata/resourceVersion").and_then(Value::as_str);
    let origin = Origin::Cluster { resource_version: version.unwrap_or_default().to_owned() };
    read_object(object, origin, context)
}

fn usable(object: &Value, context: &ReadContext) -> anyhow::Result<Object> {
    let read = read(object, context);
    match read.object {
        Some(object) => Ok(object),
        None => Err(cannot_run(&monitors::name(object), &read.problems)),
    }
}

fn cannot_run(name: &ObjectName, problems: &[Problem]) -> anyhow::Error {
    let lines: Vec<_> = problems.iter().map(|problem| format!("\n  {problem}")).collect();
    anyhow::anyhow!("{name} cannot run as it is written:{}", lines.concat())
}

/// The Secrets that the object names, as far as the user may read them. What is missing the check
/// itself says.
async fn secrets(
    cluster: &Cluster,
    object: &Object,
    context: &ReadContext,
) -> anyhow::Result<Vec<Object>> {
    let named = references(&snapshot([object.clone()]), &context.default_namespace);
    let mut found = Vec::new();
    for at in named {
        match cluster.get::<Secret>(&at).await {
            Ok(secret) => found.extend(secret.and_then(|secret| read(&secret, context).object)),
            Err(error) => output::note(&format!("Secret {at} is taken as missing: {error}")),
        }
    }
    Ok(found)
}

/// The settings, or the defaults where they cannot be had.
async fn settings(cluster: &Cluster, context: &ReadContext) -> anyhow::Result<Option<Object>> {
    match cluster.get::<KubeKumaSettings>(&ObjectName::new("", "kubekuma")).await {
        Ok(settings) => Ok(settings.and_then(|settings| read(&settings, context).object)),
        Err(error) => {
            output::note(&format!("default settings are used: {error}"));
            Ok(read(&unknown_settings(), context).object)
        }
    }
}

/// The defaults, which forbid nothing that the real settings may permit: how often a monitor may
/// run does not matter to running it once.
fn unknown_settings() -> Value {
    serde_json::json!({
        "apiVersion": kuma_api::kinds::API_VERSION,
        "kind": "KubeKumaSettings",
        "metadata": {"name": "kubekuma"},
        "spec": {"scheduler": {"minIntervalSeconds": 1}},
    })
}

/// The objects that the monitor looks at, read with the user's rights, if it looks at any.
fn objects(cluster: &Cluster, catalog: &Catalog) -> Option<Arc<dyn ClusterObjects>> {
    let queries: BTreeSet<_> = catalog.object_queries().into_keys().collect();
    if queries.is_empty() {
        return None;
    }
    let watches = ObjectWatches::new(cluster.client(), Arc::new(SystemClock::start()));
    watches.sync(&queries);
    Some(Arc::new(watches))
}

fn snapshot(objects: impl IntoIterator<Item = Object>) -> Snapshot {
    let objects = objects.into_iter().map(|object| (object.key.clone(), object)).collect();
    Snapshot { objects, ..Snapshot::default() }
}

/// The catalog that KubeKuma would run, of this one object.
fn prepare(
    name: &ObjectName,
    object: Object,
    settings: Option<Object>,
    context: &ReadContext,
) -> anyhow::Result<(Catalog, Arc<monitor::Monitor>)> {
    let snapshot = snapshot([Some(object), settings].into_iter().flatten());
    let numbers: BTreeMap<_, _> =
        catalog::monitor_names(&snapshot).into_iter().zip((1..).map(MonitorId)).collect();
    let ids = |name: &ObjectName| numbers.get(name).copied().unwrap_or_default();
    let catalog = catalog::build(&snapshot, &context.default_namespace, &ids, 1);
    let Some(monitor) = catalog.monitors.get(name).map(|entry| entry.monitor.clone()) else {
        let key = ObjectKey { kind: Kind::Monitor, name: name.clone() };
        let problems = catalog.objects.get(&key).map(|status| status.problems.as_slice());
        return Err(cannot_run(name, problems.unwrap_or_default()));
    };
    if !check::is_probed(&monitor) {
        return Err(check::nothing_to_run(&monitor));
    }
    Ok((catalog, monitor))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SHOP: &str = "shop";

    fn context() -> ReadContext {
        ReadContext::default()
    }

    fn monitor(spec: &Value) -> Value {
        json!({
            "apiVersion": "monitoring.kubekuma.io/v1", "kind": "Monitor",
            "metadata": {"namespace": SHOP, "name": "web", "resourceVersion": "7"},
            "spec": spec,
        })
    }

    #[test]
    fn a_monitor_of_the_cluster_is_prepared_under_its_settings() {
        let spec = json!({"type": "tcp", "target": {"tcp": {"host": "db", "port": 5432}}});
        let object = usable(&monitor(&spec), &context()).unwrap();
        let settings = json!({
            "apiVersion": "monitoring.kubekuma.io/v1", "kind": "KubeKumaSettings",
            "metadata": {"name": "kubekuma"}, "spec": {"tenancy": {"isolated": true}},
        });
        let settings = usable(&settings, &context()).unwrap();
        let name = ObjectName::new(SHOP, "web");
        let (catalog, found) = prepare(&name, object, Some(settings), &context()).unwrap();
        assert!(catalog.settings.tenancy_isolated);
        assert_eq!(found.name, name);
    }

    #[test]
    fn what_cannot_run_says_why() {
        let error = |spec: &Value| match usable(&monitor(spec), &context()) {
            Ok(object) => {
                let name = ObjectName::new(SHOP, "web");
                prepare(&name, object, None, &context()).unwrap_err().to_string()
            }
            Err(error) => error.to_string(),
        };
        let wrong = json!({"type": "http", "target": {"http": {"url": "ftp://web"}}});
        assert!(error(&wrong).starts_with("shop/web cannot run as it is written:\n  spec.target"));
        let fast = json!({
            "type": "tcp", "target": {"tcp": {"host": "db", "port": 1}},
            "schedule": {"intervalSeconds": 1},
        });
        assert!(error(&fast).contains("spec.schedule.intervalSeconds"), "{}", error(&fast));
        let push = json!({"type": "push", "target": {"push": {
            "tokenSecretRef": {"name": "job", "key": "token"},
        }}});
        assert!(error(&push).contains("nothing to run"), "{}", error(&push));
    }

    #[test]
    fn settings_that_may_not_be_read_keep_no_monitor_from_being_checked() {
        let spec = json!({
            "type": "tcp", "target": {"tcp": {"host": "db", "port": 1}},
            "schedule": {"intervalSeconds": 1},
        });
        let object = usable(&monitor(&spec), &context()).unwrap();
        let settings = usable(&unknown_settings(), &context()).unwrap();
        let name = ObjectName::new(SHOP, "web");
        assert!(prepare(&name, object, Some(settings), &context()).is_ok());
    }

    #[test]
    fn names_without_a_namespace_are_in_the_one_that_is_meant() {
        let name = |text: &str| within(SHOP, &text.parse().unwrap()).to_string();
        assert_eq!((name("web"), name("pay/web")), ("shop/web".into(), "pay/web".into()));
    }
}

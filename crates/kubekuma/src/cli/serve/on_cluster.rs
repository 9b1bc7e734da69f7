//! The flags that only matter on a cluster.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use kuma_core::shard::MemberId;
use kuma_core::time::Clock;
use kuma_kube::client::connect;
use kuma_kube::exposure::{GatewayName, Options as Exposure};
use kuma_kube::watch::Scope;

use crate::clock::SystemClock;
use crate::cluster::Cluster;

/// How to run on Kubernetes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options on Kubernetes")]
pub(super) struct OnCluster {
    /// Take objects from the API server instead of a folder; so it is in a pod without being asked.
    #[arg(long)]
    pub(super) kube: bool,
    /// The kubeconfig; default: the pod's ServiceAccount, else where kubectl looks.
    #[arg(long, env = "KUBECONFIG", value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Watch one namespace only, with a Role in it instead of a ClusterRole.
    #[arg(long, env = "KUBEKUMA_WATCH_NAMESPACE", value_name = "NAMESPACE")]
    watch_namespace: Option<String>,
    /// How this replica is called in Leases and by other replicas; default: a name drawn at the start.
    #[arg(long, env = "POD_NAME", value_name = "NAME")]
    pod_name: Option<String>,
    /// Serve the validating webhook on port 9443 with `tls.crt` and `tls.key` of this folder.
    #[arg(long, env = "KUBEKUMA_WEBHOOK_CERT_DIR", value_name = "FOLDER")]
    webhook_cert_dir: Option<PathBuf>,
    /// Name of KubeKuma's Service, for status pages that are exposed.
    #[arg(long, env = "KUBEKUMA_SERVICE", default_value = "kubekuma")]
    service: String,
    /// Port of that Service.
    #[arg(long, env = "KUBEKUMA_SERVICE_PORT_HTTP", default_value_t = 3000, value_name = "PORT")]
    service_port: u16,
    /// Class of Ingresses made for status pages; default: the cluster's default class.
    #[arg(long, env = "KUBEKUMA_INGRESS_CLASS", value_name = "CLASS")]
    ingress_class: Option<String>,
    /// Gateway of routes made for status pages, as `[NAMESPACE/]NAME[:LISTENER]`.
    #[arg(long, env = "KUBEKUMA_GATEWAY", value_name = "GATEWAY")]
    gateway: Option<String>,
}

impl OnCluster {
    /// A name that no process before had: a pod's restarts share the pod's name, and a member that
    /// died must not be taken for the one that follows it.
    pub(super) fn member(&self, clock: SystemClock) -> MemberId {
        let pod = self.pod_name.clone().unwrap_or_else(|| "kubekuma".to_owned());
        let started = clock.now().wall.as_millisecond();
        MemberId(format!("{pod}/{started:x}-{:x}", std::process::id()))
    }

    /// The way to the API server and what to do there.
    pub(super) async fn connect(&self, namespace: &str) -> anyhow::Result<Cluster> {
        let gateway = self.gateway.as_ref().map(|text| {
            let gateway: Result<GatewayName, _> = text.parse();
            gateway.context("--gateway")
        });
        let connection = connect(self.kubeconfig.as_deref(), env!("CARGO_PKG_VERSION")).await?;
        let scope = self.watch_namespace.clone().map_or(Scope::Cluster, Scope::Namespace);
        let exposure = Exposure {
            system_namespace: namespace.to_owned(),
            service: self.service.clone(),
            port: self.service_port,
            ingress_class: self.ingress_class.clone(),
            gateway: gateway.transpose()?,
        };
        Ok(Cluster { connection, scope, exposure, webhook: self.webhook_cert_dir.clone() })
    }
}

//! Starting the parts in their order, with the options that each needs.

use std::path::Path;
use std::sync::Mutex;

use anyhow::Context as _;
use kuma_fixture::wait::free_port;
use serde_json::{Value, json};

use super::{ControlPlane, Ports, configuration};
use crate::folder;
use crate::parts::{Parts, Workloads};
use crate::process::{self, Process};
use crate::wait::{PATIENCE, look_for};

impl ControlPlane {
    /// Starts everything and waits until it can be used.
    pub(super) fn start_with(parts: Parts, name: &str) -> anyhow::Result<Self> {
        let folder = folder::new(name)?;
        let ports =
            Ports { etcd: free_port(), peers: free_port(), api: free_port(), kwok: free_port() };
        let etcd = run_etcd(&parts, &folder, ports)?;
        let mut plane = Self {
            parts,
            folder,
            ports,
            etcd: Mutex::new(etcd),
            api_server: Mutex::new(None),
            others: Vec::new(),
            started: false,
        };
        configuration::write(&plane)?;
        *plane.api_server.lock().unwrap() = Some(plane.run_api_server()?);
        plane.ready()?;
        if let Some(workloads) = plane.parts.workloads.clone() {
            plane.others = plane.run_workloads(&workloads)?;
            plane.prepare_node()?;
        }
        plane.started = true;
        Ok(plane)
    }

    pub(super) fn run_api_server(&self) -> anyhow::Result<Process> {
        let path = |name: &str| self.folder.join(name).display().to_string();
        let mut command = process::command(&self.parts.api_server);
        command
            .arg(format!("--etcd-servers=http://127.0.0.1:{}", self.ports.etcd))
            .args(["--bind-address=127.0.0.1", "--service-cluster-ip-range=10.96.0.0/16"])
            .arg(format!("--secure-port={}", self.ports.api))
            .arg(format!("--cert-dir={}", path("certificates")))
            .arg(format!("--tls-cert-file={}", path("server.pem")))
            .arg(format!("--tls-private-key-file={}", path("server.key")))
            .arg("--service-account-issuer=https://kubernetes.default.svc")
            .arg(format!("--service-account-key-file={}", path("accounts.pem")))
            .arg(format!("--service-account-signing-key-file={}", path("accounts.key")))
            .arg(format!("--token-auth-file={}", path("users.csv")))
            .arg("--authorization-mode=RBAC")
            .arg(format!("--audit-policy-file={}", path("audit.json")))
            .arg(format!("--audit-log-path={}", path("audit.log")))
            .arg("--profiling=false");
        if self.parts.workloads.is_none() {
            // Nobody would make the accounts that Pods of every namespace run under.
            command.arg("--disable-admission-plugins=ServiceAccount");
        }
        Process::start("kube-apiserver", command, &self.folder.join("kube-apiserver.log"))
    }

    fn run_workloads(&self, workloads: &Workloads) -> anyhow::Result<Vec<Process>> {
        let kubeconfig = |user: &str| {
            format!("--kubeconfig={}", self.folder.join(format!("{user}.kubeconfig")).display())
        };
        let path = |name: &str| self.folder.join(name).display().to_string();
        let mut manager = process::command(&workloads.controller_manager);
        manager
            .arg(kubeconfig("controller-manager"))
            .arg(format!("--service-account-private-key-file={}", path("accounts.key")))
            .arg(format!("--root-ca-file={}", path("ca.pem")))
            .args(["--leader-elect=false", "--secure-port=0"]);
        let mut scheduler = process::command(&workloads.scheduler);
        scheduler.arg(kubeconfig("scheduler")).args(["--leader-elect=false", "--secure-port=0"]);
        let mut kwok = process::command(&workloads.kwok);
        kwok.arg(kubeconfig("kwok"))
            .arg("--manage-all-nodes=true")
            .arg(format!("--server-address=127.0.0.1:{}", self.ports.kwok));
        for stage in &workloads.stages {
            kwok.arg("--config").arg(stage);
        }
        let start = |name: &str, command| {
            Process::start(name, command, &self.folder.join(format!("{name}.log")))
        };
        Ok(vec![
            start("kube-controller-manager", manager)?,
            start("kube-scheduler", scheduler)?,
            start("kwok", kwok)?,
        ])
    }

    /// A node that kwok looks after, and the account that Pods of `default` run under.
    fn prepare_node(&self) -> anyhow::Result<()> {
        let room = json!({"cpu": "32", "memory": "64Gi", "pods": "500"});
        // What a kubelet says of its machine.
        let labels = json!({
            "kubernetes.io/os": "linux",
            "kubernetes.io/arch": "amd64",
            "kubernetes.io/hostname": "node-1",
        });
        let annotations = json!({"kwok.x-k8s.io/node": "fake"});
        let node = json!({
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": "node-1", "labels": labels, "annotations": annotations},
            "status": {"allocatable": room, "capacity": room},
        });
        let kubectl = self.kubectl();
        let made = kubectl.tell(&["apply", "-f", "-"], Some(&node.to_string()));
        anyhow::ensure!(made.success, "no node can be made: {}", made.err);
        let ready = r#"jsonpath={.status.conditions[?(@.type=="Ready")].status}"#;
        let looked = look_for(PATIENCE, || {
            let node = kubectl.tell(&["get", "node", "node-1", "-o", ready], None);
            let account = kubectl.tell(&["get", "serviceaccount", "default"], None);
            if node.out == "True" && account.success {
                Ok(())
            } else {
                Err(format!("node ready: {:?}, account: {}", node.out, account.err))
            }
        });
        looked.map_err(|last| {
            anyhow::anyhow!("the node is not ready: {last}; logs are in {}", self.folder.display())
        })
    }
}

fn run_etcd(parts: &Parts, folder: &Path, ports: Ports) -> anyhow::Result<Process> {
    let (clients, peers) =
        (format!("http://127.0.0.1:{}", ports.etcd), format!("http://127.0.0.1:{}", ports.peers));
    let mut command = process::command(&parts.etcd);
    command
        .arg("--data-dir")
        .arg(folder.join("data"))
        .args(["--listen-client-urls", &clients, "--advertise-client-urls", &clients])
        .args(["--listen-peer-urls", &peers])
        .args(["--initial-advertise-peer-urls", &peers])
        .args(["--initial-cluster", &format!("default={peers}")])
        // A test that ends needs nothing of it any more.
        .arg("--unsafe-no-fsync");
    Process::start("etcd", command, &folder.join("etcd.log"))
}

/// Asks etcd for its newest revision and makes it forget all before.
pub(super) fn compact(url: &str) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // A test may run within a runtime of its own, which must not be blocked by another.
    let work = || runtime.block_on(compacted(url));
    std::thread::scope(|scope| scope.spawn(work).join())
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

async fn compacted(url: &str) -> anyhow::Result<()> {
    let client = reqwest::Client::builder().build()?;
    let ask = async |path: &str, body: Value| -> anyhow::Result<Value> {
        let answer = client.post(format!("{url}/v3/kv/{path}")).json(&body).send().await?;
        Ok(answer.error_for_status()?.json().await?)
    };
    let newest = ask("range", json!({"key": "AA==", "limit": "1"})).await?;
    let revision = newest.pointer("/header/revision").cloned();
    let revision = revision.context("etcd does not say its revision")?;
    ask("compaction", json!({"revision": revision, "physical": true})).await?;
    Ok(())
}

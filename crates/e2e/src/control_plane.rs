//! A real control plane: etcd, kube-apiserver, the built-in controllers, the scheduler, and kwok
//! as the machine room.

mod configuration;
mod start;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use serde_json::Value;

use crate::audit::{self, Request};
use crate::folder;
use crate::kubectl::Kubectl;
use crate::parts::{self, Parts};
use crate::process::Process;
use crate::wait::{PATIENCE, look_for, until};

/// How long a part may take to end when it is asked to.
const ENDING: Duration = Duration::from_secs(20);

/// The control plane, for as long as the value lives.
pub struct ControlPlane {
    parts: Parts,
    folder: PathBuf,
    ports: Ports,
    etcd: Mutex<Process>,
    /// None while it is away on purpose.
    api_server: Mutex<Option<Process>>,
    /// Controllers, scheduler, kwok: they find their way back by themselves.
    others: Vec<Process>,
    /// Whether it came so far that its logs are of no interest unless a test fails.
    started: bool,
}

#[derive(Debug, Clone, Copy)]
struct Ports {
    etcd: u16,
    peers: u16,
    api: u16,
    kwok: u16,
}

impl ControlPlane {
    /// The one that the tests of this program share, started by the first of them, with our
    /// definitions installed. None, with a remark, where its programs are missing.
    ///
    /// # Panics
    /// In continuous integration where they are missing; everywhere when it does not start.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Result<ControlPlane, String>>> = OnceLock::new();
        let shared = SHARED.get_or_init(|| {
            let parts = needed()?;
            let started = Self::start_with(parts, "shared").map_err(|error| format!("{error:#}"));
            Some(started.inspect(Self::install_crds))
        });
        match shared.as_ref()? {
            Ok(plane) => Some(plane),
            Err(error) => panic!("{error}"),
        }
    }

    /// One for a single test, which may do to it what it likes. None, with a remark, where its
    /// programs are missing.
    pub fn own(name: &str) -> Option<Self> {
        let parts = needed()?;
        Some(Self::start_with(parts, name).unwrap_or_else(|error| panic!("{error:#}")))
    }

    /// The API server's address.
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.ports.api)
    }

    /// Where its data and logs are, and files of a test can be.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether it has controllers, scheduler and nodes; without them Deployments stay empty, and
    /// whoever needs them is left out with a remark.
    ///
    /// # Panics
    /// In continuous integration where they are missing.
    pub fn has_workloads(&self) -> bool {
        if self.others.is_empty() {
            left_out(
                "KUBEBUILDER_ASSETS has not all of kube-controller-manager, kube-scheduler, kwok \
                 and its stages; unset it, and `cargo xtask control-plane` builds them",
            );
        }
        !self.others.is_empty()
    }

    /// kubectl as the administrator.
    pub fn kubectl(&self) -> Kubectl {
        Kubectl::new(&self.parts.kubectl, &self.kubeconfig())
    }

    /// The administrator's kubeconfig.
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.join("admin.kubeconfig")
    }

    /// A client as the administrator. To be called within a runtime.
    pub async fn client(&self) -> kube::Client {
        self.client_of(&self.kubeconfig()).await
    }

    /// A client as the user of a kubeconfig. To be called within a runtime.
    pub async fn client_of(&self, kubeconfig: &Path) -> kube::Client {
        let kubeconfig = kube::config::Kubeconfig::read_from(kubeconfig).unwrap();
        let options = kube::config::KubeConfigOptions::default();
        let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
        kube::Client::try_from(config).unwrap()
    }

    /// A kubeconfig with which a program is a ServiceAccount, as if it ran in a Pod of it. The
    /// namespace of its context is the account's.
    #[track_caller]
    pub fn service_account(&self, namespace: &str, name: &str) -> PathBuf {
        let token = self.kubectl().run(&[
            "create",
            "token",
            name,
            "--namespace",
            namespace,
            "--duration=24h",
        ]);
        let path = self.folder.join(format!("{namespace}-{name}.kubeconfig"));
        configuration::write_kubeconfig(self, &path, token.trim(), namespace).unwrap();
        path
    }

    /// Installs `deploy/crds` as the documentation says, and waits until they can be used.
    #[track_caller]
    pub fn install_crds(&self) {
        let folder = folder::workspace("deploy/crds");
        let kubectl = self.kubectl();
        kubectl.run(&["apply", "--server-side", "-f", folder.to_str().unwrap()]);
        kubectl.run(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]);
        // The names are known to kubectl once discovery has them, a moment later.
        until("the kinds to be known", || {
            let told = kubectl.tell(&["get", "kubekuma", "--all-namespaces"], None);
            if told.success { Ok(()) } else { Err(told.err) }
        });
    }

    /// Applies a folder of the workspace that is made for kustomize.
    #[track_caller]
    pub fn install_manifests(&self, path: &str) {
        let folder = folder::workspace(path);
        self.kubectl().run(&["apply", "--server-side", "-k", folder.to_str().unwrap()]);
    }

    /// Everything that was asked of the API server so far, oldest first; built-in controllers
    /// apart.
    pub fn requests(&self) -> Vec<Request> {
        let log = std::fs::read(self.folder.join("audit.log")).unwrap_or_default();
        audit::read(&String::from_utf8_lossy(&log))
    }

    /// What a ServiceAccount asked.
    pub fn requests_of(&self, namespace: &str, name: &str) -> Vec<Request> {
        let user = format!("system:serviceaccount:{namespace}:{name}");
        let mut requests = self.requests();
        requests.retain(|request| request.user == user);
        requests
    }

    /// Ends the API server as its host's manager would.
    pub fn stop_api_server(&self) {
        if let Some(mut server) = self.api_server.lock().unwrap().take() {
            server.stop(ENDING);
        }
    }

    /// `kill -9` of the API server.
    pub fn kill_api_server(&self) {
        drop(self.api_server.lock().unwrap().take());
    }

    /// Starts it again on the same port and waits until it is ready.
    #[track_caller]
    pub fn start_api_server(&self) {
        *self.api_server.lock().unwrap() = Some(self.run_api_server().unwrap());
        self.ready().unwrap_or_else(|error| panic!("{error:#}"));
    }

    /// Ends it and starts it again.
    #[track_caller]
    pub fn restart_api_server(&self) {
        self.stop_api_server();
        self.start_api_server();
    }

    /// Takes etcd off the processor: the API server answers no more, but still listens.
    pub fn pause_etcd(&self) {
        self.etcd.lock().unwrap().pause();
    }

    /// Lets etcd go on.
    pub fn resume_etcd(&self) {
        self.etcd.lock().unwrap().resume();
    }

    /// Makes etcd forget everything but the newest state, so that watches that were broken off
    /// cannot be taken up again and answer 410.
    #[track_caller]
    pub fn forget_history(&self) {
        let url = format!("http://127.0.0.1:{}", self.ports.etcd);
        start::compact(&url).unwrap_or_else(|error| panic!("{error:#}"));
    }

    fn ready(&self) -> anyhow::Result<()> {
        let kubectl = self.kubectl();
        let looked = look_for(PATIENCE, || {
            if let Some(status) = self.api_server_ended() {
                return Ok(Err(format!("it ended with {status}")));
            }
            let told = kubectl.tell(&["get", "--raw", "/readyz"], None);
            if told.success && told.out == "ok" { Ok(Ok(())) } else { Err(told.err + &told.out) }
        });
        looked.and_then(|found| found).map_err(|last| {
            let server = self.api_server.lock().unwrap();
            let log = server.as_ref().map(Process::last_lines).unwrap_or_default();
            anyhow::anyhow!(
                "the API server is not ready: {last}\nits log ends with\n{log}\nall logs are in {}",
                self.folder.display()
            )
        })
    }

    fn api_server_ended(&self) -> Option<ExitStatus> {
        self.api_server.lock().unwrap().as_mut()?.ended()
    }

    /// An object as it is in the API server; null while there is none.
    pub fn object(&self, resource: &str, namespace: &str, name: &str) -> Value {
        let get = ["get", resource, name, "--namespace", namespace, "-o", "json"];
        let told = self.kubectl().tell(&get, None);
        if told.success { serde_json::from_str(&told.out).unwrap() } else { Value::Null }
    }
}

/// The programs, or a remark.
fn needed() -> Option<Parts> {
    parts::find().map_err(|lacking| left_out(&lacking)).ok()
}

/// Says that tests are left out, and why; nobody would read that in continuous integration.
fn left_out(why: &str) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    assert!(!parts::is_continuous_integration(), "{why}");
    if SAID.lock().unwrap().insert(why.to_owned()) {
        // Not with a macro: the harness shows what those print only when a test fails.
        let _ = writeln!(std::io::stderr(), "left out: {why}");
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        self.others.clear();
        self.kill_api_server();
        self.etcd.lock().unwrap().kill();
        if std::thread::panicking() || !self.started {
            eprintln!("the control plane's logs are in {}", self.folder.display());
        } else {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

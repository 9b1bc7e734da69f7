//! One replica of the product: the real program in cluster mode, as it would run in a Pod.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use kuma_fixture::get::{self, Answer};
use kuma_fixture::wait::free_port;
use serde_json::Value;

use crate::ControlPlane;
use crate::folder;
use crate::process::{self, Process};
use crate::wait::until;

/// The clean stop ends within 10 seconds; a busy machine gets some more.
const STOPPING: Duration = Duration::from_secs(20);

/// What a replica is started with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Name of its Pod.
    pub pod: String,
    /// `KUBE_NAMESPACE`.
    pub namespace: String,
    /// Who it is to the API server.
    pub kubeconfig: PathBuf,
    /// `DATABASE_URL`.
    pub database: String,
    /// More variables of its environment.
    pub environment: Vec<(String, String)>,
    /// More arguments of `serve`.
    pub arguments: Vec<String>,
    /// The program; the one that was built beside the tests if not said.
    pub program: Option<PathBuf>,
}

impl Settings {
    /// A replica as a ServiceAccount, with a SQLite file of this pod name in the control plane's
    /// folder.
    #[track_caller]
    pub fn new(plane: &ControlPlane, pod: &str, namespace: &str, account: &str) -> Self {
        Self {
            pod: pod.to_owned(),
            namespace: namespace.to_owned(),
            kubeconfig: plane.service_account(namespace, account),
            database: format!("sqlite:{}", plane.folder().join(format!("{pod}.db")).display()),
            environment: Vec::new(),
            arguments: Vec::new(),
            program: None,
        }
    }

    /// With another database.
    #[must_use]
    pub fn database(mut self, url: &str) -> Self {
        url.clone_into(&mut self.database);
        self
    }

    /// With a variable of its environment.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// The process.
pub struct Replica {
    process: Process,
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    settings: Settings,
}

impl Replica {
    /// Starts it, without waiting for anything.
    pub fn start(plane: &ControlPlane, settings: &Settings) -> Self {
        Self::start_at(plane.folder(), settings, free_port())
    }

    fn start_at(folder: &Path, settings: &Settings, port: u16) -> Self {
        let built = || folder::program("kubekuma");
        let mut command = process::command(&settings.program.clone().unwrap_or_else(built));
        command
            .env_clear()
            .current_dir(folder)
            .args(["serve", "--kube"])
            .args(&settings.arguments)
            .env("KUBECONFIG", &settings.kubeconfig)
            .env("KUBE_NAMESPACE", &settings.namespace)
            .env("POD_NAME", &settings.pod)
            .env("DATABASE_URL", &settings.database)
            .env("PORT", port.to_string())
            .env("LOG_FORMAT", "json")
            .env("LOG_LEVEL", "debug")
            .envs(settings.environment.iter().map(|(name, value)| (name, value)));
        // What finds programs; the starter itself is found through it too.
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        let log = folder.join(format!("{}.log", settings.pod));
        let process = Process::start(&settings.pod, command, &log).unwrap();
        Self { process, port, settings: settings.clone() }
    }

    /// Name of its Pod.
    pub fn pod(&self) -> &str {
        &self.settings.pod
    }

    /// The process, for signals.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Asks it; none while it does not listen.
    pub fn try_get(&self, path: &str) -> Option<Answer> {
        get::get(self.port, path, "localhost").ok()
    }

    /// Asks it.
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        get::get(self.port, path, "localhost").unwrap()
    }

    /// Why it is not ready, if it is not.
    pub fn ready(&self) -> Result<(), String> {
        match self.try_get("/ready") {
            Some(answer) if answer.status == 200 => Ok(()),
            Some(answer) => Err(answer.body),
            None => Err("does not listen".to_owned()),
        }
    }

    /// Waits until it is ready; panics at once if it ends instead.
    #[track_caller]
    pub fn becomes_ready(&mut self) {
        let what = format!("{} to be ready", self.settings.pod);
        until(&what, || {
            if let Some(status) = self.process.ended() {
                panic!("{} ended with {status}: {}", self.pod(), self.process.last_lines());
            }
            self.ready().map_err(|why| format!("{why}\n{}", self.process.last_lines()))
        });
    }

    /// `status` of a monitor, null while there is none.
    pub fn monitor(&self, namespace: &str, name: &str) -> Value {
        let Some(answer) = self.try_get("/api/v1/monitors") else {
            return Value::Null;
        };
        let page = answer.json();
        let items = page["items"].as_array().cloned().unwrap_or_default();
        let found = items.iter().find(|it| it["name"] == name && it["namespace"] == namespace);
        found.cloned().unwrap_or_default()["status"].take()
    }

    /// The sum of all series of a metric; nothing while it does not listen.
    pub fn total(&self, name: &str) -> f64 {
        let metrics = self.try_get("/metrics").map(|answer| answer.body).unwrap_or_default();
        let of_metric =
            |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{']));
        let values = metrics.lines().filter(of_metric);
        values.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// Everything that it has printed, in all its lives.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Takes it off the processor.
    pub fn pause(&self) {
        self.process.pause();
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.process.resume();
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Stops it as Kubernetes does.
    #[track_caller]
    pub fn stop(&mut self) -> ExitStatus {
        self.process
            .stop(STOPPING)
            .unwrap_or_else(|| panic!("{} does not stop: {}", self.pod(), self.log()))
    }

    /// Starts it again, with the same name, database and port.
    pub fn start_again(&mut self, plane: &ControlPlane) {
        self.process.kill();
        *self = Self::start_at(plane.folder(), &self.settings, self.port);
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("what {} printed last:\n{}", self.pod(), self.process.last_lines());
        }
    }
}

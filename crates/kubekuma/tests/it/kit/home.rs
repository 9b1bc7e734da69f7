//! One installation: a folder of documents, a database, secrets, all in a folder of its own.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::Kuma;

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// What programs read.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{self:?}");
        serde_json::from_str(&self.out).unwrap()
    }

    /// For snapshots: exit code and everything that was printed.
    pub(crate) fn shown(&self) -> String {
        format!("exit code {}\n-- stdout\n{}-- stderr\n{}", self.code, self.out, self.err)
    }
}

/// A folder that vanishes with the test.
pub(crate) struct Home {
    root: tempfile::TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("config")).unwrap();
        Self { root }
    }

    pub(crate) fn path(&self) -> &Path {
        self.root.path()
    }

    /// Puts a file below the installation's folder, at once as editors do.
    pub(crate) fn put(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let draft = path.with_file_name(".draft");
        std::fs::write(&draft, text).unwrap();
        std::fs::rename(draft, path).unwrap();
    }

    /// Puts documents into a file of the watched folder; JSON is YAML too.
    pub(crate) fn write(&self, name: &str, documents: &[Value]) {
        let documents: Vec<_> = documents.iter().map(|document| format!("{document:#}")).collect();
        self.put(&format!("config/{name}"), documents.join("\n---\n"));
    }

    pub(crate) fn remove(&self, name: &str) {
        std::fs::remove_file(self.path().join("config").join(name)).unwrap();
    }

    /// The built program, in this folder, with nothing of the tester's environment.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kubekuma"));
        command.env_clear().current_dir(self.path());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, &[])
    }

    /// The same with environment variables.
    pub(crate) fn run_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
        let ended =
            self.command().args(arguments).envs(environment.iter().copied()).output().unwrap();
        Ran {
            code: ended.status.code().unwrap_or(-1),
            out: String::from_utf8(ended.stdout).unwrap(),
            err: String::from_utf8(ended.stderr).unwrap(),
        }
    }

    /// Incidents with their deliveries, oldest first, from the database.
    pub(crate) fn incidents(&self) -> Vec<Value> {
        let shown = self.run(&["incidents", "--deliveries", "--limit", "1000", "-o", "json"]);
        let mut incidents = shown.json().as_array().unwrap().clone();
        incidents.sort_by_key(|incident| incident["startedAt"].as_str().unwrap().to_owned());
        incidents
    }

    /// Starts `serve` and waits until it runs.
    pub(crate) fn serve(&self) -> Kuma {
        self.serve_with(&[], &[])
    }

    /// The same with arguments and environment variables.
    pub(crate) fn serve_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Kuma {
        let mut command = self.command();
        command.args(["serve", "config", "--port", "0"]).args(arguments);
        command.envs(environment.iter().copied());
        Kuma::start(command)
    }
}

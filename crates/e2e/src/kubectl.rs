//! Running kubectl, as people do.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// kubectl with the configuration of one user.
#[derive(Debug, Clone)]
pub struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
}

/// How a command ended.
#[derive(Debug)]
pub struct Told {
    /// Whether it was done.
    pub success: bool,
    /// What it answered.
    pub out: String,
    /// What it said beside that.
    pub err: String,
}

impl Kubectl {
    /// As the user of a kubeconfig.
    pub fn new(program: &Path, kubeconfig: &Path) -> Self {
        Self { program: program.to_owned(), kubeconfig: kubeconfig.to_owned() }
    }

    /// Where it is.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// The configuration that it uses.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Runs it, whatever becomes of it.
    pub fn tell(&self, arguments: &[&str], input: Option<&str>) -> Told {
        let mut command = Command::new(&self.program);
        // Its cache of what the API server offers would be stale after each installation.
        let cache = self.kubeconfig.with_extension("cache");
        command.arg("--kubeconfig").arg(&self.kubeconfig).arg("--cache-dir").arg(cache);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let text = input.unwrap_or_default().to_owned();
        // It may answer before it has read everything.
        let writer = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
        let output = child.wait_with_output().unwrap();
        let _ = writer.join();
        Told {
            success: output.status.success(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Runs it to success and returns what it answers.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> String {
        let told = self.tell(arguments, None);
        assert!(told.success, "kubectl {arguments:?}: {}{}", told.err, told.out);
        told.out
    }

    /// Runs it and returns why it was refused.
    #[track_caller]
    pub fn refused(&self, arguments: &[&str], input: Option<&str>) -> String {
        let told = self.tell(arguments, input);
        assert!(!told.success, "kubectl {arguments:?} is not refused: {}", told.out);
        told.err
    }

    /// Runs it and returns the object that it answers.
    #[track_caller]
    pub fn json(&self, arguments: &[&str]) -> Value {
        let out = self.run(&[arguments, &["-o", "json"]].concat());
        serde_json::from_str(&out).unwrap()
    }

    /// Applies documents; JSON is YAML too.
    #[track_caller]
    pub fn apply(&self, documents: &[Value]) {
        let told = self.tell(&["apply", "-f", "-"], Some(&text(documents)));
        assert!(told.success, "{}{}", told.err, told.out);
    }

    /// Applies files as they are, in a namespace.
    #[track_caller]
    pub fn apply_files(&self, namespace: &str, paths: &[&Path]) {
        let mut arguments = vec!["apply", "--namespace", namespace];
        for path in paths {
            arguments.extend(["-f", path.to_str().unwrap()]);
        }
        self.run(&arguments);
    }
}

/// Several documents as one text.
pub fn text(documents: &[Value]) -> String {
    documents.iter().map(|document| format!("{document:#}")).collect::<Vec<_>>().join("\n---\n")
}

/// `kubectl kuma`: the program of this workspace as kubectl finds its plugins, on the PATH under
/// its name.
#[derive(Debug, Clone)]
pub struct Plugin {
    kubectl: Kubectl,
    path: OsString,
}

impl Plugin {
    /// The plugin of a user, put into a folder of its own.
    #[track_caller]
    pub fn install(kubectl: &Kubectl, folder: &Path) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let program = crate::folder::program("kubekuma").canonicalize().unwrap();
        std::os::unix::fs::symlink(program, folder.join("kubectl-kuma")).unwrap();
        let inherited = std::env::var_os("PATH").unwrap_or_default();
        let places = std::iter::once(folder.to_owned()).chain(std::env::split_paths(&inherited));
        let path = std::env::join_paths(places).unwrap();
        Self { kubectl: kubectl.clone(), path }
    }

    /// Runs `kubectl kuma …`, whatever becomes of it.
    pub fn tell(&self, arguments: &[&str]) -> Told {
        let output = Command::new(&self.kubectl.program)
            .env_clear()
            .env("PATH", &self.path)
            // kubectl takes no options of its own before a plugin's name.
            .env("KUBECONFIG", &self.kubectl.kubeconfig)
            .arg("kuma")
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        Told {
            success: output.status.success(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

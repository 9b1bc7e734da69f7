//! `cargo xtask control-plane`: the real Kubernetes that the cluster tests run on. Built once from
//! the Go modules that `crates/e2e` pins, and kept outside the checkout.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::cache::{self, variable};
use crate::run::{self, root};

/// The modules, and what is built from each: the program's name and its package.
const MODULES: &[(&str, &[(&str, &str)])] = &[
    (
        "controlplane",
        &[
            ("etcd", "go.etcd.io/etcd/server/v3"),
            ("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
            ("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager"),
            ("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler"),
            ("kubectl", "k8s.io/kubernetes/cmd/kubectl"),
        ],
    ),
    ("kwok", &[("kwok", "sigs.k8s.io/kwok/cmd/kwok")]),
];

/// How kwok's nodes and Pods live; they are files of its module. Those of `chaos` are for who asks
/// for them by a label.
const STAGES: &[&str] = &["node/fast", "node/heartbeat", "node/chaos", "pod/fast", "pod/chaos"];

/// Builds what is not there yet and says where it is.
#[expect(clippy::print_stdout, reason = "the answer of the command")]
pub(crate) fn run() -> anyhow::Result<()> {
    println!("{}", build()?.display());
    Ok(())
}

/// What the cluster tests run on: none when the contributor's own `KUBEBUILDER_ASSETS` is used, or
/// when nothing can be built here, which the tests then say too. Continuous integration always
/// runs them.
pub(crate) fn for_tests() -> anyhow::Result<Option<PathBuf>> {
    if variable("KUBEBUILDER_ASSETS").is_some() {
        return Ok(None);
    }
    if !has_go() && !folder()?.is_dir() && variable("CI").is_none_or(|value| value != "true") {
        return Ok(None);
    }
    build().map(Some)
}

fn build() -> anyhow::Result<PathBuf> {
    let folder = folder()?;
    if !folder.is_dir() {
        if !has_go() {
            bail!(
                "the cluster tests run on a real control plane, built from Go modules, and there is no `go` here: install Go 1.26 or later (https://go.dev/dl), or set KUBEBUILDER_ASSETS to a folder with etcd, kube-apiserver and kubectl"
            );
        }
        // Whoever is interrupted leaves nothing that looks complete.
        let draft = folder.with_extension(format!("draft-{}", std::process::id()));
        build_into(&draft)?;
        if let Err(error) = std::fs::rename(&draft, &folder) {
            std::fs::remove_dir_all(&draft)?;
            // Somebody else was quicker.
            if !folder.is_dir() {
                return Err(error).with_context(|| format!("{} cannot be made", folder.display()));
            }
        }
    }
    remember(&folder)?;
    Ok(folder)
}

/// One folder for each state of the modules, so that a change of one builds anew.
fn folder() -> anyhow::Result<PathBuf> {
    let mut digest = Digest::default();
    for (module, _) in MODULES {
        for file in ["go.mod", "go.sum"] {
            digest.add(&std::fs::read(source(module).join(file))?);
        }
    }
    digest.add(format!("{MODULES:?}{STAGES:?}").as_bytes());
    Ok(cache::folder()?.join("control-plane").join(format!("{:016x}", digest.0)))
}

fn source(module: &str) -> PathBuf {
    root().join("crates/e2e").join(module)
}

/// FNV-1a: tells states of files apart, the same with every compiler.
struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

fn has_go() -> bool {
    Command::new("go").arg("version").output().is_ok_and(|output| output.status.success())
}

#[expect(clippy::print_stderr, reason = "progress for the person who waits")]
fn build_into(draft: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(draft)?;
    for (module, programs) in MODULES {
        for (program, package) in *programs {
            eprintln!("building {program} (the control plane takes about 10 minutes, once)");
            let mut go = go(module);
            go.args(["build", "-trimpath", "-ldflags", "-s -w", "-o"]);
            run::run(go.arg(draft.join(program)).arg(package))?;
        }
    }
    let kwok = run::output(go("kwok").args(["list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/kwok"]))?;
    for stage in STAGES {
        copy_stage(&Path::new(kwok.trim()).join("kustomize/stage").join(stage), stage, draft)?;
    }
    Ok(())
}

fn go(module: &str) -> Command {
    let mut command = Command::new("go");
    // Nothing of a contributor's own settings may change what is built.
    command.current_dir(source(module)).env("CGO_ENABLED", "0").env("GOFLAGS", "-mod=readonly");
    command.env("GOWORK", "off");
    command
}

fn copy_stage(from: &Path, stage: &str, draft: &Path) -> anyhow::Result<()> {
    let to = draft.join("stages");
    std::fs::create_dir_all(&to)?;
    for entry in std::fs::read_dir(from).with_context(|| format!("kwok has no {stage}"))? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.extension().is_some_and(|it| it == "yaml") && name != "kustomization.yaml" {
            // Files of a module are read-only; the copy's content is enough.
            let copy = to.join(format!("{}-{name}", stage.replace('/', "-")));
            std::fs::write(copy, std::fs::read(&path)?)?;
        }
    }
    Ok(())
}

/// Lets a plain `cargo test` find what was last used.
fn remember(folder: &Path) -> anyhow::Result<()> {
    let current = folder.with_file_name("current");
    if std::fs::read_link(&current).is_ok_and(|target| target == folder) {
        return Ok(());
    }
    let draft = folder.with_file_name(format!("current-{}", std::process::id()));
    std::os::unix::fs::symlink(folder, &draft)?;
    std::fs::rename(&draft, &current)
        .with_context(|| format!("{} cannot be replaced", current.display()))
}

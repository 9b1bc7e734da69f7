//! `cargo xtask image`: the static program built as the Dockerfile builds it, from what the Dockerfile
//! is given and nothing else; then the image, made and run by a real engine.
//!
//! The Dockerfile's first stage starts from an image of the Rust project, which not every machine can
//! have. Its commands are run here on this machine instead; the second stage is run as it stands.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use crate::run::{self, cargo, root};

/// Where the stage's work is: the context, and what the stage leaves.
fn folder() -> PathBuf {
    root().join("target/image")
}

pub(crate) fn run() -> anyhow::Result<()> {
    let target = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
    lacking(&target)?;
    let context = folder().join("context");
    empty(&context)?;
    copy_context(&context)?;
    let mut build = cargo(&["build", "--locked", "--release", "-p", "kubekuma", "--target"]);
    build.arg(&target).current_dir(&context);
    build.env(format!("CC_{}", target.replace('-', "_")), "musl-gcc");
    run::run(build.env("CARGO_TARGET_DIR", root().join("target")))?;
    let stage = folder().join("stage");
    empty(&stage)?;
    let program = root().join("target").join(&target).join("release/kubekuma");
    let mut put_together = Command::new(context.join("deploy/image/root.sh"));
    run::run(put_together.arg(program).arg(stage.join("image")))?;
    let mut test = cargo(&["test", "--locked", "-p", "kuma-e2e", "--test", "it", "image::", "--"]);
    test.args(["--ignored", "--nocapture"]);
    run::run(test.env("KUMA_IMAGE_STAGE", stage))
}

/// Fails with what this machine lacks and how to get it.
fn lacking(target: &str) -> anyhow::Result<()> {
    let musl = Command::new("musl-gcc").arg("--version").output();
    ensure!(
        musl.is_ok_and(|told| told.status.success()),
        "a static program needs musl-gcc (apt-get install musl-tools)"
    );
    let mut sysroot = Command::new("rustc");
    let sysroot = run::output(sysroot.args(["--print", "sysroot"]).current_dir(root()))?;
    let library = Path::new(sysroot.trim()).join("lib/rustlib").join(target);
    ensure!(
        library.exists(),
        "a static program needs the standard library for {target} (rustup target add {target})"
    );
    Ok(())
}

fn empty(folder: &Path) -> anyhow::Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)
            .with_context(|| format!("{} cannot be emptied", folder.display()))?;
    }
    std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))
}

/// What `.dockerignore` lets through, so that a file which the build needs and does not get is missed
/// here too.
fn copy_context(to: &Path) -> anyhow::Result<()> {
    let ignore = std::fs::read_to_string(root().join(".dockerignore"))
        .context(".dockerignore cannot be read")?;
    let mut files = Command::new("git");
    files.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--"]);
    files.args(ignore.lines().filter_map(|line| line.strip_prefix('!'))).current_dir(root());
    for file in run::output(&mut files)?.split('\0').filter(|file| !file.is_empty()) {
        let (from, to) = (root().join(file), to.join(file));
        // Deleted and not yet committed.
        if !from.exists() {
            continue;
        }
        let folder = to.parent().context("a file is in a folder")?;
        std::fs::create_dir_all(folder)
            .with_context(|| format!("{} cannot be made", folder.display()))?;
        std::fs::copy(&from, &to)
            .with_context(|| format!("{} cannot be copied", from.display()))?;
    }
    Ok(())
}

//! `cargo xtask test`: what the tests need, then `cargo test`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::run::{self, cargo};

/// What the tests talk to, from PyPI: servers for mail, WebSocket and gRPC health, and Apprise.
const PACKAGES: &[&str] = &[
    "aiosmtpd==1.4.6",
    "apprise==2.2.0",
    "websockets==17.4",
    "grpcio==1.85.1",
    "grpcio-health-checking==1.85.1",
];

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let python = python()?;
    let mut command = cargo(&["test"]);
    if !arguments.iter().any(|argument| argument == "-p" || argument == "--package") {
        command.arg("--workspace");
    }
    run::run(command.args(arguments).env("KUMA_TEST_PYTHON", python))
}

/// A Python with real servers in it, kept outside the checkout.
pub(crate) fn python() -> anyhow::Result<PathBuf> {
    let venv = cache()?.join("venv");
    let python = venv.join("bin/python");
    if has_packages(&python) {
        return Ok(python);
    }
    eprintln_step(&format!("setting up {} in {}", PACKAGES.join(", "), venv.display()));
    run::run(Command::new("python3").args(["-m", "venv"]).arg(&venv)).context(
        "the tests talk to real servers written in Python: install python3 with its venv module",
    )?;
    run::run(
        Command::new(&python)
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .args(PACKAGES),
    )?;
    Ok(python)
}

fn has_packages(python: &Path) -> bool {
    Command::new(python)
        .args(["-c", "import aiosmtpd, apprise, websockets, grpc_health.v1.health"])
        .output()
        .is_ok_and(|output| output.status.success())
}

#[expect(clippy::disallowed_methods, reason = "a contributor's command reads its environment")]
fn cache() -> anyhow::Result<PathBuf> {
    let base = std::env::var("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|_| std::env::var("HOME").map(|home| PathBuf::from(home).join(".cache")))
        .context(
            "neither XDG_CACHE_HOME nor HOME is set, so there is no place for the tests' tools",
        )?;
    Ok(base.join("kubekuma"))
}

#[expect(clippy::print_stderr, reason = "progress for the person who waits")]
fn eprintln_step(text: &str) {
    eprintln!("{text}");
}

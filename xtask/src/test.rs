//! `cargo xtask test`: what the tests need, then `cargo test`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::failures::Failures;
use crate::run::{self, cargo};
use crate::{cache, control_plane};

/// What the tests talk to, from PyPI: servers for mail, WebSocket and gRPC health, and Apprise.
const PACKAGES: &[&str] = &[
    "aiosmtpd==1.4.6",
    "apprise==2.2.0",
    "websockets==17.4",
    "grpcio==1.85.1",
    "grpcio-health-checking==1.85.1",
];

/// The tests on a real control plane.
const CLUSTER: &str = "kuma-e2e";

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let python = python()?;
    let mut command = cargo(&["test"]);
    let some = arguments.iter().any(|argument| is_package(argument));
    if !some {
        command.arg("--workspace");
    }
    if !some || arguments.iter().any(|argument| argument.ends_with(CLUSTER)) {
        if let Some(folder) = control_plane::for_tests()? {
            command.env("KUMA_CONTROL_PLANE", folder);
        }
        if some {
            // They start the product as a process of its own; with the whole workspace cargo
            // builds it before any test runs.
            run::run(&mut cargo(&["build", "-p", "kubekuma", "-p", CLUSTER]))?;
        }
    }
    command.args(arguments).env("KUMA_TEST_PYTHON", python);
    let mut failures = Failures::default();
    let ended = run::watched(&mut command, |line| failures.see(line));
    match failures.told() {
        Some(told) => ended.context(told),
        None => ended,
    }
}

fn is_package(argument: &str) -> bool {
    ["-p", "--package"].iter().any(|flag| argument.starts_with(flag))
}

/// A Python with real servers in it, kept outside the checkout.
pub(crate) fn python() -> anyhow::Result<PathBuf> {
    let venv = cache::folder()?.join("venv");
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

#[expect(clippy::print_stderr, reason = "progress for the person who waits")]
fn eprintln_step(text: &str) {
    eprintln!("{text}");
}

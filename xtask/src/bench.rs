//! `cargo xtask bench`: the bench program, built for release.

use crate::run::{self, cargo};

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    // The driver starts the product as a process of its own, so both are built.
    run::run(&mut cargo(&["build", "--release", "-p", "kubekuma", "-p", "kuma-bench"]))?;
    run::run(cargo(&["run", "--release", "-p", "kuma-bench", "--"]).args(arguments))
}

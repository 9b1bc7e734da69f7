//! `cargo xtask bench`: the bench program, built for release.

use crate::control_plane;
use crate::run::{self, cargo};

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    // The driver starts the product as a process of its own, so both are built.
    run::run(&mut cargo(&["build", "--release", "-p", "kubekuma", "-p", "kuma-bench"]))?;
    let mut bench = cargo(&["run", "--release", "-p", "kuma-bench", "--"]);
    if arguments.iter().any(|argument| argument == "cluster")
        && let Some(folder) = control_plane::for_tests()?
    {
        bench.env("KUMA_CONTROL_PLANE", folder);
    }
    run::run(bench.args(arguments))
}

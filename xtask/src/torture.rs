//! `cargo xtask torture`: the torture program with what it needs.

use crate::run::{self, cargo};
use crate::test;

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let python = test::python()?;
    // It starts the product as a process of its own, so both are built.
    run::run(&mut cargo(&["build", "-p", "kubekuma", "-p", "kuma-torture"]))?;
    let mut torture = cargo(&["run", "--quiet", "-p", "kuma-torture", "--"]);
    run::run(torture.args(arguments).env("KUMA_TEST_PYTHON", python))
}

/// Short enough for every change.
pub(crate) fn short() -> anyhow::Result<()> {
    run(&["--kills", "10", "--minutes", "3"].map(str::to_owned))
}

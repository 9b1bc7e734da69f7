//! `cargo xtask fuzz`: coverage-guided fuzzing of every parser of bytes from outside, on the
//! stable compiler. Needs a C++ compiler for libFuzzer.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail};

use crate::run::{self, cargo, root};

/// What libFuzzer needs the compiler to leave in the program.
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
     -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares";

/// Folders beside `fuzz/seeds` with inputs that are worth starting from.
const MORE_SEEDS: &[(&str, &str)] = &[
    ("documents", "examples/kinds"),
    ("documents", "examples/checks"),
    ("documents", "examples/providers"),
    ("documents", "crates/api/tests/corpus/valid"),
    ("documents", "crates/api/tests/corpus/invalid"),
];

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The targets, the folders under fuzz/seeds; all of them unless said.
    targets: Vec<String>,
    /// How long each target is driven.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
}

/// Short enough for every change.
pub(crate) fn short() -> anyhow::Result<()> {
    run(&Arguments { targets: Vec::new(), seconds: 8 })
}

#[expect(clippy::print_stdout, reason = "says which target runs")]
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let program = build()?;
    let targets = match arguments.targets.as_slice() {
        [] => known()?,
        named => named.to_vec(),
    };
    for target in &targets {
        println!("== {target}, {} s", arguments.seconds);
        drive(&program, target, arguments.seconds)?;
    }
    Ok(())
}

fn known() -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(root().join("fuzz/seeds"))? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// Builds for a named platform, so that what only the build runs is not instrumented.
fn build() -> anyhow::Result<PathBuf> {
    let version = run::output(Command::new("rustc").arg("-vV").current_dir(root()))?;
    let platform = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .context("rustc does not say its platform")?;
    let folder = root().join("target/fuzz");
    let mut build = cargo(&["build", "-p", "kuma-fuzz", "--features", "libfuzzer", "--locked"]);
    build.args(["--profile", "fuzz", "--target", platform, "--target-dir"]).arg(&folder);
    run::run(build.env("RUSTFLAGS", COVERAGE))?;
    Ok(folder.join(platform).join("fuzz/kuma-fuzz"))
}

fn drive(program: &PathBuf, target: &str, seconds: u32) -> anyhow::Result<()> {
    let seeds = root().join("fuzz/seeds").join(target);
    if !seeds.is_dir() {
        bail!("there is no target `{target}`; there are {}", known()?.join(", "));
    }
    let work = root().join("target/fuzz/corpus").join(target);
    let found = root().join("target/fuzz/found");
    std::fs::create_dir_all(&work)?;
    std::fs::create_dir_all(&found)?;
    let mut fuzzer = Command::new(program);
    fuzzer
        .env("KUMA_FUZZ_TARGET", target)
        .current_dir(root())
        .arg(format!("-max_total_time={seconds}"))
        // One input may take 10 s and the process 2 GiB; more of either is a finding.
        .args(["-timeout=10", "-rss_limit_mb=2048", "-max_len=16384", "-print_final_stats=1"])
        .arg(format!("-artifact_prefix={}/{target}-", found.display()))
        .arg(&work)
        .arg(&seeds)
        .args(MORE_SEEDS.iter().filter(|(of, _)| *of == target).map(|(_, path)| path));
    run::run(&mut fuzzer).with_context(|| {
        format!("the input is in target/fuzz/found; KUMA_FUZZ_TARGET={target} cargo run -p kuma-fuzz -- FILE runs it again")
    })
}

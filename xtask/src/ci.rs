//! `cargo xtask ci`: every gate in turn, with its seconds. One that fails does not keep the others
//! from telling what they find.

use std::time::Instant;

use crate::run::{self, cargo};
use crate::{control_plane, fuzz, generate, image, licences, test, tidy, torture};

type Step = (&'static str, fn() -> anyhow::Result<()>);

const STEPS: &[Step] = &[
    ("format", || run::run(&mut cargo(&["fmt", "--all", "--check"]))),
    ("tidy", tidy::run),
    ("licences", licences::run),
    ("clippy", || {
        let strict = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
        run::run(&mut cargo(&strict))
    }),
    // A step of its own, so that its seconds are seen: all of them the first time, none later.
    ("control plane", || control_plane::for_tests().map(drop)),
    ("test", || test::run(&["--locked".to_owned(), "--no-fail-fast".to_owned()])),
    // The only step that builds for release.
    ("image", image::run),
    ("torture", torture::short),
    ("fuzz", fuzz::short),
    ("generated files", || generate::run(true)),
    ("documentation", || {
        let mut doc =
            cargo(&["doc", "--workspace", "--no-deps", "--document-private-items", "--locked"]);
        run::run(doc.env("RUSTDOCFLAGS", "-D warnings"))
    }),
];

#[expect(clippy::disallowed_methods, reason = "measures itself")]
#[expect(clippy::print_stdout, reason = "the report is for whoever reads CI's output")]
pub(crate) fn run() -> anyhow::Result<()> {
    let mut took = Vec::new();
    let mut failed = Vec::new();
    for (name, step) in STEPS {
        println!("== {name}");
        let begun = Instant::now();
        let result = step();
        took.push((name, begun.elapsed().as_secs()));
        if let Err(error) = result {
            println!("== {name} failed: {error:#}");
            failed.push((*name, error));
        }
    }
    println!("== seconds of each step");
    for (name, seconds) in took {
        println!("{seconds:>6}  {name}");
    }
    // Once more, because what comes last is what is kept of a long output.
    for (name, error) in &failed {
        println!("== {name} failed: {error:#}");
    }
    let names: Vec<&str> = failed.iter().map(|(name, _)| *name).collect();
    anyhow::ensure!(names.is_empty(), "failed: {}", names.join(", "));
    println!("== all gates hold");
    Ok(())
}

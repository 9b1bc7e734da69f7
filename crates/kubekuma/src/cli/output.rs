//! Printing for people and for programs. The only place that writes to standard output.

use std::io::{self, Write};

use anyhow::Context;
use clap::ValueEnum;
use serde::Serialize;

/// `-o`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum OutputFormat {
    /// For people.
    #[default]
    Table,
    /// For programs.
    Json,
    /// For both.
    Yaml,
}

/// Prints text. A reader that goes away (`| head`) is no error.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| {
        if text.ends_with('\n') || text.is_empty() { Ok(()) } else { out.write_all(b"\n") }
    });
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).context("standard output cannot be written")
        }
        _ => Ok(()),
    }
}

/// Prints a value in the asked shape; `table` renders it for people.
pub(crate) fn show<T: Serialize>(
    format: OutputFormat,
    value: &T,
    table: impl FnOnce(&T) -> String,
) -> anyhow::Result<()> {
    match format {
        OutputFormat::Table => print(&table(value)),
        OutputFormat::Json => print(&serde_json::to_string_pretty(value)?),
        OutputFormat::Yaml => print(&serde_saphyr::to_string(value)?),
    }
}

/// Says on standard error what is worth knowing beside the result.
pub(crate) fn note(text: &str) {
    // A note that nobody can read is no reason to fail.
    let _ = writeln!(io::stderr().lock(), "note: {text}");
}

/// Prints why a command failed, with its causes.
pub(crate) fn failure(error: &anyhow::Error) {
    let mut text = format!("error: {error}\n");
    for cause in error.chain().skip(1) {
        text.extend(["  because: ", &cause.to_string(), "\n"]);
    }
    // Nobody is left to be told when even this fails.
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

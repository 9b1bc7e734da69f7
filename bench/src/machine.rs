//! What the figures were measured on.

use std::fs;
use std::process::Command;

use kuma_core::time::Clock;
use serde_json::{Value, json};

use crate::clock::SystemClock;

/// Names the machine, its load, the commit and the moment.
pub(crate) fn describe(clock: &SystemClock) -> Value {
    let cpu = line_of("/proc/cpuinfo", "model name");
    let memory = line_of("/proc/meminfo", "MemTotal");
    let gib = memory.split_whitespace().next().and_then(|kib| kib.parse::<f64>().ok());
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    json!({
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "cpu": cpu,
        "memoryGiB": gib.map(|kib| (kib / 1024.0 / 1024.0).round()),
        "kernel": fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim(),
        "loadAverage": load.split(' ').next().unwrap_or_default(),
        "commit": commit(),
        "at": clock.now().wall.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    })
}

fn line_of(file: &str, name: &str) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    line.split_once(':').map_or("", |(_, value)| value).trim().to_owned()
}

fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    let Some(hash) = git(&["rev-parse", "--short", "HEAD"]) else {
        return "unknown".to_owned();
    };
    let changed = git(&["status", "--porcelain", "--", "crates"]).is_some_and(|s| !s.is_empty());
    if changed { format!("{hash} with changes") } else { hash }
}

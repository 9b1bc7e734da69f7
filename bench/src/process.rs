//! Processes that are measured: started, read through `/proc`, and stopped by their id.

use std::fs;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};

use crate::clock::SystemClock;

/// Longest a process may take to stop by itself.
const STOP_WITHIN: Duration = Duration::from_secs(12);

/// What `/proc` counts a second of CPU time as (USER_HZ, the same on all Linux systems).
const TICKS: f64 = 100.0;

/// CPU time of a process, in seconds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cpu {
    pub(crate) user: f64,
    pub(crate) system: f64,
}

impl Cpu {
    pub(crate) fn total(self) -> f64 {
        self.user + self.system
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self { user: self.user + other.user, system: self.system + other.system }
    }

    pub(crate) fn since(self, earlier: Self) -> Self {
        Self { user: self.user - earlier.user, system: self.system - earlier.system }
    }
}

/// A started process; stopped when dropped.
pub(crate) struct Process {
    child: Child,
}

impl Process {
    /// Starts a program.
    pub(crate) fn start(command: &mut Command) -> anyhow::Result<Self> {
        let child = command
            .spawn()
            .with_context(|| format!("{} cannot be started", command.get_program().display()))?;
        Ok(Self { child })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn cpu(&self) -> anyhow::Result<Cpu> {
        cpu(&self.id().to_string())
    }

    /// Resident memory in MiB: now, and the most there has been.
    pub(crate) fn memory(&self) -> anyhow::Result<(f64, f64)> {
        memory(self.id())
    }

    /// Whether it still runs.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Asks it to stop and waits; kills it when it does not. Returns how long it took.
    pub(crate) fn stop(&mut self) -> Duration {
        let clock = SystemClock::start();
        let pid = i32::try_from(self.id()).ok().and_then(Pid::from_raw);
        if self.is_running()
            && let Some(pid) = pid
        {
            // A process that has just ended needs no signal.
            let _ = kill_process(pid, Signal::TERM);
        }
        while self.is_running() && clock.elapsed() < STOP_WITHIN {
            std::thread::sleep(Duration::from_millis(5));
        }
        if self.is_running() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        clock.elapsed()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

/// CPU time of `/proc/<id>`, all threads, ended ones included.
pub(crate) fn cpu(id: &str) -> anyhow::Result<Cpu> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
    parse_stat(&stat).context("/proc stat has another layout")
}

fn parse_stat(stat: &str) -> Option<Cpu> {
    // The second field is the program's name in parentheses and may hold anything.
    let after = stat.rsplit_once(") ")?.1;
    let mut fields = after.split(' ').skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some(Cpu { user: user / TICKS, system: system / TICKS })
}

/// Bytes that `/proc/self/io` counts under a name.
pub(crate) fn own_io(name: &str) -> anyhow::Result<u64> {
    let io = fs::read_to_string("/proc/self/io")?;
    let line = io.lines().find_map(|line| line.strip_prefix(name)).context("no such counter")?;
    Ok(line.trim_start_matches(':').trim().parse()?)
}

/// Size of a SQLite database with its log, in bytes.
pub(crate) fn database_bytes(path: &Path) -> u64 {
    ["", "-wal"]
        .iter()
        .filter_map(|suffix| fs::metadata(format!("{}{suffix}", path.display())).ok())
        .map(|found| found.len())
        .sum()
}

/// Resident memory of a process in MiB: now, and the most there has been.
pub(crate) fn memory(id: u32) -> anyhow::Result<(f64, f64)> {
    let status = fs::read_to_string(format!("/proc/{id}/status"))?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<f64>().ok()
    };
    let now = field("VmRSS:").context("no VmRSS")?;
    Ok((now / 1024.0, field("VmHWM:").unwrap_or(now) / 1024.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_does_not_shift_the_fields() {
        let stat = "7 (a b) c) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20";
        let cpu = parse_stat(stat).unwrap();
        assert!((cpu.user / cpu.system - 5.0).abs() < 1e-9);
    }
}

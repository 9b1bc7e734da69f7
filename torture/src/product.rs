//! The built program as a process: started, looked at from outside, killed.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kuma_fixture::wait::{now, now_ms};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::evidence::{Life, Line};

/// Longest that a start, or a stop, may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where it lives.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    /// The built program.
    pub(crate) program: PathBuf,
    /// The folder with `config`, the database and the logs.
    pub(crate) folder: PathBuf,
    /// The port it listens on.
    pub(crate) port: u16,
}

/// What it printed that matters.
#[derive(Debug, Default)]
struct Printed {
    ready: Option<i64>,
    lines: Vec<Line>,
    /// The last lines of all, for a start that fails.
    tail: Vec<String>,
}

/// A running process.
pub(crate) struct Product {
    child: Child,
    started: i64,
    printed: Arc<Mutex<Printed>>,
    readers: Vec<std::thread::JoinHandle<()>>,
}

impl Product {
    pub(crate) fn start(home: &Home) -> anyhow::Result<Self> {
        let mut command = Command::new(&home.program);
        command.env_clear().current_dir(&home.folder);
        // The authority that the targets' certificates come from.
        command.env("SSL_CERT_FILE", home.folder.join("ca.pem"));
        command.args(["serve", "config", "--port", &home.port.to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let started = now_ms();
        let mut child = command.spawn()?;
        let printed = Arc::<Mutex<Printed>>::default();
        let log = home.folder.join("kubekuma.log");
        let mut readers = Vec::new();
        if let Some(out) = child.stdout.take() {
            readers.push(collect(out, printed.clone(), &log)?);
        }
        if let Some(errors) = child.stderr.take() {
            readers.push(collect(errors, printed.clone(), &log)?);
        }
        Ok(Self { child, started, printed, readers })
    }

    /// Waits until it says that it runs. Says what it printed if it does not.
    pub(crate) fn wait_ready(&mut self) -> Result<(), String> {
        let begun = now();
        loop {
            if self.with(|printed| printed.ready.is_some()) {
                return Ok(());
            }
            let ended = self.child.try_wait().map_err(|error| error.to_string())?;
            if ended.is_some() || begun.elapsed() > PATIENCE {
                let tail = self.with(|printed| printed.tail.join("\n"));
                return Err(format!("it did not start ({ended:?}): {tail}"));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let pid = i32::try_from(self.child.id())?;
        let pid = Pid::from_raw(pid).ok_or_else(|| anyhow::anyhow!("it has no process id"))?;
        Ok(kill_process(pid, signal)?)
    }

    /// `kill -9`. Returns the life that it ends and what it printed.
    pub(crate) fn kill(mut self) -> anyhow::Result<(Life, Vec<Line>)> {
        let (rss_kib, files) = (self.memory(), self.files());
        self.child.kill()?;
        self.child.wait()?;
        Ok(self.over(true, rss_kib, files))
    }

    /// Asks it to stop. Returns how it ended, too.
    pub(crate) fn stop(mut self) -> anyhow::Result<(ExitStatus, Life, Vec<Line>)> {
        let (rss_kib, files) = (self.memory(), self.files());
        self.signal(Signal::TERM)?;
        let begun = now();
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            if begun.elapsed() > PATIENCE {
                self.child.kill()?;
                break self.child.wait()?;
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        let (life, lines) = self.over(false, rss_kib, files);
        Ok((status, life, lines))
    }

    fn over(
        &mut self,
        killed: bool,
        rss_kib: Option<u64>,
        files: Option<u64>,
    ) -> (Life, Vec<Line>) {
        let ended = now_ms();
        for reader in self.readers.drain(..) {
            // A reader ends with its pipe.
            let _ = reader.join();
        }
        let ready = self.with(|printed| printed.ready);
        // Figures of a start that was cut short say nothing.
        let (rss_kib, files) = if ready.is_some() { (rss_kib, files) } else { (None, None) };
        let lines = self.with(|printed| std::mem::take(&mut printed.lines));
        (Life { started: self.started, ready, ended, killed, rss_kib, files }, lines)
    }

    fn with<T>(&self, look: impl FnOnce(&mut Printed) -> T) -> T {
        look(&mut self.printed.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    fn memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
        line.split_whitespace().nth(1)?.parse().ok()
    }

    fn files(&self) -> Option<u64> {
        let open = std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).ok()?;
        Some(open.count() as u64)
    }
}

impl Drop for Product {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn collect(
    stream: impl Read + Send + 'static,
    into: Arc<Mutex<Printed>>,
    log: &Path,
) -> anyhow::Result<std::thread::JoinHandle<()>> {
    let mut log = std::fs::OpenOptions::new().create(true).append(true).open(log)?;
    Ok(std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            // The log is for people; without it the run goes on.
            let _ = writeln!(log, "{line}");
            note(&line, &mut into.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        }
    }))
}

fn note(line: &str, printed: &mut Printed) {
    let parsed = serde_json::from_str::<Value>(line).ok();
    let msg = parsed.as_ref().and_then(|line| line["msg"].as_str());
    if msg == Some("KubeKuma is running") {
        printed.ready = Some(now_ms());
    }
    let level = parsed.as_ref().and_then(|line| line["level"].as_i64());
    if level.is_some_and(|level| level >= 50) || line.contains("panicked") {
        let at = parsed.as_ref().and_then(|line| line["time"].as_i64()).unwrap_or_else(now_ms);
        printed.lines.push(Line { at, text: line.to_owned() });
    }
    printed.tail.push(line.to_owned());
    if printed.tail.len() > 30 {
        printed.tail.remove(0);
    }
}

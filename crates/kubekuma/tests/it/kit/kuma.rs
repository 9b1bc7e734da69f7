//! A running `kubekuma serve`. Whatever happens to the test, the process ends with it.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use super::http::{self, Answer};
use super::{now, until};

/// The process, where it listens and what it has printed.
pub(crate) struct Kuma {
    child: Child,
    pub(crate) port: u16,
    printed: Arc<Mutex<String>>,
}

fn collect(stream: impl Read + Send + 'static, into: Arc<Mutex<String>>) {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let mut text = into.lock().unwrap();
            text.push_str(&line);
            text.push('\n');
        }
    });
}

impl Kuma {
    pub(crate) fn start(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let printed = Arc::<Mutex<String>>::default();
        collect(child.stdout.take().unwrap(), printed.clone());
        collect(child.stderr.take().unwrap(), printed.clone());
        let mut kuma = Self { child, port: 0, printed };
        kuma.port = until("the program to run", || {
            let printed = kuma.printed();
            if let Some(status) = kuma.child.try_wait().unwrap() {
                panic!("it ended with {status}: {printed}");
            }
            let lines = printed.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            lines
                .filter(|line| line["msg"] == "KubeKuma is running")
                .find_map(|line| line["url"].as_str()?.rsplit(':').next()?.parse().ok())
                .ok_or(printed)
        });
        kuma
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything printed so far.
    pub(crate) fn printed(&self) -> String {
        self.printed.lock().unwrap().clone()
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Answer {
        http::get(self.port, path, "localhost").unwrap()
    }

    /// `status` of a monitor of the default namespace, null while there is none.
    pub(crate) fn monitor(&self, name: &str) -> Value {
        let page = self.get("/api/v1/monitors").json();
        let items = page["items"].as_array().unwrap();
        items.iter().find(|item| item["name"] == name).cloned().unwrap_or_default()["status"].take()
    }

    /// Waits for a state and returns the status.
    #[track_caller]
    pub(crate) fn becomes(&self, name: &str, state: &str) -> Value {
        until(&format!("{name} to be {state}"), || {
            let status = self.monitor(name);
            if status["state"] == state { Ok(status) } else { Err(status.to_string()) }
        })
    }

    /// Waits until a result is at hand that says `reason`.
    #[track_caller]
    pub(crate) fn fails(&self, name: &str, reason: &str) -> Value {
        until(&format!("{name} to fail with {reason}"), || {
            let status = self.monitor(name);
            let failed = status["state"] == "down" && status["lastResult"]["reason"] == reason;
            if failed { Ok(status) } else { Err(status.to_string()) }
        })
    }

    /// Incidents of the API, newest first.
    pub(crate) fn incidents(&self) -> Vec<Value> {
        self.get("/api/v1/incidents").json().as_array().unwrap().clone()
    }

    /// Waits until the newest incident of a monitor is open, or is over.
    #[track_caller]
    pub(crate) fn incident(&self, name: &str, open: bool) -> Value {
        until(&format!("an incident of {name} with open = {open}"), || {
            let incidents = self.incidents();
            let of_monitor = |incident: &&Value| {
                incident["monitorId"].as_str().is_some_and(|id| id.ends_with(&format!("/{name}")))
            };
            match incidents.iter().find(of_monitor) {
                Some(newest) if newest["endedAt"].is_null() == open => Ok(newest.clone()),
                _ => Err(format!("{incidents:?}")),
            }
        })
    }

    /// The value of a series, by the beginning of its line.
    pub(crate) fn series(&self, start: &str) -> Option<f64> {
        let metrics = self.get("/metrics").body;
        let line = metrics.lines().find(|line| line.starts_with(start))?;
        line.rsplit(' ').next()?.parse().ok()
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(pid.unwrap(), signal).unwrap();
    }

    /// Takes the process off the processor for a while.
    pub(crate) fn pause(&self, time: Duration) {
        self.signal(rustix::process::Signal::STOP);
        std::thread::sleep(time);
        self.signal(rustix::process::Signal::CONT);
    }

    /// The process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGABRT, as a crash inside ends it; returns all it printed.
    pub(crate) fn abort(mut self) -> String {
        self.signal(rustix::process::Signal::ABORT);
        self.child.wait().unwrap();
        self.printed()
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM; returns how it ended, how long that took and all it printed.
    pub(crate) fn stop(mut self) -> (ExitStatus, Duration, String) {
        let begun = now();
        self.signal(rustix::process::Signal::TERM);
        let status = until("the program to stop", || {
            self.child.try_wait().unwrap().ok_or_else(|| self.printed())
        });
        (status, begun.elapsed(), self.printed())
    }
}

impl Drop for Kuma {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("what kubekuma printed:\n{}", self.printed());
        }
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

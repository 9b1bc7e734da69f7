//! Runs a real mail server (Python's aiosmtpd) for as long as a test needs it.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};

pub(crate) struct SmtpServer {
    pub(crate) port: u16,
    input: Arc<tokio::sync::Mutex<ChildStdin>>,
    mails: Arc<Mutex<Vec<Value>>>,
    obeyed: Arc<Mutex<usize>>,
    _child: Child,
}

#[expect(clippy::disallowed_methods, reason = "tests find their tools through the environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The interpreter: what `KUMA_TEST_PYTHON` names, the one that `cargo xtask test` sets up, or
/// the system's if it has aiosmtpd.
fn python() -> PathBuf {
    if let Some(path) = variable("KUMA_TEST_PYTHON") {
        return path.into();
    }
    let cache = variable("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".cache")));
    if let Some(cache) = cache {
        let path = cache.join("kubekuma/venv/bin/python");
        if path.exists() {
            return path;
        }
    }
    let found = std::process::Command::new("python3")
        .args(["-c", "import aiosmtpd"])
        .stderr(Stdio::null())
        .status();
    assert!(
        found.is_ok_and(|status| status.success()),
        "these tests need Python with aiosmtpd: run `cargo xtask test`, which sets it up"
    );
    "python3".into()
}

impl SmtpServer {
    pub(crate) async fn start(options: Value) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/smtp_server.py");
        let mut child = Command::new(python())
            .args([script, &options.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // It warns of what the tests do on purpose.
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines.next_line().await.unwrap().unwrap().parse().unwrap();
        let mails = Arc::<Mutex<Vec<Value>>>::default();
        let obeyed = Arc::<Mutex<usize>>::default();
        let (into, count) = (Arc::clone(&mails), Arc::clone(&obeyed));
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let value: Value = serde_json::from_str(&line).unwrap();
                if value["obeyed"] == true {
                    *count.lock().unwrap() += 1;
                } else {
                    into.lock().unwrap().push(value);
                }
            }
        });
        let input = Arc::new(tokio::sync::Mutex::new(child.stdin.take().unwrap()));
        Self { port, input, mails, obeyed, _child: child }
    }

    /// Gives an order and waits until it is in force.
    pub(crate) fn order(&self, order: &Value) {
        let before = *self.obeyed.lock().unwrap();
        let line = format!("{order}\n");
        let input = Arc::clone(&self.input);
        tokio::spawn(async move {
            let mut input = input.lock().await;
            input.write_all(line.as_bytes()).await.unwrap();
            input.flush().await.unwrap();
        });
        for _ in 0..1_000 {
            if *self.obeyed.lock().unwrap() > before {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        panic!("the mail server does not obey");
    }

    /// The mails that were taken.
    pub(crate) fn mails(&self) -> Vec<Value> {
        self.mails.lock().unwrap().clone()
    }
}

/// Options of a server that speaks in the clear.
pub(crate) fn plain() -> Value {
    json!({"mode": "none"})
}

//! Folders of monitors for the product to run.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Context as _;

/// Monitors in one file.
const PER_FILE: u32 = 1000;

/// What the monitors of a folder have in common.
pub(crate) struct Monitors<'a> {
    pub(crate) count: u32,
    pub(crate) interval_seconds: u32,
    /// The URL of a monitor by number.
    pub(crate) url: &'a dyn Fn(u32) -> String,
    /// A PEM file with the authority to trust.
    pub(crate) ca: Option<&'a Path>,
    /// Where messages go.
    pub(crate) webhook: Option<String>,
}

/// The name of a monitor.
pub(crate) fn name(number: u32) -> String {
    format!("m{number:06}")
}

/// Writes the folder.
pub(crate) fn write(folder: &Path, monitors: &Monitors<'_>) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("settings.yaml"), SETTINGS)?;
    if let Some(ca) = monitors.ca {
        fs::write(folder.join("ca.yaml"), secret(ca)?)?;
    }
    if let Some(url) = &monitors.webhook {
        fs::write(folder.join("notify.yaml"), notify(url))?;
    }
    for first in (0..monitors.count).step_by(PER_FILE as usize) {
        let mut text = String::new();
        for number in first..monitors.count.min(first + PER_FILE) {
            monitor(&mut text, number, monitors).context("cannot be written")?;
        }
        fs::write(folder.join(format!("monitors-{first:06}.yaml")), text)?;
    }
    Ok(())
}

fn monitor(text: &mut String, number: u32, monitors: &Monitors<'_>) -> std::fmt::Result {
    let (name, url) = (name(number), (monitors.url)(number));
    let interval = monitors.interval_seconds;
    write!(
        text,
        "---
apiVersion: monitoring.kubekuma.io/v1
kind: Monitor
metadata:
  name: {name}
spec:
  type: http
  schedule:
    intervalSeconds: {interval}
  target:
    http:
      url: {url}
"
    )?;
    if monitors.ca.is_some() {
        text.push_str(
            "      tls:\n        caBundleSecretRef:\n          name: ca\n          key: ca.pem\n",
        );
    }
    Ok(())
}

const SETTINGS: &str = "apiVersion: monitoring.kubekuma.io/v1
kind: KubeKumaSettings
metadata:
  name: kubekuma
spec:
  scheduler:
    minIntervalSeconds: 1
    maxPerHost: 65536
    maxConcurrentNetChecks: 65536
";

fn secret(ca: &Path) -> anyhow::Result<String> {
    let pem = fs::read_to_string(ca)?;
    let indented: Vec<_> = pem.lines().map(|line| format!("    {line}")).collect();
    let lines = indented.join("\n");
    Ok(format!(
        "apiVersion: v1
kind: Secret
metadata:
  name: ca
  labels:
    kubekuma.io/use: \"true\"
stringData:
  ca.pem: |
{lines}
"
    ))
}

fn notify(url: &str) -> String {
    format!(
        "apiVersion: monitoring.kubekuma.io/v1
kind: NotificationProvider
metadata:
  name: receiver
spec:
  type: webhook
  config:
    webhook:
      url: {url}
---
apiVersion: monitoring.kubekuma.io/v1
kind: NotificationPolicy
metadata:
  name: everything
spec:
  match: {{}}
  routing:
    providers:
      - ref:
          name: receiver
"
    )
}

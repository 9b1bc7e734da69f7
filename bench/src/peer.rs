//! blackbox_exporter, the peer that Debian packages: asked to probe the same target by a load
//! loop of ours, as Prometheus would, on connections that stay open.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::http::{self, Client};
use crate::process::Process;
use crate::report::Report;
use crate::target::{Target, free_address, until};

/// Where Debian puts it.
const BINARY: &str = "/usr/bin/prometheus-blackbox-exporter";
/// Requests under way at once.
const CONCURRENCY: usize = 16;

/// Measures it, if it is installed.
pub(crate) async fn measure(
    folder: &Path,
    target: &Target,
    tls: bool,
    window: Duration,
    report: &mut Report,
) -> anyhow::Result<()> {
    if !Path::new(BINARY).exists() {
        return Ok(());
    }
    let config = folder.join("blackbox.yml");
    fs::write(&config, configuration(&target.ca_pem))?;
    let address = free_address()?;
    let process = Process::start(
        Command::new(BINARY)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--web.listen-address={address}"))
            .stderr(Stdio::null())
            .stdout(Stdio::null()),
    )?;
    until(Duration::from_secs(10), "blackbox_exporter does not answer", async || {
        http::get(address, "/-/healthy").await.is_ok()
    })
    .await?;
    let path = if tls {
        format!("/probe?module=http&target=https://{}/", target.tls)
    } else {
        format!("/probe?module=http&target=http://{}/", target.plain)
    };
    load(address, &path, Duration::from_secs(2)).await?;
    let before = process.cpu()?;
    let (done, failed) = load(address, &path, window).await?;
    let used = process.cpu()?.since(before).total();
    let kind = if tls { "https" } else { "http" };
    report.note(format!("checks.{kind}.blackbox.perCpuSecond"), done as f64 / used, "checks/CPU-s");
    report.note(
        format!("checks.{kind}.blackbox.rate"),
        done as f64 / window.as_secs_f64(),
        "checks/s",
    );
    report.note(format!("checks.{kind}.blackbox.failed"), failed as f64, "checks");
    report.note(format!("checks.{kind}.blackbox.memory"), process.memory()?.0, "MiB");
    Ok(())
}

/// Probes for a while; returns how many were made and how many were no success.
async fn load(address: SocketAddr, path: &str, during: Duration) -> anyhow::Result<(u64, u64)> {
    let deadline = tokio::time::Instant::now() + during;
    let workers: Vec<_> = (0..CONCURRENCY)
        .map(|_| {
            let path = path.to_owned();
            tokio::spawn(async move {
                let mut client = Client::connect(address).await?;
                let (mut done, mut failed) = (0, 0);
                while tokio::time::Instant::now() < deadline {
                    let (_, body) = client.get(&path).await?;
                    done += 1;
                    let good = body.windows(16).any(|part| part == b"\nprobe_success 1");
                    failed += u64::from(!good);
                }
                anyhow::Ok((done, failed))
            })
        })
        .collect();
    let (mut done, mut failed) = (0, 0);
    for worker in workers {
        let (more, bad) = worker.await??;
        done += more;
        failed += bad;
    }
    Ok((done, failed))
}

fn configuration(ca: &Path) -> String {
    format!(
        "modules:
  http:
    prober: http
    timeout: 10s
    http:
      preferred_ip_protocol: ip4
      tls_config:
        ca_file: {}
",
        ca.display()
    )
}

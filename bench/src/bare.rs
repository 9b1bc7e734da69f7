//! The limit: nothing but a connection, a GET and a look at the status, on one thread, in a
//! process of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};

use crate::http;
use crate::process;
use crate::report::Report;
use crate::target::Target;

/// Checks under way at once.
const CONCURRENCY: usize = 16;

/// The loop (started by the driver).
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Arguments {
    #[arg(long)]
    address: SocketAddr,
    #[arg(long)]
    seconds: u64,
    /// Trust this authority and speak TLS.
    #[arg(long)]
    ca: Option<PathBuf>,
}

/// Runs the loop in this process and returns what it did.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Value> {
    let ca = arguments.ca.as_ref().map(CertificateDer::from_pem_file).transpose();
    let ca = ca.map_err(|error| anyhow::anyhow!("the authority cannot be read: {error}"))?;
    let tls = ca.map(http::connector).transpose()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let before = process::cpu("self")?;
    let (done, failed) = runtime.block_on(async {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(arguments.seconds);
        let workers: Vec<_> = (0..CONCURRENCY)
            .map(|_| {
                let (address, tls) = (arguments.address, tls.clone());
                tokio::spawn(async move {
                    let (mut done, mut failed) = (0_u64, 0_u64);
                    while tokio::time::Instant::now() < deadline {
                        let checked = http::bare_check(address, tls.as_ref()).await;
                        done += 1;
                        failed += u64::from(checked.is_err());
                    }
                    (done, failed)
                })
            })
            .collect();
        let mut sums = (0, 0);
        for worker in workers {
            let (done, failed) = worker.await?;
            sums = (sums.0 + done, sums.1 + failed);
        }
        anyhow::Ok(sums)
    })?;
    let used = process::cpu("self")?.since(before);
    Ok(json!({"done": done, "failed": failed, "user": used.user, "system": used.system}))
}

/// Runs the loop in a process of its own and reports it.
pub(crate) fn measure(
    target: &Target,
    tls: bool,
    seconds: u64,
    report: &mut Report,
) -> anyhow::Result<()> {
    let address = if tls { target.tls } else { target.plain };
    let program = std::env::current_exe()?;
    let mut command = Command::new(program);
    command.arg("bare").args(["--address", &address.to_string()]);
    command.args(["--seconds", &seconds.to_string()]);
    if tls {
        command.arg("--ca").arg(&target.ca_pem);
    }
    let output = command.stderr(Stdio::inherit()).output()?;
    anyhow::ensure!(output.status.success(), "the bare loop failed");
    let said: Value = serde_json::from_slice(&output.stdout)?;
    let number = |name: &str| said[name].as_f64().context("a number is missing");
    let kind = if tls { "https" } else { "http" };
    let cpu = number("user")? + number("system")?;
    report.note(format!("checks.{kind}.bare.perCpuSecond"), number("done")? / cpu, "checks/CPU-s");
    report.note(format!("checks.{kind}.bare.failed"), number("failed")?, "checks");
    Ok(())
}

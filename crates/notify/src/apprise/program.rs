//! Runs the `apprise` program once for a message.
//!
//! Its arguments hold nothing secret, since everybody on the machine may read them: addresses
//! travel in the environment, the text on the standard input. What it says is read up to a limit,
//! and when it takes too long, it is ended with everything that it started.

use std::process::Stdio;
use std::time::Duration;

use kuma_core::delivery::{DeliveryError, DeliveryReason};
use kuma_core::id::ObjectName;
use kuma_core::secret::{ExposeSecret, SecretString};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use super::Frozen;
use crate::channel::Transports;
use crate::human;

/// The program has so long. It waits for services by itself, up to some seconds each.
const TIMEOUT: Duration = Duration::from_secs(30);
/// More of what it says is not kept.
const LONGEST_OUTPUT: usize = 4 * 1024;
/// More of it is not shown, in characters.
const LONGEST_EXCERPT: usize = 300;
/// What the program gets of our environment: where things are, not what we know.
const PASSED_ON: [&str; 12] = [
    "PATH",
    "HOME",
    "TMPDIR",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
];

/// Ends the program and what it started, unless it has ended by itself.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0.take() {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Runs it. The answer and errors may hold secrets that the program repeated.
pub(super) async fn run(
    message: &Frozen,
    addresses: &[SecretString],
    transports: &Transports,
    provider: &ObjectName,
) -> Result<String, DeliveryError> {
    let mut child = spawn(message, addresses, transports)?;
    let mut group = Group(child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)));
    let limit = transports.http.limit().unwrap_or(TIMEOUT);
    let Ok(ended) = tokio::time::timeout(limit, talk(&mut child, &message.body)).await else {
        return Err(DeliveryError::retryable(
            DeliveryReason::Timeout,
            format!("the apprise program did not end within {} s and was ended", limit.as_secs()),
        ));
    };
    let (code, output) = ended.map_err(|error| {
        DeliveryError::retryable(DeliveryReason::Network, format!("the apprise program: {error}"))
    })?;
    // Its number may be somebody else's from now on.
    group.0 = None;
    outcome(code, &output, provider)
}

/// Asks the program for its version: it is there and runs.
pub(super) async fn version(transports: &Transports) -> Result<(), DeliveryError> {
    let mut command = prepare(transports);
    command.arg("--version").stdin(Stdio::null());
    let mut child = command.spawn().map_err(|error| no_program(&error))?;
    let mut group = Group(child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)));
    let limit = transports.http.limit().unwrap_or(TIMEOUT);
    let Ok(ended) = tokio::time::timeout(limit, talk(&mut child, "")).await else {
        return Err(DeliveryError::retryable(
            DeliveryReason::Timeout,
            "the apprise program did not say its version in time",
        ));
    };
    group.0 = None;
    match ended {
        Ok((Some(0), _)) => Ok(()),
        _ => Err(DeliveryError::permanent(
            DeliveryReason::Misconfigured,
            "the apprise program does not run: it cannot say its version",
        )),
    }
}

fn no_program(error: &std::io::Error) -> DeliveryError {
    DeliveryError::permanent(
        DeliveryReason::Misconfigured,
        format!(
            "the apprise program cannot be started ({error}); install Apprise where KubeKuma runs, or set apiUrl"
        ),
    )
}

#[expect(
    clippy::disallowed_methods,
    reason = "the program is found and works by the environment of this process"
)]
fn prepare(transports: &Transports) -> Command {
    let program = transports.apprise.clone().unwrap_or_else(|| "apprise".into());
    let mut command = Command::new(program);
    command
        .env_clear()
        .envs(PASSED_ON.iter().filter_map(|name| Some((name, std::env::var(name).ok()?))))
        .env("LC_ALL", "C.UTF-8")
        .env("PYTHONIOENCODING", "utf-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    command
}

fn spawn(
    message: &Frozen,
    addresses: &[SecretString],
    transports: &Transports,
) -> Result<Child, DeliveryError> {
    let urls: Vec<_> = addresses.iter().map(ExposeSecret::expose_secret).collect();
    let mut command = prepare(transports);
    command
        // With `=`, a title that begins with a dash is no option.
        .arg(format!("--title={}", message.title.replace('\0', "")))
        .arg(format!("--notification-type={}", message.kind))
        .arg("--input-format=text")
        .env("APPRISE_URLS", urls.join("\n"));
    command.spawn().map_err(|error| no_program(&error))
}

/// Gives the program its text and waits for its end and its words.
async fn talk(child: &mut Child, body: &str) -> std::io::Result<(Option<i32>, String)> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let write = async {
        if let Some(mut stdin) = stdin {
            // A program that ends before it read everything says why.
            let _ = stdin.write_all(body.as_bytes()).await;
        }
    };
    let ((), out, err) = tokio::join!(write, beginning(stdout), beginning(stderr));
    let status = child.wait().await?;
    Ok((status.code(), format!("{out} {err}")))
}

/// The beginning of a stream, which is read to its end so that nobody waits for us.
async fn beginning(stream: Option<impl AsyncRead + Unpin>) -> String {
    let mut kept = Vec::new();
    let Some(mut stream) = stream else {
        return String::new();
    };
    let mut piece = [0_u8; 4_096];
    while let Ok(count @ 1..) = stream.read(&mut piece).await {
        let room = LONGEST_OUTPUT.saturating_sub(kept.len());
        kept.extend(piece.iter().take(count.min(room)));
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// The program's exit codes (`AppriseResultStatus`): 0 sent, 1 failed, 2 usage, 3 nothing to send
/// to, 4 some services were told. Before version 2.2, 1 may mean that some were told, too.
fn outcome(
    code: Option<i32>,
    output: &str,
    provider: &ObjectName,
) -> Result<String, DeliveryError> {
    let said = human::shorten(&human::line(output), LONGEST_EXCERPT);
    let unusable =
        output.contains("Unparseable URL") || output.contains("at least one service URL");
    match code {
        Some(0) => Ok("apprise told every service".to_owned()),
        Some(4) => {
            tracing::warn!(%provider, "some services of several were not told");
            Ok("apprise told some of the services".to_owned())
        }
        Some(2 | 3) => Err(DeliveryError::permanent(
            DeliveryReason::Misconfigured,
            format!("apprise cannot use what it was given: {said}"),
        )),
        Some(1) if unusable => Err(DeliveryError::permanent(
            DeliveryReason::Misconfigured,
            format!("apprise knows no service of such an address: {said}"),
        )),
        Some(code) => Err(DeliveryError::retryable(
            DeliveryReason::ServerError,
            format!("apprise could not deliver (exit code {code}): {said}"),
        )),
        None => Err(DeliveryError::retryable(
            DeliveryReason::ServerError,
            format!("the apprise program was ended by a signal: {said}"),
        )),
    }
}

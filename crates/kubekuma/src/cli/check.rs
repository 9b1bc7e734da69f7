//! `kubekuma check NAME|FILE`: runs a check once and shows what it saw.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use kuma_core::catalog::Catalog;
use kuma_core::check::RunClass;
use kuma_core::check::kubernetes::ClusterObjects;
use kuma_core::monitor::Monitor;
use kuma_core::observation::{Observation, Outcome};
use kuma_probe::{Prober, ProberConfig};
use serde_json::json;

use super::{OutputFormat, Shared, output};
use crate::clock::SystemClock;
use crate::secrets::{self, LocalSecrets};
use crate::source::review::{self, Review};
use crate::terminal::paint::paint;
use crate::terminal::table::latency;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A monitor as `namespace/name` or `name`, or a file whose monitors are all checked.
    what: String,
    /// The folder or file that the monitor is written in, unless WHAT is a file.
    #[arg(long, env = "KUBEKUMA_CONFIG", default_value = ".")]
    config: PathBuf,
    /// Folder of secrets, as `[<namespace>/]<name>/<key>`.
    #[arg(long, env = "KUBEKUMA_SECRETS_DIR")]
    secrets_dir: Option<PathBuf>,
    /// Shape of the result.
    #[arg(short, long, value_enum, default_value_t)]
    output: OutputFormat,
}

pub(crate) fn run(shared: &Shared, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let file = PathBuf::from(&arguments.what);
    let (path, name) = if file.is_file() {
        (file, None)
    } else {
        (arguments.config.clone(), Some(arguments.what.as_str()))
    };
    let reviewed = review::load(std::slice::from_ref(&path), &shared.namespace);
    let monitors = select(&reviewed, name, &path, &shared.namespace)?;
    let secrets = LocalSecrets::new(arguments.secrets_dir.clone(), secrets::environment());
    let rules = secrets::Rules {
        system_namespace: shared.namespace.clone(),
        isolated: reviewed.catalog.settings.tenancy_isolated,
    };
    secrets.take_over(rules, reviewed.secrets.iter());
    let results =
        super::runtime()?.block_on(check_all(&reviewed.catalog, &monitors, secrets, None))?;
    show(arguments.output, &results, shared.color.on_stdout())
}

/// Prints what was seen; the exit code says whether all was well.
pub(super) fn show(
    format: OutputFormat,
    results: &[(Arc<Monitor>, Observation)],
    colour: bool,
) -> anyhow::Result<ExitCode> {
    let failed = results.iter().any(|(_, seen)| seen.outcome != Outcome::Success);
    let value: Vec<_> = results.iter().map(|(monitor, seen)| as_json(monitor, seen)).collect();
    output::show(format, &value, |_| {
        results.iter().map(|(monitor, seen)| render(monitor, seen, colour)).collect()
    })?;
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn select(
    reviewed: &Review,
    name: Option<&str>,
    path: &std::path::Path,
    namespace: &str,
) -> anyhow::Result<Vec<Arc<Monitor>>> {
    let all = || reviewed.catalog.monitors.values().map(|entry| entry.monitor.clone());
    let Some(name) = name else {
        let monitors: Vec<_> = all().filter(|monitor| is_probed(monitor)).collect();
        if monitors.is_empty() {
            bail!(
                "{} holds no monitor that can be checked; `kubekuma validate` says why",
                path.display()
            );
        }
        return Ok(monitors);
    };
    let wanted = if name.contains('/') { name.to_owned() } else { format!("{namespace}/{name}") };
    let exact = all().find(|monitor| monitor.name.to_string() == wanted);
    let named: Vec<_> = match exact {
        Some(monitor) => vec![monitor],
        None => all().filter(|monitor| *monitor.name.name == *name).collect(),
    };
    match named.as_slice() {
        [] => {
            let known: Vec<_> = all().map(|monitor| monitor.name.to_string()).take(10).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            let path = path.display();
            // It may be there, and not be one yet.
            let broken = if reviewed.report.has_errors() {
                format!("; objects with errors are left out: `kubekuma validate {path}` says why")
            } else {
                String::new()
            };
            bail!("there is no monitor `{name}` in {path} (there are: {known}){broken}")
        }
        [monitor] if !is_probed(monitor) => Err(nothing_to_run(monitor)),
        [_] => Ok(named),
        many => {
            let names: Vec<_> = many.iter().map(|monitor| monitor.name.to_string()).collect();
            bail!("`{name}` could be {}; name it with its namespace", names.join(" or "))
        }
    }
}

/// Whether a run of the monitor asks somebody.
pub(super) fn is_probed(monitor: &Monitor) -> bool {
    monitor.check.run_class() != RunClass::Passive
}

/// Why a monitor that asks nobody cannot be checked.
pub(super) fn nothing_to_run(monitor: &Monitor) -> anyhow::Error {
    anyhow::anyhow!(
        "{} is a {} monitor: nothing is asked, so there is nothing to run",
        monitor.name,
        monitor.check.check_type()
    )
}

/// Runs the checks, one after the other; those of objects only where there is a cluster.
pub(super) async fn check_all(
    catalog: &Catalog,
    monitors: &[Arc<Monitor>],
    secrets: LocalSecrets,
    cluster: Option<Arc<dyn ClusterObjects>>,
) -> anyhow::Result<Vec<(Arc<Monitor>, Observation)>> {
    let clock = Arc::new(SystemClock::start());
    let prober = Prober::new(ProberConfig { secrets: Arc::new(secrets), clock, cluster })?;
    let mut results = Vec::new();
    for monitor in monitors {
        let timeout = monitor.schedule.timeout(&catalog.settings.scheduler);
        let seen = prober.run(monitor, &catalog.settings, timeout).await;
        results.push((monitor.clone(), seen));
    }
    Ok(results)
}

fn as_json(monitor: &Monitor, seen: &Observation) -> serde_json::Value {
    let evidence: BTreeMap<_, _> =
        seen.evidence.iter().flat_map(|evidence| evidence.0.iter().cloned()).collect();
    json!({
        "monitor": monitor.name,
        "type": monitor.check.check_type(),
        "target": monitor.check.target(),
        "result": result(seen.outcome),
        "reason": seen.outcome.reason(),
        "message": seen.message,
        "latencyUs": seen.latency.map(kuma_core::observation::micros),
        "phases": seen.phases,
        "peer": seen.peer,
        "certificate": seen.certificate,
        "evidence": evidence,
    })
}

const fn result(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Success => "success",
        Outcome::Failure(_) => "failure",
        Outcome::Indeterminate(_) => "indeterminate",
    }
}

fn render(monitor: &Monitor, seen: &Observation, colour: bool) -> String {
    let shade = match seen.outcome {
        Outcome::Success => 32,
        Outcome::Failure(_) => 31,
        Outcome::Indeterminate(_) => 90,
    };
    let mut lines = vec![format!(
        "{} {}  {} {}",
        paint(result(seen.outcome), shade, colour),
        monitor.name,
        monitor.check.check_type(),
        monitor.check.target()
    )];
    let mut fact = |name: &str, value: String| {
        if !value.is_empty() {
            lines.push(format!("  {name:<13} {}", value.replace('\n', "\n                ")));
        }
    };
    if let Some(reason) = seen.outcome.reason() {
        fact("reason", format!("{reason}: {}", reason.meaning()));
        fact("usual fix", reason.fix().to_owned());
    }
    fact("message", seen.message.clone());
    fact("address", seen.peer.map(|peer| peer.to_string()).unwrap_or_default());
    if let Some(total) = seen.latency {
        let phases: Vec<_> =
            seen.phases.named().map(|(name, us)| format!("{name} {}", latency(us))).collect();
        let total = latency(kuma_core::observation::micros(total));
        fact("latency", format!("{total}  ({})", phases.join(", ")).replace("  ()", ""));
    }
    if let Some(certificate) = &seen.certificate {
        fact("certificate", certificate.subject.clone());
        fact("  issuer", certificate.issuer.clone());
        fact("  names", certificate.names.join(", "));
        fact("  expires", certificate.expires_at.to_string());
        fact("  sha-256", certificate.fingerprint.clone());
        fact("  problem", certificate.problem.clone().unwrap_or_default());
    }
    for (name, value) in seen.evidence.iter().flat_map(|evidence| evidence.0.iter()) {
        fact(name, value.clone());
    }
    lines.join("\n") + "\n"
}

//! `kubekuma incidents`.

use std::process::ExitCode;

use kuma_core::id::ObjectName;
use kuma_core::ports::{Delivery, Incident, IncidentQuery};
use kuma_core::time::{Clock, Timestamp, between};
use serde::Serialize;

use super::store::Database;
use super::{OutputFormat, Shared, output};
use crate::clock::SystemClock;
use crate::terminal::paint::paint;
use crate::terminal::table::{duration, plain, shorten};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only of this monitor, as `namespace/name`.
    #[arg(long)]
    monitor: Option<ObjectName>,
    /// Only open ones.
    #[arg(long)]
    open: bool,
    /// At most so many, newest first.
    #[arg(long, default_value_t = 20)]
    limit: u32,
    /// With the messages sent about each.
    #[arg(long)]
    deliveries: bool,
    /// Shape of the list.
    #[arg(short, long, value_enum, default_value_t)]
    output: OutputFormat,
    #[command(flatten)]
    database: Database,
}

#[derive(Debug, Serialize)]
struct Shown {
    #[serde(flatten)]
    incident: Incident,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    deliveries: Vec<Delivery>,
}

pub(crate) fn run(shared: &Shared, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let shown = super::runtime()?.block_on(async {
        let store = arguments.database.open_read_only().await?;
        let query = IncidentQuery {
            monitor: arguments.monitor.clone(),
            open: arguments.open.then_some(true),
            limit: arguments.limit,
            ..IncidentQuery::default()
        };
        let mut shown = Vec::new();
        for incident in store.incidents(query).await? {
            let deliveries = if arguments.deliveries {
                store.deliveries(Some(incident.id), 50).await?
            } else {
                Vec::new()
            };
            shown.push(Shown { incident, deliveries });
        }
        anyhow::Ok(shown)
    })?;
    let (now, colour) = (SystemClock::start().now().wall, shared.color.on_stdout());
    output::show(arguments.output, &shown, |shown| render(shown, now, colour))?;
    Ok(ExitCode::SUCCESS)
}

fn render(shown: &[Shown], now: Timestamp, colour: bool) -> String {
    if shown.is_empty() {
        return "no incidents\n".to_owned();
    }
    let mut table = plain(&["id", "monitor", "started", "lasted", "reason", "told", "message"]);
    for Shown { incident, .. } in shown {
        let lasted = between(incident.started_at, incident.ended_at.unwrap_or(now)).as_secs();
        let lasted = duration(lasted);
        let lasted = if incident.ended_at.is_some() { lasted } else { format!("{lasted}, open") };
        let told = if incident.suppressed {
            incident.suppress_reason.clone().unwrap_or_else(|| "suppressed".to_owned())
        } else {
            "yes".to_owned()
        };
        let started = incident.started_at.to_string();
        table.add_row([
            incident.id.0.to_string(),
            incident.monitor_name.to_string(),
            started.get(..19).unwrap_or(&started).replace('T', " "),
            lasted,
            incident.reason.map(|reason| reason.code().to_owned()).unwrap_or_default(),
            told,
            shorten(incident.message.as_deref().unwrap_or_default(), 60),
        ]);
    }
    let mut text = format!("{table}\n");
    for Shown { incident, deliveries } in shown.iter().filter(|shown| !shown.deliveries.is_empty())
    {
        text.extend(["\nmessages about incident ", &incident.id.0.to_string(), "\n"]);
        let mut table = plain(&["event", "provider", "status", "attempts", "at", "error"]);
        for delivery in deliveries {
            let at = delivery.updated_at.to_string();
            table.add_row([
                delivery.event.clone(),
                delivery.provider.clone(),
                delivery.status.clone(),
                delivery.attempts.to_string(),
                at.get(11..19).unwrap_or(&at).to_owned(),
                shorten(delivery.last_error.as_deref().unwrap_or_default(), 70),
            ]);
        }
        text.extend([&table.to_string(), "\n"]);
    }
    text.lines()
        .map(|line| {
            let line = line.trim_end();
            if line.contains(", open") { paint(line, 31, colour) } else { line.to_owned() }
        })
        .collect::<Vec<_>>()
        .join("\n")
}

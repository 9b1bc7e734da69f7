//! `kubekuma status`: monitors and their states, from the database of a running or stopped
//! `serve`.

use std::process::ExitCode;

use kuma_core::id::{MonitorId, ObjectName};
use kuma_core::ports::{IncidentQuery, Store};
use kuma_core::shard::ShardSet;
use kuma_core::state::MonitorState;
use kuma_core::time::{Clock, Timestamp, between, minus};
use serde::Serialize;

use super::store::Database;
use super::{OutputFormat, Shared, output};
use crate::clock::SystemClock;
use crate::terminal::table::{duration, latency, paint_states, plain, shorten};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only monitors in this state, for example `down`.
    #[arg(long)]
    state: Option<String>,
    /// Shape of the list.
    #[arg(short, long, value_enum, default_value_t)]
    output: OutputFormat,
    #[command(flatten)]
    database: Database,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    monitor: ObjectName,
    state: MonitorState,
    checked_at: Timestamp,
    latency_us: Option<u32>,
    reason: Option<&'static str>,
    message: Option<String>,
    /// Share of known time, 0 to 1.
    uptime24h: Option<f64>,
    incident_since: Option<Timestamp>,
}

pub(crate) fn run(shared: &Shared, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let now = SystemClock::start().now().wall;
    let mut rows = super::runtime()?.block_on(async {
        let store = arguments.database.open_read_only().await?;
        rows(&*store, now).await
    })?;
    if let Some(state) = &arguments.state {
        let state = known_state(state)?;
        rows.retain(|row| row.state == state);
    }
    let colour = shared.color.on_stdout();
    output::show(arguments.output, &rows, |rows| render(rows, now, colour))?;
    Ok(ExitCode::SUCCESS)
}

/// The state of that name.
pub(super) fn known_state(text: &str) -> anyhow::Result<MonitorState> {
    MonitorState::ALL.into_iter().find(|known| known.as_str() == text).ok_or_else(|| {
        let known: Vec<_> = MonitorState::ALL.iter().map(|state| state.as_str()).collect();
        anyhow::anyhow!("there is no state `{text}`; there are {}", known.join(", "))
    })
}

async fn rows(store: &dyn Store, now: Timestamp) -> anyhow::Result<Vec<Row>> {
    let last = store.last_results(ShardSet::ALL).await?;
    let ids: Vec<MonitorId> = last.iter().map(|result| result.monitor).collect();
    let names = store.names().await?;
    let day = minus(now, std::time::Duration::from_secs(86_400));
    let uptime = store.uptime(&ids, day, now).await?;
    let open = IncidentQuery { open: Some(true), limit: 10_000, ..IncidentQuery::default() };
    let open = store.incidents(open).await?;
    let mut rows: Vec<_> = last
        .into_iter()
        .zip(uptime)
        .map(|(result, uptime)| Row {
            monitor: names
                .get(&result.monitor)
                .cloned()
                .unwrap_or_else(|| ObjectName::new("", "?")),
            state: result.heartbeat.state,
            checked_at: result.heartbeat.at,
            latency_us: result.heartbeat.latency_us,
            reason: result.heartbeat.reason.map(kuma_core::reason::Reason::code),
            message: result.heartbeat.message.map(|message| message.to_string()),
            uptime24h: uptime.ratio(),
            incident_since: open
                .iter()
                .find(|incident| incident.monitor == result.monitor)
                .map(|incident| incident.started_at),
        })
        .collect();
    rows.sort_by(|a, b| a.monitor.cmp(&b.monitor));
    Ok(rows)
}

fn render(rows: &[Row], now: Timestamp, colour: bool) -> String {
    if rows.is_empty() {
        return "no results yet\n".to_owned();
    }
    let mut table = plain(&[
        "monitor",
        "state",
        "checked",
        "latency",
        "uptime 24h",
        "down since",
        "last result",
    ]);
    for row in rows {
        let result = [row.reason.unwrap_or_default(), row.message.as_deref().unwrap_or_default()];
        let since = row.incident_since.map(|since| duration(between(since, now).as_secs()));
        table.add_row([
            row.monitor.to_string(),
            row.state.to_string(),
            format!("{} ago", duration(between(row.checked_at, now).as_secs())),
            row.latency_us.map(latency).unwrap_or_default(),
            row.uptime24h.map(|ratio| format!("{:.2} %", ratio * 100.0)).unwrap_or_default(),
            since.unwrap_or_default(),
            shorten(result.join(" ").trim(), 60),
        ]);
    }
    let states: Vec<_> = rows.iter().map(|row| row.state).collect();
    let text: Vec<_> = table.to_string().lines().map(|line| line.trim_end().to_owned()).collect();
    paint_states(&text.join("\n"), &states, colour)
}

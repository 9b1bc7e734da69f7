//! `kubectl kuma status`: monitors and their states, from the statuses of their objects.

use std::process::ExitCode;

use kuma_core::state::MonitorState;
use kuma_core::time::{Clock, Timestamp, between};

use super::cluster::Cluster;
use super::monitors::{self, Row};
use super::{Listing, Shared};
use crate::cli::{output, runtime, status};
use crate::clock::SystemClock;
use crate::terminal::table::{duration, paint_states, plain, shorten};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Only monitors in this state, for example `down`.
    #[arg(long)]
    state: Option<String>,
    /// Only Monitors and MonitorSets with these labels, for example `team=shop`.
    #[arg(short = 'l', long, value_name = "LABELS")]
    selector: Option<String>,
    #[command(flatten)]
    listing: Listing,
}

pub(super) fn run(shared: &Shared, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let wanted = arguments.state.as_deref().map(status::known_state).transpose()?;
    let mut rows = runtime()?.block_on(async {
        let cluster = Cluster::connect(shared).await?;
        let all = arguments.listing.all_namespaces;
        monitors::fetch(&cluster, all, arguments.selector.as_deref()).await
    })?;
    rows.retain(|row| wanted.is_none() || row.state == wanted);
    let (now, colour) = (SystemClock::start().now().wall, shared.color.on_stdout());
    output::show(arguments.listing.output, &rows, |rows| render(rows, now, colour))?;
    Ok(ExitCode::SUCCESS)
}

fn render(rows: &[Row], now: Timestamp, colour: bool) -> String {
    if rows.is_empty() {
        return "no monitors\n".to_owned();
    }
    let mut table =
        plain(&["monitor", "type", "state", "for", "latency", "uptime 24h", "last result"]);
    for row in rows {
        let lasting = row.since.map(|since| duration(between(since, now).as_secs()));
        table.add_row([
            row.monitor.to_string(),
            row.check_type.clone().unwrap_or_default(),
            row.state_text().to_owned(),
            lasting.unwrap_or_default(),
            row.latency_ms.map(|ms| format!("{ms} ms")).unwrap_or_default(),
            row.uptime24h.map(|percent| format!("{percent:.2} %")).unwrap_or_default(),
            shorten(&row.result_text(), 60),
        ]);
    }
    // A row without a state has nothing that could be coloured.
    let states: Vec<_> =
        rows.iter().map(|row| row.state.unwrap_or(MonitorState::Unknown)).collect();
    let text: Vec<_> = table.to_string().lines().map(|line| line.trim_end().to_owned()).collect();
    paint_states(&text.join("\n"), &states, colour)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_table_reads_as_that_of_the_standalone_command() {
        let monitor = |name: &str, status: serde_json::Value| {
            json!({
                "metadata": {"namespace": "shop", "name": name},
                "spec": {"type": "http"},
                "status": status,
            })
        };
        let rows = monitors::rows(
            &[
                monitor(
                    "web",
                    json!({
                        "lastResult": {
                            "state": "down", "reason": "HTTP_STATUS", "message": "503, not 2xx",
                            "latencyMs": 12, "since": "2026-03-01T10:00:00Z",
                        },
                        "uptime": {"last24h": 99.31},
                    }),
                ),
                monitor("new", json!(null)),
            ],
            &[],
        );
        let now = "2026-03-01T12:05:00Z".parse().unwrap();
        insta::assert_snapshot!(render(&rows, now, false), @"
MONITOR   TYPE  STATE  FOR        LATENCY  UPTIME 24H  LAST RESULT
shop/new  http
shop/web  http  down   2 h 5 min  12 ms    99.31 %     HTTP_STATUS 503, not 2xx
");
        assert_eq!(render(&[], now, false), "no monitors\n");
    }
}

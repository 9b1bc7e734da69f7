//! `kubectl kuma incidents`: what is down or flapping now. Past incidents are in the database, which
//! no object of the cluster holds: `kubekuma incidents`.

use std::process::ExitCode;

use kuma_core::state::MonitorState;
use kuma_core::time::{Clock, Timestamp, between};

use super::cluster::Cluster;
use super::monitors::{self, Row};
use super::{Listing, Shared};
use crate::cli::{output, runtime};
use crate::clock::SystemClock;
use crate::terminal::table::{duration, paint_states, plain, shorten};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    listing: Listing,
}

pub(super) fn run(shared: &Shared, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let rows = runtime()?.block_on(async {
        let cluster = Cluster::connect(shared).await?;
        monitors::fetch(&cluster, arguments.listing.all_namespaces, None).await
    })?;
    let open = open(rows);
    let (now, colour) = (SystemClock::start().now().wall, shared.color.on_stdout());
    output::show(arguments.listing.output, &open, |rows| render(rows, now, colour))?;
    Ok(ExitCode::SUCCESS)
}

/// The monitors with an incident, the latest first.
fn open(mut rows: Vec<Row>) -> Vec<Row> {
    let is_open = |state| matches!(state, Some(MonitorState::Down | MonitorState::Flapping));
    rows.retain(|row| is_open(row.state));
    rows.sort_by(|a, b| b.since.cmp(&a.since).then_with(|| a.monitor.cmp(&b.monitor)));
    rows
}

fn render(rows: &[Row], now: Timestamp, colour: bool) -> String {
    if rows.is_empty() {
        return "no open incidents\n".to_owned();
    }
    let mut table = plain(&["monitor", "state", "since", "lasting", "reason", "message"]);
    for row in rows {
        let since = row.since.map(|since| since.to_string()).unwrap_or_default();
        let lasting = row.since.map(|since| duration(between(since, now).as_secs()));
        table.add_row([
            row.monitor.to_string(),
            row.state_text().to_owned(),
            since.get(..19).unwrap_or(&since).replace('T', " "),
            lasting.unwrap_or_default(),
            row.reason.clone().unwrap_or_default(),
            shorten(row.message.as_deref().unwrap_or_default(), 80),
        ]);
    }
    let states: Vec<_> = rows.iter().filter_map(|row| row.state).collect();
    let text: Vec<_> = table.to_string().lines().map(|line| line.trim_end().to_owned()).collect();
    paint_states(&text.join("\n"), &states, colour)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_down_or_flapping_is_listed_the_latest_first() {
        let monitor = |name: &str, state: &str, since: &str| {
            json!({
                "metadata": {"namespace": "shop", "name": name},
                "status": {"lastResult": {
                    "state": state, "since": since, "reason": "TIMEOUT", "message": "no answer",
                }},
            })
        };
        let rows = open(monitors::rows(
            &[
                monitor("a", "down", "2026-03-01T10:00:00Z"),
                monitor("b", "up", "2026-03-01T11:00:00Z"),
                monitor("c", "flapping", "2026-03-01T11:30:00Z"),
            ],
            &[],
        ));
        let now = "2026-03-01T12:00:00Z".parse().unwrap();
        insta::assert_snapshot!(render(&rows, now, false), @"
MONITOR  STATE     SINCE                LASTING    REASON   MESSAGE
shop/c   flapping  2026-03-01 11:30:00  30 min     TIMEOUT  no answer
shop/a   down      2026-03-01 10:00:00  2 h 0 min  TIMEOUT  no answer
");
        assert_eq!(render(&[], now, false), "no open incidents\n");
    }
}

//! What the store says, read once the program has stopped, or beside it.

use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, SqliteConnection};
use tokio::runtime::Handle;

use crate::evidence::{Incident, Interval, Row, Standing};
use crate::product::Home;

/// Another process that holds the database's write lock until it is dropped.
pub(crate) struct Intruder {
    _connection: SqliteConnection,
}

impl Intruder {
    pub(crate) fn lock(handle: &Handle, database: &Path) -> anyhow::Result<Self> {
        handle.block_on(async {
            let options = SqliteConnectOptions::new().filename(database);
            let mut connection = options.connect().await?;
            sqlx::query("BEGIN EXCLUSIVE").execute(&mut connection).await?;
            Ok(Self { _connection: connection })
        })
    }
}

/// How many messages wait and how many incidents are open.
pub(crate) fn unsettled(handle: &Handle, database: &Path) -> anyhow::Result<(i64, i64)> {
    handle.block_on(async {
        let mut connection = open(database).await?;
        let counts = sqlx::query_as(
            "SELECT (SELECT count(*) FROM notification_deliveries WHERE status = 'pending'),
                    (SELECT count(*) FROM incidents WHERE state = 'down')",
        );
        Ok(counts.fetch_one(&mut connection).await?)
    })
}

/// Incidents, as the program's own command shows them.
pub(crate) fn incidents(home: &Home) -> anyhow::Result<Vec<Incident>> {
    let mut command = Command::new(&home.program);
    command.env_clear().current_dir(&home.folder);
    let ran = command.args(["incidents", "--limit", "100000", "-o", "json"]).output()?;
    anyhow::ensure!(ran.status.success(), "incidents: {}", String::from_utf8_lossy(&ran.stderr));
    let shown: Vec<Value> = serde_json::from_slice(&ran.stdout)?;
    shown.iter().map(|incident| one(incident).with_context(|| incident.to_string())).collect()
}

fn one(incident: &Value) -> anyhow::Result<Incident> {
    let time = |name: &str| -> anyhow::Result<Option<i64>> {
        let Some(text) = incident[name].as_str() else { return Ok(None) };
        Ok(Some(text.parse::<jiff::Timestamp>()?.as_millisecond()))
    };
    Ok(Incident {
        id: incident["id"].as_i64().context("no number")?,
        monitor: plain(incident["monitorName"].as_str().context("no monitor")?),
        started: time("startedAt")?.context("no beginning")?,
        ended: time("endedAt")?,
        closed_reason: incident["closedReason"].as_str().map(str::to_owned),
    })
}

/// Messages and time lines.
pub(crate) fn history(
    handle: &Handle,
    database: &Path,
) -> anyhow::Result<(Vec<Row>, Vec<Interval>)> {
    handle.block_on(async {
        let mut connection = open(database).await?;
        let rows: Vec<(String, String, String, Option<i64>, i64)> =
            sqlx::query_as("SELECT key, provider, kind, incident, status FROM outbox")
                .fetch_all(&mut connection)
                .await?;
        let rows = rows.into_iter().map(|(key, provider, event, incident, status)| Row {
            key,
            provider: plain(&provider),
            event,
            incident,
            standing: match status {
                2 => Standing::Sent,
                3 => Standing::Failed,
                4 => Standing::Withheld,
                5 => Standing::Merged,
                _ => Standing::Waiting,
            },
        });
        let intervals: Vec<(String, i64, Option<i64>, String)> = sqlx::query_as(
            "SELECT m.name, i.start, i.until, s.name FROM state_interval i
             JOIN monitor m ON m.id = i.monitor JOIN state_name s ON s.code = i.state
             ORDER BY i.monitor, i.start",
        )
        .fetch_all(&mut connection)
        .await?;
        let intervals = intervals.into_iter().map(|(monitor, from, to, state)| Interval {
            monitor,
            from,
            to,
            state,
        });
        Ok((rows.collect(), intervals.collect()))
    })
}

async fn open(database: &Path) -> anyhow::Result<SqliteConnection> {
    Ok(SqliteConnectOptions::new().filename(database).read_only(true).connect().await?)
}

/// A name without its namespace.
fn plain(name: &str) -> String {
    name.rsplit('/').next().unwrap_or(name).to_owned()
}

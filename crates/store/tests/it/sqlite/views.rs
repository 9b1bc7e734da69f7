//! The documented tables, column by column.

use kuma_core::event::EventKind;
use kuma_core::id::{Kind, ObjectKey};
use kuma_core::object::Meta;
use kuma_core::ports::{AuditEvent, Batch, Heartbeat, Incident, StoredObject};
use kuma_core::reason::Reason;
use kuma_core::state::MonitorState;
use sqlx::{AssertSqlSafe, Row, SqliteConnection};

use super::outsider;
use crate::support::{Bench, at, beat, incident, name, row, sent};

const DOCUMENTED: [(&str, &str); 8] = [
    (
        "crd_cache",
        "kind api_version namespace name generation resource_version spec status labels annotations
         created_at updated_at deleted_at",
    ),
    (
        "heartbeats",
        "id monitor_id monitor_namespace monitor_name state latency_ms reason message checked_at
         attempts timestamp",
    ),
    (
        "incidents",
        "id monitor_id monitor_namespace monitor_name state started_at ended_at duration suppressed
         suppress_reason acknowledged acknowledged_at acknowledged_by created_at updated_at",
    ),
    (
        "sessions",
        "id user_id username role token_hash created_at updated_at expires_at ip_address user_agent",
    ),
    (
        "notification_deliveries",
        "id incident_id monitor_id policy_name provider_name provider_type status attempts
         last_attempt_at last_error metadata created_at updated_at",
    ),
    ("silences", "id silence_namespace silence_name starts_at ends_at created_at updated_at"),
    (
        "maintenance_windows",
        "id window_namespace window_name description schedule duration_minutes next_occurrence_at
         created_at updated_at",
    ),
    (
        "audit_events",
        "id resource_type resource_key event_type actor details changes_summary timestamp",
    ),
];

/// Every row as text, `-` for NULL.
async fn rows(connection: &mut SqliteConnection, sql: &str) -> Vec<String> {
    let found = sqlx::query(AssertSqlSafe(sql)).fetch_all(connection).await;
    let text = |row: &sqlx::sqlite::SqliteRow| {
        let cells = (0..row.len()).map(|index| {
            let cell: Option<String> = row.try_get_unchecked(index).unwrap();
            cell.unwrap_or_else(|| "-".to_owned())
        });
        cells.collect::<Vec<_>>().join("|")
    };
    found.unwrap().iter().map(text).collect()
}

fn object(kind: Kind, of: &str, spec: &serde_json::Value) -> StoredObject {
    StoredObject {
        key: ObjectKey { kind, name: name(of) },
        meta: Meta { generation: 2, ..Meta::default() },
        raw: kuma_core::object::RawObject::new(
            &serde_json::json!({"apiVersion": "monitoring.kubekuma.io/v1", "spec": spec}),
        ),
        digest: "d".to_owned(),
    }
}

#[tokio::test]
async fn every_documented_column_is_there_in_order_and_nothing_writes_to_it() {
    let bench = Bench::new().await;
    let mut other = outsider(&bench.path()).await;
    for (view, columns) in DOCUMENTED {
        let sql = format!("SELECT name FROM pragma_table_info('{view}')");
        let found: Vec<String> =
            sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&mut other).await.unwrap();
        let documented: Vec<_> = columns.split_whitespace().collect();
        assert_eq!(found, documented, "{view}");
        let select = format!("SELECT {} FROM {view}", documented.join(", "));
        assert!(rows(&mut other, &select).await.is_empty());
        let delete = AssertSqlSafe(format!("DELETE FROM {view}"));
        let refused = sqlx::query(delete).execute(&mut other).await;
        assert!(refused.is_err(), "{view} is read-only");
    }
}

#[tokio::test]
async fn history_reads_as_documented() {
    let bench = Bench::new().await;
    let web = bench.monitor("web").await;
    let failed = Heartbeat {
        state: MonitorState::Down,
        reason: Some(Reason::Timeout),
        message: Some("slow".into()),
        ..beat(web, 61_001, 1_499_600)
    };
    let closed = Incident {
        ended_at: Some(at(91_000)),
        acknowledged: Some((at(70_000), "ann".to_owned())),
        ..incident(web, 1, 61_001)
    };
    bench
        .commit(Batch {
            heartbeats: vec![beat(web, 1000, 2_400), failed],
            incidents: vec![closed],
            outbox: vec![row("d1", "web", "chat", EventKind::Down, 0)],
            audit: vec![AuditEvent {
                at: at(5),
                resource_type: "Monitor".to_owned(),
                resource_key: "shop/web".to_owned(),
                event_type: "applied".to_owned(),
                actor: None,
                summary: Some("spec".to_owned()),
                details: Some(serde_json::json!({"a": 1})),
            }],
            durable: true,
            ..Batch::default()
        })
        .await;
    bench.claim(10).await;
    bench.finish("d1", sent(), 30).await;
    let mut other = outsider(&bench.path()).await;
    let found = rows(
        &mut other,
        "SELECT monitor_id, state, latency_ms, reason, message, checked_at, attempts
         FROM heartbeats ORDER BY id",
    )
    .await;
    assert_eq!(
        found,
        [
            "shop/web|up|2|-|-|2026-01-01 00:00:01.000|1",
            "shop/web|down|1500|TIMEOUT|slow|2026-01-01 00:01:01.001|1",
        ]
    );
    let found = rows(
        &mut other,
        "SELECT monitor_namespace, monitor_name, state, started_at, ended_at, duration, suppressed,
                acknowledged, acknowledged_at, acknowledged_by FROM incidents",
    )
    .await;
    assert_eq!(
        found,
        ["shop|web|up|2026-01-01 00:01:01.001|2026-01-01 00:01:31.000|29|0|1|\
          2026-01-01 00:01:10.000|ann"]
    );
    let found = rows(
        &mut other,
        "SELECT monitor_id, policy_name, provider_name, provider_type, status, attempts,
                last_attempt_at, metadata ->> 'event' FROM notification_deliveries",
    )
    .await;
    assert_eq!(found, ["shop/web|shop/all|shop/chat|webhook|sent|1|2026-01-01 00:00:00.010|down"]);
    let found = rows(
        &mut other,
        "SELECT resource_key, event_type, details, changes_summary, timestamp FROM audit_events",
    )
    .await;
    assert_eq!(found, [r#"shop/web|applied|{"a":1}|spec|2026-01-01 00:00:00.005"#]);
}

#[tokio::test]
async fn objects_read_as_documented() {
    let bench = Bench::new().await;
    let objects = vec![
        object(
            Kind::Silence,
            "night",
            &serde_json::json!({"expiresAt": "2026-02-01T10:00:00+02:00"}),
        ),
        object(
            Kind::Silence,
            "alias",
            &serde_json::json!({"startsAt": "2026-01-02T00:00:00Z", "endsAt": "2026-01-03T00:00:00Z"}),
        ),
        object(
            Kind::MaintenanceWindow,
            "weekly",
            &serde_json::json!({"schedule": {"durationMinutes": 30, "recurrence": {"rrule": "FREQ=WEEKLY"}}}),
        ),
        object(
            Kind::MaintenanceWindow,
            "once",
            &serde_json::json!({"description": "move", "schedule": {
                "start": "2026-01-05T00:00:00Z", "end": "2026-01-05T01:30:00Z"}}),
        ),
    ];
    bench
        .commit(Batch {
            objects_deleted: vec![object(Kind::Silence, "gone", &serde_json::Value::Null).key],
            objects,
            ..Batch::default()
        })
        .await;
    let mut other = outsider(&bench.path()).await;
    let sql =
        "SELECT silence_namespace, silence_name, starts_at, ends_at FROM silences ORDER BY id";
    assert_eq!(
        rows(&mut other, sql).await,
        [
            "shop|night|2026-01-01 00:00:00.000|2026-02-01 08:00:00.000",
            "shop|alias|2026-01-02 00:00:00.000|2026-01-03 00:00:00.000",
        ]
    );
    let sql = "SELECT window_name, description, schedule, duration_minutes, next_occurrence_at
               FROM maintenance_windows ORDER BY id";
    assert_eq!(
        rows(&mut other, sql).await,
        ["weekly|-|FREQ=WEEKLY|30|-", "once|move|2026-01-05T00:00:00Z|90|2026-01-05 00:00:00.000",]
    );
    let sql = "SELECT kind, api_version, namespace, name, generation, spec ->> 'expiresAt',
                      deleted_at FROM crd_cache WHERE name = 'night'";
    assert_eq!(
        rows(&mut other, sql).await,
        ["Silence|monitoring.kubekuma.io/v1|shop|night|2|2026-02-01T10:00:00+02:00|-"]
    );
}

#[tokio::test]
async fn the_record_of_a_deleted_silence_goes_before_that_of_other_objects() {
    let bench = Bench::new().await;
    let spec = serde_json::json!({"expiresAt": "2026-02-01T10:00:00Z"});
    let objects = vec![
        object(Kind::Silence, "gone", &spec),
        object(Kind::Silence, "kept", &spec),
        object(Kind::MaintenanceWindow, "gone", &spec),
    ];
    let deleted = [&objects[0], &objects[2]].map(|object| object.key.clone()).to_vec();
    bench.commit(Batch { objects, ..Batch::default() }).await;
    bench.commit(Batch { objects_deleted: deleted, ..Batch::default() }).await;
    let mut other = outsider(&bench.path()).await;
    let sql = "SELECT kind, name FROM crd_cache ORDER BY kind, name";
    let keep = kuma_core::settings::RetentionSettings::default();
    for (day, left) in [
        (29, vec!["MaintenanceWindow|gone", "Silence|gone", "Silence|kept"]),
        (31, vec!["MaintenanceWindow|gone", "Silence|kept"]),
        (366, vec!["Silence|kept"]),
    ] {
        bench.upkeep(day * 86_400_000, &keep).await;
        assert_eq!(rows(&mut other, sql).await, left, "on day {day}");
    }
}

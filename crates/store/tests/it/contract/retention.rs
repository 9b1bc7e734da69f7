//! What goes, what becomes coarser, what stays.

use std::time::Duration;

use kuma_core::ports::{
    AuditEvent, AuditQuery, Batch, Heartbeat, Incident, IncidentQuery, StoreError,
};
use kuma_core::settings::{Downsample, RetentionSettings};
use kuma_core::state::MonitorState;

use super::bench;
use crate::support::{Bench, DAY, HOUR, at, beat, enter, incident, row, sent};

/// Steps until there is nothing to do; returns how many did something.
async fn forget(bench: &Bench, now: i64) -> usize {
    bench.upkeep(now, &RetentionSettings::default()).await
}

#[tokio::test]
async fn raw_results_go_in_several_small_steps_and_younger_ones_stay() {
    let Some(bench) = bench().await else { return };
    let web = bench.monitor("web").await;
    let old = (0..4500).map(|ms| Heartbeat { evidence: Some("{}".into()), ..beat(web, ms, 5) });
    let heartbeats: Vec<_> = old.chain([beat(web, DAY, 6)]).collect();
    bench.commit(Batch { heartbeats, ..Batch::default() }).await;
    let now = 14 * DAY + 2 * HOUR;
    let more = bench.store.retention_step(at(now), RetentionSettings::default());
    assert!(more.await.unwrap());
    let left = bench.store.heartbeats(web, at(0), at(now), 9999).await.unwrap();
    // Two thousand rows, or the whole of a day's partition.
    assert!([2501, 1].contains(&left.len()), "one step takes some of them: {}", left.len());
    forget(&bench, now).await;
    let left = bench.store.heartbeats(web, at(0), at(now), 9999).await.unwrap();
    assert_eq!(left, [beat(web, DAY, 6)]);
    assert_eq!(bench.store.evidence(web, at(0)).await.unwrap(), None);
    assert_eq!(forget(&bench, now).await, 0);
}

#[tokio::test]
async fn hours_of_latency_become_days_after_a_week_and_go_after_ninety() {
    let Some(mut bench) = bench().await else { return };
    let web = bench.monitor("web").await;
    let heartbeats = vec![beat(web, HOUR, 1000), beat(web, 7 * HOUR, 3000), beat(web, 3 * DAY, 5)];
    bench.commit(Batch { heartbeats, ..Batch::default() }).await;
    bench.reopen().await;
    forget(&bench, 8 * DAY + HOUR).await;
    let hour = Duration::from_secs(3600);
    let finer = bench.store.latency(web, at(0), at(4 * DAY), hour).await;
    assert!(matches!(finer, Err(StoreError::Invalid(_))));
    let young = bench.store.latency(web, at(3 * DAY), at(4 * DAY), hour).await;
    assert_eq!(young.unwrap().len(), 1);
    let days = bench.store.latency(web, at(0), at(4 * DAY), 24 * hour).await.unwrap();
    assert_eq!(days.len(), 2);
    assert_eq!(days[0].count, 2);
    assert!((days[0].p99_us - 3000.0).abs() <= 30.0);
    forget(&bench, 91 * DAY + HOUR).await;
    let days = bench.store.latency(web, at(0), at(4 * DAY), 24 * hour).await.unwrap();
    assert_eq!(days.len(), 1);
    assert_eq!(days[0].at, at(3 * DAY));
}

#[tokio::test]
async fn how_long_hours_are_kept_is_what_the_settings_say() {
    let hour = Duration::from_secs(3600);
    let merged = |older_than_days, bucket_minutes| RetentionSettings {
        downsample: Some(Downsample { older_than_days, bucket_minutes }),
        heartbeats_days: 30,
        ..RetentionSettings::default()
    };
    let off = RetentionSettings { downsample: None, ..merged(1, 1440) };
    // Settings, day on which it is asked, whether hours are still there, whether anything is.
    for (keep, day, hours, any) in [
        (merged(2, 1440), 2, true, true),
        (merged(2, 1440), 4, false, true),
        (merged(2, 1440), 29, false, true),
        (merged(2, 1440), 32, false, false),
        (merged(2, 60), 29, true, true),
        (merged(2, 60), 32, false, false),
        (off.clone(), 29, true, true),
        (off, 32, false, false),
    ] {
        let Some(mut bench) = bench().await else { return };
        let web = bench.monitor("web").await;
        let heartbeats = vec![beat(web, HOUR, 1000), beat(web, 7 * HOUR, 3000)];
        bench.commit(Batch { heartbeats, ..Batch::default() }).await;
        bench.reopen().await;
        bench.upkeep(day * DAY + HOUR, &keep).await;
        let finer = bench.store.latency(web, at(0), at(DAY), hour).await;
        let days = bench.store.latency(web, at(0), at(DAY), 24 * hour).await.unwrap();
        assert_eq!(days.len(), usize::from(any), "{keep:?} on day {day}");
        if hours {
            assert_eq!(finer.unwrap().len(), 2, "{keep:?} on day {day}");
        } else {
            assert_eq!(finer.is_err(), any, "{keep:?} on day {day}");
        }
    }
}

#[tokio::test]
async fn hours_of_many_monitors_become_days_without_loss() {
    let Some(mut bench) = bench().await else { return };
    let mut ids = Vec::new();
    for n in 0..200 {
        ids.push(bench.monitor(&format!("m{n}")).await);
    }
    let every = |hours: i64| (0..hours).flat_map(|h| ids.iter().map(move |id| (h, *id)));
    let heartbeats = every(40).map(|(h, id)| beat(id, h * HOUR + id.0, 1000)).collect();
    bench.commit(Batch { heartbeats, ..Batch::default() }).await;
    bench.reopen().await;
    forget(&bench, 10 * DAY).await;
    let day = Duration::from_secs(86_400);
    for id in &ids {
        let steps = bench.store.latency(*id, at(0), at(2 * DAY), day).await.unwrap();
        let counts: Vec<_> = steps.iter().map(|step| step.count).collect();
        assert_eq!(counts, [24, 16]);
    }
}

#[tokio::test]
async fn old_intervals_become_day_sums_that_say_the_same() {
    let Some(bench) = bench().await else { return };
    let web = bench.monitor("web").await;
    bench
        .commit(Batch {
            intervals: vec![
                enter(web, MonitorState::Up, HOUR),
                enter(web, MonitorState::Down, DAY - HOUR),
                enter(web, MonitorState::Maintenance, DAY + HOUR),
                enter(web, MonitorState::Up, DAY + 2 * HOUR),
                enter(web, MonitorState::Down, 2 * DAY),
                enter(web, MonitorState::Up, 2 * DAY + HOUR),
            ],
            heartbeats: vec![beat(web, 95 * DAY, 1)],
            durable: true,
            ..Batch::default()
        })
        .await;
    let windows = [(0, 100), (0, 1), (1, 2), (2, 3), (1, 50)];
    let ask = async || {
        let mut all = Vec::new();
        for (from, to) in windows {
            let (from, to) = (at(from * DAY), at(to * DAY));
            all.push(bench.store.uptime(&[web], from, to).await.unwrap()[0]);
        }
        all
    };
    let before = ask().await;
    assert!(forget(&bench, 92 * DAY).await > 0);
    assert_eq!(ask().await, before);
}

#[tokio::test]
async fn closed_incidents_their_messages_and_audit_go_and_open_ones_stay() {
    let Some(bench) = bench().await else { return };
    let web = bench.monitor("web").await;
    let mut of_open = row("d2", "api", "chat", kuma_core::event::EventKind::Down, 0);
    of_open.event.incident = Some(incident(web, 2, 0).id);
    let closed = Incident { ended_at: Some(at(HOUR)), ..incident(web, 1, 0) };
    bench
        .commit(Batch {
            incidents: vec![closed, incident(web, 2, 0)],
            outbox: vec![row("d1", "web", "chat", kuma_core::event::EventKind::Down, 0), of_open],
            audit: vec![AuditEvent {
                at: at(0),
                resource_type: "Monitor".to_owned(),
                resource_key: "shop/web".to_owned(),
                event_type: "applied".to_owned(),
                actor: None,
                summary: None,
                details: None,
            }],
            durable: true,
            ..Batch::default()
        })
        .await;
    for claim in bench.claim(0).await {
        bench.finish(&claim.key, sent(), 1).await;
    }
    assert_eq!(forget(&bench, 365 * DAY).await, 0);
    assert!(forget(&bench, 366 * DAY).await > 0);
    let query = IncidentQuery { limit: 10, ..IncidentQuery::default() };
    let left = bench.store.incidents(query).await.unwrap();
    assert_eq!(left, [incident(web, 2, 0)]);
    let log = bench.store.deliveries(None, 10).await.unwrap();
    assert_eq!(log.len(), 1);
    assert_eq!(log[0].key, "d2");
    let query = AuditQuery { limit: 10, ..AuditQuery::default() };
    assert!(bench.store.audit(query).await.unwrap().is_empty());
}

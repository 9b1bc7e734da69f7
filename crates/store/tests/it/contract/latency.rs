//! Percentiles against exact ones.

use std::time::Duration;

use kuma_core::id::MonitorId;
use kuma_core::ports::{Batch, Heartbeat, LatencyStep, StoreError};
use kuma_core::reason::Reason;
use kuma_core::state::MonitorState;

use super::bench;
use crate::support::{Bench, DAY, HOUR, at, beat};

const STEP_HOUR: Duration = Duration::from_secs(3600);
const STEP_DAY: Duration = Duration::from_secs(86_400);

/// A deterministic spread of latencies over three decades.
fn latencies(count: u32) -> Vec<u32> {
    (0..count).map(|i| 500 + (i * 7919) % 499_979).collect()
}

fn exact(values: &[u32], percent: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    f64::from(sorted[(sorted.len() * percent).div_ceil(100) - 1])
}

fn assert_close(step: &LatencyStep, values: &[u32]) {
    assert_eq!(step.count, values.len() as u64);
    for (found, percent) in [(step.p50_us, 50), (step.p95_us, 95), (step.p99_us, 99)] {
        let exact = exact(values, percent);
        assert!((found - exact).abs() <= exact * 0.0101, "p{percent}: {found} for {exact}");
    }
}

/// One result a second from `from` on.
async fn put(bench: &Bench, monitor: MonitorId, from: i64, values: &[u32]) {
    let times = (from..).step_by(1000);
    let heartbeats = values.iter().zip(times).map(|(latency, ms)| beat(monitor, ms, *latency));
    bench
        .commit(Batch { heartbeats: heartbeats.collect(), durable: true, ..Batch::default() })
        .await;
}

async fn ask(bench: &Bench, monitor: MonitorId, to: i64, step: Duration) -> Vec<LatencyStep> {
    let found = bench.store.latency(monitor, at(0), at(to), step).await;
    found.unwrap()
}

#[tokio::test]
async fn percentiles_by_hour_are_within_one_per_cent_also_after_restarts() {
    let Some(mut bench) = bench().await else { return };
    let web = bench.monitor("web").await;
    let values = latencies(3000);
    put(&bench, web, 0, &values[..1000]).await;
    bench.reopen().await;
    put(&bench, web, 1_000_000, &values[1000..]).await;
    put(&bench, web, HOUR, &latencies(50)).await;
    for _ in 0..3 {
        let steps = ask(&bench, web, 2 * HOUR, STEP_HOUR).await;
        assert_eq!(steps.len(), 2);
        assert_eq!((steps[0].at, steps[1].at), (at(0), at(HOUR)));
        assert_close(&steps[0], &values);
        assert_close(&steps[1], &latencies(50));
        bench.reopen().await;
    }
}

#[tokio::test]
async fn an_hour_that_is_over_is_stored_while_running() {
    let Some(mut bench) = bench().await else { return };
    let web = bench.monitor("web").await;
    let values = latencies(100);
    put(&bench, web, 0, &values).await;
    bench.clock.set(HOUR + 120_000);
    put(&bench, web, HOUR, &values).await;
    // A late result of the hour that was stored.
    put(&bench, web, 500_000, &values[..1]).await;
    let late: Vec<_> = values.iter().copied().chain([values[0]]).collect();
    for _ in 0..2 {
        let steps = ask(&bench, web, 2 * HOUR, STEP_HOUR).await;
        assert_close(&steps[0], &late);
        assert_close(&steps[1], &values);
        bench.reopen().await;
    }
}

#[tokio::test]
async fn failures_do_not_count_as_latency() {
    let Some(bench) = bench().await else { return };
    let web = bench.monitor("web").await;
    let failed = Heartbeat {
        state: MonitorState::Down,
        reason: Some(Reason::Timeout),
        ..beat(web, 5, 30_000_000)
    };
    let slow = Heartbeat {
        state: MonitorState::Degraded,
        reason: Some(Reason::Degraded),
        ..beat(web, 6, 2000)
    };
    bench.commit(Batch { heartbeats: vec![failed, slow], ..Batch::default() }).await;
    let steps = ask(&bench, web, HOUR, STEP_HOUR).await;
    assert_close(&steps[0], &[2000]);
}

#[tokio::test]
async fn days_are_made_of_hours_and_nothing_finer_is_invented() {
    let Some(bench) = bench().await else { return };
    let web = bench.monitor("web").await;
    let values = latencies(40);
    put(&bench, web, 5 * HOUR, &values).await;
    put(&bench, web, DAY + HOUR, &values).await;
    let steps = ask(&bench, web, 2 * DAY, STEP_DAY).await;
    assert_eq!(steps.len(), 2);
    assert_close(&steps[0], &values);
    assert_eq!(steps[1].at, at(DAY));
    let both = ask(&bench, web, 2 * DAY, 2 * STEP_DAY).await;
    assert_close(&both[0], &[values.clone(), values].concat());
    for step in [Duration::ZERO, Duration::from_secs(60), STEP_HOUR * 3 / 2] {
        let refused = bench.store.latency(web, at(0), at(DAY), step).await;
        assert!(matches!(refused, Err(StoreError::Invalid(_))), "{step:?}");
    }
}

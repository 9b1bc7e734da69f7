//! Heartbeats of any age read the same, however the store keeps them.

use std::collections::BTreeMap;

use kuma_core::id::MonitorId;
use kuma_core::ports::{Batch, Heartbeat};
use kuma_core::reason::Reason;
use kuma_core::settings::RetentionSettings;
use kuma_core::state::MonitorState;
use proptest::prelude::*;

use super::bench;
use crate::support::{HOUR, START, at, beat};

fn batch(heartbeats: Vec<Heartbeat>) -> Batch {
    Batch { heartbeats, ..Batch::default() }
}

fn keep() -> RetentionSettings {
    RetentionSettings::default()
}

/// A day of results every five minutes, some of them failures with words.
fn day(monitor: MonitorId) -> Vec<Heartbeat> {
    let one = |n: i64| {
        let up =
            beat(monitor, n * 300_000 + monitor.0 * 7, 20_000 + u32::try_from(n % 97).unwrap());
        match n % 40 {
            17 => Heartbeat {
                state: MonitorState::Down,
                reason: Some(Reason::Timeout),
                latency_us: None,
                attempts: 3,
                message: Some(format!("no answer {n}").into()),
                evidence: Some(format!(r#"{{"n":{n}}}"#).into()),
                ..up
            },
            18 => Heartbeat { message: Some("back".into()), ..up },
            _ => up,
        }
    };
    (0..288).map(one).collect()
}

#[tokio::test]
async fn old_heartbeats_come_back_whole_with_their_words() {
    let Some(mut bench) = bench().await else { return };
    let (a, b) = (bench.monitor("a").await, bench.monitor("b").await);
    bench.commit(batch([day(a), day(b)].concat())).await;
    for hours in [3, 12, 30] {
        bench.upkeep(hours * HOUR, &keep()).await;
        for monitor in [a, b] {
            let found = bench.store.heartbeats(monitor, at(0), at(48 * HOUR), 9999).await.unwrap();
            assert_eq!(found, day(monitor), "after {hours} h");
            let (from, to) = (HOUR + 1, 23 * HOUR);
            let part = bench.store.heartbeats(monitor, at(from), at(to), 100).await.unwrap();
            let expected: Vec<_> =
                day(monitor).into_iter().filter(|b| b.at >= at(from) && b.at < at(to)).collect();
            assert_eq!(part, expected[..100]);
        }
        bench.reopen().await;
    }
    let failed = day(a)[17].clone();
    let evidence = bench.store.evidence(a, failed.at).await.unwrap();
    assert_eq!(evidence, failed.evidence.map(|text| text.to_string()));
}

#[tokio::test]
async fn what_comes_days_late_is_found_where_it_belongs() {
    let Some(bench) = bench().await else { return };
    let a = bench.monitor("a").await;
    let (late, early): (Vec<_>, Vec<_>) =
        day(a).into_iter().enumerate().partition(|(n, _)| n % 3 == 1);
    let beats = |of: Vec<(usize, Heartbeat)>| of.into_iter().map(|(_, b)| b).collect::<Vec<_>>();
    bench.commit(batch(beats(early.clone()))).await;
    bench.upkeep(30 * HOUR, &keep()).await;
    bench.commit(batch(beats(late))).await;
    // Once more, as after an answer that was lost.
    bench.commit(batch(beats(early))).await;
    for hours in [30, 31, 60] {
        let found = bench.store.heartbeats(a, at(0), at(48 * HOUR), 9999).await.unwrap();
        assert_eq!(found, day(a));
        bench.upkeep(hours * HOUR, &keep()).await;
    }
}

#[tokio::test]
async fn years_of_somebody_elses_history_can_be_written_at_any_time() {
    let Some(bench) = bench().await else { return };
    let (a, b) = (bench.monitor("a").await, bench.monitor("b").await);
    bench.commit(batch(vec![beat(a, 24 * HOUR, 1), beat(b, 24 * HOUR, 1)])).await;
    bench.upkeep(30 * HOUR, &keep()).await;
    let old: Vec<_> = (0..3000).map(|n| beat(a, n * 60_000 - 72 * HOUR, 5)).collect();
    for part in old.chunks(700) {
        bench.commit(batch(part.to_vec())).await;
    }
    bench.upkeep(30 * HOUR, &keep()).await;
    let found = bench.store.heartbeats(a, at(-100 * HOUR), at(48 * HOUR), 9999).await.unwrap();
    assert_eq!(found.len(), 3001);
    assert_eq!(found[..3000], old);
    assert_eq!(
        bench.store.heartbeats(b, at(-100 * HOUR), at(48 * HOUR), 9).await.unwrap().len(),
        1
    );
}

#[tokio::test]
async fn old_slots_go_whole_and_younger_ones_stay() {
    let Some(bench) = bench().await else { return };
    let (a, b) = (bench.monitor("a").await, bench.monitor("b").await);
    bench.commit(batch([day(a), day(b)].concat())).await;
    bench.upkeep(30 * HOUR, &keep()).await;
    let short = RetentionSettings { checks_days: 1, ..keep() };
    bench.upkeep(36 * HOUR, &short).await;
    for monitor in [a, b] {
        let found = bench.store.heartbeats(monitor, at(0), at(48 * HOUR), 9999).await.unwrap();
        let expected: Vec<_> = day(monitor).into_iter().filter(|b| b.at >= at(12 * HOUR)).collect();
        assert_eq!(found, expected);
    }
    bench.upkeep(72 * HOUR, &short).await;
    assert!(bench.store.heartbeats(a, at(0), at(48 * HOUR), 9).await.unwrap().is_empty());
}

/// What may happen to a store.
#[derive(Debug, Clone)]
enum Act {
    /// Results of some monitors, so many minutes before or after the newest time.
    Commit(Vec<(i64, i64, u16)>),
    /// Time passes, in minutes, and upkeep runs so many steps.
    Upkeep(i64, usize),
    Reopen,
}

fn act() -> impl Strategy<Value = Act> {
    let one = (0_i64..3, -400_i64..60, 0_u16..2);
    prop_oneof![
        4 => prop::collection::vec(one, 1..40).prop_map(Act::Commit),
        3 => (0_i64..300, 0_usize..40).prop_map(|(minutes, steps)| Act::Upkeep(minutes, steps)),
        1 => Just(Act::Reopen),
    ]
}

type Model = BTreeMap<(MonitorId, kuma_core::time::Timestamp, u16), Heartbeat>;

async fn play(acts: Vec<Act>) {
    let Some(mut bench) = bench().await else { return };
    let mut ids = Vec::new();
    for name in ["a", "b", "c"] {
        ids.push(bench.monitor(name).await);
    }
    let mut model = Model::new();
    let mut now = 24 * HOUR;
    for (round, act) in acts.into_iter().enumerate() {
        match act {
            Act::Commit(rows) => {
                let beats = rows.into_iter().map(|(who, minutes, sequence)| {
                    let ms = now + minutes * 60_000;
                    Heartbeat {
                        sequence,
                        message: (ms % 420_000 == 0).then(|| "words".into()),
                        ..beat(ids[usize::try_from(who).unwrap()], ms, 1000)
                    }
                });
                let beats: Vec<_> = beats.collect();
                for beat in &beats {
                    model
                        .entry((beat.monitor, beat.at, beat.sequence))
                        .or_insert_with(|| beat.clone());
                }
                bench.commit(batch(beats)).await;
            }
            Act::Upkeep(minutes, steps) => {
                now += minutes * 60_000;
                bench.clock.set(now);
                for _ in 0..steps {
                    if !bench.store.retention_step(at(now), keep()).await.unwrap() {
                        break;
                    }
                }
            }
            Act::Reopen => bench.reopen().await,
        }
        for monitor in &ids {
            let found = bench.store.heartbeats(*monitor, at(-START), at(START), u32::MAX).await;
            let expected: Vec<_> =
                model.values().filter(|beat| beat.monitor == *monitor).cloned().collect();
            assert_eq!(found.unwrap(), expected, "after act {round}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn nothing_is_lost_or_doubled_whatever_happens_in_between(
        acts in prop::collection::vec(act(), 1..14),
    ) {
        tokio::runtime::Runtime::new().unwrap().block_on(play(acts));
    }
}

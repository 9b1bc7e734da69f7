//! The schedule, driven with a fake clock.

use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn timing(name: &str, interval: u64) -> Timing {
    Timing {
        seed: seed(name),
        interval: Duration::from_secs(interval),
        jitter_percent: 0,
        initial_delay: Duration::ZERO,
        class: RunClass::Network,
        host: None,
    }
}

fn scheduler(network: usize) -> Scheduler {
    Scheduler::new(Limits { network, privileged: 2, per_host: 2 }, 1_700_000_000_123_456_789)
}

/// Runs everything that is due until `until`; each run takes `run`. Returns (start, id).
fn drive(scheduler: &mut Scheduler, mut now: Mono, until: Mono, run: Duration) -> Vec<(Mono, i64)> {
    let mut log = Vec::new();
    let mut ends: Vec<(Mono, MonitorId)> = Vec::new();
    while now <= until {
        ends.sort_unstable();
        while ends.first().is_some_and(|(at, _)| *at <= now) {
            let (_, id) = ends.remove(0);
            scheduler.finished(id, After::Regular, now);
        }
        for start in scheduler.due(now) {
            log.push((now, start.id.0));
            ends.push((now + run, start.id));
        }
        let next = scheduler.next_wakeup().into_iter().chain(ends.iter().map(|(at, _)| *at)).min();
        match next {
            Some(next) => now = next.max(Mono(now.0 + 1)),
            None => break,
        }
    }
    log
}

#[test]
fn starts_are_start_to_start_on_a_grid_without_drift() {
    let mut scheduler = scheduler(10);
    scheduler.set(MonitorId(1), timing("a/b", 10), Mono(0));
    let log = drive(&mut scheduler, Mono(0), Mono(0) + 200 * SECOND, 3 * SECOND);
    let gaps: Vec<_> = log.windows(2).skip(1).map(|pair| pair[1].0.since(pair[0].0)).collect();
    assert!(gaps.len() > 15);
    assert!(gaps.iter().all(|gap| *gap == 10 * SECOND), "{gaps:?}");
}

#[test]
fn the_grid_is_the_same_after_a_restart() {
    let grid = |origin: i128, boot: u64| {
        let timing = timing("a/b", 60);
        let at = timing.next_grid(Mono(boot), origin);
        (i128::from(at.0) + origin) % 60_000_000_000
    };
    assert_eq!(grid(1_700_000_000_000_000_000, 5), grid(1_700_000_033_000_000_000, 99));
}

#[test]
fn first_runs_are_soon_and_spread() {
    let mut scheduler = scheduler(100_000);
    for id in 0..10_000 {
        scheduler.set(MonitorId(id), timing(&format!("load/m{id}"), 3600), Mono(0));
    }
    let log = drive(&mut scheduler, Mono(0), Mono(0) + FIRST_RUN_SPREAD, SECOND);
    let once: std::collections::HashSet<_> = log.iter().map(|(_, id)| id).collect();
    assert_eq!(once.len(), 10_000);
    let mut per_second = [0; 31];
    for (at, _) in &log {
        per_second[usize::try_from(at.since(Mono(0)).as_secs()).unwrap()] += 1;
    }
    let busiest = per_second.iter().max().unwrap();
    assert!(*busiest < 450, "a herd of {busiest} in one second, {per_second:?}");
}

#[test]
fn ten_thousand_monitors_spread_over_their_interval() {
    let mut scheduler = scheduler(100_000);
    for id in 0..10_000 {
        scheduler.set(MonitorId(id), timing(&format!("load/m{id}"), 30), Mono(0));
    }
    let log = drive(&mut scheduler, Mono(0), Mono(0) + 120 * SECOND, SECOND / 10);
    let mut per_second = vec![0; 121];
    for (at, _) in &log {
        per_second[usize::try_from(at.since(Mono(0)).as_secs()).unwrap()] += 1;
    }
    let steady = &per_second[61..119];
    assert!(steady.iter().all(|n| (230..450).contains(n)), "{steady:?}");
}

#[test]
fn a_run_that_outlasts_its_interval_skips_the_missed_starts() {
    let mut scheduler = scheduler(10);
    scheduler.set(MonitorId(1), timing("a/b", 10), Mono(0));
    let log = drive(&mut scheduler, Mono(0), Mono(0) + 300 * SECOND, 25 * SECOND);
    for pair in log.windows(2) {
        assert!(pair[1].0.since(pair[0].0) >= 25 * SECOND, "overlaps itself");
    }
    assert!(scheduler.counts().skipped_overrun >= 18, "{:?}", scheduler.counts());
}

#[test]
fn a_hanging_host_delays_nobody_else() {
    let mut scheduler = scheduler(10);
    for id in 0..50 {
        let host: Arc<str> = "hangs".into();
        scheduler.set(
            MonitorId(id),
            Timing { host: Some(host), ..timing(&format!("slow/m{id}"), 10) },
            Mono(0),
        );
    }
    scheduler.set(
        MonitorId(99),
        Timing { host: Some("well".into()), ..timing("a/b", 10) },
        Mono(0),
    );
    let mut lateness = Vec::new();
    let mut now = Mono(0);
    let mut hung = 0;
    while now < Mono(0) + 100 * SECOND {
        for start in scheduler.due(now) {
            if start.id == MonitorId(99) {
                lateness.push(start.lateness);
                scheduler.finished(start.id, After::Regular, now);
            } else {
                hung += 1;
            }
        }
        now = now + SECOND / 10;
    }
    assert_eq!(hung, 2, "the host's limit holds");
    assert!(lateness.len() >= 9);
    assert!(lateness.iter().all(|late| *late <= SECOND / 10), "{lateness:?}");
}

#[test]
fn after_a_pause_of_the_process_there_is_no_burst() {
    let mut scheduler = scheduler(100_000);
    for id in 0..1000 {
        scheduler.set(MonitorId(id), timing(&format!("load/m{id}"), 10), Mono(0));
    }
    drive(&mut scheduler, Mono(0), Mono(0) + 30 * SECOND, SECOND / 10);
    for id in 0..1000 {
        scheduler.finished(MonitorId(id), After::Regular, Mono(0) + 31 * SECOND);
    }
    let woke = Mono(0) + 600 * SECOND;
    let burst = scheduler.due(woke).len();
    assert!(burst < 20, "{burst} at once after a pause");
    assert!(scheduler.counts().skipped_late > 900);
}

#[test]
fn retries_and_runs_at_once_come_when_asked() {
    let mut scheduler = scheduler(10);
    scheduler.set(MonitorId(1), timing("a/b", 60), Mono(0));
    let now = Mono(0) + 30 * SECOND;
    assert_eq!(scheduler.due(now).len(), 1);
    scheduler.run_now(MonitorId(1), now);
    assert!(scheduler.due(now).is_empty(), "never overlaps itself");
    scheduler.finished(MonitorId(1), After::Regular, now);
    assert_eq!(scheduler.due(now).len(), 1, "the run asked for meanwhile");
    scheduler.finished(MonitorId(1), After::RetryAt(now + 5 * SECOND), now);
    assert_eq!(scheduler.next_wakeup(), Some(now + 5 * SECOND));
    assert_eq!(scheduler.due(now + 5 * SECOND).len(), 1);
    scheduler.finished(MonitorId(1), After::Stop, now + 6 * SECOND);
    assert_eq!(scheduler.next_wakeup(), None);
}

#[test]
fn jitter_is_bounded_and_deterministic() {
    let timing = Timing { jitter_percent: 10, ..timing("a/b", 60) };
    let offsets: Vec<_> = (1..200).map(|n| timing.jitter(Mono(0) + n * 60 * SECOND, 0)).collect();
    assert!(offsets.iter().all(|offset| *offset < 6 * SECOND));
    assert!(offsets.iter().max() > offsets.iter().min());
    let again: Vec<_> = (1..200).map(|n| timing.jitter(Mono(0) + n * 60 * SECOND, 0)).collect();
    assert_eq!(offsets, again);
}

proptest! {
    /// Whatever happens: no slot is lost or taken twice, and nothing runs twice at once.
    #[test]
    fn slots_are_conserved(script in prop::collection::vec((0u8..6, 0i64..6, 1u64..5_000), 1..300)) {
        let mut scheduler = scheduler(3);
        let mut now = Mono(0);
        let mut running = std::collections::HashSet::new();
        for (action, id, advance) in script {
            now = now + Duration::from_millis(advance);
            let id = MonitorId(id);
            let host: Option<Arc<str>> = (id.0 % 2 == 0).then(|| "shared".into());
            match action {
                0 => scheduler.set(id, Timing { host, ..timing(&format!("a/m{}", id.0), 5) }, now),
                1 => { scheduler.remove(id); running.remove(&id); }
                2 => scheduler.run_now(id, now),
                3 => { if running.remove(&id) { scheduler.finished(id, After::Regular, now); } }
                4 => scheduler.stop(id),
                _ => {
                    for start in scheduler.due(now) {
                        prop_assert!(running.insert(start.id), "{:?} runs twice", start.id);
                    }
                }
            }
            prop_assert!(running.len() <= 3);
            prop_assert_eq!(scheduler.counts().running[0], running.len());
        }
    }
}

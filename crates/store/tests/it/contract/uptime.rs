//! The time line, against a model that knows every millisecond.

use std::cell::Cell;

use kuma_core::id::MonitorId;
use kuma_core::ports::{Batch, IntervalWrite, UptimeSums};
use kuma_core::state::MonitorState;
use proptest::prelude::*;

use super::bench;
use crate::support::{Bench, HOUR, at, beat, enter};

fn intervals(intervals: Vec<IntervalWrite>) -> Batch {
    Batch { intervals, durable: true, ..Batch::default() }
}

async fn hear(bench: &Bench, monitor: MonitorId, ms: i64) {
    bench.clock.set(ms);
    bench
        .commit(Batch {
            heartbeats: vec![beat(monitor, ms, 1000)],
            durable: true,
            ..Batch::default()
        })
        .await;
}

async fn sums(bench: &Bench, monitor: MonitorId, from: i64, to: i64) -> (u64, u64, u64) {
    let found = bench.store.uptime(&[monitor], at(from), at(to)).await.unwrap();
    let UptimeSums { up_ms, down_ms, maintenance_ms } = found[0];
    (up_ms, down_ms, maintenance_ms)
}

#[tokio::test]
async fn an_open_interval_counts_as_far_as_results_vouch_for_it() {
    let Some(bench) = bench().await else { return };
    let web = bench.monitor("web").await;
    bench.commit(intervals(vec![enter(web, MonitorState::Up, 0)])).await;
    assert_eq!(sums(&bench, web, 0, 9000).await, (0, 0, 0));
    hear(&bench, web, 1000).await;
    assert_eq!(sums(&bench, web, 0, 9000).await, (1000, 0, 0));
    assert_eq!(sums(&bench, web, 400, 900).await, (500, 0, 0));
    let vouch = IntervalWrite::Vouch { monitor: web, until: at(3000) };
    bench.commit(intervals(vec![vouch])).await;
    assert_eq!(sums(&bench, web, 0, 9000).await, (3000, 0, 0));
}

/// Where the open interval is kept elsewhere than those that ended, one that moves is counted once.
#[tokio::test]
async fn what_changes_while_it_is_asked_for_is_counted_once() {
    const STEPS: i64 = 400;
    let Some(bench) = bench().await else { return };
    let web = bench.monitor("web").await;
    // A second up, a second down, and so on.
    let step = |step: i64| {
        let state = if step % 2 == 0 { MonitorState::Up } else { MonitorState::Down };
        let vouch = IntervalWrite::Vouch { monitor: web, until: at((step + 1) * 1000) };
        intervals(vec![enter(web, state, step * 1000), vouch])
    };
    let after = |step: i64| {
        let seconds = u64::try_from(step + 1).unwrap();
        (seconds.div_ceil(2) * 1000, seconds / 2 * 1000, 0)
    };
    bench.commit(step(0)).await;
    let done = Cell::new(0);
    let write = async {
        for number in 1..STEPS {
            bench.commit(step(number)).await;
            done.set(number);
        }
    };
    let ask = || async {
        while done.get() + 1 < STEPS {
            let before = done.get();
            let seen = sums(&bench, web, 0, STEPS * 1000).await;
            let permitted: Vec<_> = (before..=done.get() + 1).map(after).collect();
            assert!(permitted.contains(&seen), "{seen:?} is none of {permitted:?}");
        }
    };
    tokio::join!(write, ask(), ask(), ask());
}

#[tokio::test]
async fn a_confirmed_failure_is_corrected_back_to_its_start() {
    let Some(bench) = bench().await else { return };
    let web = bench.monitor("web").await;
    bench
        .commit(intervals(vec![
            enter(web, MonitorState::Up, 0),
            enter(web, MonitorState::Degraded, 500),
            enter(web, MonitorState::Down, 400),
        ]))
        .await;
    hear(&bench, web, 1000).await;
    assert_eq!(sums(&bench, web, 0, 1000).await, (400, 600, 0));
}

#[tokio::test]
async fn the_gap_of_a_restart_is_unknown() {
    let Some(mut bench) = bench().await else { return };
    let web = bench.monitor("web").await;
    bench.commit(intervals(vec![enter(web, MonitorState::Up, 0)])).await;
    hear(&bench, web, 1000).await;
    bench.reopen().await;
    hear(&bench, web, 5000).await;
    hear(&bench, web, 6000).await;
    assert_eq!(sums(&bench, web, 0, 9000).await, (2000, 0, 0));
    bench.commit(intervals(vec![enter(web, MonitorState::Down, 5500)])).await;
    assert_eq!(sums(&bench, web, 0, 9000).await, (1500, 500, 0));
}

#[tokio::test]
async fn a_restart_within_what_was_vouched_for_leaves_no_gap() {
    let Some(mut bench) = bench().await else { return };
    let web = bench.monitor("web").await;
    let vouch = IntervalWrite::Vouch { monitor: web, until: at(4000) };
    bench.commit(intervals(vec![enter(web, MonitorState::Up, 0), vouch])).await;
    bench.reopen().await;
    hear(&bench, web, 3000).await;
    hear(&bench, web, 5000).await;
    assert_eq!(sums(&bench, web, 0, 9000).await, (5000, 0, 0));
}

#[tokio::test]
async fn a_monitor_without_results_comes_back_with_its_first_vouching() {
    let Some(mut bench) = bench().await else { return };
    let group = bench.monitor("group").await;
    let vouch = |until: i64| IntervalWrite::Vouch { monitor: group, until: at(until) };
    bench.commit(intervals(vec![enter(group, MonitorState::Up, 0), vouch(1000)])).await;
    bench.reopen().await;
    bench.clock.set(5000);
    bench.commit(intervals(vec![vouch(6000)])).await;
    assert_eq!(sums(&bench, group, 0, 9000).await, (2000, 0, 0));
}

#[tokio::test]
async fn maintenance_lasts_until_now_and_pauses_are_no_time() {
    let Some(bench) = bench().await else { return };
    let web = bench.monitor("web").await;
    bench
        .commit(intervals(vec![
            enter(web, MonitorState::Paused, 0),
            enter(web, MonitorState::Maintenance, 1000),
        ]))
        .await;
    bench.clock.set(3000);
    assert_eq!(sums(&bench, web, 0, 9000).await, (0, 0, 2000));
}

#[tokio::test]
async fn sums_come_in_the_order_asked() {
    let Some(bench) = bench().await else { return };
    let (a, b) = (bench.monitor("a").await, bench.monitor("b").await);
    bench
        .commit(intervals(vec![enter(a, MonitorState::Up, 0), enter(b, MonitorState::Down, 0)]))
        .await;
    hear(&bench, a, 10).await;
    hear(&bench, b, 20).await;
    let asked = [b, MonitorId(99), a, b];
    let found = bench.store.uptime(&asked, at(0), at(100)).await.unwrap();
    let downs: Vec<_> = found.iter().map(|sums| sums.down_ms).collect();
    assert_eq!(downs, [20, 0, 0, 20]);
    assert_eq!(found[1], UptimeSums::default());
    assert_eq!(found[2].up_ms, 10);
}

/// What happens to a monitor, each some milliseconds after the one before.
#[derive(Debug, Clone)]
enum Step {
    Result,
    Enter(MonitorState),
    Correct(MonitorState, i64),
    Restart,
}

fn states() -> impl Strategy<Value = MonitorState> {
    prop::sample::select(MonitorState::ALL.as_slice())
}

fn steps() -> impl Strategy<Value = Vec<(i64, Step)>> {
    let step = prop_oneof![
        6 => Just(Step::Result),
        3 => states().prop_map(Step::Enter),
        2 => (states(), 1_i64..120).prop_map(|(state, back)| Step::Correct(state, back)),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec((1_i64..50, step), 1..20)
}

/// Knows for each millisecond the state, and whether somebody vouched for it.
struct Model {
    line: Vec<Option<MonitorState>>,
    state: Option<MonitorState>,
    known_until: usize,
    gap: bool,
}

impl Model {
    /// Time passes to `now` in the current state, or unknown if nobody was there to look.
    fn pass(&mut self, now: i64) {
        let now = usize::try_from(now).unwrap();
        let looked = !self.gap || self.state.is_some_and(|s| s.counts_as_up().is_none());
        let state = self.state.filter(|_| looked);
        self.line[self.known_until..now].fill(state);
        self.known_until = now;
        self.gap = false;
    }

    fn sums(&self, from: usize, to: usize) -> (u64, u64, u64) {
        let mut sums = (0, 0, 0);
        for state in self.line[from..to].iter().flatten() {
            match state.counts_as_up() {
                Some(true) => sums.0 += 1,
                Some(false) => sums.1 += 1,
                None if *state == MonitorState::Maintenance => sums.2 += 1,
                None => {}
            }
        }
        sums
    }
}

async fn play(steps: Vec<(i64, Step)>, window: (usize, usize)) -> Result<(), TestCaseError> {
    let Some(mut bench) = bench().await else { return Ok(()) };
    let web = bench.monitor("web").await;
    let mut model = Model { line: vec![None; 1001], state: None, known_until: 0, gap: false };
    let mut now = 0;
    for (wait, step) in steps {
        now += wait;
        bench.clock.set(now);
        match step {
            Step::Restart => {
                bench.reopen().await;
                model.gap = true;
                continue;
            }
            Step::Result => {}
            Step::Enter(state) => {
                bench.commit(intervals(vec![enter(web, state, now)])).await;
                model.pass(now);
                model.state = Some(state);
            }
            Step::Correct(state, back) => {
                let from = (now - back).max(0);
                // A correction is made with the result that confirms it.
                hear(&bench, web, now).await;
                bench.commit(intervals(vec![enter(web, state, from)])).await;
                model.pass(now);
                model.state = Some(state);
                let from = usize::try_from(from).unwrap();
                let now = usize::try_from(now).unwrap();
                model.line[from..now].fill(Some(state));
            }
        }
        hear(&bench, web, now).await;
        model.pass(now);
    }
    bench.reopen().await;
    bench.clock.set(now);
    let (from, to) = window;
    let to_ms = i64::try_from(to).unwrap();
    let found = sums(&bench, web, i64::try_from(from).unwrap(), to_ms).await;
    // Maintenance that is still open lasts until now, looked at or not.
    if model.state == Some(MonitorState::Maintenance) {
        model.pass(now);
    }
    prop_assert_eq!(found, model.sums(from, to));
    bench.store.close().await.unwrap();
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn sums_agree_with_a_line_of_single_milliseconds(
        steps in steps(),
        from in 0_usize..500,
        length in 1_usize..500,
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(play(steps, (from, from + length)))?;
    }
}

#[tokio::test]
async fn a_list_of_all_says_the_same_as_each_alone() {
    let Some(mut bench) = bench().await else { return };
    let mut all = Vec::new();
    for n in 0..150_i64 {
        let id = bench.monitor(&format!("m{n}")).await;
        let mut intervals = vec![enter(id, MonitorState::Up, n * HOUR)];
        if n % 7 == 0 {
            intervals.push(enter(id, MonitorState::Down, n * HOUR + 10 * HOUR));
            intervals.push(enter(id, MonitorState::Up, n * HOUR + 11 * HOUR));
        }
        if n % 11 == 0 {
            intervals.push(enter(id, MonitorState::Maintenance, 250 * HOUR));
        }
        let heartbeats = vec![beat(id, 260 * HOUR + n, 1)];
        bench.commit(Batch { intervals, heartbeats, ..Batch::default() }).await;
        all.push(id);
    }
    bench.clock.set(300 * HOUR);
    for _ in 0..2 {
        for (from, to) in [(0, 300), (100, 130), (255, 300), (290, 300)] {
            let (from, to) = (at(from * HOUR), at(to * HOUR));
            let together = bench.store.uptime(&all, from, to).await.unwrap();
            let mut each = Vec::new();
            for id in &all {
                each.extend(bench.store.uptime(&[*id], from, to).await.unwrap());
            }
            assert_eq!(together, each);
            assert!(together.iter().any(|sums| sums.maintenance_ms > 0 || to < at(255 * HOUR)));
        }
        bench.reopen().await;
    }
}

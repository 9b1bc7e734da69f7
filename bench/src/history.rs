//! History at scale: data sets written through the real writer in simulated time, with upkeep as
//! the product does it; then what they take on disk and how long questions take.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kuma_core::id::{MonitorId, ObjectName};
use kuma_core::ports::{Batch, Fence, Heartbeat, IntervalWrite, StateRow, Store, StoreError};
use kuma_core::settings::RetentionSettings;
use kuma_core::state::MonitorState;
use kuma_core::time::{Clock, Mono, Now, Timestamp, from_ms};
use kuma_store::{SqliteOptions, SqliteStore};

use crate::clock::SystemClock;
use crate::process::{self, database_bytes};
use crate::report::Report;

mod ask;

const DAY_MS: i64 = 86_400_000;
const SLOT_MS: i64 = 7_200_000;
/// 2026-01-01T00:00:00Z, where simulated time begins.
const START_MS: i64 = 1_767_225_600_000;
/// Heartbeats of one commit.
const BATCH: usize = 1000;
/// Commits under way at once.
const UNDER_WAY: usize = 8;
/// Pause between two durable commits that look for stalls.
const PROBE_EVERY: Duration = Duration::from_millis(5);

/// Size, upkeep and queries of large data sets.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Arguments {
    #[arg(long, default_value_t = 10_000)]
    monitors: u32,
    /// Seconds between the results of a monitor.
    #[arg(long, default_value_t = 60)]
    interval: u32,
    /// Days of results at that interval.
    #[arg(long, default_value_t = 14)]
    days: u32,
    /// Days before them, with few results, for what is merged by then.
    #[arg(long, default_value_t = 76)]
    older_days: u32,
    /// Seconds between results in those days.
    #[arg(long, default_value_t = 3600)]
    older_interval: u32,
    /// `retention.checksDays`.
    #[arg(long, default_value_t = 14)]
    checks_days: u32,
}

/// A clock that the generator sets.
struct Simulated(Mutex<i64>);

impl Simulated {
    fn set(&self, ms: i64) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = ms;
    }
}

impl Clock for Simulated {
    fn now(&self) -> Now {
        let ms = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let nanos = u64::try_from(ms - START_MS).unwrap_or(0).saturating_mul(1_000_000);
        Now { mono: Mono(nanos), wall: from_ms(ms) }
    }
}

/// What upkeep cost so far.
#[derive(Default)]
struct Upkeep {
    steps: Vec<Duration>,
    /// Durable commits beside it.
    probes: Vec<Duration>,
    lasted: Duration,
}

struct Generator<'a> {
    store: &'a SqliteStore,
    simulated: Arc<Simulated>,
    clock: SystemClock,
    keep: RetentionSettings,
    ids: Vec<MonitorId>,
    upkeep: Upkeep,
}

pub(crate) async fn measure(arguments: &Arguments, clock: SystemClock) -> anyhow::Result<Report> {
    let scratch = tempfile::tempdir()?;
    let path = scratch.path().join("history.db");
    let simulated = Arc::new(Simulated(Mutex::new(START_MS)));
    let store = SqliteStore::open(SqliteOptions {
        path: path.clone(),
        clock: simulated.clone(),
        product_version: "bench".to_owned(),
    })
    .await?;
    let names: Vec<_> =
        (0..arguments.monitors).map(|n| ObjectName::new("bench", crate::folder::name(n))).collect();
    let ids = store.intern(&names).await?;
    let keep =
        RetentionSettings { checks_days: arguments.checks_days, ..RetentionSettings::default() };
    let mut generator =
        Generator { store: &store, simulated, clock, keep, ids, upkeep: Upkeep::default() };
    let mut report = Report::default();
    let (cpu, begun) = (process::cpu("self")?, clock.elapsed());
    let written = process::own_io("write_bytes")?;
    let turn = START_MS + i64::from(arguments.older_days) * DAY_MS;
    let end = turn + i64::from(arguments.days) * DAY_MS;
    generator.up(START_MS).await?;
    let older = generator.run(START_MS, turn, arguments.older_interval).await?;
    generator.upkeep = Upkeep::default();
    let (older_written, older_begun) = (process::own_io("write_bytes")?, clock.elapsed());
    let rows = generator.run(turn, end, arguments.interval).await?;
    let lasted = clock.elapsed().saturating_sub(older_begun).as_secs_f64();
    let per_row = (process::own_io("write_bytes")? - older_written) as f64 / rows as f64;
    report.note("history.rows", (older + rows) as f64, "heartbeats");
    report.note("history.generated", clock.elapsed().saturating_sub(begun).as_secs_f64(), "s");
    report.high("history.rowsPerSecond", rows as f64 / lasted, "rows/s with upkeep");
    report.low("history.writtenPerRow", per_row, "bytes to the disk");
    report.note("history.cpu", process::cpu("self")?.since(cpu).total(), "CPU-s");
    report.note("history.written", (process::own_io("write_bytes")? - written) as f64, "bytes");
    told(&mut report, &mut generator.upkeep);
    ask::sizes(&mut report, &path, turn / SLOT_MS).await?;
    report.low("history.file", database_bytes(&path) as f64 / 1e6, "MB");
    ask::questions(&mut report, &store, &generator.ids, from_ms(end), clock).await?;
    store.close().await?;
    reopened(&mut report, &path, &generator, clock).await?;
    Ok(report)
}

/// Starting on the file, and questions of another process beside it.
async fn reopened(
    report: &mut Report,
    path: &Path,
    generator: &Generator<'_>,
    clock: SystemClock,
) -> anyhow::Result<()> {
    let begun = clock.elapsed();
    let store = SqliteStore::open(SqliteOptions {
        path: path.to_owned(),
        clock: generator.simulated.clone(),
        product_version: "bench".to_owned(),
    })
    .await?;
    let took = clock.elapsed().saturating_sub(begun);
    report.low("history.open", took.as_secs_f64() * 1e3, "ms");
    let begun = clock.elapsed();
    let found = store.check().await?;
    let took = clock.elapsed().saturating_sub(begun);
    report.low("history.check", took.as_secs_f64(), "s");
    report.note("history.problems", found.problems.len() as f64, "found by the check");
    report.note("history.sealed", found.heartbeats as f64, "heartbeats in chunks");
    store.close().await?;
    Ok(())
}

fn told(report: &mut Report, upkeep: &mut Upkeep) {
    let ms = |took: &Duration| took.as_secs_f64() * 1e3;
    upkeep.steps.sort_unstable();
    upkeep.probes.sort_unstable();
    let at = |all: &[Duration], share: usize| all.get(all.len() * share / 1000).map_or(0.0, ms);
    report.note("history.upkeep", upkeep.lasted.as_secs_f64(), "s in all");
    report.note("history.steps", upkeep.steps.len() as f64, "steps");
    report.low("history.stepP50", at(&upkeep.steps, 500), "ms");
    report.low("history.stepP99", at(&upkeep.steps, 990), "ms");
    report.low("history.stepMax", upkeep.steps.last().map_or(0.0, ms), "ms");
    report.note("history.probes", upkeep.probes.len() as f64, "durable commits beside");
    report.low("history.stallP50", at(&upkeep.probes, 500), "ms");
    report.low("history.stallP99", at(&upkeep.probes, 990), "ms");
    report.low("history.stallMax", upkeep.probes.last().map_or(0.0, ms), "ms");
}

impl Generator<'_> {
    /// Everybody is up from then on.
    async fn up(&self, ms: i64) -> anyhow::Result<()> {
        for ids in self.ids.chunks(BATCH) {
            let enter = |id: &MonitorId| IntervalWrite::Enter {
                monitor: *id,
                state: MonitorState::Up,
                at: from_ms(ms),
            };
            let intervals = ids.iter().map(enter).collect();
            self.store.commit(Batch { intervals, ..Batch::default() }, Fence::Exclusive).await?;
        }
        Ok(())
    }

    /// Results of `[from, to)`, with upkeep every two hours, or only at the end of days with few
    /// results; how many they were.
    async fn run(&mut self, from: i64, to: i64, interval: u32) -> anyhow::Result<u64> {
        let interval = i64::from(interval) * 1000;
        let count = i64::try_from(self.ids.len())?.max(1);
        let mut under_way = VecDeque::new();
        let mut batch = Vec::with_capacity(BATCH);
        let often = interval < SLOT_MS / 2;
        let mut upkeep_at = from + SLOT_MS;
        let mut rows = 0_u64;
        let mut random = 88_172_645_463_325_252_u64;
        for index in 0.. {
            let start = from + index * interval / count;
            if start >= to {
                break;
            }
            let monitor = usize::try_from(index % count)?;
            batch.push(heartbeat(&self.ids, monitor, start, &mut random));
            rows += 1;
            if batch.len() < BATCH {
                continue;
            }
            self.simulated.set(start);
            if under_way.len() == UNDER_WAY
                && let Some(oldest) = under_way.pop_front()
            {
                oldest.await?;
            }
            let heartbeats = std::mem::replace(&mut batch, Vec::with_capacity(BATCH));
            let commit =
                self.store.commit(Batch { heartbeats, ..Batch::default() }, Fence::Exclusive);
            under_way.push_back(commit);
            if often && start >= upkeep_at {
                upkeep_at += SLOT_MS;
                self.upkeep(from_ms(start)).await?;
            }
        }
        self.store
            .commit(Batch { heartbeats: batch, ..Batch::default() }, Fence::Exclusive)
            .await?;
        for commit in under_way {
            commit.await?;
        }
        self.simulated.set(to);
        self.upkeep(from_ms(to)).await?;
        Ok(rows)
    }

    /// Upkeep until there is nothing to do, with durable commits beside it that see how long they
    /// wait.
    async fn upkeep(&mut self, now: Timestamp) -> anyhow::Result<()> {
        let (store, clock, keep) = (self.store, self.clock, &self.keep);
        let begun = clock.elapsed();
        let ended = AtomicBool::new(false);
        let steps = async {
            let mut took = Vec::new();
            loop {
                let begun = clock.elapsed();
                let more = store.retention_step(now, keep.clone()).await;
                took.push(clock.elapsed().saturating_sub(begun));
                if !matches!(more, Ok(true)) {
                    ended.store(true, Ordering::Relaxed);
                    return more.map(|_| took);
                }
            }
        };
        let monitor = self.ids.first().copied().unwrap_or(MonitorId(1));
        let probes = async {
            let mut took = Vec::new();
            while !ended.load(Ordering::Relaxed) {
                let begun = clock.elapsed();
                let states = vec![StateRow { monitor, version: 1, blob: vec![1; 200] }];
                let batch = Batch { states, durable: true, ..Batch::default() };
                store.commit(batch, Fence::Exclusive).await?;
                took.push(clock.elapsed().saturating_sub(begun));
                tokio::time::sleep(PROBE_EVERY).await;
            }
            Ok(took)
        };
        let (steps, probes): (_, Result<Vec<_>, StoreError>) = tokio::join!(steps, probes);
        self.upkeep.steps.extend(steps?);
        self.upkeep.probes.extend(probes?);
        self.upkeep.lasted += clock.elapsed().saturating_sub(begun);
        Ok(())
    }
}

/// A result: latencies around 20 to 60 ms that differ by monitor and wander, one in a thousand ten
/// times as long; the end is up to 3 ms late.
fn heartbeat(ids: &[MonitorId], monitor: usize, start: i64, random: &mut u64) -> Heartbeat {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    let bits = |shift: u32, mask: u64| (*random >> shift) & mask;
    // The sum of four even ones is about normal; centred on 0, in thousandths.
    let noise: u64 = [0, 10, 20, 30].map(|shift| bits(shift, 0x3ff)).iter().sum();
    let usual = 20_000 + (monitor as u64 % 40) * 1000;
    let latency = usual * (1000 + noise / 2) / 2000;
    let latency = if bits(40, 0x3ff) == 0 { latency * 10 } else { latency };
    let at = start + i64::try_from(latency / 1000 + bits(50, 3)).unwrap_or(0);
    Heartbeat {
        monitor: ids.get(monitor).copied().unwrap_or(MonitorId(0)),
        at: from_ms(at),
        sequence: 0,
        state: MonitorState::Up,
        reason: None,
        latency_us: u32::try_from(latency).ok(),
        attempts: 1,
        message: None,
        evidence: None,
    }
}

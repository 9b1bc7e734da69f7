//! Many Monitors in a real API server: how soon they are checked, what that costs, what is written
//! to the API server, and how long nobody acts when an instance goes.

mod installation;

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use kuma_e2e::Replica;
use kuma_e2e::audit::{Request, summary};
use tokio::runtime::Handle;

use crate::clock::SystemClock;
use crate::process;
use crate::product::Metrics;
use crate::report::Report;
use crate::target::Target;
use installation::Installation;

/// Longest that statuses may take: transitions are written at twenty a second.
const MOST: Duration = Duration::from_secs(1800);

/// Seconds between two looks at what was written.
const PAUSE_S: usize = 5;

/// Monitors in a real API server, on a control plane of its own.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Arguments {
    /// How many.
    #[arg(long, default_value_t = 10_000)]
    monitors: u32,
    /// Seconds between two runs of one.
    #[arg(long, default_value_t = 60)]
    interval: u32,
    /// Seconds that are measured once everything is written.
    #[arg(long, default_value_t = 120)]
    seconds: u64,
    /// Two instances share the monitors over PostgreSQL; else one acts on SQLite and one stands by.
    #[arg(long)]
    spread: bool,
}

pub(crate) async fn measure(arguments: &Arguments, binary: &Path) -> anyhow::Result<Report> {
    let scratch = tempfile::tempdir()?;
    let target = Target::start(scratch.path()).await?;
    let mode = if arguments.spread { "spread" } else { "single" };
    let prefix = format!("cluster{}.{mode}", arguments.monitors);
    let (arguments, binary, runtime) = (arguments.clone(), binary.to_owned(), Handle::current());
    // The driver mostly waits.
    let running = tokio::task::spawn_blocking(move || {
        let home = Installation::new(arguments.spread, &binary)?;
        say("creating the monitors");
        let url = format!("http://{}/", target.plain);
        runtime.block_on(home.create(arguments.monitors, arguments.interval, &url))?;
        let mut report = Report::default();
        run(&arguments, &home, target, &prefix, &mut report)?;
        Ok(report)
    });
    running.await?
}

fn run(
    arguments: &Arguments,
    home: &Installation,
    target: Target,
    prefix: &str,
    report: &mut Report,
) -> anyhow::Result<()> {
    let count = f64::from(arguments.monitors);
    let mut first = Measured::start(home, "kubekuma-0");
    let ready = first.until("ready", |it| it.replica.ready().is_ok())?;
    let checked = first.until("first check", |it| it.checks() >= 1.0)?;
    let all = first.until("all checked", |it| it.checks() >= count)?;
    report.low(format!("{prefix}.ready"), ready, "s");
    report.low(format!("{prefix}.firstCheck"), checked, "s");
    report.low(format!("{prefix}.allChecked"), all, "s");
    let mut second = Measured::start(home, "kubekuma-1");
    say("waiting for all states to be written");
    let written = until_written(home, &first, arguments.monitors)?;
    report.low(format!("{prefix}.allWritten"), written, "s");
    let writes = home.writes();
    report.note(format!("{prefix}.firstWrites"), writes.len() as f64, "status writes");
    report.low(format!("{prefix}.firstWritesMost"), most_in_a_second(&writes), "in one second");
    steady(arguments, home, (&mut first, &mut second), prefix, report)?;
    third(home, &mut first, prefix, report)?;
    failover(home, &mut first, &mut second, prefix, report)?;
    outage(home, (&first, &second), target, prefix, report)
}

/// Seconds until each monitor was written and transitions are over: what is left is the trickle.
fn until_written(home: &Installation, first: &Measured, count: u32) -> anyhow::Result<f64> {
    let mut before = 0;
    loop {
        let so_far = home.writes().len();
        let now = first.since_start.elapsed();
        let in_pause = so_far - before;
        if so_far >= count as usize && in_pause <= 2 * PAUSE_S {
            return Ok(now.as_secs_f64());
        }
        anyhow::ensure!(now < MOST, "not all states are written within {MOST:?}");
        before = so_far;
        std::thread::sleep(Duration::from_secs(PAUSE_S as u64));
    }
}

/// Nothing happens.
fn steady(
    arguments: &Arguments,
    home: &Installation,
    (first, second): (&mut Measured, &mut Measured),
    prefix: &str,
    report: &mut Report,
) -> anyhow::Result<()> {
    say("measuring while nothing happens");
    let (requests, cpu) = (home.requests().len(), process::cpu(&first.id())?);
    let clock = SystemClock::start();
    std::thread::sleep(Duration::from_secs(arguments.seconds));
    let lasted = clock.elapsed().as_secs_f64();
    let used = process::cpu(&first.id())?.since(cpu).total();
    let asked = home.requests().split_off(requests);
    let writes = asked.iter().filter(|it| it.is_write() && is_status(it)).count() as f64;
    for ((verb, resource), number) in summary(&asked) {
        say(&format!("{verb} {resource}: {:.2} a second", number as f64 / lasted));
    }
    let (memory, most) = process::memory(first.number())?;
    report.low(format!("{prefix}.steadyStatusWrites"), writes / lasted, "a second");
    report.low(format!("{prefix}.steadyRequests"), asked.len() as f64 / lasted, "a second");
    report.low(format!("{prefix}.coreShare"), used / lasted * 100.0, "% of a core");
    report.low(format!("{prefix}.memory"), memory, "MiB");
    report.low(format!("{prefix}.memoryMost"), most, "MiB");
    let (other, _) = process::memory(second.number())?;
    report.low(format!("{prefix}.memoryOther"), other, "MiB, the other instance");
    Ok(())
}

/// One more instance comes and goes: that is nothing to write about.
fn third(
    home: &Installation,
    first: &mut Measured,
    prefix: &str,
    report: &mut Report,
) -> anyhow::Result<()> {
    say("starting one more instance");
    let before = home.writes().len();
    let mut third = Measured::start(home, "kubekuma-2");
    let there = third.until("there", |it| {
        let page = it.metrics();
        page.sum("members", "") > 0.0
            || it.replica.ready().is_err_and(|why| why.contains("standby"))
    })?;
    report.low(format!("{prefix}.oneMoreThere"), there, "s");
    std::thread::sleep(Duration::from_secs(30));
    let written = home.writes().split_off(before);
    report.low(format!("{prefix}.oneMoreWrites"), written.len() as f64, "in 30 s");
    third.replica.stop();
    anyhow::ensure!(first.replica.ready().is_ok(), "the first instance is not ready any more");
    Ok(())
}

/// One is killed, later one is stopped.
fn failover(
    home: &Installation,
    first: &mut Measured,
    second: &mut Measured,
    prefix: &str,
    report: &mut Report,
) -> anyhow::Result<()> {
    say("killing the instance that acts");
    first.replica.kill();
    let taken = taken_over(second)?;
    report.low(format!("{prefix}.afterKill"), taken, "s until the other checks everything");
    *first = Measured::start(home, "kubekuma-0");
    first.until("up beside the other", |it| {
        it.held() > 0.0 || it.replica.ready().is_err_and(|why| why.contains("standby"))
    })?;
    std::thread::sleep(Duration::from_secs(5));
    say("stopping the instance that acts");
    let clock = SystemClock::start();
    // The signal only: what follows is measured beside its stop.
    second.replica.process().signal(rustix::process::Signal::TERM);
    let taken = taken_over(first)?;
    let asked = clock.elapsed().as_secs_f64();
    report.low(
        format!("{prefix}.afterStop"),
        taken.min(asked),
        "s until the other checks everything",
    );
    second.replica.stop();
    *second = Measured::start(home, "kubekuma-1");
    second.until("up beside the other", |it| {
        it.held() > 0.0 || it.replica.ready().is_err_and(|why| why.contains("standby"))
    })?;
    Ok(())
}

/// Seconds until an instance holds everything and has checked something since.
fn taken_over(other: &Measured) -> anyhow::Result<f64> {
    let clock = SystemClock::start();
    let before = other.checks();
    loop {
        let holds = other.held() >= 65.0 || other.replica.ready().is_ok() && other.held() == 0.0;
        if holds && other.checks() > before {
            return Ok(clock.elapsed().as_secs_f64());
        }
        anyhow::ensure!(clock.elapsed() < Duration::from_secs(60), "nobody takes over");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Everything fails at once.
fn outage(
    home: &Installation,
    (first, second): (&Measured, &Measured),
    target: Target,
    prefix: &str,
    report: &mut Report,
) -> anyhow::Result<()> {
    say("stopping the target of all monitors");
    let before = home.writes().len();
    drop(target);
    let clock = SystemClock::start();
    let told = loop {
        if home.told() > 0 {
            break clock.elapsed().as_secs_f64();
        }
        anyhow::ensure!(clock.elapsed() < Duration::from_secs(120), "nobody is told");
        std::thread::sleep(Duration::from_millis(50));
    };
    report.low(format!("{prefix}.outageFirstMessage"), told, "s");
    let left = Duration::from_secs(90).saturating_sub(clock.elapsed());
    std::thread::sleep(left);
    let written = home.writes().split_off(before);
    let waiting = |it: &Measured| it.metrics().sum("status_writes_waiting", "");
    let waiting = waiting(first) + waiting(second);
    report.note(format!("{prefix}.outageWaiting"), waiting, "status writes after 90 s");
    report.low(
        format!("{prefix}.outageWrites"),
        written.len() as f64 / clock.elapsed().as_secs_f64(),
        "status writes a second",
    );
    report.low(format!("{prefix}.outageWritesMost"), most_in_a_second(&written), "in one second");
    report.high(format!("{prefix}.outageMessages"), home.told() as f64, "messages after 90 s");
    Ok(())
}

fn is_status(request: &Request) -> bool {
    request.resource.ends_with("/status")
}

/// Most that came within one second.
fn most_in_a_second(writes: &[Request]) -> f64 {
    let mut seconds = std::collections::BTreeMap::<&str, u32>::new();
    for write in writes {
        *seconds.entry(write.at.get(..19).unwrap_or_default()).or_default() += 1;
    }
    f64::from(seconds.into_values().max().unwrap_or_default())
}

/// An instance and when it was started.
struct Measured {
    replica: Replica,
    since_start: SystemClock,
    number: u32,
}

impl Measured {
    fn start(home: &Installation, pod: &str) -> Self {
        let since_start = SystemClock::start();
        let mut replica = home.replica(pod);
        let number = replica.process().id();
        Self { replica, since_start, number }
    }

    const fn number(&self) -> u32 {
        self.number
    }

    fn id(&self) -> String {
        self.number.to_string()
    }

    fn metrics(&self) -> Metrics {
        let page = self.replica.try_get("/metrics").map(|answer| answer.body);
        Metrics::of(page.unwrap_or_default(), self.since_start.elapsed())
    }

    fn checks(&self) -> f64 {
        self.metrics().checks().0
    }

    fn held(&self) -> f64 {
        self.metrics().sum("shards_held", "")
    }

    /// Seconds from the start until it holds.
    fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) -> anyhow::Result<f64> {
        loop {
            let asked = self.since_start.elapsed();
            if holds(self) {
                let at = self.since_start.elapsed().as_secs_f64();
                say(&format!("{what}: {at:.2} s"));
                return Ok(at);
            }
            let took = self.since_start.elapsed().saturating_sub(asked);
            anyhow::ensure!(asked < MOST, "{what}: not within {MOST:?}");
            // Looking costs it something where there is much to see.
            std::thread::sleep(Duration::from_millis(20).max(took * 4));
        }
    }
}

#[expect(clippy::print_stderr, reason = "progress of what takes minutes")]
fn say(what: &str) {
    eprintln!("{what}");
}

/// Turns a missing part into an error that says what to do.
fn needed<T>(found: Option<T>, what: &str) -> anyhow::Result<T> {
    found.with_context(|| {
        format!("{what} is missing; `cargo xtask control-plane` builds what is needed")
    })
}

//! Recorded sequences: what happens to a monitor, and what the verdict half makes of it, as text
//! that people read.
//!
//! Each `*.txt` beside this file is one sequence. A line is one of
//!
//! ```text
//! # comment
//! monitor tcp interval=60 retries=1 grace=30 recoverAfter=2 degradedMs=500   (or push, group)
//! flapping threshold=3 window=600 suppress=1800
//! 60 ok 120          second 60: an attempt ended well after 120 ms
//! 60 fail REFUSED    it failed with this reason code
//! 60 unsure UPLINK   it came to no verdict
//! 60 timer | catalog | enable | disable | delete | restart
//! 60 window on|off   maintenance with pauseChecks
//! 60 members 1 3 0   of a group: up, total, unknown
//! 60 guard 150|off   the own-fault guard holds until second 150
//! ```
//!
//! and what came of it follows in lines that begin with `>`. To accept what the program does now,
//! run the test with `UPDATE_RECORDED=1` and read the difference.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a recording that cannot be read fails its test"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kuma_core::check::{Check, Criteria, GroupCheck, GroupMembers, GroupRule, PushCheck, TcpCheck};
use kuma_core::engine::notice::Notice;
use kuma_core::engine::verdict::{
    Next, VerdictEffects, VerdictInput, VerdictState, VerdictView, step,
};
use kuma_core::id::{MonitorId, ObjectName};
use kuma_core::monitor::{Alerting, Monitor, MonitorOrigin, Schedule};
use kuma_core::observation::Observation;
use kuma_core::ports::IntervalWrite;
use kuma_core::secret::SecretText;
use kuma_core::settings::Settings;
use kuma_core::time::{Timestamp, from_ms, to_ms};

const START_MS: i64 = 1_780_000_000_000;

fn at(second: i64) -> Timestamp {
    from_ms(START_MS + second * 1000)
}

fn second(at: Timestamp) -> i64 {
    (to_ms(at) - START_MS) / 1000
}

/// A sequence being played.
struct Play {
    monitor: Monitor,
    settings: Settings,
    guard_until: Option<Timestamp>,
    state: VerdictState,
}

impl Play {
    fn new() -> Self {
        Self {
            monitor: monitor(),
            settings: Settings::default(),
            guard_until: None,
            state: VerdictState::default(),
        }
    }

    fn configure(&mut self, words: &[&str]) {
        match words[0] {
            "monitor" => configure_monitor(&mut self.monitor, &words[1..]),
            "flapping" => {
                let flapping = &mut self.settings.scheduler.flapping;
                for (key, value) in pairs(&words[1..]) {
                    match key {
                        "threshold" => flapping.toggle_threshold = value,
                        "window" => flapping.window = secs(value),
                        "suppress" => flapping.suppress = secs(value),
                        other => panic!("flapping has no {other}"),
                    }
                }
            }
            other => panic!("unknown line {other}"),
        }
    }

    fn give(&mut self, now: i64, words: &[&str]) -> Option<VerdictEffects> {
        let rest = words.get(1).copied().unwrap_or_default();
        match words[0] {
            "ok" => {
                let mut observation = Observation::success("fine");
                observation.latency = rest.parse().ok().map(Duration::from_millis);
                Some(self.attempt(&observation, now))
            }
            "fail" => {
                let reason = rest.parse().expect("a reason code");
                Some(self.attempt(&Observation::failure(reason, "failed"), now))
            }
            "unsure" => {
                let reason = rest.parse().expect("a reason code");
                Some(self.attempt(&Observation::indeterminate(reason, "unsure"), now))
            }
            "timer" => Some(self.step(VerdictInput::Timer, now)),
            "catalog" => Some(self.step(VerdictInput::Catalog, now)),
            "enable" | "disable" => {
                self.monitor.enabled = words[0] == "enable";
                Some(self.step(VerdictInput::Catalog, now))
            }
            "delete" => Some(self.step(VerdictInput::Deleted, now)),
            "window" => {
                let paused_by_maintenance = rest == "on";
                Some(self.step(VerdictInput::Window { paused_by_maintenance }, now))
            }
            "members" => {
                let counts: Vec<u32> = words[1..].iter().map(|it| it.parse().unwrap()).collect();
                let [up, total, unknown] = counts[..] else {
                    panic!("members: up, total, unknown");
                };
                Some(self.step(VerdictInput::Members { up, total, unknown }, now))
            }
            "guard" => {
                self.guard_until = rest.parse().ok().map(at);
                None
            }
            "restart" => {
                let blob = serde_json::to_vec(&self.state).unwrap();
                self.state = serde_json::from_slice(&blob).unwrap();
                None
            }
            other => panic!("unknown input {other}"),
        }
    }

    fn attempt(&mut self, observation: &Observation, now: i64) -> VerdictEffects {
        let input = VerdictInput::Attempt { observation, started: at(now), ended: at(now) };
        self.step(input, now)
    }

    fn step(&mut self, input: VerdictInput<'_>, now: i64) -> VerdictEffects {
        let view = VerdictView {
            id: MonitorId(7),
            monitor: &self.monitor,
            settings: &self.settings,
            guard_until: self.guard_until,
        };
        step(&mut self.state, input, &view, at(now))
    }
}

fn monitor() -> Monitor {
    Monitor {
        name: ObjectName::new("shop", "api"),
        origin: MonitorOrigin::Monitor,
        generation: 1,
        labels: BTreeMap::new(),
        enabled: true,
        check: Check::Tcp(Box::new(TcpCheck {
            host: "db.example".to_owned(),
            port: 5432,
            send: None,
            expect: None,
            banner_contains: None,
            tls: None,
            starttls: None,
        })),
        criteria: Criteria::default(),
        schedule: Schedule {
            interval: secs(60),
            timeout: Some(secs(10)),
            retries: 0,
            retry_interval: None,
            initial_delay: Duration::ZERO,
            grace_down: Duration::ZERO,
            recover_after: 1,
            jitter_percent: Some(0),
        },
        alerting: Alerting::default(),
        depends_on: Vec::new(),
        tags: Vec::new(),
        annotations: BTreeMap::new(),
    }
}

fn configure_monitor(monitor: &mut Monitor, words: &[&str]) {
    for (key, value) in pairs(&words[1..]) {
        let schedule = &mut monitor.schedule;
        match key {
            "interval" => schedule.interval = secs(value),
            "retries" => schedule.retries = value,
            "grace" => schedule.grace_down = secs(value),
            "recoverAfter" => schedule.recover_after = value,
            "degradedMs" => {
                let limit = Duration::from_millis(u64::from(value));
                monitor.criteria.degraded_latency = Some(limit);
            }
            other => panic!("a monitor has no {other}"),
        }
    }
    match words[0] {
        "tcp" => {}
        "push" => {
            monitor.check = Check::Push(Box::new(PushCheck {
                token: SecretText::parse("t").unwrap(),
                interval: monitor.schedule.interval,
                grace: Duration::ZERO,
            }));
        }
        "group" => {
            monitor.check = Check::Group(Box::new(GroupCheck {
                members: GroupMembers::Names(Vec::new()),
                rule: GroupRule::AtLeast(2),
                suppress_members: false,
            }));
        }
        other => panic!("no check {other}"),
    }
}

fn secs(value: u32) -> Duration {
    Duration::from_secs(u64::from(value))
}

fn pairs<'a>(words: &'a [&'a str]) -> impl Iterator<Item = (&'a str, u32)> {
    words.iter().map(|word| {
        let (key, value) = word.split_once('=').expect("key=value");
        (key, value.parse().expect("a number"))
    })
}

/// Effects in words, one line each.
fn describe(effects: &VerdictEffects) -> String {
    let mut text = String::new();
    if let Some((from, to)) = effects.transition {
        let _ = writeln!(text, "> {from} -> {to}");
    }
    for write in &effects.intervals {
        let _ = match write {
            IntervalWrite::Enter { state, at, .. } => {
                writeln!(text, "> time line: {state} from {}", second(*at))
            }
            IntervalWrite::Vouch { until, .. } => {
                writeln!(text, "> time line: as it is until {}", second(*until))
            }
        };
    }
    for notice in &effects.notices {
        let _ = writeln!(text, "> notice: {}", in_words(notice));
    }
    if let Some(incident) = &effects.incident {
        let number = incident.id.0 & 0xf_ffff;
        let _ = write!(text, "> incident {number}: from {}", second(incident.started_at));
        if let Some(ended) = incident.ended_at {
            let _ = write!(text, " to {}", second(ended));
        }
        for reason in [incident.reason, incident.closed_reason].into_iter().flatten() {
            let _ = write!(text, " {reason}");
        }
        if !incident.toggles.is_empty() {
            let _ = write!(text, ", {} toggles", incident.toggles.len());
        }
        text.push('\n');
    }
    match effects.next {
        Next::Keep | Next::Regular => {}
        Next::RetryAt(when) => drop(writeln!(text, "> retry at {}", second(when))),
        other => drop(writeln!(text, "> next: {other:?}")),
    }
    if let Some(wake) = effects.wake_at {
        let _ = writeln!(text, "> wake at {}", second(wake));
    }
    text
}

fn in_words(notice: &Notice) -> String {
    let debug = format!("{notice:?}");
    let name = debug.split([' ', '{']).next().unwrap_or_default();
    match notice {
        Notice::Opened { facts, previous, .. } => {
            format!("{name}, was {previous}, {} attempts", facts.attempts)
        }
        Notice::Closed { closing, now, .. } => format!("{name} {closing:?}, now {now}"),
        Notice::FlappingStarted { toggles, quiet_until, .. } => {
            format!("{name}, {toggles} toggles, quiet until {}", second(*quiet_until))
        }
        _ => name.to_owned(),
    }
}

/// The sequence with everything that came of it.
fn play(source: &str) -> String {
    let mut play = Play::new();
    let mut text = String::new();
    for line in source.lines().filter(|line| !line.starts_with('>')) {
        text.push_str(line);
        text.push('\n');
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some(first) = words.first().filter(|word| !word.starts_with('#')) else {
            continue;
        };
        match first.parse() {
            Ok(now) => {
                let effects = play.give(now, &words[1..]);
                text.extend(effects.as_ref().map(describe));
            }
            Err(_) => play.configure(&words),
        }
    }
    text
}

fn sequences() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "txt"))
        .collect();
    files.sort();
    files
}

#[test]
#[expect(clippy::disallowed_methods, reason = "asks whether to accept what is new")]
fn recorded_sequences_play_as_recorded() {
    let accept = std::env::var("UPDATE_RECORDED").is_ok();
    let files = sequences();
    assert!(files.len() >= 5, "the recordings are there");
    for path in files {
        let recorded = std::fs::read_to_string(&path).unwrap();
        let played = play(&recorded);
        if accept {
            std::fs::write(&path, played).unwrap();
        } else {
            assert!(played == recorded, "{}:\n{played}", path.display());
        }
    }
}

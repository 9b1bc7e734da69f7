//! Makes targets bad and well, and receivers moody, each at its own random moments, and keeps the
//! ledger of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kuma_fixture::wait::now_ms;

use crate::evidence::{Fault, Outage};
use crate::random::Random;
use crate::receiver::{Mood, Receiver, TROUBLE};
use crate::target::Target;

/// How long a target is well, and how long it is out, in ms.
const WELL: std::ops::Range<u64> = 4_000..15_000;
const OUT: std::ops::Range<u64> = 4_000..16_000;
/// The same for a receiver.
const TAKING: std::ops::Range<u64> = 8_000..25_000;
const MOODY: std::ops::Range<u64> = 1_000..5_000;
const STEP: Duration = Duration::from_millis(20);

struct Played {
    target: Target,
    /// Since when it is out, and how, if it is.
    out: Option<(i64, usize)>,
    next: i64,
}

struct Heard {
    receiver: Box<dyn Receiver + Send>,
    moody: Option<i64>,
    next: i64,
}

/// What the director knew at the end.
pub(crate) struct Ended {
    pub(crate) outages: Vec<Outage>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) receivers: Vec<(String, Box<dyn Receiver + Send>)>,
    /// Kept, because targets end with their values and shall be well now.
    _targets: Vec<Target>,
}

/// The director; it works on a thread of its own until it is told to end.
pub(crate) struct Director {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<Ended>,
}

impl Director {
    pub(crate) fn start(
        targets: Vec<Target>,
        receivers: Vec<(String, Box<dyn Receiver + Send>)>,
        mut random: Random,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let begun = now_ms();
            let played = targets.into_iter().filter(|target| target.members.is_empty());
            let mut play = Play {
                targets: played
                    .map(|target| Played {
                        target,
                        out: None,
                        next: begun + draw(&mut random, WELL),
                    })
                    .collect(),
                names: receivers.iter().map(|(name, _)| name.clone()).collect(),
                receivers: receivers
                    .into_iter()
                    .map(|(_, receiver)| Heard {
                        receiver,
                        moody: None,
                        next: begun + draw(&mut random, TAKING),
                    })
                    .collect(),
                random,
                outages: Vec::new(),
                faults: Vec::new(),
            };
            while !stopped.load(Ordering::SeqCst) {
                play.step(now_ms());
                std::thread::sleep(STEP);
            }
            play.end()
        });
        Self { stop, thread }
    }

    /// Makes everything well and returns the ledger.
    pub(crate) fn end(self) -> anyhow::Result<Ended> {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().map_err(|_| anyhow::anyhow!("the director panicked"))
    }
}

struct Play {
    targets: Vec<Played>,
    names: Vec<String>,
    receivers: Vec<Heard>,
    random: Random,
    outages: Vec<Outage>,
    faults: Vec<Fault>,
}

fn draw(random: &mut Random, range: std::ops::Range<u64>) -> i64 {
    i64::try_from(random.within(range)).unwrap_or_default()
}

impl Play {
    fn step(&mut self, now: i64) {
        for played in self.targets.iter_mut().filter(|played| played.next <= now) {
            if let Some(outage) = played.recover() {
                self.outages.push(outage);
                played.next = now + draw(&mut self.random, WELL);
            } else {
                let count = played.target.hows.len() as u64;
                let how = usize::try_from(self.random.within(0..count)).unwrap_or_default();
                played.out = Some((now_ms(), how));
                (played.target.act)(Some(how));
                played.next = now + draw(&mut self.random, OUT);
            }
        }
        for heard in self.receivers.iter_mut().filter(|heard| heard.next <= now) {
            if let Some(fault) = heard.calm() {
                self.faults.push(fault);
                heard.next = now + draw(&mut self.random, TAKING);
            } else {
                heard.receiver.be(*self.random.pick(TROUBLE));
                heard.moody = Some(now);
                heard.next = now + draw(&mut self.random, MOODY);
            }
        }
    }

    fn end(mut self) -> Ended {
        self.outages.extend(self.targets.iter_mut().filter_map(Played::recover));
        self.faults.extend(self.receivers.iter_mut().filter_map(Heard::calm));
        let receivers = self.receivers.into_iter().map(|heard| heard.receiver);
        Ended {
            outages: self.outages,
            faults: self.faults,
            receivers: self.names.into_iter().zip(receivers).collect(),
            _targets: self.targets.into_iter().map(|played| played.target).collect(),
        }
    }
}

impl Played {
    /// Well again, if it was out. The ledger's end is after the last bad answer.
    fn recover(&mut self) -> Option<Outage> {
        let (from, how) = self.out.take()?;
        let mending = now_ms();
        (self.target.act)(None);
        let (name, certainty) = self.target.hows.get(how).copied()?;
        let target = self.target.name.clone();
        Some(Outage { target, from, mending, to: now_ms(), how: name, certainty })
    }
}

impl Heard {
    fn calm(&mut self) -> Option<Fault> {
        let from = self.moody.take()?;
        self.receiver.be(Mood::Well);
        Some(Fault { from, to: now_ms(), what: "receiver in a bad mood", disturbs: false })
    }
}

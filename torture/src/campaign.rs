//! A run: the product lives and is killed again and again while everything around it misbehaves;
//! then all is made well and what is left behind is collected.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use kuma_fixture::authority::Authority;
use kuma_fixture::names::NameServer;
use kuma_fixture::wait::{free_port, now, now_ms};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::runtime::Handle;

use crate::director::{Director, Ended};
use crate::documents;
use crate::evidence::{Certainty, Evidence, Fault, Message, Outage, Watched};
use crate::product::{Home, Product};
use crate::random::Random;
use crate::receiver::{self, Receiver};
use crate::stored::{self, Intruder};
use crate::target::{self, Target, World};

/// How long a run is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Length {
    pub(crate) kills: u32,
    /// No life begins later.
    pub(crate) at_most: Duration,
}

/// Longest that everything may take to settle in the end.
const SETTLES_WITHIN: Duration = Duration::from_secs(150);

/// The life that is so long that receivers which forget are told again what stands, by its number,
/// and how long that takes: a round comes each minute of a life.
const LONG_LIFE: u32 = 1;
const ROUND: std::ops::Range<u64> = 62_000..66_000;

/// Runs it and returns what it left behind.
pub(crate) fn run(
    handle: &Handle,
    program: &Path,
    folder: &Path,
    length: Length,
    seed: u64,
) -> anyhow::Result<Evidence> {
    let home = Home { program: program.to_owned(), folder: folder.to_owned(), port: free_port() };
    let mut random = Random::new(seed);
    let world = World {
        authority: Authority::new(),
        resolver: std::sync::Arc::new(NameServer::start()),
        port: home.port,
    };
    let targets: Vec<Target> = target::KINDS.iter().map(|(_, start)| start(&world)).collect();
    let receivers: Vec<(String, Box<dyn Receiver + Send>)> =
        receiver::KINDS.iter().map(|(name, start)| ((*name).to_owned(), start(handle))).collect();
    let watched: Vec<Watched> = targets.iter().map(watched).collect();
    let groups: Vec<_> =
        targets.iter().map(|target| (target.name.clone(), target.members.clone())).collect();
    std::fs::create_dir_all(folder.join("config"))?;
    std::fs::write(folder.join("ca.pem"), world.authority.pem())?;
    documents::write(folder, &world, &targets, &receivers)?;
    let mut evidence = Evidence {
        watched,
        providers: receivers.iter().map(|(name, _)| name.clone()).collect(),
        ..Evidence::default()
    };
    let director = Director::start(targets, receivers, random.fork());
    let mut lives = Lives { handle, home: &home, random, evidence: &mut evidence };
    lives.all(length)?;
    let ended = director.end()?;
    lives.last()?;
    collect(handle, &home, ended, &groups, &mut evidence)?;
    Ok(evidence)
}

fn watched(target: &Target) -> Watched {
    Watched {
        name: target.name.clone(),
        found_within: target.found_within,
        lag: target.lag,
        derived: !target.members.is_empty(),
    }
}

/// The lives of the process and what is done to it.
struct Lives<'a> {
    handle: &'a Handle,
    home: &'a Home,
    random: Random,
    evidence: &'a mut Evidence,
}

impl Lives<'_> {
    fn all(&mut self, length: Length) -> anyhow::Result<()> {
        let begun = now();
        for number in 0..length.kills {
            if begun.elapsed() > length.at_most {
                break;
            }
            self.one(number == LONG_LIFE)?;
        }
        Ok(())
    }

    fn one(&mut self, long: bool) -> anyhow::Result<()> {
        let mut product = Product::start(self.home)?;
        if !long && self.random.percent(12) {
            // Killed while it starts.
            self.pause(0..900);
        } else if let Err(why) = product.wait_ready() {
            self.evidence.mishaps.push(why);
        } else if long {
            self.pause(ROUND);
        } else {
            self.live(&product)?;
        }
        let (life, lines) = product.kill()?;
        self.evidence.lives.push(life);
        self.evidence.lines.extend(lines);
        Ok(())
    }

    /// A short life or a long one, sometimes with a fault in it.
    fn live(&mut self, product: &Product) -> anyhow::Result<()> {
        let short = self.random.percent(40);
        self.pause(if short { 0..2_500 } else { 4_000..8_000 });
        match self.random.within(0..10) {
            0 => self.stopped(product)?,
            1 => self.locked(),
            2 => self.broken_document()?,
            _ => return Ok(()),
        }
        self.pause(0..3_000);
        Ok(())
    }

    fn pause(&mut self, range: std::ops::Range<u64>) {
        std::thread::sleep(Duration::from_millis(self.random.within(range)));
    }

    fn fault(&mut self, from: i64, what: &'static str, disturbs: bool) {
        self.evidence.faults.push(Fault { from, to: now_ms(), what, disturbs });
    }

    /// The host takes the process off the processor for a while.
    fn stopped(&mut self, product: &Product) -> anyhow::Result<()> {
        let from = now_ms();
        product.signal(Signal::STOP)?;
        self.pause(1_200..4_000);
        product.signal(Signal::CONT)?;
        self.fault(from, "process stopped", true);
        Ok(())
    }

    /// Another process holds the database.
    fn locked(&mut self) {
        let from = now_ms();
        let database = self.home.folder.join("kubekuma.db");
        // It may be busy itself just now.
        if let Ok(intruder) = Intruder::lock(self.handle, &database) {
            self.pause(500..4_000);
            drop(intruder);
        }
        self.fault(from, "store locked", true);
    }

    /// Somebody saves half a document.
    fn broken_document(&mut self) -> anyhow::Result<()> {
        let from = now_ms();
        let file = self.home.folder.join("config/broken.yaml");
        std::fs::write(&file, "kind: Monitor\nspec: [never closed")?;
        self.pause(300..1_500);
        std::fs::remove_file(&file)?;
        self.fault(from, "broken document", false);
        Ok(())
    }

    /// Everything is well now: the last life settles what is open, then stops by itself.
    fn last(&mut self) -> anyhow::Result<()> {
        let mut product = Product::start(self.home)?;
        if let Err(why) = product.wait_ready() {
            anyhow::bail!(why);
        }
        let (begun, database) = (now(), self.home.folder.join("kubekuma.db"));
        let mut quiet = 0;
        // Several looks, because a check may just be under way.
        while quiet < 8 && begun.elapsed() < SETTLES_WITHIN {
            std::thread::sleep(Duration::from_millis(500));
            let (waiting, open) = stored::unsettled(self.handle, &database)?;
            quiet = if waiting == 0 && open == 0 { quiet + 1 } else { 0 };
        }
        let (status, life, lines) = product.stop()?;
        self.evidence.lives.push(life);
        self.evidence.lines.extend(lines);
        if !status.success() {
            self.evidence.mishaps.push(format!("asked to stop, it ended with {status}"));
        }
        Ok(())
    }
}

fn collect(
    handle: &Handle,
    home: &Home,
    ended: Ended,
    groups: &[(String, Vec<String>)],
    evidence: &mut Evidence,
) -> anyhow::Result<()> {
    let database = home.folder.join("kubekuma.db");
    for (group, members) in groups {
        let of = ended.outages.iter().filter(|outage| members.contains(&outage.target));
        let copies: Vec<Outage> =
            of.map(|outage| Outage { target: group.clone(), ..outage.clone() }).collect();
        evidence.outages.extend(copies);
    }
    evidence.outages.extend(ended.outages);
    evidence.outages.sort_by_key(|outage| outage.from);
    evidence.faults.extend(ended.faults);
    for (name, receiver) in &ended.receivers {
        evidence.messages.extend(receiver.messages(name));
    }
    evidence.incidents = stored::incidents(home)?;
    let (rows, intervals) = stored::history(handle, &database)?;
    evidence.rows = rows;
    evidence.intervals = intervals;
    Ok(())
}

/// What the run was like, in figures.
pub(crate) fn figures(evidence: &Evidence) -> Value {
    let killed = evidence.lives.iter().filter(|life| life.killed);
    let must = evidence.outages.iter().filter(|outage| outage.certainty == Certainty::Must);
    let of = |what: &str| evidence.faults.iter().filter(|fault| fault.what.contains(what)).count();
    let memory: Vec<_> = evidence.lives.iter().filter_map(|life| life.rss_kib).collect();
    json!({
        "kills": killed.clone().count(),
        "kills while starting": killed.filter(|life| life.ready.is_none()).count(),
        "outages": evidence.outages.len(),
        "of them plain": must.count(),
        "of them long enough that they had to be found": crate::judge::required(evidence).len(),
        "incidents": evidence.incidents.len(),
        "what receivers got": received(evidence),
        "process stopped": of("stopped"),
        "store locked": of("locked"),
        "broken documents": of("document"),
        "moods of receivers": of("receiver"),
        "memory first and last, KiB": [memory.first(), memory.last()],
    })
}

fn received(evidence: &Evidence) -> Value {
    let told = || evidence.messages.iter().filter(|message| !message.renews);
    let taken = || told().filter(|message| message.taken);
    let keys = |messages: &mut dyn Iterator<Item = &Message>| {
        messages.map(|m| (&m.provider, &m.key)).collect::<BTreeSet<_>>().len()
    };
    let again = |dedupes: bool| {
        let of = || taken().filter(move |message| message.dedupes == dedupes);
        of().count() - keys(&mut of())
    };
    json!({
        "keys": keys(&mut told()),
        "messages": told().count(),
        "taken": taken().count(),
        "of them marked as possible repeats": taken().filter(|message| message.marked).count(),
        "came again": again(false),
        "came again where one of each is kept": again(true),
        "rounds of what stands": evidence.messages.iter().filter(|message| message.renews).count(),
    })
}

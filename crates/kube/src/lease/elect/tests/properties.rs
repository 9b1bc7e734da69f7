//! A small API server, replicas whose clocks run as they like, pauses between reading and writing,
//! answers that are lost, and people who meddle.

use proptest::prelude::*;

use super::*;

const REPLICAS: usize = 3;

/// The Lease as the API server has it.
#[derive(Debug, Clone, Default)]
struct Server {
    lease: Option<Record>,
    version: u64,
    away: bool,
}

/// What a replica does at its next turn.
#[derive(Debug, Clone)]
enum Doing {
    Read,
    /// It has decided on what it read in this version.
    Write {
        over: u64,
        existed: bool,
        record: Record,
    },
    Stopped,
}

struct Replica {
    name: String,
    elector: Elector,
    doing: Doing,
    /// Its wall clock is off by so many seconds, and its monotonic clock began there.
    wall: i64,
    mono: u64,
    next: u64,
}

#[derive(Debug, Clone)]
enum Event {
    /// A replica is stopped (SIGSTOP) for so many seconds.
    Pause(usize, u64),
    /// The API server is away for so many seconds.
    Outage(u64),
    /// Somebody deletes the Lease.
    Delete,
    /// The next answer to a write is lost.
    LoseAnswer,
    /// The wall clock of a replica jumps.
    Jump(usize, i64),
    /// Nothing.
    Quiet(u64),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        (0..REPLICAS, 1..90_u64).prop_map(|(who, seconds)| Event::Pause(who, seconds)),
        (1..120_u64).prop_map(Event::Outage),
        Just(Event::Delete),
        Just(Event::LoseAnswer),
        (0..REPLICAS, -100_000..100_000_i64).prop_map(|(who, by)| Event::Jump(who, by)),
        (1..60_u64).prop_map(Event::Quiet),
    ];
    proptest::collection::vec(event, 0..30)
}

struct World {
    server: Server,
    replicas: Vec<Replica>,
    now: u64,
    lose_answer: bool,
    /// Every write that took the Lease from another: who had it, and when they wrote last.
    last_write: std::collections::BTreeMap<String, u64>,
    deleted: bool,
}

impl World {
    fn new(walls: &[i64], monos: &[u64]) -> Self {
        let replicas = (0..REPLICAS).map(|index| {
            let name = format!("r{index}");
            Replica {
                elector: Elector::new(name.clone(), Terms::default()),
                name,
                doing: Doing::Read,
                wall: walls[index],
                mono: monos[index],
                next: 0,
            }
        });
        Self {
            server: Server::default(),
            replicas: replicas.collect(),
            now: 0,
            lose_answer: false,
            last_write: std::collections::BTreeMap::new(),
            deleted: false,
        }
    }

    /// One second for everybody whose turn it is.
    fn second(&mut self) -> Result<(), TestCaseError> {
        self.now += 1;
        for index in 0..self.replicas.len() {
            if self.replicas[index].next <= self.now {
                self.turn(index)?;
            }
        }
        Ok(())
    }

    fn turn(&mut self, index: usize) -> Result<(), TestCaseError> {
        let now = at(self.now + self.replicas[index].mono);
        let replica = &mut self.replicas[index];
        match replica.doing.clone() {
            Doing::Stopped => {}
            _ if self.server.away => {
                replica.doing = Doing::Read;
                replica.next = self.now + 2;
            }
            Doing::Read => {
                let lease = self.server.lease.clone();
                let wall = i64::try_from(self.now).unwrap() + replica.wall;
                let renewed = Some(Timestamp::from_second(wall).unwrap());
                let record = |transitions, acquired| Record {
                    holder: Some(replica.name.clone()),
                    renewed,
                    acquired,
                    duration: Duration::from_secs(15),
                    transitions,
                };
                let write = match replica.elector.observe(lease.as_ref(), now) {
                    Step::Acquire { transitions } => record(transitions, renewed),
                    Step::Renew => {
                        let lease = lease.clone().unwrap_or_default();
                        record(lease.transitions, lease.acquired)
                    }
                    Step::Wait(until) => {
                        replica.next = self.now + until.since(now).as_secs().max(1);
                        return Ok(());
                    }
                    Step::Lost { to } => {
                        prop_assert_ne!(to, replica.name.clone());
                        replica.doing = Doing::Stopped;
                        return Ok(());
                    }
                };
                let over = self.server.version;
                replica.doing = Doing::Write { over, existed: lease.is_some(), record: write };
                replica.next = self.now + 1;
            }
            Doing::Write { over, existed, record } => {
                replica.doing = Doing::Read;
                replica.next = self.now + 1;
                let fits = over == self.server.version && existed == self.server.lease.is_some();
                if !fits {
                    return Ok(());
                }
                let before = self.server.lease.as_ref().and_then(|it| it.holder.clone());
                if let Some(before) = before.filter(|before| *before != replica.name) {
                    // The heart of it: whoever renews in time is never robbed.
                    let last = self.last_write.get(&before).copied().unwrap_or_default();
                    prop_assert!(
                        self.now - last >= 15,
                        "{} took it from {before} after {} s",
                        replica.name,
                        self.now - last
                    );
                }
                self.server.lease = Some(record);
                self.server.version += 1;
                self.last_write.insert(replica.name.clone(), self.now);
                if !std::mem::take(&mut self.lose_answer) {
                    replica.elector.written(now);
                }
            }
        }
        Ok(())
    }

    fn holders(&self) -> Vec<&str> {
        let holding = self.replicas.iter().filter(|it| it.elector.holds());
        holding.map(|it| it.name.as_str()).collect()
    }

    fn event(&mut self, event: &Event) -> Result<(), TestCaseError> {
        match *event {
            Event::Pause(who, seconds) => {
                self.replicas[who].next = self.replicas[who].next.max(self.now + seconds);
            }
            Event::Outage(seconds) => {
                self.server.away = true;
                let before: Vec<_> = self.holders().into_iter().map(str::to_owned).collect();
                for _ in 0..seconds {
                    self.second()?;
                }
                self.server.away = false;
                // An API server that is away makes nobody lose anything.
                prop_assert_eq!(self.holders(), before);
            }
            Event::Delete => {
                self.server.lease = None;
                self.server.version += 1;
                self.deleted = true;
            }
            Event::LoseAnswer => self.lose_answer = true,
            Event::Jump(who, by) => self.replicas[who].wall += by,
            Event::Quiet(seconds) => {
                for _ in 0..seconds {
                    self.second()?;
                }
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn nobody_who_renews_is_robbed_and_somebody_holds_it_in_the_end(
        events in events(),
        walls in proptest::collection::vec(-1_000_000..1_000_000_i64, REPLICAS),
        monos in proptest::collection::vec(0..1_000_000_u64, REPLICAS),
    ) {
        let mut world = World::new(&walls, &monos);
        for event in &events {
            world.event(event)?;
        }
        // Once all is quiet, whoever thinks that it holds the Lease is the one it names; others
        // have seen that they lost it. Whoever lost it stays stopped.
        let settle = 90 + 90 + 15 + 10;
        for _ in 0..settle {
            world.second()?;
        }
        let alive = world.replicas.iter().any(|it| !matches!(it.doing, Doing::Stopped));
        let named = world.server.lease.as_ref().and_then(|it| it.holder.clone());
        if alive {
            let named = named.unwrap_or_default();
            prop_assert_eq!(world.holders(), [named.as_str()]);
        } else {
            prop_assert!(world.holders().is_empty());
        }
    }

    #[test]
    fn a_holder_that_dies_is_followed_within_a_lease_and_a_look(
        walls in proptest::collection::vec(-1_000_000..1_000_000_i64, REPLICAS),
        lived in 20..200_u64,
    ) {
        let mut world = World::new(&walls, &[0, 500, 1_000_000]);
        world.event(&Event::Quiet(lived))?;
        let [holder] = world.holders()[..] else {
            return Err(TestCaseError::fail("one holds it"));
        };
        let dead: usize = holder[1..].parse().unwrap();
        world.replicas[dead].next = u64::MAX;
        world.replicas[dead].elector = Elector::new("dead", Terms::default());
        world.event(&Event::Quiet(15 + 2 + 2))?;
        prop_assert_eq!(world.holders().len(), 1);
        // Before that it was the holder's: the assertion on each write says so.
    }
}

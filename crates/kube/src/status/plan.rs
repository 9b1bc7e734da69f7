//! What is written when: transitions soon and in their order, everything else in a trickle, what
//! was refused later, nothing to an object that was never seen. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use kuma_core::id::{Kind, ObjectKey};
use kuma_core::time::Mono;
use serde_json::Value;

use super::Urgency;
use super::foreign::Foreign;

/// The first wait after a refusal; it doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_secs(5);
const LONGEST_WAIT: Duration = Duration::from_mins(5);
/// The first wait while the API server is away; it doubles up to [`LONGEST_AWAY`].
const FIRST_AWAY: Duration = Duration::from_secs(1);
const LONGEST_AWAY: Duration = Duration::from_secs(15);
/// How long fields of another manager are left to it before they are asked for again.
const LEFT_FOR: Duration = Duration::from_mins(10);
/// How long a new object waits to have more to say. Those that came with many wait for their turn
/// anyway; who applies one does not wonder yet.
const SPEECHLESS: Duration = Duration::from_secs(5);

/// How much may be written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// Transitions a second.
    pub soon: f64,
    /// Everything else, a second, of the whole cluster.
    pub slow: f64,
}

impl Default for Rates {
    fn default() -> Self {
        Self { soon: 20.0, slow: 1.0 }
    }
}

/// What the API server says of an object.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Observed {
    /// Its uid, so that nothing is written to another object of the same name.
    pub uid: String,
    /// Its `resourceVersion`; greater is newer, 0 if it is no number.
    pub version: u64,
    /// Its status.
    pub status: Value,
}

/// What came of a write.
#[derive(Debug, Clone, PartialEq)]
pub enum Sent {
    /// The object says this now, whatever the watch still shows.
    Written {
        /// Its new `resourceVersion`.
        version: u64,
        /// All of its status.
        status: Value,
    },
    /// By the time it was to be written, nobody would have missed it.
    Unneeded,
    /// The object of this uid is gone, or another one of the same name has taken its place.
    Gone(String),
    /// Other managers have these fields; the rest is to be written.
    Foreign(Vec<Foreign>),
    /// RBAC refuses to write this kind in this namespace.
    Forbidden,
    /// The API server refuses what it was sent.
    Refused,
    /// The API server did not answer, or is too busy.
    Away,
}

/// A token at a time, none saved up: what may happen at a rate is spread over the second.
#[derive(Debug, Clone, Copy)]
struct Pace {
    rate: f64,
    free_at: Mono,
}

impl Pace {
    fn take(&mut self, now: Mono) -> bool {
        let free = now >= self.free_at;
        if free {
            self.free_at = now + self.interval();
        }
        free
    }

    /// What was taken was not needed: the next may have it.
    fn give_back(&mut self) {
        self.free_at = self.free_at - self.interval();
    }

    fn interval(&self) -> Duration {
        Duration::from_secs_f64(1.0 / self.rate.max(0.001))
    }
}

/// Waits that grow with every failure in a row.
#[derive(Debug, Clone, Copy, Default)]
struct Waits {
    failures: u32,
    until: Option<Mono>,
}

impl Waits {
    fn more(&mut self, now: Mono, first: Duration, longest: Duration) -> Mono {
        let wait = first.saturating_mul(1 << self.failures.min(16)).min(longest);
        self.failures += 1;
        let until = now + wait;
        self.until = Some(until);
        until
    }
}

/// Where an object stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Place {
    /// There is nothing to write.
    #[default]
    None,
    /// In the queue, at this place.
    Queued(Urgency, u64),
    /// It soon has more to say, and is a transition if it has not by then.
    Held(Mono),
    /// It was refused and is tried again then.
    Waiting(Urgency, Mono),
    /// It is being written; what should be written after that.
    Sending(Option<Urgency>),
}

#[derive(Debug, Default)]
struct Entry {
    uid: Arc<str>,
    version: u64,
    /// The status as JSON: a fifth of what the value takes, and looked at rarely.
    status: Box<str>,
    place: Place,
    waits: Waits,
    foreign: Vec<Foreign>,
    foreign_until: Mono,
    /// Whether it has waited to have more to say.
    was_held: bool,
}

/// What may be refused as a whole.
type Group = (Kind, Arc<str>);

/// Remembers what is written and what waits.
#[derive(Debug)]
pub struct Planner {
    entries: BTreeMap<ObjectKey, Entry>,
    queues: [BTreeMap<u64, ObjectKey>; 2],
    waiting: BTreeSet<(Mono, ObjectKey)>,
    forbidden: BTreeMap<Group, Waits>,
    away: Waits,
    paces: [Pace; 2],
    next_place: u64,
}

impl Planner {
    /// Nothing is known yet.
    pub fn new(rates: Rates) -> Self {
        let pace = |rate| Pace { rate, free_at: Mono(0) };
        Self {
            entries: BTreeMap::new(),
            queues: [BTreeMap::new(), BTreeMap::new()],
            waiting: BTreeSet::new(),
            forbidden: BTreeMap::new(),
            away: Waits::default(),
            paces: [pace(rates.slow), pace(rates.soon)],
            next_place: 0,
        }
    }

    /// Our share of the rates, where several instances write.
    pub fn share(&mut self, rates: Rates, members: u64) {
        let members = members.max(1) as f64;
        self.paces[0].rate = rates.slow / members;
        self.paces[1].rate = rates.soon / members;
    }

    /// What the API server says of an object. Says whether that is news: a watch also brings what we
    /// wrote, and brings it late.
    pub fn observe(&mut self, key: &ObjectKey, observed: Observed) -> bool {
        let entry = self.entries.entry(key.clone()).or_default();
        let is_late = observed.version != 0 && observed.version <= entry.version;
        if *entry.uid == *observed.uid && is_late {
            return false;
        }
        let status = observed.status.to_string().into_boxed_str();
        let news = *entry.uid != *observed.uid || entry.status != status;
        entry.uid = observed.uid.into();
        entry.version = observed.version;
        entry.status = status;
        if let Place::Waiting(urgency, _) = entry.place {
            // Somebody changed it, so what was refused may be taken now.
            entry.waits = Waits::default();
            self.leave(key);
            self.enqueue(key, urgency);
        }
        news
    }

    /// An object is gone, or somebody else's to write.
    pub fn forget(&mut self, key: &ObjectKey) {
        self.leave(key);
        self.entries.remove(key);
    }

    /// The uid of an object that was seen.
    pub fn uid(&self, key: &ObjectKey) -> Option<Arc<str>> {
        Some(self.entries.get(key)?.uid.clone())
    }

    /// What an object says, as far as it is known; its status is null if it has none.
    pub fn before(&self, key: &ObjectKey) -> Option<(Arc<str>, Value)> {
        let entry = self.entries.get(key)?;
        Some((entry.uid.clone(), serde_json::from_str(&entry.status).unwrap_or_default()))
    }

    /// Fields of it that are left to other managers for now.
    pub fn foreign(&self, key: &ObjectKey, now: Mono) -> &[Foreign] {
        match self.entries.get(key) {
            Some(entry) if now < entry.foreign_until => &entry.foreign,
            _ => &[],
        }
    }

    /// An object should be written, or need not be any more. One that waits in line keeps its place.
    pub fn want(&mut self, key: &ObjectKey, urgency: Option<Urgency>) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        match (entry.place, urgency) {
            (Place::Sending(_), _) => entry.place = Place::Sending(urgency),
            (Place::Queued(now, _), Some(wanted)) if now == wanted => {}
            (Place::Waiting(_, at), Some(wanted)) => entry.place = Place::Waiting(wanted, at),
            (_, None) => self.leave(key),
            (_, Some(wanted)) => {
                self.leave(key);
                self.enqueue(key, wanted);
            }
        }
    }

    /// A transition of an object that says nothing yet and soon has more to say: one write for both,
    /// if that comes before long. It waits once.
    pub fn want_with_more(&mut self, key: &ObjectKey, now: Mono) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        match entry.place {
            Place::Held(_) => {}
            Place::None if !entry.was_held => {
                entry.was_held = true;
                let until = now + SPEECHLESS;
                entry.place = Place::Held(until);
                self.waiting.insert((until, key.clone()));
            }
            _ => self.want(key, Some(Urgency::Soon)),
        }
    }

    /// Takes it out of every line.
    fn leave(&mut self, key: &ObjectKey) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        match std::mem::take(&mut entry.place) {
            Place::Queued(urgency, place) => {
                self.queues[urgency as usize].remove(&place);
            }
            Place::Waiting(_, at) | Place::Held(at) => {
                self.waiting.remove(&(at, key.clone()));
            }
            Place::None | Place::Sending(_) => {}
        }
    }

    fn enqueue(&mut self, key: &ObjectKey, urgency: Urgency) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        self.next_place += 1;
        entry.place = Place::Queued(urgency, self.next_place);
        self.queues[urgency as usize].insert(self.next_place, key.clone());
    }

    fn put_off(&mut self, key: &ObjectKey, urgency: Urgency, until: Mono) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        entry.place = Place::Waiting(urgency, until);
        self.waiting.insert((until, key.clone()));
    }

    /// The next write that may be made now. Until [`Self::sent`] it is under way.
    pub fn next(&mut self, now: Mono) -> Option<(ObjectKey, Urgency)> {
        if self.away.until.is_some_and(|until| now < until) {
            return None;
        }
        while let Some((_, key)) = self.waiting.first().filter(|(at, _)| *at <= now).cloned() {
            let place = self.entries.get(&key).map(|entry| entry.place);
            self.leave(&key);
            match place {
                Some(Place::Waiting(urgency, _)) => self.enqueue(&key, urgency),
                Some(Place::Held(_)) => self.enqueue(&key, Urgency::Soon),
                _ => {}
            }
        }
        [Urgency::Soon, Urgency::Slow].into_iter().find_map(|urgency| self.first(urgency, now))
    }

    fn first(&mut self, urgency: Urgency, now: Mono) -> Option<(ObjectKey, Urgency)> {
        loop {
            let (_, key) = self.queues[urgency as usize].first_key_value()?;
            let key = key.clone();
            let refused = self.forbidden.get(&group(&key)).and_then(|waits| waits.until);
            if let Some(until) = refused.filter(|until| now < *until) {
                self.leave(&key);
                self.put_off(&key, urgency, until);
                continue;
            }
            if !self.paces[urgency as usize].take(now) {
                return None;
            }
            self.leave(&key);
            let entry = self.entries.get_mut(&key)?;
            entry.place = Place::Sending(None);
            return Some((key, urgency));
        }
    }

    /// What came of the write that was under way. `urgency` is what it was.
    pub fn sent(&mut self, key: &ObjectKey, urgency: Urgency, sent: Sent, now: Mono) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        let Place::Sending(after) = entry.place else { return };
        entry.place = Place::None;
        if sent != Sent::Away {
            self.away = Waits::default();
        }
        match sent {
            Sent::Written { version, status } => {
                entry.version = entry.version.max(version);
                entry.status = status.to_string().into_boxed_str();
                entry.waits = Waits::default();
                self.forbidden.remove(&group(key));
                self.want(key, after);
            }
            Sent::Unneeded => {
                // When shards move, half of what waits is somebody else's to write.
                self.paces[urgency as usize].give_back();
                self.want(key, after);
            }
            // The watch has brought what took its place, or brings what there is.
            Sent::Gone(uid) if *entry.uid == *uid => self.forget(key),
            Sent::Gone(_) => self.enqueue(key, after.unwrap_or(urgency)),
            Sent::Foreign(fields) => {
                if now >= entry.foreign_until {
                    entry.foreign.clear();
                }
                let new = fields.into_iter().filter(|field| !entry.foreign.contains(field));
                let new: Vec<_> = new.collect();
                let in_vain = new.is_empty();
                entry.foreign.extend(new);
                entry.foreign_until = now + LEFT_FOR;
                if in_vain {
                    // They were left out already, so there is more to it.
                    let until = entry.waits.more(now, FIRST_WAIT, LONGEST_WAIT);
                    self.put_off(key, urgency, until);
                } else {
                    self.enqueue(key, urgency);
                }
            }
            Sent::Refused => {
                let until = entry.waits.more(now, FIRST_WAIT, LONGEST_WAIT);
                self.put_off(key, urgency, until);
            }
            Sent::Forbidden => {
                let waits = self.forbidden.entry(group(key)).or_default();
                // Of writes that were under way together, one counts.
                let until = match waits.until.filter(|until| now < *until) {
                    Some(until) => until,
                    None => waits.more(now, FIRST_WAIT, LONGEST_WAIT),
                };
                self.put_off(key, urgency, until);
            }
            Sent::Away => {
                if self.away.until.is_none_or(|until| now >= until) {
                    self.away.more(now, FIRST_AWAY, LONGEST_AWAY);
                }
                self.enqueue(key, urgency);
            }
        }
    }

    /// How many writes wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len() + self.queues.iter().map(BTreeMap::len).sum::<usize>()
    }

    /// When the next write may be made; none when none waits.
    pub fn wake_at(&self) -> Option<Mono> {
        let queued = self.queues.iter().zip(&self.paces);
        let queued = queued.filter(|(queue, _)| !queue.is_empty()).map(|(_, pace)| pace.free_at);
        let next = queued.chain(self.waiting.first().map(|(at, _)| *at)).min()?;
        Some(self.away.until.map_or(next, |until| until.max(next)))
    }
}

fn group(key: &ObjectKey) -> Group {
    (key.kind, key.name.namespace.clone())
}

#[cfg(test)]
mod tests;

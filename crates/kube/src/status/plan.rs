//! Which statuses are written, and when: a transition soon, everything else in a trickle, nothing
//! that says the same (`design/crds.md`, status writes). Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kuma_core::id::ObjectKey;
use kuma_core::time::Mono;
use serde_json::Value;

/// Fields that change with every check and are worth no write of their own.
const LIVE: [&str; 5] = ["latencyMs", "checkedAt", "attempts", "message", "since"];
/// Fields whose changes can wait.
const SLOW: [&str; 9] = [
    "uptime",
    "cert",
    "affectedCount",
    "monitorCount",
    "nextOccurrence",
    "discovery",
    "lastError",
    "lastTestAt",
    "publishedUrl",
];

/// How much may be written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// Transitions a second.
    pub urgent: f64,
    /// Everything else, a second, of the whole cluster.
    pub trickle: f64,
}

impl Default for Rates {
    fn default() -> Self {
        Self { urgent: 20.0, trickle: 1.0 }
    }
}

/// What the API server says of an object.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Observed {
    /// Its uid, so that nothing is written to another object of the same name.
    pub uid: String,
    /// Its status.
    pub status: Value,
}

/// Tokens that come at a rate; at most one second's worth waits, and at least one.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    rate: f64,
    tokens: f64,
    at: Mono,
}

impl Bucket {
    const fn new(rate: f64) -> Self {
        Self { rate, tokens: 1.0, at: Mono(0) }
    }

    fn take(&mut self, now: Mono) -> bool {
        let gained = now.since(self.at).as_secs_f64() * self.rate;
        self.tokens = (self.tokens + gained).min(self.rate.max(1.0));
        self.at = now;
        let has = self.tokens >= 1.0;
        if has {
            self.tokens -= 1.0;
        }
        has
    }

    /// When the next one is there.
    fn next(&self, now: Mono) -> Mono {
        let missing = (1.0 - self.tokens).max(0.0);
        now + Duration::from_secs_f64(missing / self.rate.max(0.001))
    }
}

#[derive(Debug, Clone, Default)]
struct Entry {
    observed: Option<Observed>,
    /// What it should say, if that is another thing.
    desired: Option<Value>,
}

/// Remembers what is written and what should be.
#[derive(Debug)]
pub struct Planner {
    entries: BTreeMap<ObjectKey, Entry>,
    urgent: BTreeSet<ObjectKey>,
    slow: BTreeSet<ObjectKey>,
    buckets: [Bucket; 2],
}

impl Planner {
    /// Nothing is known yet.
    pub fn new(rates: Rates) -> Self {
        Self {
            entries: BTreeMap::new(),
            urgent: BTreeSet::new(),
            slow: BTreeSet::new(),
            buckets: [Bucket::new(rates.urgent), Bucket::new(rates.trickle)],
        }
    }

    /// The share of the trickle that is ours, where several instances write.
    pub fn share(&mut self, rates: Rates, members: u64) {
        let members = members.max(1) as f64;
        self.buckets[0].rate = rates.urgent / members;
        self.buckets[1].rate = rates.trickle / members;
    }

    /// What the API server says of an object.
    pub fn observe(&mut self, key: &ObjectKey, observed: Observed) {
        let entry = self.entries.entry(key.clone()).or_default();
        entry.observed = Some(observed);
        self.judge(key);
    }

    /// An object is gone, or somebody else's to write.
    pub fn forget(&mut self, key: &ObjectKey) {
        self.entries.remove(key);
        self.urgent.remove(key);
        self.slow.remove(key);
    }

    /// The uid of an object that was seen.
    pub fn uid(&self, key: &ObjectKey) -> Option<&str> {
        Some(&self.entries.get(key)?.observed.as_ref()?.uid)
    }

    /// What the status of an object says now, null if it has none; none before it was seen.
    pub fn status(&self, key: &ObjectKey) -> Option<&Value> {
        Some(&self.entries.get(key)?.observed.as_ref()?.status)
    }

    /// What the status of an object should say.
    pub fn desire(&mut self, key: &ObjectKey, status: Value) {
        let entry = self.entries.entry(key.clone()).or_default();
        entry.desired = Some(status);
        self.judge(key);
    }

    fn judge(&mut self, key: &ObjectKey) {
        self.urgent.remove(key);
        self.slow.remove(key);
        let Some(Entry { observed: Some(observed), desired: Some(desired) }) =
            self.entries.get(key)
        else {
            return;
        };
        if quick(&observed.status) != quick(desired) {
            self.urgent.insert(key.clone());
        } else if patient(&observed.status) != patient(desired) {
            self.slow.insert(key.clone());
        }
    }

    /// The next write that may be made now: the object's uid and its status.
    pub fn next(&mut self, now: Mono) -> Option<(ObjectKey, String, Value)> {
        let key = if !self.urgent.is_empty() && self.buckets[0].take(now) {
            self.urgent.pop_first()
        } else if !self.slow.is_empty() && self.buckets[1].take(now) {
            self.slow.pop_first()
        } else {
            None
        }?;
        let entry = self.entries.get_mut(&key)?;
        let (observed, desired) = (entry.observed.as_ref()?, entry.desired.clone()?);
        Some((key, observed.uid.clone(), desired))
    }

    /// A write was taken: the object says that now, whatever the watch still shows.
    pub fn written(&mut self, key: &ObjectKey, status: Value) {
        if let Some(Entry { observed: Some(observed), .. }) = self.entries.get_mut(key) {
            observed.status = status;
        }
        self.judge(key);
    }

    /// A write did not arrive: it is made again.
    pub fn again(&mut self, key: &ObjectKey) {
        self.judge(key);
    }

    /// How many writes wait.
    pub fn waiting(&self) -> usize {
        self.urgent.len() + self.slow.len()
    }

    /// When the next write may be made; none when none waits.
    pub fn wake_at(&self, now: Mono) -> Option<Mono> {
        let urgent = (!self.urgent.is_empty()).then(|| self.buckets[0].next(now));
        let slow = (!self.slow.is_empty()).then(|| self.buckets[1].next(now));
        urgent.into_iter().chain(slow).min()
    }
}

/// What of a status is told soon.
fn quick(status: &Value) -> Value {
    let mut status = patient(status);
    if let Some(fields) = status.as_object_mut() {
        fields.retain(|name, _| !SLOW.contains(&name.as_str()));
    }
    status
}

/// What of a status is told at all: nothing that changes with every check, uptime in its first
/// decimal.
fn patient(status: &Value) -> Value {
    let mut status = status.clone();
    let Some(fields) = status.as_object_mut() else { return Value::Object(serde_json::Map::new()) };
    fields.remove("nextRunAt");
    fields.remove("lastValidation");
    if let Some(result) = fields.get_mut("lastResult").and_then(Value::as_object_mut) {
        result.retain(|name, _| !LIVE.contains(&name.as_str()));
    }
    if let Some(shares) = fields.get_mut("uptime").and_then(Value::as_object_mut) {
        for share in shares.values_mut() {
            let tenths = share.as_f64().map(|share| (share * 10.0).floor());
            *share = tenths.map_or(Value::Null, Value::from);
        }
    }
    if let Some(conditions) = fields.get_mut("conditions").and_then(Value::as_array_mut) {
        for condition in conditions.iter_mut().filter_map(Value::as_object_mut) {
            condition.remove("lastTransitionTime");
        }
    }
    status
}

#[cfg(test)]
mod tests;

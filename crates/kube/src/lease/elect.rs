//! The rule of the election: what to do about a Lease as it was just read.

use std::time::Duration;

use kuma_core::time::{Mono, Timestamp};

use super::Terms;

/// The longest time that a Lease written by others may ask us to wait.
const LONGEST: Duration = Duration::from_secs(3600);

/// What a Lease says, as far as the election goes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// Who holds it; none once it was released.
    pub holder: Option<String>,
    /// When it was renewed, by the holder's clock: only ever compared with itself.
    pub renewed: Option<Timestamp>,
    /// When it was acquired, by the holder's clock.
    pub acquired: Option<Timestamp>,
    /// How long it lasts.
    pub duration: Duration,
    /// How often it changed hands.
    pub transitions: i32,
}

/// What to do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Write ourselves into it, over exactly what was read.
    Acquire {
        /// The number of changes of hands to write.
        transitions: i32,
    },
    /// Write a new time into it, over exactly what was read.
    Renew,
    /// Nothing; look again then.
    Wait(Mono),
    /// Another has it although we held it: stop at once. There is no way back from here.
    Lost {
        /// Who has it.
        to: String,
    },
}

/// One process that takes part in the election.
#[derive(Debug, Clone)]
pub struct Elector {
    me: String,
    terms: Terms,
    /// Set while we hold the Lease, as far as we know: when it was last written.
    held: Option<Mono>,
    lost: Option<String>,
    /// What another holder's Lease said when it last changed, and when we saw that.
    seen: Option<(Mark, Mono)>,
}

/// What changes whenever a holder shows that it lives.
type Mark = (Option<String>, Option<Timestamp>, Option<Timestamp>, i32);

impl Elector {
    /// A process that holds nothing. `me` must be another name at each start, or a process would
    /// take over the Lease of its dead predecessor while that is still being stopped.
    pub fn new(me: impl Into<String>, terms: Terms) -> Self {
        Self { me: me.into(), terms, held: None, lost: None, seen: None }
    }

    /// Whether we hold it, as far as we know.
    pub const fn holds(&self) -> bool {
        self.held.is_some() && self.lost.is_none()
    }

    /// What to do about the Lease as it was read at `now`; none if there is no Lease.
    pub fn observe(&mut self, lease: Option<&Record>, now: Mono) -> Step {
        if let Some(to) = &self.lost {
            return Step::Lost { to: to.clone() };
        }
        let Some(lease) = lease else {
            self.seen = None;
            return Step::Acquire { transitions: 0 };
        };
        let holder = lease.holder.as_deref().unwrap_or_default();
        if holder.is_empty() {
            self.seen = None;
            return Step::Acquire { transitions: lease.transitions.saturating_add(1) };
        }
        if holder == self.me {
            return self.ours(now);
        }
        if self.held.is_some() {
            self.lost = Some(holder.to_owned());
            return Step::Lost { to: holder.to_owned() };
        }
        self.others(lease, now)
    }

    /// A write that took or renewed the Lease was answered with success at `now`.
    pub fn written(&mut self, now: Mono) {
        self.held = Some(now);
        self.seen = None;
    }

    /// When to look at the Lease again after a request that told nothing: the API server was away,
    /// or another wrote first. Who holds it goes on holding it.
    pub fn retry_at(&self, now: Mono) -> Mono {
        now + self.terms.retry
    }

    /// It names us, also if we never heard that our write went through.
    fn ours(&mut self, now: Mono) -> Step {
        self.seen = None;
        match self.held {
            Some(at) if now < at + self.terms.renew => Step::Wait(at + self.terms.renew),
            _ => Step::Renew,
        }
    }

    fn others(&mut self, lease: &Record, now: Mono) -> Step {
        let mark = (lease.holder.clone(), lease.renewed, lease.acquired, lease.transitions);
        let since = match &self.seen {
            Some((before, since)) if *before == mark => *since,
            _ => {
                self.seen = Some((mark, now));
                now
            }
        };
        let expires = since + lease.duration.min(LONGEST);
        if now >= expires {
            return Step::Acquire { transitions: lease.transitions.saturating_add(1) };
        }
        Step::Wait(expires.min(now + self.terms.retry))
    }
}

#[cfg(test)]
mod tests;
